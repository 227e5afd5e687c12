"""Runs that are trained by worker processes, as the server has it done."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_jobs import (
    LONG,
    TEST,
    TRAIN,
    assert_same_result,
    ended,
    pause,
    under_way,
    uninterrupted,
    until,
)

from mnist_core.checkpoint import Checkpoint
from mnist_core.chunks import chunk_of
from mnist_core.config import TrainConfig
from mnist_core.jobs import Jobs, Limits
from mnist_core.runs import new_visitor
from mnist_core.training import Trainer
from mnist_core.workers import NICENESS, Workers


def load(dataset):
    """The small digits, whatever the dataset; a function that can be pickled."""
    return TRAIN, TEST


def load_for_ever(dataset):
    """Digits that are still being made when nobody wants them any more."""
    time.sleep(600)


@pytest.fixture(scope="module")
def workers():
    workers = Workers(keep=2)
    yield workers
    workers.close()


@pytest.fixture
def jobs(workers, tmp_path):
    jobs = Jobs(tmp_path / "runs", load, Limits(slots=2), {"cpu": workers.lend})
    yield jobs
    jobs.close()


def process(workers):
    """The number of the process of the worker that was idle last."""
    return workers._idle[-1]._process.pid


def saved(jobs, visitor, run_id):
    return Checkpoint.load(jobs.checkpoint_file(visitor, run_id))


def test_a_run_by_workers_equals_the_run_in_one_however_often_it_stops(jobs):
    config, visitor = TrainConfig(epochs=3, batch_size=16, log_interval=5), new_visitor()
    run_id = jobs.start(visitor, config)
    under_way(jobs, visitor, run_id)
    jobs.set_pace(visitor, run_id, "pause")
    until(lambda: jobs.look(visitor, run_id).status in ("paused", "finished"))
    jobs.set_pace(visitor, run_id, "batch")
    jobs.stop(visitor, run_id)
    ended(jobs, visitor, run_id)
    if jobs.look(visitor, run_id).status == "stopped":
        jobs.resume(visitor, run_id)
    assert ended(jobs, visitor, run_id).status == "finished"
    assert_same_result(saved(jobs, visitor, run_id), uninterrupted(config))


def test_a_step_is_one_batch_of_the_same_process(jobs, workers):
    visitor = new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    pause(jobs, visitor, run_id)
    before, pid = jobs.look(visitor, run_id).examples_seen, process(workers)
    for taken in (1, 2):
        jobs.set_pace(visitor, run_id, "batch")
        until(lambda taken=taken: jobs.look(visitor, run_id).examples_seen == before + 8 * taken)
        until(lambda: jobs.look(visitor, run_id).status == "paused")
    assert process(workers) == pid


def test_two_runs_train_in_two_processes_and_do_not_touch_each_other(jobs):
    visitors = [new_visitor(), new_visitor()]
    configs = [TrainConfig(epochs=3, batch_size=8, seed=seed) for seed in (1, 2)]
    runs = [jobs.start(v, config) for v, config in zip(visitors, configs, strict=True)]
    for visitor, run_id, config in zip(visitors, runs, configs, strict=True):
        assert ended(jobs, visitor, run_id).status == "finished"
        assert_same_result(saved(jobs, visitor, run_id), uninterrupted(config))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_give_way_to_those_who_draw(workers):
    workers.warm()
    until(lambda: os.getpriority(os.PRIO_PROCESS, process(workers)) == NICENESS)


def test_a_worker_that_is_killed_leaves_a_run_that_goes_on_from_its_last_piece(jobs, workers):
    workers.warm()
    pid, visitor = process(workers), new_visitor()
    run_id = jobs.start(visitor, LONG)
    under_way(jobs, visitor, run_id)
    os.kill(pid, signal.SIGKILL)
    run = ended(jobs, visitor, run_id)
    assert (run.status, run.sentence) == (
        "stopped",
        "The process that trained this run has ended.",
    )
    assert saved(jobs, visitor, run_id).batches_done * 8 == run.examples_seen > 0
    jobs.resume(visitor, run_id)
    until(lambda: jobs.look(visitor, run_id).examples_seen > run.examples_seen)


def test_a_run_whose_digits_are_still_being_made_stops_at_once(workers, tmp_path):
    jobs, visitor = Jobs(tmp_path, load_for_ever, lenders={"cpu": workers.lend}), new_visitor()
    run_id = jobs.start(visitor, LONG)
    until(lambda: jobs.look(visitor, run_id).status == "starting")
    time.sleep(0.2)
    jobs.stop(visitor, run_id)
    assert ended(jobs, visitor, run_id).status == "stopped"
    assert saved(jobs, visitor, run_id).batches_done == 0


def test_a_chunk_left_in_the_middle_ends_its_process(workers):
    workers.warm()
    pid = process(workers)
    chunk = chunk_of(Trainer.fresh(LONG).checkpoint(), load, "run", len(TRAIN))
    pieces = workers.lend(chunk, lambda: True)
    next(pieces)
    pieces.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_ended_while_idle_is_replaced(workers):
    workers.warm()
    os.kill(process(workers), signal.SIGKILL)
    until(lambda: not workers._idle[-1].is_alive)
    chunk = chunk_of(Trainer.fresh(LONG).checkpoint(), load, "batch", len(TRAIN))
    assert len(list(workers.lend(chunk, lambda: True))) == 3  # what there is, a test, a batch


SERVER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_workers import LONG, Jobs, Workers, load, new_visitor
workers = Workers()
jobs = Jobs(Path({runs!r}), load, lenders={{"cpu": workers.lend}})
workers.warm()
print(workers._idle[0]._process.pid, flush=True)
jobs.start(new_visitor(), LONG)
input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_when_the_server_is_killed_its_workers_end_too(tmp_path):
    tests = Path(__file__).parent
    program = SERVER.format(tests=str(tests), runs=str(tmp_path / "runs"))
    server = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tests.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    pid = int(server.stdout.readline())
    until(lambda: list((tmp_path / "runs").glob("*/*/checkpoint-snapshots/*")))
    assert Path(f"/proc/{pid}").exists()
    server.kill()
    server.wait()
    until(lambda: not _is_alive(pid))


def _is_alive(pid):
    """Whether it runs; a process that has ended may still wait to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_closed_workers_have_ended(tmp_path):
    workers = Workers()
    workers.warm()
    pid = process(workers)
    workers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
