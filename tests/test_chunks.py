"""Runs in chunks: on a GPU that is lent, for which a forked process stands in, and by workers."""

import contextvars
import os
import signal
from contextlib import closing

import gradio as gr
import pytest
import torch
from digits import small_split
from test_jobs import ended, pause, uninterrupted, until
from zero_gpu import lent

from mnist_core import chunks
from mnist_core.checkpoint import Checkpoint
from mnist_core.chunks import bounded, chunk_of
from mnist_core.config import TrainConfig
from mnist_core.errors import BusyError, ConfigError
from mnist_core.history import StepEvent
from mnist_core.jobs import Jobs
from mnist_core.runs import new_visitor
from mnist_core.training import Trainer

TRAIN, TEST = small_split(640, seed=1), small_split(100, seed=2)
SHORT = TrainConfig(epochs=3, batch_size=16, log_interval=5)
LONG = TrainConfig(epochs=100, batch_size=8, log_interval=2)


def load(dataset):
    """The small digits, whatever the dataset; a function that can be pickled."""
    return TRAIN, TEST


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """Jobs whose GPU is the stand-in; `asked` has the chunks that it was asked for."""
    monkeypatch.setattr(chunks, "_PIECE_SECONDS", 0.05)
    before = torch.get_num_threads()
    fixture = Gpu(tmp_path / "runs")
    yield fixture
    fixture.jobs.close()
    torch.set_num_threads(before)


class Gpu:
    def __init__(self, folder):
        self.asked, self.processes, self.refusal = [], [], ""
        self.lent = lent(chunks.train, self.processes)
        self.jobs = Jobs(folder, load, lenders={"cpu": chunks.train, "cuda": self.lend})

    def lend(self, chunk, wanted):
        self.asked.append(chunk)
        if self.refusal:
            raise BusyError(self.refusal)
        try:
            with closing(self.lent(bounded(chunk))) as pieces:
                for piece in pieces:
                    yield piece
                    if not wanted():
                        return
        except gr.Error as error:
            raise BusyError(f"No GPU: {error.message}") from error


def losses(checkpoint):
    return [(event.examples_seen, event.loss) for event in checkpoint.history.steps]


def saved(gpu, visitor, run_id):
    return Checkpoint.load(gpu.jobs.checkpoint_file(visitor, run_id))


def test_a_run_in_chunks_equals_the_run_in_one(gpu, monkeypatch):
    monkeypatch.setattr(chunks, "MOST_SECONDS", 0.02)  # a part of an epoch each
    visitor = new_visitor()
    run_id = gpu.jobs.start(visitor, SHORT, "cuda")
    run = ended(gpu.jobs, visitor, run_id)
    assert run.status == "finished", run.sentence
    checkpoint, straight = saved(gpu, visitor, run_id), uninterrupted(SHORT)
    assert len(gpu.asked) > 2
    assert losses(checkpoint) == losses(straight)
    assert all(torch.equal(checkpoint.model[name], straight.model[name]) for name in straight.model)
    assert checkpoint.history.resumes == []
    assert [event.examples_seen for event in run.history.evaluations] == [0, 640, 1280, 1920]
    assert run.examples_seen == run.total


def test_stop_ends_the_process_and_resume_goes_on_exactly(gpu):
    visitor = new_visitor()
    run_id = gpu.jobs.start(visitor, SHORT, "cuda")
    until(lambda: gpu.jobs.look(visitor, run_id).history.steps)
    gpu.jobs.stop(visitor, run_id)
    assert ended(gpu.jobs, visitor, run_id).status == "stopped"
    assert not gpu.processes[-1].is_alive()
    stopped = saved(gpu, visitor, run_id).batches_done
    assert 0 < stopped < 120
    gpu.jobs.resume(visitor, run_id, device="cuda")
    assert ended(gpu.jobs, visitor, run_id).status == "finished"
    checkpoint = saved(gpu, visitor, run_id)
    assert losses(checkpoint) == losses(uninterrupted(SHORT))
    assert len(checkpoint.history.resumes) == 1


