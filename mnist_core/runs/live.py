"""How well a network reads while it trains: a few test digits, about twice a second.

What is spent on it is measured as it goes: after a reading that took t the next waits SHARE⁻¹ t, so
that a run loses no more than SHARE of its time, whatever the network and the machine; where that
would be seldom, fewer digits are read.

But: no part of a run's result. The recorded accuracies are those of the whole test set after each
epoch, and a reading changes neither weights nor random states nor what a checkpoint holds.
"""

from __future__ import annotations

import time

import torch
from torch import nn

from ..digits.split import Split
from ..evaluation import classify
from ..history import LiveReading
from ..training import Trainer
from .cloud import Cloud

SHARE = 0.04
"""Of a run's time."""
MOST_DIGITS, LEAST_DIGITS = 1_000, 250
MOVED = 500
"""Digits in the cloud that moves, at most: a page is sent them twice a second."""
APART_SECONDS = 0.5
"""Between two readings, at least."""


class LiveTest:
    """The test digits that one training is read with, and when it is due."""

    def __init__(self, test: Split) -> None:
        # The first half of MNIST's test digits is easier than the second: taken from all of it.
        every = max(1, len(test) // MOST_DIGITS)
        self._numbers = torch.arange(0, len(test), every)[:MOST_DIGITS]
        self._images, self._labels = test.images[self._numbers], test.labels[self._numbers]
        self._due = 0.0
        self._seconds_per_digit = 0.0

    def read(self, trainer: Trainer, examples_seen: int) -> tuple[LiveReading, Cloud] | None:
        """How the network reads now, and where that puts the digits; None until it is due."""
        start = time.monotonic()
        if start < self._due:
            return None
        every = -(-len(self._images) // self._affordable())
        labels = self._labels[::every]
        probabilities = classify(trainer.model, self._images[::every], trainer.device)
        few = slice(None, None, -(-len(labels) // MOVED))
        cloud = Cloud.of(self._numbers[::every][few], labels[few], probabilities[few])
        end = time.monotonic()
        self._seconds_per_digit = (end - start) / len(labels)
        self._due = end + max(APART_SECONDS, (end - start) / SHARE)
        right = int((probabilities.argmax(1) == labels).sum()) / len(labels)
        reading = LiveReading(examples_seen=examples_seen, accuracy=right, digits=len(labels))
        return reading, cloud

    def cloud(self, network: nn.Module) -> Cloud:
        """Where a network that has stopped training puts the digits."""
        few = slice(None, None, -(-len(self._labels) // MOVED))
        probabilities = classify(network, self._images[few])
        return Cloud.of(self._numbers[few], self._labels[few], probabilities)

    def _affordable(self) -> int:
        """Digits that a network of this speed can read every APART_SECONDS, within bounds."""
        if not self._seconds_per_digit:
            return LEAST_DIGITS
        count = int(SHARE * APART_SECONDS / self._seconds_per_digit)
        return MOST_DIGITS if 2 * count > MOST_DIGITS else max(count, LEAST_DIGITS)
