"""Runs on a Ray cluster: as anywhere else, and on from a node that is killed, to the bit.

Those that need Ray (`pip install "ray[client]"`) skip without; it is large, takes twenty seconds to
start two nodes, and few will have a cluster.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from servers import free_port
from training_runs import (
    LONG,
    SHORT,
    assert_same_result,
    ended,
    load,
    load_for_ever,
    load_none,
    pause,
    saved,
    under_way,
    uninterrupted,
    until,
)
from visiting import Visitor

from mnist_core.config import TrainConfig
from mnist_core.errors import BusyError, ConfigError, LostError
from mnist_core.runs import drive
from mnist_core.runs.folder import new_visitor

ROOT = Path(__file__).parent.parent
EIGHT = range(8)
needs_ray = pytest.mark.skipif(
    not (find_spec("ray") and find_spec("grpc")), reason="Ray is not installed"
)


@pytest.fixture(scope="module")
def nodes():
    """Two nodes of four cores: a process, and its address as `.address`."""
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "ray_cluster.py"), str(port), "4"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    program.address = f"ray://127.0.0.1:{port}"
    assert "ready" in iter(lambda: program.stdout.readline().strip() or "ended", "ended")
    yield program
    program.stdin.close()
    program.wait(60)


@pytest.fixture(scope="module")
def cluster(nodes):
    from mnist_core.runs.cluster import Cluster

    cluster = Cluster(nodes.address)
    yield cluster
    cluster.close()


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_without_ray_the_server_says_what_it_needs():
    code = "import sys; sys.modules['ray'] = None; import runpy; runpy.run_path('app.py')"
    done = python(code, MNIST_CLUSTER="ray://127.0.0.1:10001")
    assert done.returncode == 2
    assert done.stderr == 'error: MNIST_CLUSTER needs a package: pip install "ray[client]"\n'


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", "ray://", "ray://a:b", "ray://a:1/x"])
def test_what_is_no_address_of_a_cluster_is_refused(monkeypatch, address):
    from mnist_core import places

    monkeypatch.setenv("MNIST_CLUSTER", address)
    with pytest.raises(ConfigError, match=r"^MNIST_CLUSTER must be ray://HOST:PORT, not .+\.$"):
        places.cluster()


def test_no_ray_is_imported_where_no_cluster_is_named(tmp_path):
    code = "import sys, app; app.lab.scheduler; app.lab.close(); print('ray' in sys.modules)"
    done = python(code, MNIST_CLUSTER="", MNIST_RUNS_DIR=str(tmp_path))
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr


def test_a_run_that_is_lost_goes_on_from_its_last_checkpoint(open_scheduler, visitor):
    tries = []

    def losing(chunk, control):
        tries.append(chunk.checkpoint.batches_done)
        for number, progress in enumerate(drive.train(chunk, control)):
            yield progress
            if number == 2 and len(tries) < 3:
                raise LostError("A node was lost.")

    scheduler = open_scheduler(lenders={"cpu": losing})
    run_id = scheduler.start(visitor, SHORT)
    run = ended(scheduler, visitor, run_id)
    assert (run.status, run.history.resumes) == ("finished", [])
    assert len(tries) == 3
    assert_same_result(saved(scheduler, visitor, run_id), uninterrupted(SHORT))


def test_a_run_that_is_lost_again_and_again_stops(open_scheduler, visitor):
    tries = []

    def losing(chunk, control):
        tries.append(chunk)
        yield from ()
        raise LostError("A node was lost.")

    scheduler = open_scheduler(lenders={"cpu": losing})
    run = ended(scheduler, visitor, scheduler.start(visitor, SHORT))
    assert (run.status, run.sentence, len(tries)) == ("stopped", "A node was lost.", 4)


@needs_ray
def test_a_cluster_that_is_not_there_is_said_at_once():
    from mnist_core.runs.cluster import Cluster

    with pytest.raises(BusyError, match=r"^The cluster at ray://.+ cannot be used: .*refused"):
        Cluster(f"ray://127.0.0.1:{free_port()}")


@needs_ray
def test_paused_stepped_stopped_and_resumed_it_equals_the_uninterrupted_run(
    open_scheduler, cluster, visitor
):
    config = TrainConfig(epochs=6, batch_size=8, log_interval=5)
    scheduler = open_scheduler(lenders={"cpu": cluster.lend})
    run_id = scheduler.start(visitor, config)
    under_way(scheduler, visitor, run_id)
    pause(scheduler, visitor, run_id)
    before = scheduler.look(visitor, run_id).examples_seen
    scheduler.set_pace(visitor, run_id, "batch")
    until(lambda: scheduler.look(visitor, run_id).status == "paused")
    assert scheduler.look(visitor, run_id).examples_seen == before + 8
    scheduler.stop(visitor, run_id)
    assert ended(scheduler, visitor, run_id).status == "stopped"
    scheduler.resume(visitor, run_id)
    assert ended(scheduler, visitor, run_id).status == "finished"
    assert_same_result(saved(scheduler, visitor, run_id), uninterrupted(config))


@needs_ray
def test_what_cannot_be_read_is_said_and_what_is_not_wanted_is_not_waited_for(
    open_scheduler, nodes, cluster, visitor, monkeypatch
):
    monkeypatch.setattr(cluster, "_digits", {})
    scheduler = open_scheduler(load_none, {"cpu": cluster.lend})
    run = ended(scheduler, visitor, scheduler.start(visitor, SHORT))
    assert (run.status, run.sentence) == ("failed", "MNIST is not on this machine.")
    scheduler = open_scheduler(load_for_ever, {"cpu": cluster.lend})
    run_id = scheduler.start(visitor, LONG)
    until(lambda: scheduler.checkpoint_file(visitor, run_id).exists())
    scheduler.stop(visitor, run_id)
    assert ended(scheduler, visitor, run_id).status == "stopped"


@needs_ray
def test_a_server_names_the_cluster_and_stops_its_runs(start_server, nodes, mnist_dir):
    server = start_server(mnist_dir, MNIST_CLUSTER=nodes.address)
    visitor = Visitor(server)
    assert visitor.act("train")[0] == 200
    until(lambda: "images/s" in visitor.look())
    assert "on the cluster" in visitor.look()
    server.process.terminate()
    assert server.process.wait(120) == 0
    assert "Traceback" not in server.log.read_text()


@needs_ray
def test_eight_runs_at_once_outlive_a_node_and_equal_the_uninterrupted_to_the_bit(
    open_scheduler, nodes, cluster, monkeypatch
):
    lost, brought = [], []

    def lend(chunk, control):
        try:
            yield from cluster.lend(chunk, control)
        except BusyError as error:
            lost.append(error)
            raise

    def load_once(dataset):
        brought.append(dataset)
        return load(dataset)

    monkeypatch.setattr(cluster, "_digits", {})
    configs = [TrainConfig(epochs=12, batch_size=8, log_interval=20, seed=n % 2) for n in EIGHT]
    scheduler = open_scheduler(load_once, {"cpu": lend}, slots=cluster.cores)
    assert cluster.cores == 8
    visitors = [new_visitor() for _ in EIGHT]
    runs = list(zip(visitors, map(scheduler.start, visitors, configs), strict=True))
    for run in runs:
        under_way(scheduler, *run)
    print(file=nodes.stdin, flush=True)
    assert [ended(scheduler, *run).status for run in runs] == ["finished"] * 8
    expected = [uninterrupted(config) for config in configs[:2]]
    for number, run in enumerate(runs):
        assert_same_result(saved(scheduler, *run), expected[number % 2])
        assert scheduler.look(*run).history.resumes == []
    assert len(lost) >= 4  # and again, where a trainer was begun before the node was missed
    assert {type(error) for error in lost} == {LostError}
    assert brought == ["mnist"]
