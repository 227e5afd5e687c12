"""How well a network reads: a whole split at once, or a few digits; and which digits to look at.

Reading leaves the network in evaluation mode and computes no gradients.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .data import Split, normalize
from .errors import ConfigError
from .view import ANY, COMPARISONS, View
from .words import say

BATCH = 1000

UNSURE_BELOW = 0.6
"""A network is unsure of a digit whose most probable reading is less probable than this."""


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
    def confidences(self) -> Tensor:
        """f32 [N], the probability of the most probable digit."""
        return self.log_probabilities.amax(1).exp()

    @cached_property
    def right(self) -> Tensor:
        """bool [N]."""
        return self.predictions == self.labels

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


def evaluate_once(model: nn.Module, split: Split) -> Evaluation:
    """`evaluate` on the CPU, remembered for the last 32 pairs of weights and split.

    Networks with equal weights are the same, wherever they were loaded from; splits are the same
    only when they are one object.
    """
    return _evaluate_once(_Weights(model), split)


def select(evaluation: Evaluation, view: View, other: Evaluation | None = None) -> Tensor:
    """i64 [K], the numbers of the digits in a view, on all its pages; ties in the set's order.

    `other`, an evaluation of the same split, is needed for `view.COMPARISONS`. Raises ConfigError
    for a view that there is not.
    """
    keep = _shown(evaluation, view.show, other)
    if view.truth != ANY:
        keep = keep & (evaluation.labels == view.truth)
    if view.read_as != ANY:
        keep = keep & (evaluation.predictions == view.read_as)
    numbers = keep.nonzero().squeeze(1)
    if view.order == "random":
        generator = torch.Generator().manual_seed(view.seed)
        return numbers[torch.randperm(len(numbers), generator=generator)]
    return numbers[_rank(evaluation, view.order)[numbers].argsort(stable=True)]


def agreement(first: Evaluation, second: Evaluation) -> Tensor:
    """i64 [2,2], digits by whether the first (row) and the second (column) read them right."""
    both = 2 * (~first.right).long() + (~second.right).long()  # right is 0, wrong is 1
    return torch.bincount(both, minlength=4).view(2, 2)


def results_csv(evaluation: Evaluation) -> str:
    """One line per digit: index, truth, prediction, and the ten probabilities to 6 places."""
    header = ",".join(["index", "truth", "prediction", *(f"p{digit}" for digit in range(10))])
    rows = zip(
        evaluation.labels.tolist(),
        evaluation.predictions.tolist(),
        evaluation.log_probabilities.exp().tolist(),
        strict=True,
    )
    lines = [
        f"{index},{truth},{read}," + ",".join([f"{p:.6f}" for p in probabilities])
        for index, (truth, read, probabilities) in enumerate(rows)
    ]
    return "\n".join([header, *lines, ""])


def classify(model: nn.Module, images: Tensor, device: str | torch.device = "cpu") -> Tensor:
    """u8 [B,28,28] → probabilities f32 [B,10], on the CPU."""
    return _log_probabilities(model, images, device).exp()


@torch.no_grad()
def _log_probabilities(model: nn.Module, images: Tensor, device: str | torch.device) -> Tensor:
    if model.training:
        model.eval()
    parts = [model(normalize(part.to(device))).cpu() for part in images.split(BATCH)]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


class _Weights:
    """A network that equals every other with the same layers and weights."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        digest = hashlib.sha256(repr(model).encode())
        for name, tensor in model.state_dict().items():
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        self.digest = digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Weights) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@lru_cache(maxsize=32)
def _evaluate_once(weights: _Weights, split: Split) -> Evaluation:
    return evaluate(weights.model, split)


def _shown(evaluation: Evaluation, show: str, other: Evaluation | None) -> Tensor:
    """bool [N]"""
    if show == "all":
        return torch.ones_like(evaluation.right)
    if show == "mistakes":
        return ~evaluation.right
    if show == "unsure":
        return evaluation.confidences < UNSURE_BELOW
    if other is None or show not in COMPARISONS:
        raise ConfigError(say("There is no view {show!r} of these networks.", show=show))
    if show == "only first right":
        return evaluation.right & ~other.right
    if show == "only second right":
        return ~evaluation.right & other.right
    if show == "both wrong":
        return ~evaluation.right & ~other.right
    return evaluation.predictions != other.predictions


def _rank(evaluation: Evaluation, order: str) -> Tensor:
    """f32 [N], small for what comes first."""
    confidences = evaluation.confidences
    if order == "worst first":
        return torch.where(evaluation.right, confidences, -confidences)
    if order == "least sure first":
        return confidences
    if order == "highest loss first":
        return -evaluation.losses
    if order == "as in the set":
        return torch.arange(len(confidences))
    raise ConfigError(say("There is no order {order!r}.", order=order))
