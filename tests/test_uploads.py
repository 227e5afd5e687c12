"""A stranger's checkpoint goes through a sandbox, arrives whole and goes on, or is refused."""

import os
import shutil
from dataclasses import replace
from functools import partial

import pytest
import torch
from hostile import hostile_checkpoints
from training_runs import (
    SHORT,
    TEST,
    TRAIN,
    assert_same_result,
    ended,
    saved,
    uninterrupted,
    write_pair,
)

from mnist_core.checkpoint import Checkpoint, load_files
from mnist_core.config import TrainConfig
from mnist_core.errors import CheckpointError, ConfigError
from mnist_core.page.limits import make_room
from mnist_core.places import shipped_weights
from mnist_core.runs.folder import new_visitor
from mnist_core.runs.sandbox import Sandbox
from mnist_core.runs.uploads import load_uploaded
from mnist_core.training import Trainer


@pytest.fixture(scope="module")
def open_files():
    sandbox = Sandbox()
    yield partial(load_uploaded, sandbox)
    sandbox.close()


def test_a_checkpoint_arrives_as_it_was(open_files, tmp_path):
    there, here = (one([shipped_weights("tutorial")]) for one in (open_files, load_files))
    assert there.to_bytes() == here.to_bytes()
    pair = [tmp_path / "model.pth", tmp_path / "optimizer.pth"]
    write_pair(here, *pair)
    assert torch.equal(open_files(pair).model["fc2.bias"], here.model["fc2.bias"])
    assert open_files(pair[::-1]).config == open_files(pair).config


@pytest.mark.parametrize("name", ["a key that hashes for ever", "memory by a call", "a vast curve"])
def test_a_hostile_file_is_refused_with_its_name_and_the_next_is_opened(open_files, tmp_path, name):
    (tmp_path / "mine.pt").write_bytes(hostile_checkpoints()[name])
    with pytest.raises(CheckpointError, match=r"mine\.pt"):
        open_files([tmp_path / "mine.pt"])
    shutil.copy(shipped_weights("tutorial"), tmp_path / "mine.pt")
    assert isinstance(open_files([tmp_path / "mine.pt"]), Checkpoint)


def test_weights_saved_while_they_were_learned_are_opened(open_files, tmp_path):
    whole = torch.load(shipped_weights("tutorial"), weights_only=True)
    learned = {name: weights.requires_grad_() for name, weights in whole["model"].items()}
    torch.save({**whole, "model": learned}, tmp_path / "mine.pt")
    assert not open_files([tmp_path / "mine.pt"]).model["fc2.bias"].requires_grad


def test_three_files_are_no_run(open_files):
    with pytest.raises(CheckpointError, match=r"model\.pth and optimizer\.pth together"):
        open_files([shipped_weights("tutorial")] * 3)


def test_an_upload_beyond_what_all_may_take_costs_the_visitors_own_oldest_run(
    open_scheduler, visitor
):
    scheduler = open_scheduler(total_bytes=3 * shipped_weights("tutorial").stat().st_size)
    other = new_visitor()
    kept = scheduler.upload(other, [shipped_weights("tutorial")])
    own = [scheduler.upload(visitor, [shipped_weights("tutorial")]) for _ in range(4)]
    assert [run.run_id for run in scheduler.runs(other)] == [kept]
    assert {run.run_id for run in scheduler.runs(visitor)} < set(own[2:])
    assert own[3] in {run.run_id for run in scheduler.runs(visitor)}


def test_uploaded_files_have_a_bound_and_the_oldest_go_first(tmp_path):
    for age, name in enumerate(["new", "older", "oldest"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(100))
        os.utime(tmp_path / name / "file", (1000 - age, 1000 - age))
    make_room(tmp_path, 250)
    assert {file.parent.name for file in tmp_path.rglob("file")} == {"new", "older"}
    make_room(tmp_path, 250)
    assert len([*tmp_path.rglob("file")]) == 2


def test_an_uploaded_checkpoint_goes_on_exactly(open_scheduler, visitor, tmp_path):
    config = TrainConfig(epochs=1, batch_size=16)
    uninterrupted(config).save(tmp_path / "mine.pt")
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"], "Mine")
    assert scheduler.look(visitor, run_id).about.name == "Mine 1"
    assert scheduler.look(visitor, run_id).accuracy is not None
    with pytest.raises(ConfigError, match="choose more"):
        scheduler.resume(visitor, run_id)
    scheduler.resume(visitor, run_id, epochs=2)
    ended(scheduler, visitor, run_id)
    longer = uninterrupted(replace(config, epochs=2))
    assert_same_result(saved(scheduler, visitor, run_id), longer)


def test_an_uploaded_run_goes_on_from_a_mark_in_the_middle_of_an_epoch(
    open_scheduler, visitor, tmp_path
):
    trainer = Trainer(TrainConfig(epochs=1, batch_size=64, log_interval=1))
    for _ in zip(range(5), trainer.batches(TRAIN, TEST), strict=False):
        pass
    assert trainer.batches_done == 4
    trainer.checkpoint().save(tmp_path / "mine.pt")
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"])
    scheduler.resume(visitor, run_id)
    assert len(ended(scheduler, visitor, run_id).history.resumes) == 1


def test_an_uploaded_run_with_a_gap_in_its_curve_comes_to_an_end(open_scheduler, visitor, tmp_path):
    whole = uninterrupted(SHORT)
    history = replace(whole.history, evaluations=whole.history.evaluations[-1:])
    replace(whole, history=history).save(tmp_path / "mine.pt")
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, [tmp_path / "mine.pt"])
    scheduler.resume(visitor, run_id)
    assert ended(scheduler, visitor, run_id).status == "finished"


@pytest.mark.parametrize("swapped", [False, True])
def test_the_tutorials_pair_is_taken_in_either_order_and_goes_on(
    open_scheduler, visitor, tmp_path, swapped
):
    files = [tmp_path / "a.pth", tmp_path / "b.pth"]
    write_pair(uninterrupted(TrainConfig(epochs=1, momentum=0.7)), *files)
    scheduler = open_scheduler()
    run_id = scheduler.upload(visitor, files[::-1] if swapped else files)
    assert scheduler.look(visitor, run_id).config.momentum == 0.7
    scheduler.resume(visitor, run_id)
    run = ended(scheduler, visitor, run_id)
    assert run.status == "finished"
    assert run.history.evaluations[0].accuracy > 0.1


@pytest.mark.parametrize("swapped", [False, True])
def test_a_pair_that_does_not_fit_is_told_by_its_names_and_the_true_reason(
    open_scheduler, visitor, tmp_path, swapped
):
    files = [tmp_path / "model.pth", tmp_path / "optimizer.pth"]
    other = Trainer(TrainConfig(network="modern")).checkpoint()
    write_pair(other, *files)
    with pytest.raises(CheckpointError, match=r"model\.pth and optimizer\.pth .*another network"):
        open_scheduler().upload(visitor, files[::-1] if swapped else files)


def test_a_refused_upload_leaves_nothing(open_scheduler, visitor, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"PK\x03\x04 cut short")
    scheduler = open_scheduler()
    for count in (1, 2, 0, 3):
        with pytest.raises(CheckpointError):
            scheduler.upload(visitor, [tmp_path / "mine.pt"] * count)
    assert scheduler.runs(visitor) == []
