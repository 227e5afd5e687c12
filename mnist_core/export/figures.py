"""What is measured of a network for its model card: how well it reads, knows, and doubts.

Calibration is the expected calibration error over 15 equal bins of the largest probability (Guo,
Pleiss, Sun and Weinberger 2017, section 2). What is no digit is tried with synthetic letters of a
seed that no network is trained on; they are of the same fonts as those in training, so other
people's letters may fool it more often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from ..evaluation import Evaluation

_EDGES = (0.0, 0.5, 0.8, 0.95, 0.99, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    """How a network reads its test digits, and `letters` that it was not trained on."""

    evaluation: Evaluation
    letters: Evaluation

    @property
    def swallowed(self) -> int | None:
        """Letters taken for digits; None for a network that takes everything for one."""
        return None if self.letters.none is None else int((~self.letters.right).sum())

    @property
    def doubted(self) -> float:
        """Share of the test digits that are taken for none, 0..1."""
        return float(self.evaluation.refused.double().mean())

    @property
    def calibration_error(self) -> float:
        """Mean distance of the largest probability from the share that is right, 0..1."""
        shares, right = self.evaluation.confidences.double(), self.evaluation.right.double()
        bins = (shares * 15).long().clamp(max=14)
        distance = torch.zeros(15, dtype=torch.float64).index_add(0, bins, shares - right).abs()
        return float(distance.sum()) / len(right)

    def bands(self) -> Iterator[tuple[float, float, int, float | None]]:
        """(from, to, digits, share of them right or None) by the largest probability."""
        shares, right = self.evaluation.confidences, self.evaluation.right
        for low, high in pairwise(_EDGES):
            inside = (shares >= low) & ((shares < high) | (high == 1))
            count = int(inside.sum())
            yield low, high, count, int(right[inside].sum()) / count if count else None
