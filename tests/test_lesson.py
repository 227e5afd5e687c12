"""The lesson's figures are computed, and are those of the digits it is given."""

import re

import pytest
import torch

from mnist_core.data import Split
from mnist_core.lesson import lesson

_LOSSES = re.compile(r"on these 64 digits it is ([\d.]+)\..*the same digits is ([\d.]+)\.")


@pytest.fixture(scope="module")
def text():
    """The words of a lesson on digits that are half black, half white, and so told apart."""
    labels = torch.arange(7_000) % 2
    images = torch.zeros(7_000, 28, 28, dtype=torch.uint8)
    images[labels == 0, :14], images[labels == 1, 14:] = 255, 255
    digits = Split(images, labels)
    return re.sub(r"<[^>]+>", "", lesson(digits, digits))


def test_the_constants_are_measured_on_the_digits_that_are_there(text):
    assert "measured on the digits here: 0.5000 and 0.5000" in text


def test_a_step_lowers_the_loss_on_its_batch(text):
    before, after = _LOSSES.search(text).groups()
    assert float(after) < float(before)
    assert float(before) == pytest.approx(2.303, abs=0.5)


def test_a_hundred_steps_tell_black_from_white(text):
    assert "1,000 test digits it now reads 100.0 % right" in text


def test_our_resume_repeats_the_run_and_the_tutorials_trains_nothing(text):
    assert "Its 21,840 weights are the same to the last bit" in text
    assert "one step changes 0 of the 21,840 loaded weights" in text
