"""A run that is read while it trains: within its budget, and without a trace in its result."""

from dataclasses import replace

import pytest
import torch
from training_runs import SHORT, TEST, TRAIN, assert_same_result, uninterrupted

from mnist_core.digits.split import Split
from mnist_core.evaluation import evaluate
from mnist_core.runs import live
from mnist_core.runs.cloud import placed
from mnist_core.runs.drive import drive
from mnist_core.runs.live import LiveTest
from mnist_core.training import Trainer


@pytest.fixture
def always(monkeypatch, one_thread):
    """Readings after every batch, on the one thread that a worker has."""
    monkeypatch.setattr(live, "APART_SECONDS", 0.0)
    monkeypatch.setattr(live, "SHARE", 1e9)


@pytest.mark.parametrize("network", ["net", "modern"])
def test_a_run_that_is_read_at_every_batch_ends_as_one_that_is_not(always, network):
    config = replace(SHORT, network=network)
    trainer = Trainer(config)
    told = list(drive(trainer, TRAIN, TEST, lambda: "checkpoint"))
    assert sum(progress.live is not None for progress in told) >= 15
    assert_same_result(trainer.checkpoint(), uninterrupted(config))
    assert len(trainer.history.evaluations) == 3


def test_a_reading_is_the_accuracy_on_the_test_digits(always):
    trainer = Trainer(SHORT)
    reading, cloud = LiveTest(TEST).read(trainer, 7)
    whole = evaluate(trainer.model, TEST)
    assert reading.accuracy == whole.accuracy
    assert torch.equal(cloud.read, whole.predictions)
    assert torch.equal(cloud.places, placed(whole.log_probabilities.exp()))
    assert (reading.examples_seen, reading.digits) == (7, len(TEST))


def test_many_test_digits_are_read_in_part_and_from_all_of_them():
    many = Split(TEST.images.repeat(55, 1, 1), TEST.labels.repeat(55))
    reading, cloud = LiveTest(many).read(Trainer(SHORT), 0)
    assert live.LEAST_DIGITS <= reading.digits <= live.MOST_DIGITS
    assert len(cloud.numbers) == len({*cloud.numbers.tolist()}) <= live.MOVED
    assert torch.equal(cloud.truths, many.labels[cloud.numbers])
    assert cloud.numbers[-1] > 0.9 * len(many)


def test_the_next_reading_waits_until_the_training_has_paid_for_it(monkeypatch):
    monkeypatch.setattr(live, "SHARE", 1e-9)
    test, trainer = LiveTest(TEST), Trainer(SHORT)
    assert test.read(trainer, 0) is not None
    assert test.read(trainer, 0) is None


def test_nobody_looks_and_nothing_is_read():
    told = list(drive(Trainer(SHORT), TRAIN, TEST, lambda: "continue"))
    assert all(progress.live is None for progress in told)
