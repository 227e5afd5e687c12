"""A stranger's checkpoint goes through a sandbox and arrives whole, or is refused in a sentence."""

import os
import shutil
from functools import partial

import pytest
import torch
from hostile import hostile_checkpoints

from mnist_core.checkpoint import Checkpoint, export_tutorial, load_files
from mnist_core.errors import CheckpointError
from mnist_core.page.limits import make_room
from mnist_core.places import shipped_weights
from mnist_core.runs.folder import new_visitor
from mnist_core.runs.sandbox import Sandbox
from mnist_core.runs.uploads import load_uploaded


@pytest.fixture(scope="module")
def open_files():
    sandbox = Sandbox()
    yield partial(load_uploaded, sandbox)
    sandbox.close()


def test_a_checkpoint_arrives_as_it_was(open_files, tmp_path):
    there, here = (one([shipped_weights("tutorial")]) for one in (open_files, load_files))
    assert there.to_bytes() == here.to_bytes()
    pair = [tmp_path / "model.pth", tmp_path / "optimizer.pth"]
    export_tutorial(here, *pair)
    assert torch.equal(open_files(pair).model["fc2.bias"], here.model["fc2.bias"])
    assert open_files(pair[::-1]).config == open_files(pair).config


@pytest.mark.parametrize("name", ["a key that hashes for ever", "memory by a call", "a vast curve"])
def test_a_hostile_file_is_refused_with_its_name_and_the_next_is_opened(open_files, tmp_path, name):
    (tmp_path / "mine.pt").write_bytes(hostile_checkpoints()[name])
    with pytest.raises(CheckpointError, match=r"mine\.pt"):
        open_files([tmp_path / "mine.pt"])
    shutil.copy(shipped_weights("tutorial"), tmp_path / "mine.pt")
    assert isinstance(open_files([tmp_path / "mine.pt"]), Checkpoint)


def test_three_files_are_no_run(open_files):
    with pytest.raises(CheckpointError, match=r"model\.pth and optimizer\.pth together"):
        open_files([shipped_weights("tutorial")] * 3)


def test_an_upload_beyond_what_all_may_take_costs_the_visitors_own_oldest_run(open_scheduler):
    scheduler = open_scheduler(total_bytes=3 * shipped_weights("tutorial").stat().st_size)
    other, visitor = new_visitor(), new_visitor()
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
