"""Curves and bars as pictures: HTML with inline SVG for the live page, matplotlib for files.

The page's curve is drawn with CSS variables (`--run-0` … for the runs, `currentColor` for axes),
so it is right in the light and the dark theme. Lines are SVG stretched to the box; words are HTML
over it, so that they keep their size on any screen. Nothing here knows torch.

Losses are drawn as in the tutorial: train loss as a line, test loss as points, against the number
of training examples seen.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from .words import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .history import Event, History

COLOURS = 6
"""Number of `--run-N` variables that the page's style sheet has."""
MAX_POINTS = 600
MAX_LOSS = 5.0
"""Where the axis of the loss ends at the latest; a diverging run goes through the ceiling."""
_SMOOTHING = 0.1
_PALETTE = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2")
_GREY = "#888888"
_CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Microsoft YaHei")

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One run on the chart. `colour` is an index 0..5, or None for grey; `total` the number of
    examples in the whole run (0 if unknown)."""

    name: str
    history: History
    colour: int | None = 0
    total: int = 0

    @cached_property
    def steps(self) -> list[Point]:
        """Train losses that are numbers."""
        return _losses(self.history.steps)

    @cached_property
    def smoothed(self) -> list[Point]:
        """`steps`, smoothed."""
        return smooth(self.steps)

    @cached_property
    def tests(self) -> list[Point]:
        """Test losses that are numbers."""
        return _losses(self.history.evaluations)


def curves_html(curves: Sequence[Curve]) -> str:
    """Loss and test accuracy of the runs side by side, with a legend: HTML for the page."""
    right = max(
        [
            1 if curves else 60_000,
            *(max(curve.total, curve.history.examples_seen) for curve in curves),
        ]
    )
    top = _loss_top(curves)
    low = _accuracy_low(curves)
    loss = "".join(_loss_svg(curve, right, top) for curve in curves)
    accuracy = "".join(_accuracy_svg(curve, right, low) for curve in curves)
    x_loss, x_accuracy = ([(f"{x:,.0f}", x / right) for x in _ticks(right, n)] for n in (6, 3))
    y_loss = [(f"{y:g}", y / top) for y in _ticks(top)]
    y_accuracy = [(f"{y:g} %", (y / 100 - low) / (1 - low)) for y in _ticks(100) if y >= low * 100]
    if low:
        y_accuracy = [(f"{y} %", (y / 100 - low) / (1 - low)) for y in range(90, 101, 2)]
    legend = "".join(_legend(curve) for curve in curves)
    return (
        '<div class="run-curves">'
        + _panel(say("Loss"), loss, x_loss, y_loss, _describe(curves), "run-loss")
        + _panel(say("Test accuracy"), accuracy, x_accuracy, y_accuracy, "", "run-accuracy")
        + f'<ul class="run-legend">{legend}<li class="run-key">{say(_KEY)}</li></ul></div>'
    )


_KEY = "line: train loss · ● test loss · ┆ resumed · x: training examples seen"


def bars_html(probabilities: Sequence[float] | None, truth: int | None = None) -> str:
    """Ten bars, 0 at the top, the most probable marked; empty ones for None or NaN."""
    values = [float(p) for p in probabilities] if probabilities is not None else [0.0] * 10
    values = [p if math.isfinite(p) else 0.0 for p in values]
    best = values.index(max(values)) if any(values) else None
    rows = []
    for digit, p in enumerate(values):
        kind = " run-best" * (digit == best) + " run-truth" * (digit == truth)
        share = f"{100 * p:.1f} %" if best is not None else ""
        rows.append(
            f'<li class="run-bar{kind}"><span>{digit}</span>'
            f'<i><b style="transform:scaleX({p:.3f})"></b></i><span>{share}</span></li>'
        )
    return f'<ol class="run-bars">{"".join(rows)}</ol>'


def figure(curves: Sequence[Curve]) -> Figure:
    """The chart for a file: loss left, test accuracy right."""
    from matplotlib.figure import Figure

    chart = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = chart.subplots(1, 2, width_ratios=(2, 1))
    for curve in curves:
        colour = _GREY if curve.colour is None else _PALETTE[curve.colour % COLOURS]
        loss.plot(*_columns(curve.steps), color=colour, alpha=0.25, linewidth=0.7)
        loss.plot(*_columns(curve.smoothed), color=colour, label=f"{curve.name}: train loss")
        loss.plot(*_columns(curve.tests), "o", color=colour, label=f"{curve.name}: test loss")
        percent = [(e.examples_seen, 100 * e.accuracy) for e in curve.history.evaluations]
        accuracy.plot(*_columns(percent), "o-", color=colour)
        for x in curve.history.resumes:
            loss.axvline(x, color=colour, linestyle="--", linewidth=0.8)
    loss.set(xlabel="number of training examples seen", ylabel="negative log likelihood loss")
    accuracy.set(xlabel="number of training examples seen", ylabel="test accuracy, %")
    loss.set_ylim(0, _loss_top(curves))
    accuracy.set_ylim(100 * _accuracy_low(curves), 100)
    if curves:
        loss.legend(prop={"family": _fonts()})
    return chart


def _fonts() -> list[str]:
    """For names of runs, which may be Chinese."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _CHINESE_FONTS if name in there)]


