"""A run's life, told once over those who train it; and what a page sees of it."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import training_runs
from training_runs import (
    DIVERGING,
    LONG,
    SHORT,
    TEST,
    assert_same_result,
    ended,
    finished,
    pause,
    saved,
    under_way,
    uninterrupted,
    until,
)
from zero_gpu import lend_stand_in

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import TrainConfig
from mnist_core.evaluation import classify
from mnist_core.history import EvalEvent
from mnist_core.runs import drive
from mnist_core.runs.drive import Progress
from mnist_core.runs.folder import new_visitor
from mnist_core.runs.workers import Workers

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
LENDERS = [
    "this process",
    "a worker",
    pytest.param("a lent GPU", marks=pytest.mark.skipif(sys.platform != "linux", reason="forks")),
]


@pytest.fixture(scope="module")
def workers():
    workers = Workers(keep=2)
    yield workers
    workers.close()


@pytest.fixture(params=LENDERS)
def open_lent(request, open_scheduler, workers):
    """`open_lent(…)`: `open_scheduler` with each of the three lenders."""
    lend = {"this process": drive.train, "a worker": workers.lend}.get(request.param)
    return lambda **options: open_scheduler(
        lenders={"cpu": lend or lend_stand_in()}, slots=2, **options
    )


def test_a_run_trains_to_its_end_and_says_how_far_it_is(open_lent, visitor):
    scheduler = open_lent()
    run = ended(scheduler, visitor, scheduler.start(visitor, SHORT))
    assert run.status == "finished"
    assert run.examples_seen == run.total == 2 * 640
    assert [e.examples_seen for e in run.history.evaluations] == [0, 640, 1280]
    assert torch.equal(run.samples.images, TEST.images[:6])
    assert run.readings.shape == (6, 10)


def test_paused_stepped_stopped_and_resumed_it_equals_the_uninterrupted_run_to_the_last_bit(
    open_lent, visitor
):
    config = TrainConfig(epochs=6, batch_size=8, log_interval=5)
    scheduler = open_lent()
    run_id = scheduler.start(visitor, config)
    pause(scheduler, visitor, run_id)  # or it might end before this process has a turn
    for taken in (1, 2, 3):
        scheduler.set_pace(visitor, run_id, "batch")
        until(lambda: scheduler.look(visitor, run_id).status == "paused")
        assert scheduler.look(visitor, run_id).examples_seen == 8 * taken
    scheduler.set_pace(visitor, run_id, "run")
    pause(scheduler, visitor, run_id)
    before = scheduler.look(visitor, run_id).examples_seen
    scheduler.set_pace(visitor, run_id, "epoch")
    until(lambda: scheduler.look(visitor, run_id).status == "paused")
    assert scheduler.look(visitor, run_id).examples_seen == (before // 640 + 1) * 640
    assert scheduler.look(visitor, run_id).history.resumes == []
    scheduler.set_pace(visitor, run_id, "run")
    assert scheduler.look(visitor, run_id).status == "running"
    scheduler.stop(visitor, run_id)
    assert ended(scheduler, visitor, run_id).status == "stopped"
    scheduler.resume(visitor, run_id)
    assert ended(scheduler, visitor, run_id).status == "finished"
    assert len(saved(scheduler, visitor, run_id).history.resumes) == 1
    assert_same_result(saved(scheduler, visitor, run_id), uninterrupted(config))


def test_two_runs_at_once_do_not_touch_each_other(open_lent):
    scheduler, visitors = open_lent(), [new_visitor(), new_visitor()]
    configs = [TrainConfig(epochs=2, batch_size=16, seed=seed) for seed in (1, 2)]
    runs = [scheduler.start(v, config) for v, config in zip(visitors, configs, strict=True)]
    for visitor, run_id, config in zip(visitors, runs, configs, strict=True):
        assert ended(scheduler, visitor, run_id).status == "finished"
        assert_same_result(saved(scheduler, visitor, run_id), uninterrupted(config))


@pytest.mark.parametrize("open_lent", LENDERS[1:], indirect=True)
def test_a_process_that_is_killed_leaves_a_run_that_goes_on_from_its_last_checkpoint(
    open_lent, visitor
):
    scheduler = open_lent()
    run_id = scheduler.start(visitor, LONG)
    until(lambda: len(scheduler.look(visitor, run_id).history.evaluations) > 2)
    killed = multiprocessing.active_children()
    for process in killed:
        process.kill()
    until(lambda: not any(process.is_alive() for process in killed))  # or one is lent, dying
    run = ended(scheduler, visitor, run_id)
    assert (run.status, str(run.sentence)) in (
        ("stopped", "The process that trained this run has ended."),
        ("stopped", "The GPU was lost while it trained: GPU task aborted."),
    )
    checkpoint = saved(scheduler, visitor, run_id)
    assert checkpoint.batches_done * 8 == run.examples_seen > 640
    assert run.history.steps[-1].examples_seen < run.examples_seen
    scheduler.resume(visitor, run_id)
    until(lambda: scheduler.look(visitor, run_id).examples_seen > run.examples_seen)
    scheduler.stop(visitor, run_id)
    seen = [event.examples_seen for event in ended(scheduler, visitor, run_id).history.steps]
    assert seen == list(range(0, seen[-1] + 1, 16))


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("load_none", "MNIST is not on this machine."),
        ("load_broken", "The run stopped because of an error in this program."),
    ],
)
def test_what_fails_where_it_trains_is_the_runs_sentence(open_lent, visitor, load, said):
    scheduler = open_lent(load=getattr(training_runs, load))
    run = ended(scheduler, visitor, scheduler.start(visitor, SHORT))
    assert (run.status, run.sentence) == ("failed", said)


def test_a_diverging_run_ends_with_a_sentence_and_keeps_its_last_good_checkpoint(
    open_lent, visitor
):
    scheduler = open_lent()
    run_id = scheduler.start(visitor, DIVERGING)
    run = ended(scheduler, visitor, run_id)
    assert run.status == "failed"
    assert "smaller learning rate" in run.sentence
    saved(scheduler, visitor, run_id)


def test_a_finished_run_goes_on_to_more_epochs_on_the_same_curve(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = finished(scheduler, visitor)
    scheduler.resume(visitor, run_id, epochs=4)
    run = ended(scheduler, visitor, run_id)
    assert run.epochs_done == 4
    assert run.history.resumes == [1280]


def test_a_pause_is_not_counted_as_slow(open_scheduler, visitor):
    tell = threading.Semaphore(0)

    def by_hand(chunk, control):
        seen = 0
        while control() != "stop":
            if tell.acquire(timeout=0.01):
                seen += 64
                yield Progress(train_size=6400, examples_seen=seen)
        yield Progress(train_size=6400, examples_seen=0, checkpoint=chunk.checkpoint)

    scheduler = open_scheduler(lenders={"cpu": by_hand})
    run_id = scheduler.start(visitor, LONG)
    tell.release(2)
    until(lambda: scheduler.look(visitor, run_id).images_per_second)
    pause(scheduler, visitor, run_id)
    scheduler.set_pace(visitor, run_id, "run")
    tell.release(1)
    until(lambda: scheduler.look(visitor, run_id).examples_seen)
    assert scheduler.look(visitor, run_id).images_per_second is None
    assert scheduler.look(visitor, run_id).seconds_left is None
    tell.release(1)
    until(lambda: scheduler.look(visitor, run_id).seconds_left)


def test_a_checkpoint_is_asked_for_only_to_be_saved_or_seen(open_scheduler, visitor, clock):
    wishes = []

    def noting(chunk, control):
        while (wish := control()) != "stop":
            wishes.append(wish)
            if wish == "checkpoint":
                yield Progress(train_size=640, examples_seen=0, checkpoint=chunk.checkpoint)
            time.sleep(0.01)
        yield Progress(train_size=640, examples_seen=0, checkpoint=chunk.checkpoint)

    scheduler = open_scheduler(lenders={"cpu": noting})
    run_id = scheduler.start(visitor, LONG)
    for _ in range(5):
        scheduler.look(visitor, run_id)
        count = len(wishes)
        until(lambda count=count: len(wishes) > count)
        assert wishes[-1] == "checkpoint"
    clock.seconds += 3
    until(lambda: wishes[-1] == "continue")


def test_a_long_history_costs_a_look_no_more_than_a_short_one(open_scheduler, visitor):
    """The history is looked at as it lies, and grows there."""
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    until(lambda: scheduler.look(visitor, run_id).history.steps)
    first = scheduler.look(visitor, run_id).history
    count = len(first.steps)
    until(lambda: len(first.steps) > count)
    (listed,) = scheduler.runs(visitor)
    assert scheduler.look(visitor, run_id).history is listed.history is first


def test_a_run_that_trained_unseen_is_read_with_what_it_has_learned(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, SHORT)
    scheduler.look(visitor, run_id, TEST.images[0])
    until(lambda: not scheduler.runs(visitor)[0].active)
    reading = scheduler.look(visitor, run_id, TEST.images[0]).reading
    network = saved(scheduler, visitor, run_id).network()
    assert torch.allclose(reading, classify(network, TEST.images[:1])[0], atol=1e-6)


def test_each_pages_drawing_is_read_by_the_network_as_it_learns(open_scheduler, visitor):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    pause(scheduler, visitor, run_id)
    drawing, truth = TEST.images[0], int(TEST.labels[0])
    readings = [scheduler.look(visitor, run_id, TEST.images[n]).reading for n in (0, 1, 0)]
    assert torch.equal(readings[0], readings[2])
    assert not torch.equal(readings[0], readings[1])
    first = readings[0][truth]
    scheduler.set_pace(visitor, run_id, "run")
    until(lambda: scheduler.look(visitor, run_id, drawing).reading[truth] > max(0.9, first))
    scheduler.stop(visitor, run_id)
    ended(scheduler, visitor, run_id)
    reading = open_scheduler().look(visitor, run_id, drawing).reading
    assert int(reading.argmax()) == truth


def test_watching_changes_nothing_in_the_result(open_scheduler, visitor):
    config = TrainConfig(epochs=2, batch_size=16)
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, config)
    until(lambda: not scheduler.look(visitor, run_id, TEST.images[1]).active)
    assert_same_result(saved(scheduler, visitor, run_id), uninterrupted(config))


def test_a_folder_that_turns_unwritable_stops_the_run_with_a_sentence(
    open_scheduler, visitor, tmp_path
):
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    under_way(scheduler, visitor, run_id)
    pause(scheduler, visitor, run_id)  # a save between the next steps would make the folder anew
    file, kept = scheduler.checkpoint_file(visitor, run_id), tmp_path / "kept.pt"
    shutil.move(file, kept)
    (file / "a folder where the file was").mkdir(parents=True)
    scheduler.set_pace(visitor, run_id, "run")
    run = ended(scheduler, visitor, run_id)
    assert run.status == "failed"
    assert "could not be written" in run.sentence
    assert str(tmp_path) not in run.sentence
    Checkpoint.load(kept)


def test_a_disk_that_fills_up_stops_the_run_and_keeps_its_last_checkpoint(
    open_scheduler, visitor, small_disk
):
    disk = small_disk(2 * 2**20)
    scheduler = open_scheduler()
    run_id = scheduler.start(visitor, LONG)
    under_way(scheduler, visitor, run_id)
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    run = ended(scheduler, visitor, run_id)
    assert run.status == "failed"
    assert "could not be written" in run.sentence
    assert saved(scheduler, visitor, run_id).batches_done >= 0


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from training_runs import TrainConfig, load
from mnist_core.runs.scheduler import Scheduler
scheduler = Scheduler(Path({runs!r}), load)
runs = scheduler.runs({visitor!r})
if runs:
    scheduler.resume({visitor!r}, runs[0].run_id)
else:
    scheduler.start({visitor!r}, TrainConfig(epochs=100, batch_size=4, log_interval=1))
print("training", flush=True)
input()
"""


def test_a_server_killed_at_any_moment_leaves_a_readable_checkpoint(
    open_scheduler, visitor, tmp_path
):
    """MNIST_KILLS sets how often; each time the run goes on from where the last left it."""
    tests, done = Path(__file__).parent, 0
    program = KILLED.format(tests=str(tests), runs=str(tmp_path / "runs"), visitor=visitor)

    def checkpoints():
        return list((tmp_path / "runs").glob("*/*/checkpoint.pt"))

    for kill in range(int(os.environ.get("MNIST_KILLS", "3"))):
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=tests.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        until(checkpoints)
        started = checkpoints()[0].stat().st_mtime_ns
        until(lambda before=started: checkpoints()[0].stat().st_mtime_ns > before)
        time.sleep(0.037 * (kill + 1) % 0.5)
        process.kill()
        process.wait()
        run = Checkpoint.load(checkpoints()[0])
        assert run.batches_done >= done
        done = run.batches_done
    assert done > 0
    (run,) = open_scheduler().runs(visitor)
    assert run.status in ("stopped", "finished")
    assert all(isinstance(event, EvalEvent) for event in run.history.evaluations)
