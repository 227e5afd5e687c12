"""What the Train tab shows of a visitor's runs, and which buttons it offers. Knows no gradio.

Buttons and fields carry `data-action` and `data-run`; the page passes what was pressed to `act`.
A button that cannot be used is disabled and says why in its tooltip. Whatever is shown is made of
plain values by the templates `run_*.html`, and only where these have changed since the last look;
the curves are drawn in the browser (`curves`), so that a long run costs no more than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config import RECIPES, SHIPPED, TITLES, TUTORIAL, TrainConfig
from ..digits.datasets import has_own
from ..digits.handwriting import handwriting
from ..digits.strokes import rasterize
from ..errors import DrawingError
from ..runs.cloud import placed
from ..runs.run_state import RunState
from ..runs.scheduler import Scheduler
from .curves import Curve, new_points
from .digit_html import tiled
from .experiments import EXPERIMENTS, experiment_of
from .mine import Mine, taught
from .parts import decode_drawing, ink, render, signed
from .run_advice import advice, shipped_history
from .run_buttons import controls, resume_target
from .run_settings import fields_of
from .run_table import Letters, Swallowed, table
from .run_words import name_of, on_letters, percent, sentence
from .words import Words


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a page shows: the run chosen, when (as `Scheduler.now`), and those drawn beside it.

    `expected` is what the visitor expected of the run that was then started as an experiment.
    """

    run_id: str = ""
    at: float = 0.0
    overlaid: tuple[str, ...] = ()
    expected: str = ""

    @classmethod
    def of(cls, kept: Any) -> Choice:
        """From what the browser kept of `asdict(choice)`; the usual choice if it kept nothing."""
        try:
            overlaid = tuple(map(str, kept["overlaid"]))
            return cls(
                run_id=str(kept["run_id"]),
                at=float(kept["at"]),
                overlaid=overlaid,
                expected=str(kept.get("expected", "")),
            )
        except (KeyError, TypeError, ValueError):
            return cls()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page that looks: whose it is, what it shows, and what it has already.

    `epochs` is what the field says, `config` what all fields do, `drawing` base64 of u8 [28,28] or
    None; `marks` and `points` are those of the last `look`.
    """

    visitor: str
    choice: Choice
    epochs: int
    drawing: str | None
    marks: dict[str, int]
    points: dict[str, Any]
    config: TrainConfig = TUTORIAL


def look(
    scheduler: Scheduler,
    page: Page,
    say: Words,
    mine: Mine | None = None,
    swallowed: Swallowed = lambda _: None,
    untrained: Callable[[Tensor, TrainConfig], RunState | None] = lambda *_: None,
) -> dict[str, Any]:
    """What has changed for a page: "parts" of HTML by name with their "marks", and "curves".
    `mine` is what the visitor's own digits say of the runs; `swallowed` is asked of finished ones;
    `untrained` reads a drawing u8 [28,28] as a run would before its first step, until one has.

    "cloud" is None unless it has moved. "active" if a run is under way, "running" if the one shown
    changes all the time.
    """
    runs = scheduler.runs(page.visitor)
    shown = shown_run(runs, page.choice)
    image, is_own = _image(page.drawing)
    drawing = torch.from_numpy(image)
    if shown is not None:
        shown = scheduler.look(page.visitor, shown.run_id, drawing)
    begins = page.config if shown is None else shown.config if _begins(shown) else None
    reads = untrained(drawing, begins) if begins else shown
    letters = {run.run_id: swallowed(run.run_id) for run in runs if run.status == "finished"}
    fixed, fixed_marks = _fixed(say)
    values = {
        "controls": controls(shown, page.epochs, say),
        "now": now(shown, say, letters),
        "number": number(reads, say),
        "reading": reading(reads, image, is_own),
        "samples": samples(reads),
        "filters": filters(reads),
        "next": next_step(shown, runs, page.choice.expected, page.epochs, say, mine),
        "table": table(runs, shown, page.choice.overlaid, say, letters, mine),
    }
    moved = cloud(reads, is_own)
    marks = fixed_marks | _marks(values | {"cloud": moved})
    values |= fixed
    changed = {name: values[name] for name in values if marks[name] != page.marks.get(name)}
    return {
        "parts": {name: render(f"run_{name}.html", say, **v) for name, v in changed.items()},
        "marks": marks,
        "curves": [
            new_points(curve, page.points.get(curve.id)) for curve in curves(runs, shown, page, say)
        ],
        "cloud": moved if marks["cloud"] != page.marks.get("cloud") else None,
        "active": any(run.active for run in runs),
        "running": shown is not None and shown.status == "running",
    }


@lru_cache(maxsize=2)
def _fixed(say: Words) -> tuple[dict[str, Any], dict[str, int]]:
    """The parts that are the same for every run, and their marks."""
    values = {"settings": fields_of(say), "experiments": experiments(say)}
    return values, _marks(values)


def _marks(values: dict[str, Any]) -> dict[str, int]:
    return {name: crc32(repr(value).encode()) for name, value in values.items()}


def shown_run(runs: Sequence[RunState], choice: Choice) -> RunState | None:
    """The run chosen, unless another was started or resumed since; of a duel that which trains."""
    latest = max(runs, key=lambda run: run.touched, default=None)
    if latest is None or latest.touched <= choice.at:
        return next((run for run in runs if run.run_id == choice.run_id), latest)
    if latest.status == "waiting" and latest.run_id in choice.overlaid:
        duel = [run for run in runs if run.run_id in choice.overlaid]
        return next((run for run in duel if run.active and run.status != "waiting"), latest)
    return latest


def _begins(run: RunState) -> bool:
    """Whether it gets ready or waits to train from its first step."""
    return run.active and run.live_accuracy is None and not has_own(run.config.dataset)


def now(run: RunState | None, say: Words, letters: Letters) -> dict[str, Any]:
    """What the run is doing in one line, and how far it is (0..1)."""
    said = sentence(run, say)
    if run is not None and run.run_id in letters:
        said = f"{said} {on_letters(letters[run.run_id], say)}"
    return {
        "sentence": said,
        "failed": run is not None and run.status == "failed",
        "share": min(run.examples_seen / run.total, 1) if run is not None and run.total else 0.0,
    }


def number(run: RunState | None, say: Words) -> dict[str, str]:
    """The large number, and what it is of."""
    accuracy = run.live_accuracy if run is not None else None
    if run is None or accuracy is None:
        return {"number": "– %", "of": say("of test digits read right, once it trains")}
    if now := run.reading_now:
        of = say("of {count:,} test digits", count=now.digits)
        if run.active:
            of = say("of {count:,} test digits, at this moment", count=now.digits)
        elif not now.examples_seen:
            of = say("of {count:,} test digits, before it learns", count=now.digits)
    elif run.examples_seen:
        of = say("of all test digits")
    else:
        of = say("of all test digits, before it learns")
    return {"number": percent(accuracy), "of": of}


def reading(run: RunState | None, drawing: NDArray[np.uint8], is_own: bool) -> dict[str, Any]:
    """The drawing u8 [28,28], the visitor's own or an example, as the network now reads it."""
    is_read = run is not None and run.reading is not None
    return {
        "own": is_own,
        "drawn": ink(drawing),
        "bars": run.reading.tolist() if is_read else None,  # type: ignore[union-attr]
    }


