"""Folders of runs on disk: snapshots, links that lead elsewhere, strange files, a full disk."""

import json
import os
import time
from dataclasses import replace

import pytest
import torch
from digits import small_split
from training_runs import LONG, ended, finished, load, under_way, until

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import TUTORIAL, TrainConfig
from mnist_core.errors import BusyError, CheckpointError, ConfigError
from mnist_core.places import shipped_weights
from mnist_core.runs import folder as folders
from mnist_core.runs.drive import drive
from mnist_core.runs.folder import RunFolder, Saver, Snapshots, new_visitor
from mnist_core.runs.scheduler import Scheduler
from mnist_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

TRAIN, TEST = small_split(320), small_split(40, seed=1)
WEIGHTS = shipped_weights("tutorial")


@pytest.fixture
def two(open_scheduler, visitor):
    """The folders of two finished runs of one visitor."""
    scheduler = open_scheduler()
    runs = [scheduler.upload(visitor, [WEIGHTS]) for _ in range(2)]
    return [scheduler.checkpoint_file(visitor, run).parent for run in runs]


def trained(path, **settings):
    """A run over TRAIN that is saved all the time, with each checkpoint by examples seen."""
    settings = {"epochs": 1, "batch_size": 8, "log_interval": 1, **settings}
    saver, seen = Saver(path), {}
    for told in drive(Trainer(TrainConfig(**settings)), TRAIN, TEST, lambda: "continue"):
        if told.checkpoint is not None:
            saver.keep(told.checkpoint, told.examples_seen, told.ends_epoch)
            seen[told.examples_seen] = told.checkpoint
    return Snapshots(path), seen


def test_snapshots_lie_ever_further_apart_and_end_with_the_run(tmp_path):
    """Batches of 8: 0, 8, 16 (≥ 12), 24, 40 (≥ 36), 64 (≥ 60), 96, 144, 216, 320 (≥ 324? no:
    the evaluation after the epoch)."""
    kept, _ = trained(tmp_path / "checkpoint.pt")
    assert kept.moments() == [0, 8, 16, 24, 40, 64, 96, 144, 216, 320]
    assert {file.parent.name for file in tmp_path.rglob("0*.pt")} == {"checkpoint-snapshots"}


def test_a_snapshot_is_the_network_as_it_was(tmp_path):
    kept, seen = trained(tmp_path / "checkpoint.pt")
    for moment in kept.moments():
        weights = kept.network(moment, TUTORIAL).state_dict()
        assert all(torch.equal(weights[name], seen[moment].model[name]) for name in weights)


def test_a_long_run_keeps_its_ends_and_no_more_than_the_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_SNAPSHOTS", 6)
    kept, _ = trained(tmp_path / "checkpoint.pt", epochs=4)
    moments = kept.moments()
    assert len(moments) == 6
    assert moments[:2] == [0, 8]
    assert moments[-1] == 4 * 320


def test_the_saved_weights_are_not_also_an_earlier_moment(tmp_path):
    kept, seen = trained(tmp_path / "checkpoint.pt")
    assert kept.earlier(seen[0]) == kept.moments()
    assert kept.earlier(seen[320]) == kept.moments()[:-1]


def test_there_are_no_snapshots_before_a_run_and_other_files_are_left_alone(tmp_path):
    kept = Snapshots(tmp_path / "checkpoint.pt")
    assert kept.moments() == []
    kept.folder.mkdir()
    for name in ("0000000640.pt", "12 copy.pt", "1.pt", ".0000000001.pt-ab", "notes.txt"):
        (kept.folder / name).touch()
    assert kept.moments() == [640]


def test_a_damaged_snapshot_is_a_sentence(tmp_path):
    kept, _ = trained(tmp_path / "checkpoint.pt")
    (kept.folder / "0000000008.pt").write_bytes(b"no")
    torch.save({"conv1.weight": torch.zeros(3)}, kept.folder / "0000000016.pt")
    for moment in (8, 16, 17):
        with pytest.raises(CheckpointError, match=r"\.pt"):
            kept.network(moment, TUTORIAL)


def test_a_save_is_due_at_once_and_then_not_again_so_soon(tmp_path):
    saver, run = Saver(tmp_path / "checkpoint.pt"), Trainer(TUTORIAL).checkpoint()
    assert saver.is_due
    saver.keep(run, 0, True)
    assert not saver.is_due
    assert Checkpoint.load(tmp_path / "checkpoint.pt").batches_done == run.batches_done
    (tmp_path / "checkpoint.pt").unlink()
    saver.keep(replace(run), 0, True)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_folder_among_the_leftovers_hides_no_run(open_scheduler, visitor, two):
    leftovers = [".checkpoint.pt-2", "checkpoint-snapshots/.7.pt-3"]  # of saves that were killed
    (two[0] / ".checkpoint.pt-1" / "inner").mkdir(parents=True)
    (two[0] / "checkpoint-snapshots").mkdir()
    for name in leftovers:
        (two[0] / name).write_bytes(b"half")
    scheduler = open_scheduler()
    assert {run.run_id for run in scheduler.runs(visitor)} == {folder.name for folder in two}
    assert not any((two[0] / name).exists() for name in leftovers)
    scheduler.delete(visitor, two[0].name)
    assert not two[0].exists()


