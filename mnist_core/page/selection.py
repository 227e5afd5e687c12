"""Which digits of a set a view holds, in which order; where two networks agree; all as a table."""

from __future__ import annotations

import torch
from torch import Tensor

from ..config import NONE
from ..digits.own import NO_DIGIT
from ..errors import ConfigError
from ..evaluation import Evaluation
from ..reading import SURE
from .view import ANY, COMPARISONS, View


def select(evaluation: Evaluation, view: View, other: Evaluation | None = None) -> Tensor:
    """i64 [K], the numbers of the digits in a view, on all its pages; ties in the set's order.

    `other`, an evaluation of the same split, is needed for `view.COMPARISONS`. Raises ConfigError
    for a view that there is not.
    """
    keep = _shown(evaluation, view.show, other)
    if view.truth != ANY:
        keep = keep & (evaluation.labels == view.truth)
    if view.read_as == NONE:
        keep = keep & evaluation.refused
    elif view.read_as != ANY:
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
    """One line per digit: index, truth, prediction, and to 6 places the ten probabilities if it is
    one, and that of being none, where the network can tell."""
    names = [*map(str, range(NONE)), NO_DIGIT]
    shares = evaluation.log_probabilities
    if evaluation.none is not None:
        shares = torch.cat([shares, evaluation.none[:, None]], 1)
    columns = [*(f"p{digit}" for digit in range(NONE)), NO_DIGIT][: shares.shape[1]]
    rows = zip(
        evaluation.labels.tolist(),
        evaluation.predictions.tolist(),
        shares.exp().tolist(),
        strict=True,
    )
    lines = [
        f"{index},{names[truth]},{names[read]}," + ",".join([f"{p:.6f}" for p in probabilities])
        for index, (truth, read, probabilities) in enumerate(rows)
    ]
    return "\n".join([",".join(["index", "truth", "prediction", *columns]), *lines, ""])


def _shown(evaluation: Evaluation, show: str, other: Evaluation | None) -> Tensor:
    """bool [N]"""
    if show == "all":
        return torch.ones_like(evaluation.right)
    if show == "mistakes":
        return ~evaluation.right
    if show == "unsure":
        return evaluation.confidences < SURE
    if other is None or show not in COMPARISONS:
        raise ConfigError("There is no view {show!r} of these networks.", show=show)
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
    raise ConfigError("There is no order {order!r}.", order=order)
