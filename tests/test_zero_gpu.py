"""ZeroGPU: what is asked of it, what its refusals say, and in a browser with the real `spaces`."""

import pickle
import re
import sys
from dataclasses import replace
from urllib.parse import unquote

import gradio as gr
import pytest
import torch
from playwright.sync_api import expect
from training_runs import (
    LONG,
    SHORT,
    assert_same_result,
    ended,
    load,
    pause,
    saved,
    under_way,
    uninterrupted,
    until,
)
from visiting import open_settings, open_tab, press, stop
from zero_gpu import lend_stand_in

from mnist_core.config import TrainConfig
from mnist_core.runs import zero_gpu
from mnist_core.runs.drive import Chunk
from mnist_core.training import Trainer

FIRST, SECOND = "a.eyJieSI6MX0=.c", "a.eyJieSI6Mn0=.c"
"""Tokens as ZeroGPU sends them with a visitor's requests."""
forks = pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU forks")


def chunk(config, train_size=640):
    fresh = Trainer(config).checkpoint()
    return Chunk(load=load, checkpoint=fresh, pace="run", train_size=train_size)


def test_the_time_asked_for_is_that_of_the_batches_that_remain_but_bounded():
    chunks = [
        chunk(TrainConfig(epochs=e, batch_size=size)) for e, size in ((1, 64), (30, 8), (100, 8))
    ]
    assert [zero_gpu.seconds_for(c) for c in chunks] == [10, pytest.approx(30 * 80 * 0.006), 30]
    assert zero_gpu.seconds_for(replace(chunks[0], train_size=0)) == 30


def test_a_gpu_is_asked_for_as_long_as_it_then_trains():
    asked = []

    def lent(content, seconds):
        asked.append((pickle.loads(content).seconds, seconds))
        yield from ()

    assert list(zero_gpu.lend(chunk(SHORT), lambda: "continue", lent)) == []
    assert asked == [(10, 10)]


@forks
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (gr.Error("You have exceeded your quota.", title="ZeroGPU quota exceeded"),
         "No GPU is to be had: You have exceeded your quota. Choose the CPU to go on without."),
        (gr.Error("No GPU was available", title="ZeroGPU client error"),
         "No GPU is to be had: No GPU was available. Choose the CPU to go on without."),
        (RuntimeError("Connection closed by visitor while queueing"),
         "No GPU is to be had: Connection closed by visitor while queueing. Choose the CPU to go"
         " on without."),
        (gr.Error("GPU task aborted", title="ZeroGPU worker error"),
         "The GPU was lost while it trained: GPU task aborted."),
        (gr.Error("AcceleratorError", title="ZeroGPU worker error"),
         "The GPU was lost while it trained: AcceleratorError."),
    ],
)  # fmt: skip
def test_a_refusal_and_a_gpu_that_is_lost_are_told_apart_and_keep_the_run(
    open_scheduler, visitor, error, said
):
    refusing, there = [error], lend_stand_in()

    def lend(chunk, control):
        def refuse(content, seconds):
            yield from ()
            raise refusing.pop()

        yield from zero_gpu.lend(chunk, control, refuse) if refusing else there(chunk, control)

    scheduler = open_scheduler(lenders={"cuda": lend})
    run_id = scheduler.start(visitor, SHORT, "cuda")
    run = ended(scheduler, visitor, run_id)
    assert (run.status, run.sentence) == ("stopped", said)
    scheduler.resume(visitor, run_id, device="cuda")
    assert ended(scheduler, visitor, run_id).status == "finished"
    assert_same_result(saved(scheduler, visitor, run_id), uninterrupted(SHORT))


@forks
def test_a_run_in_chunks_equals_the_run_in_one(open_scheduler, visitor, monkeypatch):
    monkeypatch.setattr(zero_gpu, "MOST_SECONDS", 0)  # a batch or a test each
    asked, there = [], lend_stand_in()

    def noting(chunk, control):
        asked.append(chunk)
        yield from there(chunk, control)

    config = replace(SHORT, batch_size=320)
    scheduler = open_scheduler(lenders={"cuda": noting})
    run_id = scheduler.start(visitor, config, "cuda")
    run = ended(scheduler, visitor, run_id)
    assert run.status == "finished", run.sentence
    assert len(asked) == 3 + 4
    assert_same_result(saved(scheduler, visitor, run_id), uninterrupted(config))
    assert run.history.resumes == []
    assert [event.examples_seen for event in run.history.evaluations] == [0, 640, 1280]
    assert run.examples_seen == run.total


@forks
def test_pause_and_stop_give_the_gpu_back(open_scheduler, visitor, children):
    scheduler = open_scheduler(lenders={"cuda": lend_stand_in()})
    run_id = scheduler.start(visitor, LONG, "cuda")
    under_way(scheduler, visitor, run_id)
    assert len(children()) == 1
    pause(scheduler, visitor, run_id)
    assert not children()
    scheduler.set_pace(visitor, run_id, "run")
    until(children)
    scheduler.stop(visitor, run_id)
    ended(scheduler, visitor, run_id)
    assert not children()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_a_run_in_chunks_equals_the_run_in_one(open_scheduler, visitor, monkeypatch):
    monkeypatch.setattr(zero_gpu, "MOST_SECONDS", 0.1)
    scheduler = open_scheduler(lenders={"cuda": zero_gpu.lend})
    run_id = scheduler.start(visitor, SHORT, "cuda")
    assert ended(scheduler, visitor, run_id).status == "finished"
    losses = [event.loss for event in saved(scheduler, visitor, run_id).history.steps]
    assert losses == [event.loss for event in uninterrupted(SHORT, "cuda").history.steps]


@forks
def test_on_zero_gpu_a_run_uses_the_visitors_quota_and_outlives_its_end(
    start_server, open_page, mnist_dir, tmp_path
):
    log, refuse = tmp_path / "asked.log", tmp_path / "asked.refuse"
    server = start_server(mnist_dir, ["tests/on_zero_gpu.py", str(log)])
    page = open_page(url=server.url, extra_http_headers={"X-IP-Token": FIRST})
    sentence = page.locator(".run-sentence")

    def asked(what):
        return re.findall(rf"^/{what}\?(.*)$", unquote(log.read_text()), re.M)

    open_tab(page, 1)
    open_settings(page)
    expect(page.get_by_label("CPU")).to_be_checked()
    page.get_by_label("GPU").check()
    for label, value in {"Epochs": 100, "Batch size": 64, "Log interval": 5}.items():
        page.get_by_label(label, exact=True).fill(str(value))
        page.get_by_label(label, exact=True).press("Tab")
    press(page, "Train")
    expect(sentence).to_contain_text("images/s · ")
    expect(sentence).to_contain_text("GPU")
    assert FIRST in asked("schedule")[0]
    assert "durationSeconds=18" in asked("schedule")[0]
    page.set_extra_http_headers({"X-IP-Token": SECOND})
    until(lambda: SECOND in asked("schedule")[-1])
    assert len(asked("release")) > 0

    refuse.touch()
    expect(sentence).to_contain_text("exceeded your ZeroGPU quota")
    expect(sentence).to_contain_text("Choose the CPU")
    expect(sentence).to_contain_text("Resume goes on exactly there")
    refuse.unlink()
    press(page, "Resume")
    expect(sentence).to_contain_text("images/s")
    (tmp_path / "asked.kill").touch()
    expect(sentence).to_contain_text("GPU task aborted")

    page.get_by_label("CPU").check()
    press(page, "Resume")
    expect(sentence).to_contain_text("CPU")
    stop(page)
