"""Workers as processes: they give way, are used again, and end with the server or before."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_runs import LONG, load, load_for_ever, saved, until

from mnist_core.runs.drive import Chunk
from mnist_core.runs.workers import NICENESS, Workers
from mnist_core.training import Trainer

ROOT = Path(__file__).parent.parent
CHUNK = Chunk(load=load, checkpoint=Trainer(LONG).checkpoint(), pace="batch", train_size=0)


@pytest.fixture
def workers():
    workers = Workers()
    yield workers
    workers.close()


@pytest.fixture
def process(workers, children):
    """The process of the one worker."""
    workers.warm()
    (process,) = children()
    return process


def go_on():
    return "continue"


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="no niceness here")
def test_workers_give_way_to_those_who_draw(process):
    until(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) == NICENESS)


@pytest.mark.skipif(os.name != "posix", reason="no signals to a single process")
def test_ctrl_c_ends_no_worker_however_early(workers, process, children):
    os.kill(process.pid, signal.SIGINT)
    assert len(list(workers.lend(CHUNK, go_on))) == 3  # what there is, a test, a batch
    os.kill(process.pid, signal.SIGINT)
    assert len(list(workers.lend(CHUNK, go_on))) == 3
    assert children() == {process}


def test_a_run_whose_digits_are_still_being_made_stops_at_once(open_scheduler, visitor, workers):
    scheduler = open_scheduler(load_for_ever, {"cpu": workers.lend})
    run_id = scheduler.start(visitor, LONG)
    until(lambda: scheduler.checkpoint_file(visitor, run_id).exists())
    time.sleep(0.2)
    scheduler.stop(visitor, run_id)
    until(lambda: scheduler.runs(visitor)[0].status == "stopped")
    assert saved(scheduler, visitor, run_id).batches_done == 0


def test_a_chunk_left_in_the_middle_ends_its_process(workers, process):
    training = workers.lend(CHUNK, go_on)
    next(training)
    training.close()
    assert not process.is_alive()


def test_a_worker_that_ended_while_idle_is_replaced(workers, process):
    process.kill()
    until(lambda: not process.is_alive())
    assert len(list(workers.lend(CHUNK, go_on))) == 3


def test_closed_workers_have_ended(workers, process):
    workers.close()
    assert not process.is_alive()


SERVER = """
import multiprocessing, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from training_runs import LONG, Scheduler, load
from mnist_core.runs.folder import new_visitor
from mnist_core.runs.workers import Workers

if __name__ == "__main__":
    workers = Workers()
    workers.warm()
    scheduler = Scheduler(Path({runs!r}), load, lenders={{"cpu": workers.lend}})
    scheduler.start(new_visitor(), LONG)
    print(multiprocessing.active_children()[0].pid, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("as_file", [True, False])
def test_in_a_folder_with_a_colon_workers_train_and_end_with_a_server_that_is_killed(
    tmp_path, as_file
):
    """The server is a file, or has none, as in a notebook."""
    checkout, runs = tmp_path / "a:checkout" / "lab", tmp_path / "runs"
    shutil.copytree(ROOT / "mnist_core", checkout / "mnist_core")
    program = SERVER.format(tests=str(Path(__file__).parent), runs=str(runs))
    (checkout / "server.py").write_text(program)
    server = subprocess.Popen(
        [sys.executable, *(["server.py"] if as_file else ["-c", program])],
        cwd=checkout,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    pid = int(server.stdout.readline())
    until(lambda: list(runs.glob("*/*/checkpoint-snapshots/*")))
    assert _is_alive(pid)
    server.kill()
    server.wait()
    until(lambda: not _is_alive(pid))


def _is_alive(pid):
    """Whether it runs; a process that has ended may still wait to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
