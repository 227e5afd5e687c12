"""The one driver of the trainer: what it tells, when it copies the run, and where it ends."""

import pickle

import pytest
import torch
import training_runs
from training_runs import DIVERGING, LONG, TEST, TRAIN, assert_same_result, load, uninterrupted

from mnist_core.config import TrainConfig
from mnist_core.errors import DataError, MnistError, TrainingError
from mnist_core.history import EvalEvent, StepEvent
from mnist_core.runs import drive as drive_module
from mnist_core.runs.drive import Chunk, drive, train, train_packed, unpacked
from mnist_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = TrainConfig(epochs=3, batch_size=16, log_interval=5)


def chunk(config=SHORT, load=load, pace="run", **options):
    fresh = Trainer(config).checkpoint()
    return Chunk(load=load, checkpoint=fresh, pace=pace, train_size=0, **options)


def go_on():
    return "continue"


def test_a_chunk_begins_with_what_is_shown_and_tells_every_event_once():
    first, *progress = train(chunk())
    assert (first.train_size, first.examples_seen, first.events) == (640, 0, [])
    assert torch.equal(first.samples.images, TEST.images[:6])
    events = [event for told in progress for event in told.events]
    losses = [event.examples_seen for event in events if isinstance(event, StepEvent)]
    assert losses == list(range(0, 1920, 80))
    tests = [event.examples_seen for event in events if isinstance(event, EvalEvent)]
    assert tests == [0, 640, 1280, 1920]
    assert [told.examples_seen for told in progress] == sorted(t.examples_seen for t in progress)


def test_the_run_is_copied_at_the_moments_that_are_kept_and_at_the_end():
    """Batches of 16, every fifth logged: each half as far again as the one before (16, 96 ≥ 24,
    176 ≥ 144, 336 ≥ 264, 576 ≥ 504, 976 ≥ 960), and each evaluation."""
    copied = [told for told in drive(Trainer(SHORT), TRAIN, TEST, go_on) if told.checkpoint]
    assert [told.examples_seen for told in copied] == [
        0,
        16,
        96,
        176,
        336,
        576,
        640,
        976,
        1280,
        1920,
    ]
    assert [told.examples_seen for told in copied if told.ends_epoch] == [0, 640, 1280, 1920]
    for told in copied:
        assert told.checkpoint.batches_done * 16 == told.examples_seen
    assert_same_result(copied[-1].checkpoint, uninterrupted(SHORT))


@pytest.mark.parametrize("wish", ["continue", "checkpoint"])
def test_it_is_copied_besides_when_that_is_asked_for(wish):
    *_, start = train(chunk(pace="batch"))
    told = next(drive(Trainer.resume(start.checkpoint), TRAIN, TEST, lambda: wish))
    assert told.examples_seen == 32
    assert (told.checkpoint is not None) == (wish == "checkpoint")


def test_what_is_told_to_stop_ends_within_a_batch():
    wishes = iter(["continue"] * 7)
    *_, last = train(chunk(LONG), lambda: next(wishes, "stop"))
    assert last.checkpoint.batches_done == 7  # and the evaluation before


@pytest.mark.parametrize(("pace", "stops"), [("batch", [1, 2, 3]), ("epoch", [0, 40, 80, 120])])
def test_a_step_is_one_batch_and_an_epoch_ends_with_its_evaluation(pace, stops):
    checkpoint, done = Trainer(SHORT).checkpoint(), []
    for _ in stops:
        *_, last = drive(Trainer.resume(checkpoint, mark=False), TRAIN, TEST, go_on, pace)
        checkpoint = last.checkpoint
        done.append(checkpoint.batches_done)
    assert done == stops


def test_time_that_is_up_ends_a_chunk_and_the_next_goes_on_exactly():
    checkpoint, chunks = Trainer(SHORT).checkpoint(), 0
    while checkpoint.batches_done < 120:
        *_, last = drive(Trainer.resume(checkpoint, mark=False), TRAIN, TEST, go_on, seconds=0.0)
        checkpoint, chunks = last.checkpoint, chunks + 1
    assert chunks > 100
    assert_same_result(checkpoint, uninterrupted(SHORT))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"load": training_runs.load_none}, DataError, "not on this machine"),
        ({"load": training_runs.load_broken}, MnistError, "an error in this program"),
        ({"config": DIVERGING}, TrainingError, "smaller learning rate"),
    ],
)
def test_an_error_of_another_process_arrives_as_its_sentence(options, error, said, caplog):
    packed = list(train_packed(pickle.dumps(chunk(**options)), go_on, "cpu"))
    with pytest.raises(error, match=said):
        unpacked(packed[-1])
    assert ("a fault of our own" in caplog.text) == (said == "an error in this program")


def test_an_event_crosses_in_tens_of_bytes(monkeypatch):
    monkeypatch.setattr(drive_module, "EVENTS_SECONDS", 0.0)  # each at once
    config = TrainConfig(epochs=10, batch_size=16, log_interval=1)
    packed = list(train_packed(pickle.dumps(chunk(config)), go_on, "cpu"))
    told = [(len(content), unpacked(content)) for content in packed]
    sizes = [(size, len(t.events)) for size, t in told if t.events and t.checkpoint is None]
    assert sizes
    assert all(size < 500 + 99 * events for size, events in sizes)
    assert all(not t.checkpoint.history.steps for _, t in told if t.checkpoint)
