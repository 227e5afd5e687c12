"""What the Test digits tab shows: a split of digits, seen through one network or two.

A `View` is what the visitor asked for; `Gallery` answers with HTML, or a file's content, for each
part of the tab. Nothing is kept between requests but the evaluations that
`evaluation.evaluate_once` remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from torch import Tensor, nn

from . import pictures
from .data import Split
from .evaluation import Evaluation, agreement, evaluate_once, select
from .view import PER_PAGE, View


class Gallery:
    """A split read by one network, or by two that are compared; `networks` by their names."""

    def __init__(self, split: Split, networks: Mapping[str, nn.Module]) -> None:
        self.split = split
        self.evaluations = {
            name: evaluate_once(network, split) for name, network in networks.items()
        }
        self.first, *others = self.evaluations.values()
        self.second: Evaluation | None = others[0] if others else None

    def summary(self) -> str:
        """How many digits each network reads right, and its loss."""
        lines = [
            f"<p>{_named(name, len(self.evaluations))}<b>{int(e.right.sum()):,}</b> of"
            f" {len(self.split):,} right · <b>{e.accuracy:.2%}</b> · loss {e.loss:.4f}</p>"
            for name, e in self.evaluations.items()
        ]
        return f'<div class="digit-summary">{"".join(lines)}</div>'

    def matrices(self, view: View) -> str:
        """The confusion matrix; of two networks also where they agree, and both matrices."""
        chosen = (view.truth, view.read_as)
        tables = [
            f"<div>{_named(name, len(self.evaluations))}"
            f"{pictures.confusion(e.confusion.numpy(), chosen)}</div>"
            for name, e in self.evaluations.items()
        ]
        if self.second:
            counts = agreement(self.first, self.second).numpy()
            tables.insert(0, pictures.agreement(counts, list(self.evaluations), view.show))
        return f'<div class="digit-matrices">{"".join(tables)}</div>'

    def page(self, view: View, chosen: int | None = None) -> str:
        """One page of digits with the way to the others; `chosen` is the digit that is open."""
        numbers = select(self.first, view, self.second)
        shown = _on_page(numbers, view.page)
        reads = [e.predictions[shown].tolist() for e in self.evaluations.values()]
        grid = pictures.grid(
            self.split.images[shown].numpy(),
            shown.tolist(),
            self.split.labels[shown].tolist(),
            reads,
            chosen,
        )
        return grid + pictures.pager(view.page, _pages(numbers), len(numbers))

    def sheet(self, view: View) -> bytes:
        """The page as a PNG."""
        shown = _on_page(select(self.first, view, self.second), view.page)
        reads = zip(
            *(e.predictions[shown].tolist() for e in self.evaluations.values()), strict=True
        )
        truths = self.split.labels[shown].tolist()
        answers = list(zip(truths, reads, strict=True))
        return pictures.sheet(
            self.split.images[shown].numpy(),
            [f"{truth} → {' | '.join(map(str, read))}" for truth, read in answers],
            [any(digit != truth for digit in read) for truth, read in answers],
        )


def _pages(numbers: Tensor) -> int:
    return max(1, -(-len(numbers) // PER_PAGE))


def _on_page(numbers: Tensor, page: int) -> Tensor:
    """The numbers on a page; a page beyond the last is the last."""
    page = min(max(page, 0), _pages(numbers) - 1)
    return numbers[page * PER_PAGE : (page + 1) * PER_PAGE]


def _named(name: str, of: int) -> str:
    return f"<strong>{escape(name)}</strong> " if of > 1 else ""
