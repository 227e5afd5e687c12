"""How well a network reads: a whole split at once, or a few digits.

Both leave the network in evaluation mode and compute no gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .data import Split, normalize

BATCH = 1000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's answers to every digit of a split, and the figures that follow from them.

    `log_probabilities` f32 [N,10] and `labels` i64 [N], on the CPU, in the split's order.
    """

    log_probabilities: Tensor
    labels: Tensor

    @cached_property
    def predictions(self) -> Tensor:
        """i64 [N], the most probable digit."""
        return self.log_probabilities.argmax(1)

    @cached_property
    def losses(self) -> Tensor:
        """f32 [N], each digit's negative log-likelihood in nats."""
        return F.nll_loss(self.log_probabilities, self.labels, reduction="none")

    @cached_property
    def confusion(self) -> Tensor:
        """i64 [10,10], how often a digit (row) was read as another (column)."""
        return torch.bincount(self.labels * 10 + self.predictions, minlength=100).view(10, 10)

    @property
    def loss(self) -> float:
        """Mean negative log-likelihood, nats per digit."""
        return float(self.losses.double().mean())

    @property
    def accuracy(self) -> float:
        """Share of digits read right, 0..1."""
        return int(self.confusion.diagonal().sum()) / len(self.labels)

    @property
    def per_class_accuracy(self) -> list[float]:
        """Share read right of each digit 0..9, 0..1; 0 for a digit that does not occur."""
        right, count = self.confusion.diagonal(), self.confusion.sum(1)
        return (right / count.clamp(min=1)).tolist()


def evaluate(model: nn.Module, split: Split, device: str | torch.device = "cpu") -> Evaluation:
    """Read every digit of a split, `BATCH` at a time. Raises ValueError for an empty split."""
    if not len(split):
        raise ValueError("cannot evaluate on no digits")
    return Evaluation(_log_probabilities(model, split.images, device), split.labels)


def classify(model: nn.Module, images: Tensor, device: str | torch.device = "cpu") -> Tensor:
    """u8 [B,28,28] → probabilities f32 [B,10], on the CPU."""
    return _log_probabilities(model, images, device).exp()


@torch.no_grad()
def _log_probabilities(model: nn.Module, images: Tensor, device: str | torch.device) -> Tensor:
    model.eval()
    parts = [model(normalize(part.to(device))).cpu() for part in images.split(BATCH)]
    return torch.cat(parts) if parts else torch.empty(0, 10)
