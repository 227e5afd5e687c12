"""What the Test digits tab shows: a set of digits, seen through one network or two.

A `Gallery` says which networks and which digits; it answers with HTML, or a file's content, for
each part of the tab. Two galleries of the same networks and digits are the same, so that nothing is
worked out twice.

But: what is not there within a few seconds is a BusyError; ask again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .. import inspection
from ..config import NONE
from ..digits.split import Split
from ..evaluation import Evaluation, outputs
from ..runs.readings import read_here
from . import digit_html
from .bounded import bounded
from .networks import Network, Read, image_of, readings_of
from .parts import file_for_download, render
from .selection import agreement, results_csv, select
from .view import PER_PAGE, View
from .words import Words


@dataclass(frozen=True)
class Gallery:
    """A set of digits, read by networks under their names: one, or two that are compared."""

    say: Words
    networks: tuple[tuple[str, Network], ...]
    split: Split = field(repr=False)
    read: Read = field(default=read_here, compare=False, repr=False)
    training: Split | None = field(default=None, compare=False, repr=False)
    """Digits beside which a drawing is laid in the cloud; None for those of the set itself."""

    def readings(self) -> dict[str, Evaluation]:
        """What each network reads, by its name; two may be called the same."""
        found: dict[str, Evaluation] = {}
        for name, network in self.networks:
            name = f"{name} (2)" if name in found else name
            found[name] = readings_of(network, self.split, self.read)
        return found

    @property
    def _of_digits(self) -> bool:
        """Whether the set is one of digits, and not of what is none."""
        return bool((self.split.labels != NONE).all())

    @property
    def _pair(self) -> tuple[Evaluation, Evaluation | None]:
        first, *others = self.readings().values()
        return first, others[0] if others else None

    def summary(self) -> str:
        """How many digits each network reads right, and its loss; or how many drawings that are no
        digit it refuses, and what it tells them by."""
        tells = [network.tells for _, network in self.networks]
        read = list(zip(self.readings().items(), tells, strict=True))
        return render("digit_summary.html", self.say, read=read, of_digits=self._of_digits)

    def matrices(self, view: View) -> str:
        """The confusion matrix; of two networks also where they agree, and both matrices."""
        first, second = self._pair
        truths = range(NONE) if self._of_digits else [NONE]
        return render(
            "digit_matrices.html",
            self.say,
            matrices=[(name, _matrix(e, truths)) for name, e in self.readings().items()],
            agreement=None if second is None else agreement(first, second).tolist(),
            view=view,
        )

    @bounded(keep=64, at_once=2)
    def page(self, view: View) -> str:
        """One page of digits with the way to the others."""
        numbers, page, pages, count = self._on_page(view)
        return render(
            "digit_grid.html",
            self.say,
            digits=self._answers(numbers),
            sprite=digit_html.sprite(self.split.images[numbers].numpy()),
            columns=digit_html.COLUMNS,
            page=page,
            pages=pages,
            count=count,
            of_digits=self._of_digits,
        )

    @bounded(keep=64)
    def detail(self, number: int | None, drawing: str | None = None) -> str:
        """One digit, or the visitor's `drawing` (base64 of u8 [28,28]), read and looked into."""
        truth, place = None, 0
        if drawing is not None:
            image = image_of(drawing)
            readings = [_read_at_once(network, image) for _, network in self.networks]
        elif number is not None:
            number = place = min(max(number, 0), len(self.split) - 1)
            image, truth = self.split.images[number], int(self.split.labels[number])
            readings = list(self.readings().values())
        else:
            return render("digit_detail.html", self.say, answers=[])
        answers = [
            {
                "name": name,
                "digit": int(e.digits[place]),
                "probabilities": e.log_probabilities[place].exp().tolist(),
                "none": None if e.none is None else float(e.none[place].exp()),
                "refused": bool(e.refused[place]),
                "loss": None if truth in (None, NONE) else float(e.losses[place]),
            }
            for name, e in zip(self.readings(), readings, strict=True)
        ]
        model, read = self.networks[0][1].model, int(readings[0].digits[place])
        mattered, stages = inspection.occlusion(model, image, read), inspection.stages(model, image)
        inside = digit_html.inside(image.numpy(), mattered.numpy(), stages, read)
        return render(
            "digit_detail.html", self.say, number=number, truth=truth, answers=answers, **inside
        )

    def network(self) -> str:
        """The first network, drawn from what it does with a digit of the set."""
        stages = inspection.stages(self.networks[0][1].model, self.split.images[0])
        return render("digit_network.html", self.say, stages=stages)

    def counts(self) -> str:
        """How often each digit occurs in the set; nothing where there are none."""
        if not self._of_digits:
            return ""
        counts = torch.bincount(self.split.labels, minlength=10).tolist()
        return render("digit_counts.html", self.say, counts=counts)

    @bounded(keep=2)
    def csv(self) -> dict[str, str]:
        """A file of what the first network read, digit by digit."""
        return file_for_download("results.csv", "text/csv", results_csv(self._pair[0]).encode())

    @bounded(keep=8)
    def sheet(self, view: View) -> dict[str, str]:
        """The page as a file, a PNG."""
        numbers, *_ = self._on_page(view)
        answers = self._answers(numbers)
        content = digit_html.sheet(
            self.split.images[numbers].numpy(),
            [f"{answer.truth} → {answer.short}" for answer in answers],
            [answer.is_wrong for answer in answers],
        )
        return file_for_download("digits.png", "image/png", content)

    def _on_page(self, view: View) -> tuple[Tensor, int, int, int]:
        """The numbers of the digits on a page, the page, of how many, and of how many digits.

        A page beyond the last is the last.
        """
        first, second = self._pair
        numbers = select(first, view, second)
        pages = max(1, -(-len(numbers) // PER_PAGE))
        page = min(max(view.page, 0), pages - 1)
        return numbers[page * PER_PAGE : (page + 1) * PER_PAGE], page, pages, len(numbers)

    def _answers(self, numbers: Tensor) -> list[Answer]:
        """Some digits, and what each network read."""
        readings = self.readings().values()
        truths = self.split.labels[numbers].tolist()
        reads = zip(*(e.digits[numbers].tolist() for e in readings), strict=True)
        refused = zip(*(e.refused[numbers].tolist() for e in readings), strict=True)
        wrong = torch.stack([~e.right[numbers] for e in readings]).any(0).tolist()
        return list(map(Answer, numbers.tolist(), truths, reads, refused, wrong))


@dataclass(frozen=True)
class Answer:
    """A digit by its number: its truth, what each network read, and which refused it."""

    number: int
    label: int
    reads: tuple[int, ...]
    refused: tuple[bool, ...]
    is_wrong: bool

    @property
    def truth(self) -> str:
        return str(self.label) if self.label < NONE else "–"

    @property
    def short(self) -> str:
        """What was read, in brackets where it was refused."""
        read = zip(self.reads, self.refused, strict=True)
        return " | ".join(f"({digit})" if refused else str(digit) for digit, refused in read)


def _matrix(evaluation: Evaluation, truths: Sequence[int]) -> dict[str, Any]:
    """What is shown of each truth: how often it was read as each digit, how many there are, and how
    many were right and refused (None by a network that refuses nothing)."""
    counts = evaluation.counts
    wrong = counts - counts.diagonal().diag()
    refused = torch.bincount(evaluation.labels[evaluation.refused], minlength=NONE + 1).tolist()
    rows = [
        (t, counts[t, :NONE].tolist(), int(counts[t].sum()), int(counts[t, t]), refused[t])
        for t in truths
    ]
    return {"rows": rows, "worst": int(wrong.max()), "refuses": evaluation.none is not None}


def _read_at_once(network: Network, image: Tensor) -> Evaluation:
    """A drawing u8 [28,28], whose label is not known."""
    said = outputs(network.model, image[None], class_means=network.class_means)
    return Evaluation.of(said, torch.tensor([NONE]))
