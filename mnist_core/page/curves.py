"""A run's curve: the points that a page still lacks, and the whole as a file (PNG, CSV).

The page draws its curves itself (`static/curves.js`). It says what it has and is sent what is new;
of a long series every 2nd, 4th, 8th … point, so that a look at a run costs the same whatever its
length, and a page that is opened late shows what one that has watched all along does.

Losses are drawn as in the tutorial: train loss as a line, test loss as points, against the number
of training examples seen.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..history import EvalEvent, Event, History, LiveReading, StepEvent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 6
"""Number of `--run-N` variables that the page's style sheet has."""
MAX_POINTS = 600
"""Of a series, as a page has it."""
MAX_RESUMES = 100
"""The last that are shown."""
MAX_LOSS = 5.0
"""Where the axis of the loss ends at the latest; a diverging run goes through the ceiling."""
_SMOOTHING = 0.1
_COLOUR = "#2563eb"
_SHARES = (0, 50, 80, 90, 95, 98, 99, 100)
_MOST = 100.5  # percent, which is infinitely far up
_CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Microsoft YaHei")

Point = tuple[float, float]
AnEvent = TypeVar("AnEvent", StepEvent, EvalEvent, LiveReading)


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One run on the page's chart, with an id of its own. `colour` is a number, or None for grey;
    `total` the number of examples in the whole run (0 if unknown), `live` what was read between the
    tests of its history."""

    name: str
    history: History
    live: Sequence[LiveReading] = ()
    id: str = ""
    colour: int | None = 0
    total: int = 0


def new_points(curve: Curve, has: object = None) -> dict[str, Any]:
    """A curve for a page that `has` what earlier answers held: per series, its "series" below.

    {"steps": [examples seen, loss], "tests": [examples seen, loss, accuracy],
    "live": [examples seen, accuracy]} are its series, each
    {"stride", "next": index of the point to come, "last": examples seen at the last point sent,
    "new": points, "whole": whether they replace those before, "end": the last of all points}.
    """
    known = has if isinstance(has, dict) else {}
    history = curve.history
    return {
        "id": curve.id,
        "name": curve.name,
        "colour": "grey" if curve.colour is None else curve.colour % COLOURS,
        "total": max(curve.total, history.examples_seen),
        "seen": history.examples_seen,
        "resumes": history.resumes[-MAX_RESUMES:],
        "steps": _series(history.steps, known.get("steps"), _step),
        "tests": _series(history.evaluations, known.get("tests"), _test),
        "live": _series(curve.live, known.get("live"), _reading),
    }


def _step(event: StepEvent) -> list[float]:
    return [event.examples_seen, round(event.loss, 4)]


def _test(event: EvalEvent) -> list[float]:
    return [event.examples_seen, round(event.loss, 4), round(event.accuracy, 5)]


def _reading(reading: LiveReading) -> list[float]:
    return [reading.examples_seen, round(reading.accuracy, 5)]


def _series(
    events: Sequence[AnEvent], has: object, point: Callable[[AnEvent], list[float]]
) -> dict[str, Any]:
    """What a page lacks of a series. Losses that are no numbers are left out."""
    stride = _stride(len(events))
    first = _first_unknown(events, has, stride)
    picked = events[first::stride]
    next_index = first + stride * len(picked)
    end = events[-1:]
    return {
        "stride": stride,
        "next": next_index,
        "last": events[next_index - stride].examples_seen if next_index else None,
        "whole": first == 0,
        "new": [values for event in picked if all(map(math.isfinite, values := point(event)))],
        "end": next((ends for event in end if all(map(math.isfinite, ends := point(event)))), None),
    }


def _stride(count: int) -> int:
    """The smallest power of two by which `count` points become MAX_POINTS at most."""
    return 1 << (max(1, -(-count // MAX_POINTS)) - 1).bit_length()


def _first_unknown(events: Sequence[Event | LiveReading], has: object, stride: int) -> int:
    """Where a page goes on that has a series up to here; 0 where it has another one, or none."""
    if not isinstance(has, dict) or has.get("stride") != stride:
        return 0
    first = has.get("next")
    if not isinstance(first, int) or not 0 < first < len(events) + stride or first % stride:
        return 0
    return first if events[first - stride].examples_seen == has.get("last") else 0


def figure(name: str, history: History) -> Figure:
    """The chart for a file: loss left, test accuracy right. The axis of the loss ends at 2.5 as the
    tutorial's, or at MAX_LOSS; that of the accuracy is the page's (`static/curves.js`)."""
    from matplotlib.figure import Figure

    chart = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = chart.subplots(1, 2, width_ratios=(2, 1))
    steps, tests = _losses(history.steps), _losses(history.evaluations)
    smoothed = smooth(steps)
    loss.plot(*_columns(steps), color=_COLOUR, alpha=0.25, linewidth=0.7)
    loss.plot(*_columns(smoothed), color=_COLOUR, label="train")
    loss.plot(*_columns(tests), "o", color=_COLOUR, label="test")
    percent = [(e.examples_seen, 100 * e.accuracy) for e in history.evaluations]
    accuracy.plot(*_columns(percent), "o-", color=_COLOUR)
    for x in history.resumes:
        loss.axvline(x, color=_COLOUR, linestyle="--", linewidth=0.8)
    loss.set(xlabel="number of training examples seen", ylabel="negative log likelihood loss")
    accuracy.set(xlabel="number of training examples seen", ylabel="test accuracy, %")
    loss.set_ylim(0, 2.5 if all(y <= 2.5 for _, y in smoothed + tests) else MAX_LOSS)
    accuracy.set_yscale("function", functions=(_height, lambda height: _MOST - np.exp(-height)))
    accuracy.set_ylim(0, 100)
    accuracy.set_yticks(_SHARES, _SHARES)
    legend = loss.legend(prop={"family": _fonts()})
    for text, what in zip(legend.get_texts(), ("train", "test"), strict=True):
        text.set_text(f"{name}: {what} loss")  # only here: one with _ first would be left out,
        text.set_parse_math(False)  # and one with $ taken for a formula
    return chart


def _height(percent: NDArray[np.float64]) -> NDArray[np.float64]:
    """On the axis of the accuracy, which is even in halvings of what is read wrong."""
    return -np.log(_MOST - percent)


def _fonts() -> list[str]:
    """For names of runs, which may be Chinese."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _CHINESE_FONTS if name in there)]