def curve_png(curves: Sequence[Curve]) -> bytes:
    """`figure` as a PNG file."""
    file = io.BytesIO()
    figure(curves).savefig(file, format="png", dpi=150)
    return file.getvalue()


def curve_csv(history: History) -> str:
    """The curve as a table: one row for each logged step, evaluation and resume, in order."""
    rows: list[tuple[int, str, object, object, object]] = []
    for step in history.steps:
        rows.append((step.examples_seen, "train", step.loss, "", step.seconds))
    for test in history.evaluations:
        rows.append((test.examples_seen, "test", test.loss, test.accuracy, test.seconds))
    rows.extend((seen, "resumed", "", "", "") for seen in history.resumes)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("examples_seen", "event", "loss", "accuracy", "seconds"))
    rows.sort(key=lambda row: row[0])
    writer.writerows(rows)
    return file.getvalue()


def smooth(points: Sequence[Point]) -> list[Point]:
    """An exponential moving average of y, corrected for its start (as Adam's moments are)."""
    average, weight, smoothed = 0.0, 0.0, []
    for x, y in points:
        average += _SMOOTHING * (y - average)
        weight += _SMOOTHING * (1 - weight)
        smoothed.append((x, average / weight))
    return smoothed


def thin(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """At most `limit` + 1 of the points, evenly chosen, with the last."""
    if len(points) <= limit:
        return list(points)
    return [*points[:: math.ceil(len(points) / limit)], points[-1]]


def _losses(events: Sequence[Event]) -> list[Point]:
    return [(e.examples_seen, e.loss) for e in events if math.isfinite(e.loss)]


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _loss_top(curves: Sequence[Curve]) -> float:
    """The end of the loss axis: 2.5 as the tutorial's, more if the runs are worse, at most 5."""
    losses = [y for curve in curves for _, y in curve.smoothed + curve.tests]
    return 2.5 if max(losses, default=0) <= 2.5 else MAX_LOSS


def _accuracy_low(curves: Sequence[Curve]) -> float:
    """Where the accuracy axis begins: 0.9 once every trained network is above it, else 0."""
    trained = [e.accuracy for c in curves for e in c.history.evaluations if e.examples_seen]
    return 0.9 if trained and min(trained) >= 0.9 else 0.0


def _ticks(end: float, most: int = 6) -> list[float]:
    """Round numbers from 0 to `end`, at most `most` after the 0."""
    step = 10 ** math.floor(math.log10(end))
    for part in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0):
        if end / (step * part) < most + 1:
            step *= part
            break
    return [n * step for n in range(int(end / step + 1e-9) + 1)]


