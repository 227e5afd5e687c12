"""Labelled digits in tensors: what a network is given, and in which order."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.digits.split import Split, batches, normalize


def test_normalize_is_the_tutorials_constants():
    """(0/255 - 0.1307) / 0.3081 = -0.42421 and (255/255 - 0.1307) / 0.3081 = 2.82149."""
    images = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    out = normalize(images)
    assert out.shape == (1, 1, 1, 2)
    assert out.dtype == torch.float32
    assert out.flatten().tolist() == pytest.approx([-0.42421, 2.82149], abs=1e-5)


def test_an_epoch_has_the_fixed_digits_and_the_next_shard():
    digits = [Split(torch.full((2, 28, 28), n), torch.full((2,), n)) for n in range(4)]
    train = Split(digits[0].images, digits[0].labels, tuple(digits[1:]))
    assert len(train) == 4
    for epoch, shard in enumerate([1, 2, 3, 1]):
        seen = train.in_epoch(epoch)
        assert seen.labels.tolist() == [0, 0, shard, shard]
        assert seen.images[:, 0, 0].tolist() == [0, 0, shard, shard]
    assert digits[0].in_epoch(5) is digits[0]


@given(st.integers(0, 300), st.integers(1, 400), st.integers(0, 2**31 - 1), st.integers(0, 99))
def test_the_batches_of_an_epoch_cover_every_digit_once(count, size, seed, epoch):
    parts = list(batches(count, size, seed, epoch))
    assert sorted(torch.cat(parts).tolist() if parts else []) == list(range(count))
    assert all(len(part) == size for part in parts[:-1])
    again = batches(count, size, seed, epoch)
    assert all(torch.equal(one, two) for one, two in zip(parts, again, strict=True))


@pytest.mark.parametrize("count", [1, 7])
def test_another_epoch_is_another_order(count):
    orders = {tuple(torch.cat(list(batches(count, 3, 1, epoch))).tolist()) for epoch in range(20)}
    assert len(orders) == 1 if count == 1 else len(orders) > 10
