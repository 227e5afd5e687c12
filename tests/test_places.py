"""Where things live, and how much of a machine may be used, by its environment and its system."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from mnist_core import places
from mnist_core.errors import ConfigError


def test_a_folder_that_cannot_be_written_to_is_replaced_by_a_temporary_one(tmp_path):
    assert places.writable(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    other = places.writable(tmp_path / "file" / "runs")
    (other / "run").touch()
    assert tmp_path not in other.parents
    shutil.rmtree(other)


def test_a_folder_with_mnist_in_it_is_used_even_if_it_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system")

    (tmp_path / "MNIST").mkdir()
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert places.writable(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("environment", "fetches", "kept"),
    [
        ({}, False, True),
        ({"SPACE_ID": "a/b"}, True, False),
        ({"SPACE_ID": "a/b", "MNIST_FETCH": "0", "MNIST_RUNS_DIR": "/data/runs"}, False, True),
        ({"MNIST_FETCH": "1"}, True, True),
    ],
)
def test_spaces_fetches_mnist_unasked_and_forgets_what_is_not_on_a_volume(
    monkeypatch, environment, fetches, kept
):
    for name in ("SPACE_ID", "MNIST_FETCH", "MNIST_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert places.fetches_at_start() == fetches
    assert places.is_kept(places.runs_dir()) == kept
    assert not places.is_kept(Path("/elsewhere"))


@pytest.mark.parametrize("value", ["two", "0", "-1", "1.5", "9" * 400, "²"])
def test_a_number_of_slots_that_is_none_is_refused_in_a_short_sentence(monkeypatch, value):
    monkeypatch.setenv("MNIST_SLOTS", value)
    with pytest.raises(ConfigError, match=r"^MNIST_SLOTS must be a whole number .{,80}\.$"):
        places.slots()


@pytest.mark.parametrize("value", ["maybe", "yes", "10"])
def test_mnist_fetch_is_one_or_nought(monkeypatch, value):
    monkeypatch.setenv("MNIST_FETCH", value)
    with pytest.raises(ConfigError, match=f"MNIST_FETCH must be 0 or 1, not {value}"):
        places.fetches_at_start()


def test_slots_are_half_the_cores_unless_said(monkeypatch):
    monkeypatch.delenv("MNIST_SLOTS", raising=False)
    assert 1 <= places.slots() <= max(places.cores() // 2, 1)
    monkeypatch.setenv("MNIST_SLOTS", "7")
    assert places.slots() == 7


@pytest.fixture
def system(tmp_path):
    """`system({path: text})` → the root of a disk with those files of the kernel's in it."""

    def make(files):
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return make


V1 = "5:memory:/docker/ab\n3:cpuset:/\n2:cpuacct,cpu:/docker/ab\n0::/\n"
CORES = places.cores(Path("nowhere"))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, CORES),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
          "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": V1, "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_quota_us": "10000\n",
          "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_period_us": "100000\n"}, 1),
        ({"proc/self/cgroup": V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
          "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, CORES),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "99000000 100000\n"}, CORES),
    ],
)  # fmt: skip
def test_a_quota_of_either_version_bounds_the_cores(system, files, cores):
    assert places.cores(system(files)) == cores


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n",
         "sys/fs/cgroup/memory.max": "2000000\n"},
        {"proc/self/cgroup": V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000\n"},
    ],
)  # fmt: skip
def test_a_limit_of_either_version_bounds_the_memory(system, files):
    assert places.memory_bytes(system(files)) == 2_000_000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a scheduler's affinity")
def test_cores_that_this_process_may_not_use_are_not_counted(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 32)  # as in a container on a large machine
    if hasattr(os, "process_cpu_count"):
        assert places.cores(Path("nowhere")) == os.process_cpu_count()
    else:
        assert places.cores(Path("nowhere")) == len(os.sched_getaffinity(0))


def test_the_cache_is_the_users_own_and_a_temporary_one_without_a_home(monkeypatch, tmp_path):
    for name in ("MNIST_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert tmp_path in places.cache_dir().parents
    if sys.platform not in ("win32", "darwin"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert places.cache_dir() == tmp_path / "xdg" / "mnist-lab"
        monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert places.cache_dir().parent == Path(tempfile.gettempdir())
