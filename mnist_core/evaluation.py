"""How well a network reads: a whole split at once, or a few digits.

Reading leaves the network in evaluation mode and computes no gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import NONE
from .digits.split import Split, normalize
from .inspection import told_by_means
from .models import given_a_digit

BATCH = 1000

DIGIT = 0.84
"""From this probability that it is a digit at all, a drawing is one. With the modern weights 99.5 %
of synthetic digits that these were not trained on are, and 99.8 % of MNIST's training digits."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's answers to every drawing of a split, and the figures that follow from them.

    `log_probabilities` f32 [N,10] are those of the ten digits if it is one, `labels` i64 [N] are
    0..9 or NONE, and `none` f32 [N] is the log-probability that it is no digit; None from a network
    that takes everything for one. On the CPU, in the split's order.

    A digit that is read right is right even where it is refused: MNIST asks which digit it is. What
    is no digit is right where it is refused.
    """

    log_probabilities: Tensor
    labels: Tensor
    none: Tensor | None = None

    @classmethod
    def of(cls, outputs: Tensor, labels: Tensor) -> Evaluation:
        """Of what a network says, log-probabilities f32 [N,10] or, with NONE, [N,11]."""
        none = outputs[:, NONE] if outputs.shape[1] > NONE else None
        return cls(given_a_digit(outputs), labels, none)

    @cached_property
    def refused(self) -> Tensor:
        """bool [N], what is taken for no digit."""
        if self.none is None:
            return torch.zeros_like(self.labels, dtype=torch.bool)
        return self.none > math.log(1 - DIGIT)

    @cached_property
    def digits(self) -> Tensor:
        """i64 [N], the most probable digit, refused or not."""
        return self.log_probabilities.argmax(1)

    @cached_property
    def predictions(self) -> Tensor:
        """i64 [N], the same, but NONE for what is no digit and refused."""
        return self.digits.where(~self.refused | (self.labels != NONE), NONE)

    @cached_property
    def confidences(self) -> Tensor:
        """f32 [N], the probability of what is predicted."""
        return self._answers.gather(1, self.predictions[:, None])[:, 0].exp()

    @cached_property
    def right(self) -> Tensor:
        """bool [N]."""
        return self.predictions == self.labels

    @cached_property
    def losses(self) -> Tensor:
        """f32 [N], the negative log-likelihood of each label in nats."""
        return F.nll_loss(self._answers, self.labels, reduction="none")

    @cached_property
    def counts(self) -> Tensor:
        """i64 [11,11], how often each label (row) was read as another (column), NONE last."""
        return torch.bincount(self.labels * 11 + self.predictions, minlength=121).view(11, 11)

    @property
    def confusion(self) -> Tensor:
        """i64 [10,10], the same of the digits alone."""
        return self.counts[:NONE, :NONE]

    @cached_property
    def _answers(self) -> Tensor:
        """f32 [N,11], log-probabilities: of a digit, which one; of others, also that it is none."""
        never = torch.full_like(self.log_probabilities[:, 0], -math.inf)
        none = never if self.none is None else self.none.where(self.labels == NONE, never)
        is_digit = torch.log1p(-none.exp())
        return torch.cat([self.log_probabilities + is_digit[:, None], none[:, None]], 1)

    @property
    def loss(self) -> float:
        """Mean negative log-likelihood, nats per digit."""
        return float(self.losses.double().mean())

    @property
    def accuracy(self) -> float:
        """Share read right, 0..1."""
        return int(self.right.sum()) / len(self.labels)

    @property
    def per_class_accuracy(self) -> list[float | None]:
        """Share read right of each digit 0..9, 0..1; None for a digit that does not occur."""
        rows = self.confusion.tolist()
        return [row[digit] / sum(row) if any(row) else None for digit, row in enumerate(rows)]


def evaluate(
    model: nn.Module,
    split: Split,
    device: str | torch.device = "cpu",
    progress: Callable[[float], None] | None = None,
    class_means: Tensor | None = None,
) -> Evaluation:
    """Read every digit of a split, `BATCH` at a time, as `outputs`. Raises ValueError for an empty
    split. `progress` is told the share that is read, up to 1.
    """
    if not len(split):
        raise ValueError("cannot evaluate on no digits")
    return Evaluation.of(outputs(model, split.images, device, progress, class_means), split.labels)


def classify(model: nn.Module, images: Tensor, device: str | torch.device = "cpu") -> Tensor:
    """u8 [B,28,28] → probabilities f32 [B,10], on the CPU: of the ten digits, given it is one."""
    return given_a_digit(outputs(model, images, device)).exp()


@torch.no_grad()
def outputs(
    model: nn.Module,
    images: Tensor,
    device: str | torch.device = "cpu",
    progress: Callable[[float], None] | None = None,
    class_means: Tensor | None = None,
) -> Tensor:
    """u8 [B,28,28] → log-probabilities f32 [B,10], or [B,11] with NONE, on the CPU.

    A network without an output for NONE has one by its `class_means` f32 [10,F]. One whose weights
    are so large that no numbers come out knows nothing: all are as likely.
    """
    if model.training:
        model.eval()
    parts = []
    for part in images.split(BATCH):
        digits = normalize(part.to(device))
        told = model(digits) if class_means is None else told_by_means(model, digits, class_means)
        blind = told.isnan().any(1, keepdim=True)
        parts.append(told.masked_fill(blind, -math.log(told.shape[1])).cpu())
        if progress:
            progress(min(len(parts) * BATCH / len(images), 1.0))
    return torch.cat(parts) if len(parts) > 1 else parts[0]
