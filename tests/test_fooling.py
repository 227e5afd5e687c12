"""The smallest change: it does flip the answer, less of it does not, and it is small."""

import numpy as np
import pytest
import torch

from mnist_core.digits.handwriting import handwriting
from mnist_core.digits.strokes import rasterize
from mnist_core.evaluation import classify
from mnist_core.fooling import smallest_change
from mnist_core.places import shipped_weights
from mnist_core.reading import reader

HANDS = np.random.default_rng(1)
IMAGES = [torch.from_numpy(rasterize(handwriting(digit, HANDS))) for digit in range(10)]


@pytest.fixture(params=["tutorial", "modern"], scope="module")
def network(request):
    return reader(shipped_weights(request.param)).network


def test_the_changed_digit_is_read_as_said_and_half_of_the_change_is_not(network):
    for image in IMAGES:
        found = smallest_change(network, image)
        before, after = classify(network, torch.stack([image, found.image]))
        assert int(before.argmax()) == found.before != found.read == int(after.argmax())
        assert float(after[found.read]) == pytest.approx(found.probability, abs=1e-4)
        half = (image.float() + (found.image.float() - image.float()) / 2).round()
        assert int(classify(network, half.to(torch.uint8)[None]).argmax()) == found.before


def test_its_size_is_that_of_the_difference(network):
    found = smallest_change(network, IMAGES[0])
    difference = (found.image.float() - IMAGES[0].float()).abs()
    assert found.most == int(difference.max())
    assert found.ink == pytest.approx(float(difference.sum() / IMAGES[0].float().sum()))


def test_a_blank_one_is_not_changed(network):
    blank = torch.zeros(28, 28, dtype=torch.uint8)
    assert smallest_change(network, blank) is None
    assert not blank.any()