def test_a_pause_gives_the_gpu_back_and_a_step_is_one_batch(gpu):
    jobs, visitor = gpu.jobs, new_visitor()
    run_id = jobs.start(visitor, LONG, "cuda")
    until(lambda: jobs.look(visitor, run_id).history.steps)
    pause(jobs, visitor, run_id)
    until(lambda: not gpu.processes[-1].is_alive())
    before = jobs.look(visitor, run_id).examples_seen
    jobs.set_pace(visitor, run_id, "batch")
    until(lambda: jobs.look(visitor, run_id).examples_seen == before + 8)
    until(lambda: jobs.look(visitor, run_id).status == "paused")
    jobs.set_pace(visitor, run_id, "epoch")
    until(lambda: jobs.look(visitor, run_id).epochs_done > before // 640)
    until(lambda: jobs.look(visitor, run_id).status == "paused")
    assert jobs.look(visitor, run_id).examples_seen % 640 == 0


def test_a_process_killed_in_the_middle_of_a_chunk_leaves_a_run_that_can_be_resumed(gpu):
    visitor = new_visitor()
    run_id = gpu.jobs.start(visitor, LONG, "cuda")
    until(lambda: len(gpu.jobs.look(visitor, run_id).history.evaluations) > 2)
    os.kill(gpu.processes[-1].pid, signal.SIGKILL)
    run = ended(gpu.jobs, visitor, run_id)
    assert (run.status, run.sentence) == ("stopped", "No GPU: GPU task aborted")
    checkpoint = saved(gpu, visitor, run_id)
    assert checkpoint.batches_done * 8 == run.examples_seen > 640
    gpu.jobs.resume(visitor, run_id, device="cpu")
    until(lambda: gpu.jobs.look(visitor, run_id).examples_seen > run.examples_seen)
    assert gpu.jobs.look(visitor, run_id).about.device == "cpu"


def test_a_quota_that_is_used_up_is_one_sentence_and_keeps_the_run(gpu):
    visitor = new_visitor()
    gpu.refusal = "You have exceeded your quota."
    run_id = gpu.jobs.start(visitor, SHORT, "cuda")
    run = ended(gpu.jobs, visitor, run_id)
    assert (run.status, run.sentence) == ("stopped", gpu.refusal)
    gpu.refusal = ""
    gpu.jobs.resume(visitor, run_id, device="cuda")
    assert ended(gpu.jobs, visitor, run_id).status == "finished"
    assert losses(saved(gpu, visitor, run_id)) == losses(uninterrupted(SHORT))


def test_what_fails_in_the_process_arrives_as_its_sentence(gpu):
    visitor = new_visitor()
    config = TrainConfig(epochs=100, batch_size=8, learning_rate=10.0, momentum=0.99)
    run_id = gpu.jobs.start(visitor, config, "cuda")
    run = ended(gpu.jobs, visitor, run_id)
    assert run.status == "failed"
    assert "smaller learning rate" in run.sentence
    saved(gpu, visitor, run_id)


def test_a_gpu_is_asked_for_in_the_context_of_the_visitors_last_request(gpu, tmp_path):
    request = contextvars.ContextVar("request", default="nobody")
    seen = []

    def noting(chunk, wanted):
        seen.append(request.get())
        yield from gpu.lend(chunk, wanted)

    gpu.jobs = Jobs(tmp_path / "noted", load, lenders={"cuda": noting})
    visitor = new_visitor()

    def of_request(name, ask, *arguments):
        request.set(name)
        return ask(*arguments)

    of = contextvars.copy_context
    run_id = of().run(of_request, "first", gpu.jobs.start, visitor, LONG, "cuda")
    until(lambda: gpu.jobs.look(visitor, run_id).history.steps)
    of().run(of_request, "second", gpu.jobs.renew, visitor)
    pause(gpu.jobs, visitor, run_id)
    gpu.jobs.set_pace(visitor, run_id, "run")
    until(lambda: len(seen) == 2)
    assert seen == ["first", "second"]


def test_the_time_asked_for_is_that_of_the_batches_that_remain_but_bounded():
    asked = []
    for epochs, batch_size in ((1, 64), (30, 8), (100, 8)):
        fresh = Trainer.fresh(TrainConfig(epochs=epochs, batch_size=batch_size)).checkpoint()
        asked.append(bounded(chunk_of(fresh, load, "run", len(TRAIN))).seconds)
    assert asked == [10, pytest.approx(30 * 80 * 0.006), 30]


def test_pieces_come_at_once_after_every_evaluation_and_at_the_end():
    chunk = chunk_of(Trainer.fresh(SHORT).checkpoint(), load, "run", len(TRAIN))
    begun, *pieces = chunks.train(chunk)
    assert begun.train_size == 640
    assert torch.equal(begun.samples.images, TEST.images[:6])
    states = [Checkpoint.from_bytes(piece.state).batches_done for piece in pieces]
    evaluated = [done for piece, done in zip(pieces, states, strict=True) if piece.ends_epoch]
    assert evaluated == [0, 40, 80, 120]
    assert states == sorted(states)
    losses = [event for piece in pieces for event in piece.events if isinstance(event, StepEvent)]
    assert [event.examples_seen for event in losses] == list(range(0, 1920, 80))


def test_what_is_no_longer_wanted_ends_within_a_batch():
    chunk = chunk_of(Trainer.fresh(LONG).checkpoint(), load, "run", len(TRAIN))
    asked = iter([True] * 7)
    pieces = list(chunks.train(chunk, lambda: next(asked, False)))
    assert Checkpoint.from_bytes(pieces[-1].state).batches_done == 7  # and the evaluation before


def test_without_a_gpu_none_can_be_chosen(tmp_path):
    jobs, visitor = Jobs(tmp_path, load), new_visitor()
    for device, said in (("cuda", "no GPU"), ("tpu", "cpu or cuda")):
        with pytest.raises(ConfigError, match=said):
            jobs.start(visitor, SHORT, device)
    assert jobs.runs(visitor) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_a_run_in_chunks_equals_the_run_in_one(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "MOST_SECONDS", 0.1)
    straight, visitor = Trainer.fresh(SHORT, "cuda"), new_visitor()
    list(straight.batches(TRAIN, TEST))

    def lend(chunk, wanted):
        return chunks.train(bounded(chunk), wanted, "cuda")

    jobs = Jobs(tmp_path, load, lenders={"cuda": lend})
    run_id = jobs.start(visitor, SHORT, "cuda")
    assert ended(jobs, visitor, run_id).status == "finished"
    checkpoint = Checkpoint.load(jobs.checkpoint_file(visitor, run_id))
    assert losses(checkpoint) == losses(straight.checkpoint())
