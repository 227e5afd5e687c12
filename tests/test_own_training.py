"""Training on one's own drawings: what is mixed, where it starts, exact resume."""

from dataclasses import replace

import pytest
import torch
from digits import drawn
from training_runs import TEST, TRAIN, assert_same_result, ended, saved

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import NONE, TUTORIAL, teaching
from mnist_core.digits.datasets import BESIDE, OWN_DIGITS, with_own
from mnist_core.digits.split import Split
from mnist_core.errors import CheckpointError, ConfigError, DataError
from mnist_core.evaluation import evaluate
from mnist_core.inspection import class_means
from mnist_core.places import shipped_weights
from mnist_core.runs.folder import new_visitor
from mnist_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = replace(teaching(TUTORIAL), epochs=2)


def load(dataset):
    assert dataset == "mnist+own"
    return TRAIN, TEST


@pytest.fixture(scope="module")
def start() -> Checkpoint:
    return Checkpoint.load(shipped_weights("tutorial"))


def test_an_epoch_has_the_drawings_distorted_and_other_digits_beside_them():
    own = drawn(20)
    train, test = with_own(own, TRAIN, TEST, CONFIG)
    assert test is TEST
    assert len(train) == OWN_DIGITS + BESIDE
    first, second = train.in_epoch(0), train.in_epoch(1)
    assert set(first.labels[:OWN_DIGITS].tolist()) == set(own.labels.tolist())
    assert not torch.equal(first.images[:20], own.images), "they are distorted"
    assert not torch.equal(first.images[:20], second.images[:20]), "and not twice in one way"
    known = {image.numpy().tobytes() for image in TRAIN.images}
    assert all(image.numpy().tobytes() in known for image in first.images[OWN_DIGITS:])
    again, _ = with_own(own, TRAIN, TEST, replace(CONFIG, epochs=5))
    assert torch.equal(again.in_epoch(1).images, second.images), "more epochs change no earlier one"


def test_what_is_no_digit_is_for_networks_that_have_an_output_for_it_and_tested_on_none():
    others = Split(drawn(10, seed=4).images, torch.full((10,), NONE))
    own = drawn(10) + others
    nothing = Split(TRAIN.images[:0], TRAIN.labels[:0])
    ten, tested = with_own(own, nothing, nothing, replace(CONFIG, dataset="own"))
    eleven, _ = with_own(own, nothing, nothing, replace(CONFIG, dataset="own", nondigits=0.1))
    assert (int(ten.in_epoch(0).labels.max()), int(eleven.in_epoch(0).labels.max())) == (9, NONE)
    assert (len(tested), int(tested.labels.max()) < NONE) == (10, True)
    with pytest.raises(DataError, match="draw some"):
        with_own(others, nothing, nothing, CONFIG)


def test_without_drawings_a_run_on_them_says_so():
    with pytest.raises(DataError, match="draw some"):
        Trainer(CONFIG).splits(load)


def test_a_taught_network_starts_from_the_weights_and_reads_the_drawings_better(start):
    """Made-up digits, stripes, that no network of real ones reads."""
    own = drawn(50)
    trainer = Trainer.start_from(start, replace(CONFIG, learning_rate=0.005), own=own)
    assert all(torch.equal(start.model[n], w) for n, w in trainer.model.state_dict().items())
    before = evaluate(trainer.model, own).accuracy
    list(trainer.events(*trainer.splits(load)))
    assert evaluate(trainer.model, own).accuracy > before + 0.3
    first, *_, last = trainer.history.evaluations
    assert first.accuracy == start.history.evaluations[-1].accuracy
    assert (first.examples_seen, last.examples_seen) == (0, 2 * (OWN_DIGITS + BESIDE))
    assert trainer.class_means is not None


def test_a_run_on_what_is_no_digit_as_well_ends_with_the_means_of_its_digits():
    own = drawn(10) + Split(drawn(10, seed=4).images, torch.full((10,), NONE))
    trainer = Trainer(replace(CONFIG, epochs=1, batch_size=500, nondigits=0.1))
    trainer.own = own
    others = replace(TRAIN, nondigits=drawn(100, seed=5).images)
    train, test = trainer.splits(lambda _: (others, TEST))
    list(trainer.events(train, test))
    digits = train.in_epoch(0).of_digits()
    assert len(digits) < len(train), "there is what is no digit"
    assert torch.allclose(trainer.class_means, class_means(trainer.model, digits), atol=1e-5)


def test_weights_of_another_network_are_refused(start):
    with pytest.raises(ConfigError, match="another network"):
        Trainer.start_from(start, replace(CONFIG, network="modern"))


def test_a_run_on_ones_own_digits_is_resumed_to_the_bit_from_its_checkpoint_alone(start, tmp_path):
    config = replace(CONFIG, batch_size=500)
    whole = Trainer.start_from(start, config, own=drawn(20))
    list(whole.events(*whole.splits(load)))
    halfway = Trainer.start_from(start, config, own=drawn(20))
    steps = halfway.batches(*halfway.splits(load))
    for _ in range(12):
        next(steps)
    halfway.checkpoint().save(tmp_path / "run.pt")
    kept = Checkpoint.load(tmp_path / "run.pt")
    assert kept.own.digest == drawn(20).digest
    resumed = Trainer.resume(kept, mark=False)
    list(resumed.events(*resumed.splits(load)))
    assert_same_result(resumed.checkpoint(), whole.checkpoint())


def test_the_scheduler_trains_it_as_any_other_run(open_scheduler, start):
    scheduler, visitor = open_scheduler(load), new_visitor()
    begun = Trainer.start_from(start, replace(CONFIG, batch_size=500), own=drawn(20)).checkpoint()
    run_id = scheduler.start_from(visitor, begun, name="Mine")
    state = ended(scheduler, visitor, run_id)
    assert (state.status, state.about.name) == ("finished", "Mine 1")
    assert saved(scheduler, visitor, run_id).own.digest == drawn(20).digest


@pytest.mark.parametrize(
    "change",
    [
        {"images": torch.zeros(20, 28, 27, dtype=torch.uint8)},
        {"images": torch.zeros(20, 28, 28)},
        {"labels": torch.full((20,), 11)},
        {"labels": torch.full((20,), -1)},
        {"labels": torch.zeros(19, dtype=torch.int64)},
        {"labels": torch.zeros(20, dtype=torch.int32)},
        {"labels": 7},
        {"images": torch.zeros(0, 28, 28, dtype=torch.uint8), "labels": torch.empty(0).long()},
        {
            "images": torch.zeros(2001, 28, 28, dtype=torch.uint8),
            "labels": torch.zeros(2001).long(),
        },
    ],
)
def test_a_checkpoint_with_drawings_that_are_none_is_refused(start, change):
    content = replace(start, own=drawn(20)).content()
    Checkpoint.of(content)
    with pytest.raises(CheckpointError):
        Checkpoint.of(content | {"own": content["own"] | change})
