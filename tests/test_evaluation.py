"""Figures of an evaluation against plain numpy."""

import math

import numpy as np
import pytest
import torch
from digits import FIVE, answered, small_split

from mnist_core import models
from mnist_core.checkpoint import Checkpoint
from mnist_core.config import NONE
from mnist_core.digits.nondigits import letter_images
from mnist_core.digits.split import Split, normalize
from mnist_core.evaluation import classify, evaluate, outputs
from mnist_core.places import shipped_weights
from mnist_core.reading import reader_of


def test_a_worked_example_of_five_digits():
    """Right are 0, 2 and 4: accuracy 3/5. Losses are -ln of the truth's probability:
    0.8, 0.2, 0.5, 0.09, 0.99 → 0.2231 + 1.6094 + 0.6931 + 2.4079 + 0.0101 = 4.9437; / 5 = 0.9887.
    Of two 3s one is right, of one 5 one, of two 9s one.
    """
    assert FIVE.accuracy == pytest.approx(3 / 5)
    assert FIVE.loss == pytest.approx(0.9887, abs=1e-4)
    assert FIVE.predictions.tolist() == [3, 5, 5, 4, 9]
    assert FIVE.right.tolist() == [True, False, True, False, True]
    assert FIVE.per_class_accuracy == [None, None, None, 0.5, None, 1, None, None, None, 0.5]
    expected = np.zeros((10, 10), int)
    expected[3, 3] = expected[3, 5] = expected[5, 5] = expected[9, 4] = expected[9, 9] = 1
    assert (FIVE.confusion.numpy() == expected).all()


def test_an_evaluation_equals_plain_numpy_on_the_same_log_probabilities():
    model, split = models.build("net").eval(), small_split(257)
    with torch.no_grad():
        scores = model(normalize(split.images)).numpy().astype(float)
    labels = split.labels.numpy()
    confusion = np.zeros((10, 10), int)
    for truth, read in zip(labels, scores.argmax(1), strict=True):
        confusion[truth, read] += 1

    result = evaluate(model, split)

    assert result.loss == pytest.approx(-scores[np.arange(257), labels].mean(), abs=1e-6)
    assert result.accuracy == pytest.approx((scores.argmax(1) == labels).mean())
    assert (result.confusion.numpy() == confusion).all()
    probabilities = classify(model, split.images).numpy()
    assert np.allclose(probabilities, np.exp(scores), atol=1e-6)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)


def test_a_worked_example_of_what_is_no_digit():
    """Refused is what is none with 0.16 and more. Of others, refusing is right: its probability is
    that of being none, 0.9; a digit's is 0.6 × (1 - 0.1) = 0.54, the loss then -ln 0.1 = 2.3026.
    A digit is right, and as sure, refused or not: 0.8, and -ln 0.8 = 0.2231.
    """
    read = answered(
        [
            (NONE, {4: 0.6, NONE: 0.9}),  # 0: refused
            (NONE, {4: 0.6, NONE: 0.1}),  # 1: slips through as a 4
            (4, {4: 0.8, NONE: 0.9}),  # 2: right, refused
            (4, {5: 0.8, NONE: 0.1}),  # 3: wrong
        ]
    )
    assert read.refused.tolist() == [True, False, True, False]
    assert read.digits.tolist() == [4, 4, 4, 5]
    assert read.predictions.tolist() == [NONE, 4, 4, 5]
    assert read.right.tolist() == [True, False, True, False]
    assert read.confidences.tolist() == pytest.approx([0.9, 0.54, 0.8, 0.8])
    assert read.losses[:3].tolist() == pytest.approx([0.1054, 2.3026, 0.2231], abs=1e-4)
    assert read.counts[NONE].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert (int(read.counts.sum()), int(read.confusion.sum())) == (4, 2)


def test_a_network_that_takes_everything_refuses_nothing_and_loses_without_end():
    read = answered([(NONE, {4: 0.6}), (4, {4: 0.9})])
    assert read.none is None
    assert read.predictions.tolist() == [4, 4]
    assert read.losses.tolist() == pytest.approx([math.inf, 0.1054], abs=1e-4)


def test_by_class_means_it_refuses_what_a_reader_of_one_digit_refuses():
    checkpoint = Checkpoint.load(shipped_weights("tutorial"))
    letters, labels = map(torch.from_numpy, letter_images(60, seed=8))
    means, network = checkpoint.means_to_tell_by, checkpoint.network()
    read = evaluate(network, Split(letters, labels), class_means=means)
    one_by_one = reader_of(checkpoint).answers(letters.numpy()).is_digit
    assert read.none.exp().numpy() == pytest.approx(1 - one_by_one, abs=1e-4)
    assert 0 < int(read.refused.sum()) < 60
    alone = evaluate(network, Split(letters, labels))
    assert torch.allclose(read.log_probabilities, alone.log_probabilities, atol=1e-5)
    modern = Checkpoint.load(shipped_weights("modern"))
    assert modern.means_to_tell_by is None
    none = outputs(modern.network(), letters)[:, NONE].exp()
    assert torch.allclose(evaluate(modern.network(), Split(letters, labels)).none.exp(), none)


def test_evaluating_no_digits_is_a_bug_of_the_caller():
    empty = Split(torch.empty(0, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
    with pytest.raises(ValueError, match="no digits"):
        evaluate(models.build("net"), empty)
    assert classify(models.build("net"), empty.images).shape == (0, 10)