def curve_png(name: str, history: History) -> bytes:
    """`figure` as a PNG file."""
    file = io.BytesIO()
    figure(name, history).savefig(file, format="png", dpi=150)
    return file.getvalue()


def curve_csv(history: History) -> str:
    """The curve as a table: one row for each logged step, evaluation and resume, in order."""
    rows: list[tuple[int, str, object, object, object]] = [
        *((e.examples_seen, "train", e.loss, "", e.seconds) for e in history.steps),
        *((e.examples_seen, "test", e.loss, e.accuracy, e.seconds) for e in history.evaluations),
        *((seen, "resumed", "", "", "") for seen in history.resumes),
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("examples_seen", "event", "loss", "accuracy", "seconds"))
    rows.sort(key=lambda row: row[0])
    writer.writerows(rows)
    return file.getvalue()


def smooth(points: Iterable[Point]) -> list[Point]:
    """An exponential moving average of y, corrected for its start (as Adam's moments are)."""
    average, weight, smoothed = 0.0, 0.0, []
    for x, y in points:
        average += _SMOOTHING * (y - average)
        weight += _SMOOTHING * (1 - weight)
        smoothed.append((x, average / weight))
    return smoothed


def _losses(events: Sequence[Event]) -> list[Point]:
    return [(e.examples_seen, e.loss) for e in events if math.isfinite(e.loss)]


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
