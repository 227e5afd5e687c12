"""The moments of a run that are kept for replaying it."""

import pytest
import torch
from digits import small_split

from mnist_core import snapshots
from mnist_core.config import TrainConfig
from mnist_core.errors import CheckpointError
from mnist_core.history import EvalEvent
from mnist_core.snapshots import Snapshots
from mnist_core.training import Trainer

TRAIN, TEST = small_split(320), small_split(40, seed=1)


def trained(path, **settings):
    """A run over TRAIN that keeps snapshots, with each event's weights by examples seen."""
    trainer = Trainer.fresh(
        TrainConfig(**{"epochs": 1, "batch_size": 8, "log_interval": 1} | settings)
    )
    kept, seen = Snapshots(path), {}
    for event in trainer.events(TRAIN, TEST):
        weights, now = trainer.checkpoint().model, trainer.examples_seen(len(TRAIN))
        if kept.is_due(now, isinstance(event, EvalEvent)):
            kept.keep(now, weights)
        seen[now] = weights
    return kept, seen


def test_snapshots_lie_ever_further_apart_and_end_with_the_run(tmp_path):
    """Batches of 8: 0, 8, 16 (≥ 12), 24, 40 (≥ 36), 64 (≥ 60), 96, 144, 216, 320 (≥ 324? no:
    the evaluation after the epoch)."""
    kept, _ = trained(tmp_path / "checkpoint.pt")
    assert kept.moments() == [0, 8, 16, 24, 40, 64, 96, 144, 216, 320]
    assert {file.parent.name for file in tmp_path.rglob("*.pt")} == {"checkpoint-snapshots"}


def test_a_snapshot_is_the_network_as_it_was(tmp_path):
    kept, seen = trained(tmp_path / "checkpoint.pt")
    for moment in kept.moments():
        weights = kept.network(moment, "net").state_dict()
        assert all(torch.equal(weights[name], seen[moment][name]) for name in weights)


def test_a_long_run_keeps_its_ends_and_no_more_than_the_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "MOST", 6)
    kept, _ = trained(tmp_path / "checkpoint.pt", epochs=4)
    moments = kept.moments()
    assert len(moments) == 6
    assert moments[:2] == [0, 8]
    assert moments[-1] == 4 * 320


def test_the_saved_weights_are_not_also_an_earlier_moment(tmp_path):
    kept, _ = trained(tmp_path / "checkpoint.pt")
    trainer = Trainer.fresh(TrainConfig(epochs=1, batch_size=8, log_interval=1))
    assert kept.earlier(trainer.checkpoint()) == kept.moments()
    list(trainer.events(TRAIN, TEST))
    assert kept.earlier(trainer.checkpoint()) == kept.moments()[:-1]


def test_there_are_none_before_a_run(tmp_path):
    assert Snapshots(tmp_path / "checkpoint.pt").moments() == []


def test_a_damaged_snapshot_is_a_sentence(tmp_path):
    kept, _ = trained(tmp_path / "checkpoint.pt")
    (kept.folder / "0000000008.pt").write_bytes(b"no")
    torch.save({"conv1.weight": torch.zeros(3)}, kept.folder / "0000000016.pt")
    for moment in (8, 16, 17):
        with pytest.raises(CheckpointError, match=r"\.pt"):
            kept.network(moment, "net")
