"""Drawings that are no digit, and a network that was shown them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from digits import small_split
from torch.nn import functional as F

from mnist_core import evaluation, inspection
from mnist_core.checkpoint import Checkpoint
from mnist_core.config import MODERN, NONE, TUTORIAL, TrainConfig
from mnist_core.digits.nondigits import nondigit_images
from mnist_core.digits.split import Split, in_turn, normalize
from mnist_core.errors import ConfigError
from mnist_core.models import Net, build
from mnist_core.numpy_network import Reader
from mnist_core.training import NONE_WEIGHT, Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

OTHERS = torch.from_numpy(nondigit_images(60, seed=3)[0])
TRAIN, TEST = replace(small_split(240, seed=1), nondigits=OTHERS), small_split(50, seed=2)


def config(**settings):
    return TrainConfig(**{"epochs": 2, "batch_size": 32, "nondigits": 0.2, **settings})


def finished(trainer):
    for _ in trainer.batches(TRAIN, TEST):
        pass
    return trainer


def test_they_are_decided_by_seed_and_index_alone_and_all_have_ink():
    (few, labels), (other, _) = nondigit_images(20, seed=3), nondigit_images(20, seed=4)
    assert labels.tolist() == [NONE] * 20
    assert np.array_equal(few, OTHERS[:20])
    assert not (few == other).all((1, 2)).any()
    assert few.shape == (20, 28, 28)
    assert (OTHERS.sum((1, 2)) > 0).all()


def test_they_are_kept_and_a_broken_cache_is_made_anew(tmp_path):
    images, _ = nondigit_images(5, seed=1, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert np.array_equal(nondigit_images(5, seed=1, cache=tmp_path)[0], images)
    with np.load(kept) as content:
        assert np.array_equal(content["images"], images)


def test_every_step_sees_the_next_of_them_and_begins_anew_behind_the_last():
    seen = torch.cat([in_turn(10, 4, seed=0, step=step) for step in range(5)])
    assert seen.tolist() == [*range(10), *range(10)]
    assert in_turn(10, 4, seed=7, step=0).tolist() != in_turn(10, 4, seed=0, step=0).tolist()


def test_only_a_network_that_is_shown_them_has_an_output_for_them():
    assert (TUTORIAL.outputs, MODERN.outputs) == (10, 11)
    assert (TUTORIAL.data, MODERN.data) == ("mnist", "mnist+handwriting+nondigits")
    with pytest.raises(ConfigError, match=r"nondigits must be between 0 and 0\.5"):
        TrainConfig(nondigits=0.6)


def test_a_step_is_that_of_plain_torch_on_the_digits_and_a_fifth_of_others():
    """A share of 0.2 beside 32 digits are 8 others; their loss counts 0.2 times."""
    trainer = Trainer(config(batch_size=32, epochs=1))
    theirs = build("net", 11)
    theirs.load_state_dict(trainer.checkpoint().model)
    batch = Split(TRAIN.images[:32], TRAIN.labels[:32], nondigits=OTHERS[:8])
    for network in (trainer.model, theirs):
        for layer in (network.conv2_drop, network.fc1_drop):
            layer.forward = lambda x: x
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.01, momentum=0.5)
    digits = F.nll_loss(theirs(normalize(batch.images)), batch.labels)
    others = F.nll_loss(theirs(normalize(OTHERS[:8])), torch.full((8,), NONE))
    (digits + NONE_WEIGHT * others).backward()
    optimizer.step()
    finish = list(trainer.events(batch, TEST))
    assert finish[1].loss == pytest.approx(digits.item(), abs=1e-5)
    for mine, other in zip(trainer.model.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-6)


def test_it_learns_what_is_none_and_reads_digits_as_before():
    trainer = finished(Trainer(config(epochs=8, learning_rate=0.05)))
    model = trainer.checkpoint().network()
    assert evaluation.outputs(model, OTHERS)[:, NONE].exp().mean() > 0.8
    assert evaluation.outputs(model, TEST.images)[:, NONE].exp().mean() < 0.2
    assert evaluation.evaluate(model, TEST).accuracy > 0.9
    answers = evaluation.classify(model, TEST.images)
    assert answers.shape == (50, 10)
    assert torch.allclose(answers.sum(1), torch.ones(50))
    with torch.no_grad():
        outputs = model(normalize(TEST.images)).exp()
    assert torch.allclose(answers, outputs[:, :10] / outputs[:, :10].sum(1, keepdim=True))


def test_features_are_what_the_last_layer_is_given():
    for name, outputs in (("net", 10), ("modern", 11)):
        model = build(name, outputs).eval()
        features = inspection.features(model, TEST.images)
        last = model.fc2 if name == "net" else model.fc
        expected = F.log_softmax(last(features), 1)
        assert torch.allclose(expected, model(normalize(TEST.images)), atol=1e-5)


@pytest.mark.parametrize(("name", "count"), [("net", 10), ("net", 11), ("modern", 11)])
def test_a_reader_of_one_digit_answers_the_same(name, count):
    model = build(name, count)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.01, 0.02)
    reader = Reader(model)
    expected = evaluation.outputs(model, OTHERS), inspection.features(model, OTHERS)
    for image, log_probabilities, features in zip(OTHERS.numpy(), *expected, strict=True):
        ours, seen = reader.look(image)
        np.testing.assert_allclose(ours, log_probabilities, atol=1e-4)
        np.testing.assert_allclose(seen, features, rtol=1e-4, atol=1e-4)
        probabilities = evaluation.classify(model, torch.from_numpy(image)[None])[0]
        answers = reader.answers(image[None])
        np.testing.assert_allclose(answers.probabilities[0], probabilities, atol=1e-5)


def test_class_means_and_likeness_in_plain_numpy():
    model = Net().eval()
    features = inspection.features(model, TRAIN.images).numpy()
    labels = TRAIN.labels.numpy()
    means = np.stack([features[labels == digit].mean(0) for digit in range(10)])
    found = inspection.class_means(model, TRAIN)
    assert np.allclose(found, means, atol=1e-5)
    norm = np.linalg.norm
    cosine = (features @ means.T) / norm(features, axis=1)[:, None] / norm(means, axis=1)
    told = evaluation.outputs(model, TRAIN.images, class_means=found)[:, NONE]
    odds = inspection.STEEP * (cosine.max(1) - inspection.LIKE)
    assert np.allclose(told, -np.log1p(np.exp(odds)), atol=1e-3)


def test_a_run_keeps_its_class_means_when_it_ends_and_has_none_under_way(tmp_path):
    trainer = Trainer(config(epochs=1, nondigits=0.0))
    for _ in trainer.batches(TRAIN, TEST):
        kept = trainer.checkpoint().class_means
        assert (kept is None) == (not trainer.history.evaluations[1:])
    trainer.checkpoint().save(tmp_path / "checkpoint.pt")
    saved = Checkpoint.load(tmp_path / "checkpoint.pt")
    assert torch.allclose(saved.class_means, inspection.class_means(saved.network(), TRAIN))
    resumed = Trainer.resume(saved, epochs=2)
    assert torch.equal(resumed.checkpoint().class_means, saved.class_means)
    next(resumed.batches(TRAIN, TEST))
    assert resumed.checkpoint().class_means is None