def test_a_stopped_run_is_found_again_by_another_server_and_so_is_one_that_trained(
    open_scheduler, visitor
):
    scheduler = open_scheduler(slots=2)
    runs = [scheduler.start(visitor, LONG) for _ in range(2)]
    for run_id in runs:
        under_way(scheduler, visitor, run_id)
    scheduler.stop(visitor, runs[0])
    ended(scheduler, visitor, runs[0])
    scheduler.close()
    before = [scheduler.look(visitor, run_id) for run_id in runs]
    assert [run.status for run in before] == ["stopped", "stopped"]
    again = open_scheduler()
    after = [again.look(visitor, run_id) for run_id in runs]
    assert [run.status for run in after] == ["stopped", "stopped"]
    assert [run.examples_seen for run in after] == [run.examples_seen for run in before]
    assert [run.history.steps for run in after] == [run.history.steps for run in before]


def test_a_second_server_over_the_same_folder_says_so_and_deletes_nothing(open_scheduler, visitor):
    first = open_scheduler()
    run_id = first.start(visitor, LONG)
    half_written = first.checkpoint_file(visitor, run_id).with_name(".checkpoint.pt-half")
    until(half_written.parent.is_dir)
    half_written.touch()
    with pytest.raises(BusyError, match=r"Another server uses the folder .*MNIST_RUNS_DIR"):
        Scheduler(half_written.parents[2], load)
    assert half_written.exists()
    first.close()
    Scheduler(half_written.parents[2], load).close()


def test_the_oldest_runs_make_room_and_none_in_use_goes(open_scheduler, visitor):
    scheduler = open_scheduler()
    runs = []
    for age in (3, 2, 1):
        runs.append(finished(scheduler, visitor))
        file = scheduler.checkpoint_file(visitor, runs[-1])
        os.utime(file, (file.stat().st_mtime - 1000 * age,) * 2)
    room = sum(f.stat().st_size for f in file.parent.rglob("*") if f.is_file()) * 2.5
    open_scheduler(total_bytes=room).runs(new_visitor())
    assert [run.run_id for run in open_scheduler().runs(visitor)] == runs[:0:-1]
    open_scheduler(age_seconds=1500).runs(new_visitor())
    assert [run.run_id for run in open_scheduler().runs(visitor)] == runs[2:]
    scheduler = open_scheduler(age_seconds=0)
    scheduler.look(visitor, runs[2])
    scheduler.runs(visitor)
    assert [run.run_id for run in scheduler.runs(visitor)] == runs[2:]


def test_a_clock_that_jumps_ahead_removes_nothing(open_scheduler, visitor, monkeypatch):
    scheduler = open_scheduler()
    run_id = finished(scheduler, visitor)
    scheduler, now = open_scheduler(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e9)
    scheduler.runs(new_visitor())
    assert [run.run_id for run in scheduler.runs(visitor)] == [run_id]


def test_a_run_in_use_counts_in_the_room_that_runs_take(open_scheduler, visitor, two):
    scheduler = open_scheduler(total_bytes=RunFolder(two[0]).size + 10)
    (two[0] / "run.json").touch()
    scheduler.look(visitor, two[0].name)
    scheduler.runs(new_visitor())
    assert two[0].exists()
    assert not two[1].exists()


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_what_a_link_leads_to_is_neither_shown_nor_cleaned_away_nor_deleted(
    open_scheduler, visitor, two, tmp_path
):
    outside = tmp_path / "outside" / ("0" * 16)
    outside.mkdir(parents=True)
    precious = outside / "checkpoint.pt"
    precious.write_bytes(WEIGHTS.read_bytes())
    os.utime(precious, (0, 0))
    home, root = two[0].parent, two[0].parent.parent
    (root / ("f" * 32)).symlink_to(outside.parent)  # in place of a visitor
    (home / ("f" * 16)).symlink_to(outside)  # in place of a run
    for folder in two:  # in a run
        (folder / "inside").symlink_to(outside.parent)
        (folder / "file").symlink_to(precious)
        (folder / "gone").symlink_to(tmp_path / "nowhere")
    scheduler = open_scheduler()
    assert {run.run_id for run in scheduler.runs(visitor)} == {folder.name for folder in two}
    scheduler.delete(visitor, two[0].name)
    open_scheduler(age_seconds=0, total_bytes=0).runs(new_visitor())
    assert not two[0].exists()
    assert not two[1].exists(), "nothing was cleaned"
    assert precious.read_bytes() == WEIGHTS.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_linked_run_cannot_be_opened_or_deleted(open_scheduler, visitor, two, tmp_path):
    outside = tmp_path / "outside"
    two[0].rename(outside)
    two[0].symlink_to(outside)
    scheduler = open_scheduler()
    for attempt in (scheduler.look, scheduler.delete, scheduler.checkpoint_file):
        with pytest.raises(ConfigError, match="no such run"):
            attempt(visitor, two[0].name)
    assert (outside / "checkpoint.pt").is_file()


