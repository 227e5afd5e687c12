"""What is saved comes back whole; what is not a checkpoint is refused with one sentence."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from benchmarks.tutorial import TutorialNet
from digits import small_split
from training_runs import write_pair

from mnist_core.checkpoint import Checkpoint, load_tutorial
from mnist_core.config import TrainConfig
from mnist_core.errors import CheckpointError
from mnist_core.training import Trainer

TRAIN, TEST = small_split(200), small_split(50)


@pytest.fixture(scope="module")
def trained():
    trainer = Trainer(TrainConfig(epochs=1, batch_size=32))
    for _ in trainer.events(TRAIN, TEST):
        pass
    return trainer.checkpoint()


@pytest.fixture
def saved(trained, tmp_path):
    path = tmp_path / "checkpoint.pt"
    trained.save(path)
    return path


@pytest.fixture
def pair(trained, tmp_path):
    """The tutorial's two files."""
    files = tmp_path / "model.pth", tmp_path / "optimizer.pth"
    write_pair(trained, *files)
    return files


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
        (lambda c: c["optimizer"]["state"][0].update(momentum_buffer="fast"), "momentum"),
        (lambda c: c.update(device="tpu"), "device"),
        (lambda c: c.update(generator=torch.zeros(3)), "random state"),
        (lambda c: c.update(generator=torch.zeros(3, dtype=torch.uint8)), "random state"),
        (lambda c: c.update(device="cuda"), "random state"),
        (lambda c: c.update(batches_done=-5), "position"),
        (lambda c: c.update(class_means=torch.zeros(10, 7)), r"class means .* \[10, 50\]"),
        (lambda c: c.update(class_means=torch.full((10, 50), torch.nan)), "not finite"),
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


def test_bare_weights_are_refused_with_a_hint(tmp_path):
    torch.save(TutorialNet().state_dict(), tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"optimizer\.pth"):
        Checkpoint.load(tmp_path / "model.pth")


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


def test_the_tutorials_pair_goes_out_and_comes_back(trained, pair):
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


def test_two_files_of_a_kind_are_no_pair(pair):
    for file in pair:
        with pytest.raises(CheckpointError, match="one must hold weights, the other an optimizer"):
            load_tutorial(file, file)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (0, lambda: torch.nn.Linear(3, 2).state_dict(), "the weights belong to another network"),
        (0, lambda: [1, 2], "something in it is not what a checkpoint holds"),
        (1, lambda: optimizer_state(torch.optim.Adam), "the optimizer is not SGD"),
        (1, lambda: optimizer_state(lr=99.0), "learning rate must be between 1e-06 and 10, not 99"),
        (1, lambda: {"param_groups": []}, "something in it is not what a checkpoint holds"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_with_its_true_names_and_reason(
    pair, file, content, reason
):
    torch.save(content(), pair[file])
    expected = rf"^model\.pth and optimizer\.pth are not the tutorial's pair: {reason}.*\.$"
    for files in (pair, pair[::-1]) if file else (pair,):
        with pytest.raises(CheckpointError, match=expected):
            load_tutorial(*files)


def optimizer_state(kind=torch.optim.SGD, **settings):
    """The state of an optimizer of the tutorial's network, after one step."""
    network = TutorialNet()
    optimizer = kind(network.parameters(), **settings)
    network(torch.randn(4, 1, 28, 28)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def test_what_no_optimizer_here_keeps_is_dropped(saved, trained):
    vast = torch.zeros(1).expand(10**6)
    rewritten(saved, lambda c: c["optimizer"].update({"own": vast}))
    rewritten(saved, lambda c: c["optimizer"]["state"][0].update({"<img src=x>": vast}))
    rewritten(saved, lambda c: c["optimizer"]["param_groups"][0].update(own=vast, lr=vast[:9]))
    loaded = Checkpoint.load(saved)
    assert len(loaded.to_bytes()) <= len(trained.to_bytes())
    kept = loaded.optimizer["state"][0]
    assert set(kept) == {"momentum_buffer"}
    assert torch.equal(kept["momentum_buffer"], trained.optimizer["state"][0]["momentum_buffer"])


def test_weights_that_are_a_view_of_more_are_kept_alone(saved, trained):
    more = torch.zeros(10**6)
    more[:10] = trained.model["fc2.bias"]
    rewritten(saved, lambda c: c["model"].update({"fc2.bias": more[:10]}))
    assert len(Checkpoint.load(saved).to_bytes()) <= len(trained.to_bytes())
