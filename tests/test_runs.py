"""Run folders that lead elsewhere, hold strange things, or cannot be written in full."""

import os
import shutil
import subprocess
import time

import pytest
from digits import small_split

from mnist_core.config import TrainConfig
from mnist_core.errors import CheckpointError, ConfigError
from mnist_core.jobs import Jobs, Limits
from mnist_core.run_views import act, tab
from mnist_core.runs import RunFolder, new_visitor
from mnist_core.training import Trainer
from mnist_core.view import Asked, Choice

DATA = small_split(64), small_split(20)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A finished run's checkpoint, to upload."""
    trainer = Trainer.fresh(TrainConfig(epochs=1))
    for _ in trainer.batches(*DATA):
        pass
    path = tmp_path_factory.mktemp("upload") / "mine.pt"
    trainer.checkpoint().save(path)
    return path


@pytest.fixture
def visitor():
    return new_visitor()


@pytest.fixture
def open_runs(tmp_path):
    """`open_runs(**limits)`: what a newly started server finds in the same folder."""
    return lambda **limits: Jobs(tmp_path / "runs", lambda dataset: DATA, Limits(**limits))


@pytest.fixture
def two(open_runs, visitor, file):
    """The folders of two runs of one visitor."""
    jobs = open_runs()
    runs = [jobs.upload(visitor, [file]) for _ in range(2)]
    return [jobs.checkpoint_file(visitor, run).parent for run in runs]


def test_a_folder_among_the_leftovers_hides_no_run(open_runs, visitor, two):
    (two[0] / ".checkpoint.pt-1" / "inner").mkdir(parents=True)
    (two[0] / ".checkpoint.pt-2").write_bytes(b"of a save that was killed")
    (two[0] / "checkpoint-snapshots").mkdir()
    (two[0] / "checkpoint-snapshots" / ".7.pt-3").write_bytes(b"of a snapshot that was killed")
    jobs = open_runs()
    assert {run.run_id for run in jobs.runs(visitor)} == {folder.name for folder in two}
    assert not (two[0] / ".checkpoint.pt-2").exists()
    assert not (two[0] / "checkpoint-snapshots" / ".7.pt-3").exists()
    jobs.delete(visitor, two[0].name)
    assert not two[0].exists()


def test_a_run_in_use_counts_in_the_room_that_runs_take(open_runs, visitor, two):
    jobs = open_runs(total_bytes=RunFolder(two[0]).size + 10)
    (two[0] / "run.json").touch()
    jobs.look(visitor, two[0].name)
    jobs.runs(new_visitor())
    assert two[0].exists()
    assert not two[1].exists()


@pytest.mark.parametrize(
    ("action", "wrong"),
    [("stop", {"seed": None}), ("rename", {"epochs": 1000}), ("resume", {"momentum": -1})],
)
def test_a_field_that_is_wrong_stops_only_what_needs_it(open_runs, visitor, two, action, wrong):
    jobs, settings = open_runs(), {**TrainConfig(epochs=2).to_dict(), **wrong}
    asked = Asked(action=action, run_id=two[0].name, value="mine")
    act(jobs, visitor, Choice(), asked, settings, "cpu")
    with pytest.raises(ConfigError):
        act(jobs, visitor, Choice(), Asked(action="train"), settings, "cpu")
    jobs.close()


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_what_a_link_leads_to_is_neither_shown_nor_cleaned_away(
    open_runs, visitor, two, tmp_path, file
):
    outside = tmp_path / "outside" / ("0" * 16)
    outside.mkdir(parents=True)
    shutil.copy(file, outside / "checkpoint.pt")
    os.utime(outside / "checkpoint.pt", (0, 0))
    home, root = two[0].parent, two[0].parent.parent
    (root / ("f" * 32)).symlink_to(outside.parent)  # in place of a visitor
    (home / ("f" * 16)).symlink_to(outside)  # in place of a run
    (two[0] / "inside").symlink_to(outside.parent)  # in a run
    assert {run.run_id for run in open_runs().runs(visitor)} == {folder.name for folder in two}
    open_runs(age_seconds=0, total_bytes=0).runs(new_visitor())
    assert not two[0].exists(), "nothing was cleaned"
    assert (outside / "checkpoint.pt").is_file()


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_linked_run_cannot_be_opened_or_deleted(open_runs, visitor, two, tmp_path):
    outside = tmp_path / "outside"
    two[0].rename(outside)
    two[0].symlink_to(outside)
    jobs = open_runs()
    for attempt in (jobs.look, jobs.delete, jobs.checkpoint_file):
        with pytest.raises(ConfigError, match="no such run"):
            attempt(visitor, two[0].name)
    assert (outside / "checkpoint.pt").is_file()


def test_a_clock_set_back_leaves_the_visitors_choice_to_them(open_runs, visitor, two):
    """The files of both runs are of a later day than today."""
    later = time.time() + 5 * 86_400
    for folder in two:
        os.utime(folder / "checkpoint.pt", (later, later))
    jobs = open_runs()
    assert len(jobs.runs(visitor)) == 2
    for folder in two:
        chosen = Choice(run_id=folder.name, at=jobs.now())
        controls = tab(jobs, visitor, chosen, 3, None).parts["controls"]
        assert f'data-action="resume" data-run="{folder.name}"' in controls


def test_an_upload_that_cannot_be_kept_leaves_no_run(open_runs, visitor, file, tmp_path):
    disk = tmp_path / "runs"
    disk.mkdir()
    size = file.stat().st_size // 2
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        jobs = open_runs()
        with pytest.raises(CheckpointError, match="could not be written") as caught:
            jobs.upload(visitor, [file])
        assert str(tmp_path) not in str(caught.value)
        assert jobs.runs(visitor) == []
        assert [path for path in disk.rglob("*") if path.is_file()] == []
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