def test_an_upload_that_cannot_be_kept_leaves_no_run(open_scheduler, visitor, small_disk, tmp_path):
    disk = small_disk(WEIGHTS.stat().st_size // 2)
    scheduler = open_scheduler()
    with pytest.raises(CheckpointError, match="could not be written") as caught:
        scheduler.upload(visitor, [WEIGHTS])
    assert str(tmp_path) not in str(caught.value)
    assert scheduler.runs(visitor) == []
    assert [path.name for path in disk.rglob("*") if path.is_file()] == [".lock"]


DAMAGES = {
    "garbage": ("run.json", b"\x00\xff{"),
    "deep": ("run.json", b"[" * 9_000),
    "huge": ("run.json", b" " * 10**8),
    "a list": ("run.json", b"[1, 2]"),
    "a number for a name": ("run.json", {"name": 7}),
    "a long name": ("run.json", {"name": "x" * 9000}),
    "text for a date": ("run.json", {"created": "yesterday"}),
    "no date": ("run.json", {"created": float("nan")}),
    "text for a size": ("run.json", {"train_size": "x"}),
    "another device": ("run.json", {"device": "tpu"}),
    "settings out of range": ("run.json", {"config": {**TUTORIAL.to_dict(), "epochs": 10**9}}),
    "a folder for its description": ("run.json", None),
    "half a checkpoint": ("checkpoint.pt", WEIGHTS.read_bytes()[:90_000]),
    "a folder for a checkpoint": ("checkpoint.pt", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_harms_no_other_and_can_be_deleted(
    open_scheduler, visitor, two, tmp_path, damage
):
    (whole, damaged), (name, content) = two, DAMAGES[damage]
    file = damaged / name
    if isinstance(content, dict):
        content = json.dumps({**json.loads(file.read_text()), **content}).encode()
    file.unlink()
    file.mkdir() if content is None else file.write_bytes(content)
    scheduler = open_scheduler(age_seconds=10**6)
    runs = {run.run_id: run for run in scheduler.runs(visitor)}
    assert set(runs) == {whole.name, damaged.name}
    assert runs[whole.name].status == "finished"
    assert runs[damaged.name].about.name == "Damaged" or runs[damaged.name].status == "failed"
    assert str(tmp_path) not in runs[damaged.name].sentence
    if name == "checkpoint.pt":
        assert "cannot be read" in runs[damaged.name].sentence
        scheduler.resume(visitor, damaged.name, epochs=9)
        assert ended(scheduler, visitor, damaged.name).status == "failed"
    scheduler.delete(visitor, damaged.name)
    assert [run.run_id for run in scheduler.runs(visitor)] == [whole.name]


def test_a_clock_set_back_or_ahead_loses_no_run_and_keeps_their_order(
    open_scheduler, visitor, monkeypatch
):
    real, names = time.time, []
    for offset in (0, -(10**6), 10**6):
        monkeypatch.setattr(time, "time", lambda offset=offset: real() + offset)
        scheduler = open_scheduler()
        names.append(scheduler.upload(visitor, [WEIGHTS]))
        monkeypatch.setattr(time, "time", lambda: real() + 10**9)  # and again, while it runs
        assert len(scheduler.runs(visitor)) == len(names)
        assert scheduler.runs(visitor)[0 if offset >= 0 else -1].run_id == names[-1]
    monkeypatch.setattr(time, "time", real)
    assert len(open_scheduler().runs(visitor)) == 3


def test_runs_last_trained_on_a_later_day_were_touched_by_now(open_scheduler, visitor, two):
    """A clock was set back: what the visitor chooses now is later than the runs."""
    later = time.time() + 5 * 86_400
    for folder in two:
        os.utime(folder / "checkpoint.pt", (later, later))
    scheduler = open_scheduler()
    runs = scheduler.runs(visitor)
    assert len(runs) == 2
    assert all(run.touched <= scheduler.now() for run in runs)
