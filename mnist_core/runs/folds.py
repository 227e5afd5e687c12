"""How well a network is taught a hand: each drawing read by one that was taught only the others.

Cross-validation in five folds (Stone 1974): the drawings are dealt into parts, and for each part a
network is taught all the others, from the same weights and by the same course as the run, and
reads it.

But: it costs as much as five runs, and tells of the course, nearly, not of the run's own network,
which has seen every drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..config import NONE, TrainConfig
from ..digits.datasets import tested, with_own
from ..digits.split import Split
from ..evaluation import outputs
from ..models import given_a_digit
from ..training import Trainer
from .drive import Load

FOLDS = 5
"""Parts, of as many drawings or more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Teaching:
    """A run on `own` drawings with these settings, from the weights of `start`."""

    start: Checkpoint
    config: TrainConfig
    own: Split
    load: Load


def dealt(labels: Tensor) -> Tensor:
    """i64 [N] labels → i64 [N], each drawing's part, 0..FOLDS-1, every digit spread over all of
    them; -1 for what is no digit, which is not judged."""
    parts = torch.full_like(labels, -1)
    (digits,) = torch.where(labels < NONE)
    parts[digits[labels[digits].argsort(stable=True)]] = torch.arange(len(digits)) % FOLDS
    return parts


def judge(teaching: Teaching) -> Iterator[tuple[Tensor, Tensor]]:
    """For each part, the numbers i64 [n] of its drawings among those of digits, and how a network
    that was taught the others reads them, log-probabilities f32 [n,10].

    Raises DataError for fewer than two drawings of digits, or when `load` does.
    """
    own = teaching.own
    train, _ = teaching.load(teaching.config.data)
    parts = dealt(own.labels)
    of_digits = parts[parts >= 0]
    for part in of_digits.unique():
        held = own.images[parts == part]
        others = own.where(parts != part)
        trainer = Trainer.start_from(teaching.start, teaching.config, own=others)
        few, _ = with_own(trainer.own, train, tested(own), trainer.config)
        for _ in trainer.batches(few, tested(own)):
            pass
        (which,) = torch.where(of_digits == part)
        yield which, given_a_digit(outputs(trainer.model, held))
