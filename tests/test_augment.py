import torch

from mnist_core.digits.augment import distort
from mnist_core.digits.handwriting import handwriting_images
from mnist_core.digits.split import normalize

DIGITS = torch.from_numpy(handwriting_images(200, seed=4)[0])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_strength_nought_changes_nothing():
    assert torch.allclose(distort(DIGITS, 0.0, generator()), DIGITS.float(), atol=0.1)


def test_distorted_digits_stay_in_range_and_in_the_frame():
    distorted = distort(DIGITS, 1.0, generator())
    assert distorted.shape == DIGITS.shape
    assert distorted.min() >= 0
    assert distorted.max() <= 255.01
    kept = distorted.sum((1, 2)) / DIGITS.float().sum((1, 2))
    assert kept.min() > 0.25
    assert kept.max() < 3


def test_each_digit_of_a_batch_is_distorted_on_its_own():
    same = distort(DIGITS[:1].expand(50, 28, 28), 1.0, generator())
    assert len({image.numpy().tobytes() for image in same}) == 50


def test_the_generator_alone_decides():
    before = torch.get_rng_state()
    one, two = distort(DIGITS, 1.0, generator(1)), distort(DIGITS, 1.0, generator(1))
    assert torch.equal(one, two)
    assert not torch.equal(one, distort(DIGITS, 1.0, generator(2)))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_originals_are_not_touched():
    before = DIGITS.clone()
    normalize(distort(DIGITS, 1.0, generator()))
    assert torch.equal(DIGITS, before)
    assert normalize(distort(DIGITS, 1.0, generator())).shape == (200, 1, 28, 28)
