"""Labelled digits as two tensors, their order in training, and what a network is given of them.

Batches are indices into the tensors: there is no DataLoader, whose per-image transforms cost the
tutorial most of its time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..config import NONE

MEAN, STD = 0.1307, 0.3081
"""Of MNIST's training pixels, scaled to 0..1: the tutorial's constants."""


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled digits: `images` u8 [N,28,28] with ink = 255, `labels` i64 [N] in 0..9; or, to be
    tested or of somebody's own, what is no digit, labelled `config.NONE`.

    Each epoch adds the next of the `shards`, which have equally many digits, and after the last the
    first again. The length is an epoch's. `nondigits` u8 [M,28,28] are drawings of something else,
    which no label and no length counts.
    """

    images: Tensor
    labels: Tensor
    shards: tuple[Split, ...] = ()
    nondigits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels) + (len(self.shards[0]) if self.shards else 0)

    @cached_property
    def digest(self) -> str:
        """Tells the images and labels, without shards and non-digits, from all others."""
        content = self.images.numpy().tobytes() + self.labels.numpy().tobytes()
        return hashlib.sha256(content).hexdigest()

    def in_epoch(self, epoch: int) -> Split:
        """The digits seen in an epoch, counted from 0."""
        if not self.shards:
            return self
        return replace(self + self.shards[epoch % len(self.shards)], nondigits=self.nondigits)

    def where(self, chosen: Tensor) -> Split:
        """Those that are chosen, bool [N], copied."""
        return Split(self.images[chosen], self.labels[chosen])

    def of_digits(self) -> Split:
        """Those that are of digits, which may be none."""
        return self.where(self.labels < NONE)

    def __add__(self, other: Split) -> Split:
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))


def normalize(images: Tensor) -> Tensor:
    """u8 [N,28,28] → f32 [N,1,28,28], (x/255 - mean) / std: the only door into a network."""
    return images.unsqueeze(1).float().mul_(1 / (255 * STD)).sub_(MEAN / STD)


def batches(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """Index tensors i64 [≤ batch_size] covering 0..count-1 once, in an order of (seed, epoch)."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    yield from torch.randperm(count, generator=generator).split(batch_size)


def in_turn(total: int, count: int, seed: int, step: int) -> Tensor:
    """i64 [count]: the numbers in 0..total-1 that a step sees of what all steps see in turn, from a
    start of the seed's."""
    return (torch.arange(count) + step * count + seed * 1_000_003) % total