def _path(points: Iterable[Point], right: float, low: float, top: float) -> str:
    """SVG path data in a box 1000 wide and 1000 high; above the top is drawn at the top."""
    return "M" + "L".join(
        f"{1000 * x / right:.0f} {1000 * (1 - min(max((y - low) / (top - low), -0.05), 1)):.0f}"
        for x, y in points
    )


def _dots(points: Sequence[Point], right: float, low: float, top: float) -> str:
    """Round dots in a stretched SVG: lines of no length with round ends that do not scale."""
    return "".join(f"{_path([point], right, low, top)}h0" for point in points)


def _loss_svg(curve: Curve, right: float, top: float) -> str:
    resumed = "".join(f"M{1000 * x / right:.0f} 0V1000" for x in curve.history.resumes)
    parts = []
    if curve.steps:
        parts.append(f'<path class="run-noise" d="{_path(thin(curve.steps), right, 0, top)}"/>')
        parts.append(f'<path class="run-line" d="{_path(thin(curve.smoothed), right, 0, top)}"/>')
    if resumed:
        parts.append(f'<path class="run-resumed" d="{resumed}"/>')
    parts.append(f'<path class="run-dots" d="{_dots(curve.tests, right, 0, top)}"/>')
    return f"<g {_colour(curve)}>{''.join(parts)}</g>"


def _accuracy_svg(curve: Curve, right: float, low: float) -> str:
    points: list[Point] = [(e.examples_seen, e.accuracy) for e in curve.history.evaluations]
    if not points:
        return ""
    line, dots = (
        _path(points, right, low, 1),
        _dots([p for p in points if p[1] >= low], right, low, 1),
    )
    return (
        f'<g {_colour(curve)}><path class="run-line" d="{line}"/>'
        f'<path class="run-dots" d="{dots}"/></g>'
    )


def _panel(
    title: str,
    lines: str,
    x_ticks: Sequence[tuple[str, float]],
    y_ticks: Sequence[tuple[str, float]],
    description: str,
    kind: str,
) -> str:
    grid = "".join(f"M0 {1000 * (1 - share):.0f}H1000" for _, share in y_ticks)
    below = "".join(f'<span style="left:{100 * at:.1f}%">{text}</span>' for text, at in x_ticks)
    beside = "".join(f'<span style="bottom:{100 * at:.1f}%">{text}</span>' for text, at in y_ticks)
    return (
        f'<figure class="run-panel {kind}"><figcaption>{title}</figcaption>'
        f'<div class="run-plot"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(description or title)}"><path class="run-grid" d="{grid}"/>{lines}'
        f'</svg><div class="run-y">{beside}</div><div class="run-x">{below}</div></div></figure>'
    )


def _legend(curve: Curve) -> str:
    evaluations = curve.history.evaluations
    last = f" {100 * evaluations[-1].accuracy:.1f} %" if evaluations else ""
    return f"<li {_colour(curve)}><i></i>{escape(curve.name)}{last}</li>"


def _colour(curve: Curve) -> str:
    name = "grey" if curve.colour is None else str(curve.colour % COLOURS)
    return f'style="--c:var(--run-{name})"'


def _describe(curves: Sequence[Curve]) -> str:
    """What the chart shows, for those who do not see it."""
    said = []
    for curve in curves:
        tests = curve.history.evaluations
        if curve.smoothed and tests:
            said.append(
                say(
                    "{name}: after {seen:,} examples train loss {loss:.2f},"
                    " test accuracy {percent:.1f} %",
                    name=curve.name,
                    seen=curve.history.examples_seen,
                    loss=curve.smoothed[-1][1],
                    percent=100 * tests[-1].accuracy,
                )
            )
    return "; ".join(said) or say("Loss: no run yet")
