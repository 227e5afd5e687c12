"""What is saved comes back whole; what is not a checkpoint is refused with one sentence."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from benchmarks.tutorial import TutorialNet
from digits import small_split

from mnist_core import checkpoint as module
from mnist_core.checkpoint import Checkpoint, Saver, export_tutorial, load_tutorial
from mnist_core.config import TrainConfig
from mnist_core.errors import CheckpointError
from mnist_core.training import Trainer

TRAIN, TEST = small_split(200), small_split(50)


@pytest.fixture(scope="module")
def trained():
    trainer = Trainer.fresh(TrainConfig(epochs=1, batch_size=32))
    for _ in trainer.events(TRAIN, TEST):
        pass
    return trainer.checkpoint()


@pytest.fixture
def saved(trained, tmp_path):
    path = tmp_path / "checkpoint.pt"
    trained.save(path)
    return path


def rewritten(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def test_a_checkpoint_comes_back_as_it_was(trained, saved):
    again = Checkpoint.load(saved)
    assert again.config == trained.config
    assert again.history.steps == trained.history.steps
    assert (again.batches_done, again.device) == (trained.batches_done, "cpu")
    assert all(torch.equal(again.model[name], trained.model[name]) for name in trained.model)
    assert torch.equal(again.generator, trained.generator)


def test_a_checkpoint_names_its_network(saved):
    assert Checkpoint.load(saved).network()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(format=99), "another checkpoint format"),
        (lambda c: c.pop("optimizer"), "another checkpoint format"),
        (lambda c: c["config"].update(epochs=-1), "epochs must be between"),
        (lambda c: c["config"].pop("seed"), "settings"),
        (lambda c: c["model"].pop("fc2.bias"), "another network"),
        (lambda c: c["model"].update({"fc2.bias": torch.zeros(11)}), r"shape \[10\]"),
        (lambda c: c["model"].update({"fc2.bias": torch.zeros(10).double()}), "float64"),
        (lambda c: c["model"]["fc2.bias"].fill_(float("nan")), "not finite"),
        (lambda c: c["model"].update({"fc2.bias": "weights"}), "not a tensor"),
        (lambda c: c["optimizer"]["state"][0].update(momentum_buffer=torch.ones(3)), "momentum"),
        (lambda c: c["optimizer"]["state"][0]["momentum_buffer"].fill_(float("inf")), "finite"),
        (lambda c: c["optimizer"].update(param_groups=[]), "does not fit"),
        (lambda c: c["optimizer"]["param_groups"][0].update(params=[0]), "another network"),
        (lambda c: c["optimizer"]["state"].update({99: {"x": torch.ones(3)}}), "another network"),
        (lambda c: c["optimizer"]["state"][0].update(momentum_buffer="fast"), "momentum_buffer"),
        (lambda c: c.update(device="tpu"), "device"),
        (lambda c: c.update(generator=torch.zeros(3)), "random state"),
        (lambda c: c.update(generator=torch.zeros(3, dtype=torch.uint8)), "random state"),
        (lambda c: c.update(batches_done=-5), "position"),
        (lambda c: c.update(history={}), "does not fit"),
        (lambda c: c.update(history=3), "does not fit"),
        (lambda c: c.update(model=[]), "does not fit|another network"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(saved, change, said):
    rewritten(saved, change)
    with pytest.raises(CheckpointError, match=said) as caught:
        Checkpoint.load(saved)
    assert str(saved.parent) not in str(caught.value)


class Hostile:
    def __reduce__(self):
        return (os.mkdir, ("ran-code",))


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pt"
    path.write_bytes(pickle.dumps(Hostile())) if kind == "pickle" else torch.save(Hostile(), path)
    with pytest.raises(CheckpointError):
        Checkpoint.load(path)
    assert not (tmp_path / "ran-code").exists()


def test_files_that_are_something_else_are_refused(tmp_path, saved):
    whole = saved.read_bytes()
    files = {
        "empty.pt": b"",
        "text.pt": b"<html>not a checkpoint</html>",
        "cut.pt": whole[: len(whole) // 2],
        "start.pt": whole[:100],
        "picture.pt": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            Checkpoint.load(tmp_path / name)


def test_bare_weights_are_refused_with_a_hint(tmp_path):
    torch.save(TutorialNet().state_dict(), tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"optimizer\.pth"):
        Checkpoint.load(tmp_path / "model.pth")


def test_a_zip_bomb_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(module.MAX_BYTES + 1))
    assert path.stat().st_size < 2**20
    with pytest.raises(CheckpointError, match="unpacks"):
        Checkpoint.load(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.pt"
    with path.open("wb") as file:
        file.truncate(module.MAX_BYTES + 1)
    with pytest.raises(CheckpointError, match="larger than"):
        Checkpoint.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint .*nothing\.pt"):
        Checkpoint.load(tmp_path / "nothing.pt")


def test_a_save_that_fails_leaves_the_last_checkpoint_and_nothing_else(saved, trained, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        trained.save(saved)
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


@pytest.mark.skipif(os.name != "posix", reason="needs /dev/null")
def test_a_folder_that_cannot_be_made_is_a_sentence(trained):
    with pytest.raises(CheckpointError, match="could not be written"):
        trained.save(Path("/dev/null/run/checkpoint.pt"))


def test_the_tutorials_pair_goes_out_and_comes_back(trained, tmp_path):
    pair = tmp_path / "model.pth", tmp_path / "optimizer.pth"
    export_tutorial(trained, *pair)
    network = TutorialNet()
    network.load_state_dict(torch.load(pair[0]))
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    optimizer.load_state_dict(torch.load(pair[1]))
    assert optimizer.param_groups[0]["lr"] == 0.01
    back = load_tutorial(*pair)
    assert all(torch.equal(back.model[name], trained.model[name]) for name in trained.model)
    for index, state in trained.optimizer["state"].items():
        kept = back.optimizer["state"][index]["momentum_buffer"]
        assert torch.equal(kept, state["momentum_buffer"])


def test_a_pair_written_by_the_tutorials_own_lines_can_be_gone_on_with(tmp_path):
    network = TutorialNet()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.5)
    network(torch.randn(4, 1, 28, 28)).sum().backward()
    optimizer.step()
    torch.save(network.state_dict(), tmp_path / "model.pth")
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pth")
    start = load_tutorial(tmp_path / "model.pth", tmp_path / "optimizer.pth")
    assert start.config.learning_rate == 0.02
    trainer = Trainer.resume(start, epochs=1)
    assert sum(1 for _ in trainer.events(TRAIN, TEST)) > 1


def test_a_pair_that_does_not_belong_together_is_refused(trained, tmp_path):
    pair = tmp_path / "model.pth", tmp_path / "optimizer.pth"
    export_tutorial(trained, *pair)
    with pytest.raises(CheckpointError, match="not the tutorial's pair"):
        load_tutorial(pair[1], pair[0])
    with pytest.raises(CheckpointError, match="not the tutorial's pair"):
        load_tutorial(pair[0], pair[0])


def test_a_save_is_due_at_once_and_then_not_again_so_soon(trained, tmp_path):
    saver = Saver(tmp_path / "checkpoint.pt")
    assert saver.is_due
    saver.save(trained)
    assert not saver.is_due
    assert Checkpoint.load(tmp_path / "checkpoint.pt").batches_done == trained.batches_done
