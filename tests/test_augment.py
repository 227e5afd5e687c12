import torch
from digits import small_split

from mnist_core.config import TrainConfig
from mnist_core.digits.augment import distort
from mnist_core.digits.handwriting import handwriting_images
from mnist_core.digits.split import normalize
from mnist_core.training import Trainer

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


def test_distortion_fades_in_the_second_half_of_a_run(monkeypatch):
    strengths = []

    def distorted(images, strength, generator):
        strengths.append(strength)
        return images.float()

    monkeypatch.setattr("mnist_core.training.distort", distorted)
    trainer = Trainer(TrainConfig(epochs=2, batch_size=32, augmentation=0.6))
    for _ in trainer.events(small_split(500, seed=1), small_split(20, seed=2)):
        pass
    half = len(strengths) // 2
    assert set(strengths[:half]) == {0.6}
    assert strengths == sorted(strengths, reverse=True)
    assert 0 < strengths[-1] < 0.6 / half + 1e-9