def samples(run: RunState | None) -> dict[str, Any]:
    """Six test digits, and how the network now reads them."""
    if run is None or run.samples is None or run.readings is None:
        return {"digits": []}
    seen = zip(run.samples.images, run.samples.labels.tolist(), run.readings.tolist(), strict=True)
    return {
        "digits": [
            {
                "picture": ink(image.numpy()),
                "truth": truth,
                "read": max(range(10), key=values.__getitem__),
                "percent": percent(max(values)),
            }
            for image, truth, values in seen
        ]
    }


def filters(run: RunState | None) -> dict[str, Any]:
    """The first convolution's, as one picture."""
    if run is None or run.filters is None:
        return {"filters": None, "count": 0}
    count = len(run.filters)
    columns = -(-count // 2) if count <= 10 else 8
    return {"filters": signed(tiled(run.filters[:, 0].numpy(), columns)), "count": count}


def cloud(run: RunState | None, is_own: bool) -> dict[str, Any]:
    """Test digits where the run's network now puts them, and the drawing, if it is the visitor's
    own; as `cloud.Cloud.to_dict`."""
    if run is None or run.cloud is None:
        return {"places": [], "truths": [], "read": []}
    own = placed(run.reading[None])[0].tolist() if is_own and run.reading is not None else None
    return run.cloud.to_dict() | {"own": own}


def next_step(
    run: RunState | None,
    runs: Sequence[RunState],
    expected: str,
    epochs: int,
    say: Words,
    mine: Mine | None = None,
) -> dict[str, Any]:
    """What has become of the run, and buttons for what comes next."""
    target = resume_target(run, epochs) if run is not None else 0
    said, steps = advice(run, runs, expected, target, say)
    if mine is not None and run is not None:
        said = " ".join(filter(None, (taught(mine, run, say), said)))
    return {"sentence": said, "steps": steps}


def experiments(say: Words) -> dict[str, Any]:
    """(name, title, question, answers) each."""
    return {
        "experiments": [
            (e.name, say(e.title), say(e.question), [say(answer) for answer in e.answers])
            for e in EXPERIMENTS
        ]
    }


def curves(runs: Sequence[RunState], shown: RunState | None, page: Page, say: Words) -> list[Curve]:
    """The shown run and those overlaid, oldest first; beside an experiment the tutorial's, as
    shipped, and before the first run that of the settings' network, if one is shipped."""
    if shown is None:
        network = page.config.network
        return [_shipped(name, say) for name in SHIPPED if RECIPES[name].network == network]
    experiment = experiment_of(shown.config)
    compared = [_shipped("tutorial", say)] if experiment and experiment.config else []
    return compared + [
        Curve(
            id=run.run_id,
            name=name_of(run, say),
            history=run.history,
            colour=number,
            total=run.total,
            live=run.live,
        )
        for number, run in enumerate(reversed(runs))
        if run.run_id == shown.run_id or run.run_id in page.choice.overlaid
    ]


def _shipped(recipe: str, say: Words) -> Curve:
    name = say("{recipe}, as shipped", recipe=say(TITLES[recipe]))
    return Curve(id=recipe, name=name, history=shipped_history(recipe), colour=None)


def _image(drawing: str | None) -> tuple[NDArray[np.uint8], bool]:
    """The visitor's drawing u8 [28,28], or an example, and whether it is theirs."""
    try:
        return decode_drawing(drawing), True
    except DrawingError:
        return _example().copy(), False


@lru_cache(maxsize=1)
def _example() -> NDArray[np.uint8]:
    image = rasterize(handwriting(7, np.random.default_rng(1)))
    assert image is not None
    return image
