"""What the Test digits tab shows: a split of digits, seen through one network or two.

A `View` is what the visitor asked for; `Gallery` answers with HTML, or a file's content, for each
part of the tab. Nothing is kept between requests but the evaluations that
`evaluation.evaluate_once` remembers.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch
from torch import Tensor, nn

from . import inspection, pictures
from .checkpoint import Checkpoint
from .data import Split
from .errors import DrawingError
from .evaluation import Evaluation, agreement, classify, evaluate_once, results_csv, select
from .plots import bars_html
from .snapshots import Snapshots
from .view import PER_PAGE, View
from .words import say


@dataclass(frozen=True)
class Weights:
    """Weights that read: a checkpoint, as it was saved or at one of its earlier `moments`."""

    name: str
    checkpoint: Path
    place: int = -1

    def moments(self) -> list[str]:
        """All places in words; the last is the weights as they were saved."""
        earlier = Snapshots(self.checkpoint).earlier(Checkpoint.load(self.checkpoint))
        words = [
            say("after {count:,} examples", count=seen) if seen else say("untrained")
            for seen in earlier
        ]
        return [*words, say("as saved")]

    def network(self) -> nn.Module:
        """The network at its place. Raises CheckpointError."""
        saved, snapshots = Checkpoint.load(self.checkpoint), Snapshots(self.checkpoint)
        earlier = snapshots.earlier(saved)
        if 0 <= self.place < len(earlier):
            return snapshots.network(earlier[self.place], saved.config.network)
        return saved.network()

    def __str__(self) -> str:
        moments = self.moments()
        if not 0 <= self.place < len(moments) - 1:
            return self.name
        return f"{self.name}, {moments[self.place]}"


class Gallery:
    """A split read by one network, or by two that are compared. Raises CheckpointError."""

    def __init__(self, split: Split, readers: Sequence[Weights]) -> None:
        self.split = split
        self.networks: dict[str, nn.Module] = {}
        for reader in readers:  # two runs may be called the same
            name = str(reader)
            name = f"{name} (2)" if name in self.networks else name
            self.networks[name] = reader.network()
        self.evaluations = {
            name: evaluate_once(network, split) for name, network in self.networks.items()
        }
        self.first, *others = self.evaluations.values()
        self.second: Evaluation | None = others[0] if others else None

    @property
    def _network(self) -> nn.Module:
        return next(iter(self.networks.values()))

    def summary(self) -> str:
        """How many digits each network reads right, and its loss."""
        lines = [
            say(
                "{name}: <b>{right:,}</b> of {count:,} right · <b>{percent:.2f} %</b>"
                " · loss {loss:.4f}",
                name=escape(name),
                right=int(e.right.sum()),
                count=len(self.split),
                percent=100 * e.accuracy,
                loss=e.loss,
            )
            for name, e in self.evaluations.items()
        ]
        return f'<div class="digit-summary">{"".join(f"<p>{line}</p>" for line in lines)}</div>'

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

    def detail(self, number: int | None, drawing: str | None = None) -> str:
        """One digit, or the visitor's `drawing` (base64 of u8 [28,28]), read and looked into."""
        if drawing is not None:
            image = _decoded(drawing)
            readings = {n: classify(net, image[None])[0].log() for n, net in self.networks.items()}
            return _detail(say("Your drawing"), image, None, readings, self._network)
        if number is None:
            hint = say("Choose a digit to look inside the network.")
            return f'<p class="digit-hint">{hint}</p>'
        number = min(max(number, 0), len(self.split) - 1)
        image, truth = self.split.images[number], int(self.split.labels[number])
        readings = {name: e.log_probabilities[number] for name, e in self.evaluations.items()}
        title = say("Number {number:,}: it is a {truth}", number=number, truth=truth)
        return _detail(title, image, truth, readings, self._network)

    def network(self) -> str:
        """The first network, drawn from what it does with a digit of the split."""
        return pictures.network(inspection.stages(self._network, self.split.images[0]))

    def csv(self) -> str:
        """What the first network read, digit by digit."""
        return results_csv(self.first)

    def about(self) -> str:
        """How often each digit occurs in the split."""
        return pictures.counts(torch.bincount(self.split.labels, minlength=10).tolist())

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


def look_into(network: nn.Module, drawing: str) -> str:
    """The inside of `network` on a drawing, base64 of u8 [28,28]. Raises DrawingError."""
    image = _decoded(drawing)
    return _inside(network, image, int(classify(network, image[None]).argmax()))


def _inside(network: nn.Module, image: Tensor, read: int) -> str:
    """What mattered for reading u8 [28,28] as `read`, and what each stage made of it."""
    mattered = inspection.occlusion(network, image, read).numpy()
    return pictures.mattered(image.numpy(), mattered, read) + pictures.inside(
        inspection.stages(network, image)
    )


def _detail(
    title: str,
    image: Tensor,
    truth: int | None,
    readings: Mapping[str, Tensor],
    network: nn.Module,
) -> str:
    """`readings` are log-probabilities f32 [10] by network; the first network is looked into."""
    answers = []
    for name, reading in readings.items():
        read = int(reading.argmax())
        percent = 100 * float(reading[read].exp())
        said = say("read as <b>{digit}</b> ({percent:.1f} %)", digit=read, percent=percent)
        if truth is not None:
            said += " · " + say("loss {loss:.3f}", loss=-float(reading[truth]))
        bars = bars_html(reading.exp().tolist(), truth)
        answers.append(f"<div>{_named(name, len(readings))}<p>{said}</p>{bars}</div>")
    read = int(next(iter(readings.values())).argmax())
    to_pad = f'<button type="button" data-pad>{say("To the pad")}</button>'
    send = "" if truth is None else to_pad
    return (
        f'<section class="digit-detail"><h3>{title}</h3><div class="digit-facts">'
        f'<div class="digit-large">{pictures.ink(image.numpy(), title)}{send}</div>'
        f"{''.join(answers)}</div>{_inside(network, image, read)}</section>"
    )


def _decoded(drawing: str) -> Tensor:
    """Raises DrawingError for anything but base64 of 784 bytes."""
    try:
        pixels = base64.b64decode(drawing, validate=True)
        return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(28, 28)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DrawingError(say("The drawing cannot be read; draw it again.")) from error


def _pages(numbers: Tensor) -> int:
    return max(1, -(-len(numbers) // PER_PAGE))


def _on_page(numbers: Tensor, page: int) -> Tensor:
    """The numbers on a page; a page beyond the last is the last."""
    page = min(max(page, 0), _pages(numbers) - 1)
    return numbers[page * PER_PAGE : (page + 1) * PER_PAGE]


def _named(name: str, of: int) -> str:
    return f"<strong>{escape(name)}</strong> " if of > 1 else ""
