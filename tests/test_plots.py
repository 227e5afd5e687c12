"""Curves and bars: what is drawn where, what is escaped, what happens to broken numbers."""

import csv
import math
import re
from xml.etree import ElementTree

import pytest

from mnist_core.history import EvalEvent, History, StepEvent
from mnist_core.plots import (
    MAX_POINTS,
    Curve,
    bars_html,
    curve_csv,
    curve_png,
    curves_html,
    figure,
    smooth,
    thin,
)


def history(steps=60, epochs=2, loss=lambda seen: 2.0 - seen / 100_000, accuracy=0.95):
    size = 640 * steps // epochs
    return History(
        [StepEvent(examples_seen=640 * n, loss=loss(640 * n), seconds=0.1 * n)
         for n in range(steps)],
        [EvalEvent(examples_seen=size * n, loss=0.3, accuracy=accuracy if n else 0.1, seconds=n)
         for n in range(epochs + 1)],
        [size // 2],
    )  # fmt: skip


def svgs(html):
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html)]


def paths(svg, kind):
    return [path.get("d") for path in svg.iter("path") if path.get("class") == kind]


def numbers(path):
    return [float(number) for number in re.findall(r"-?\d+", path)]


def test_a_loss_of_half_the_axis_at_half_the_run_is_drawn_in_the_middle():
    """The axis ends at 2.5 and the run at 1,000 examples; the box is 1000 × 1000, y down."""
    one = History([StepEvent(examples_seen=500, loss=1.25, seconds=1.0)], [], [])
    loss, _ = svgs(curves_html([Curve(name="a", history=one, total=1000)]))
    assert paths(loss, "run-noise") == ["M500 500"]
    assert paths(loss, "run-line") == ["M500 500"]


def test_test_losses_are_points_and_resumes_dashes_where_they_happened():
    loss, accuracy = svgs(curves_html([Curve(name="a", history=history(), total=38_400)]))
    (dots,) = paths(loss, "run-dots")
    assert dots.count("h0") == 3
    assert dots.startswith("M0 880h0M500 880h0")
    assert paths(loss, "run-resumed") == ["M250 0V1000"]
    assert paths(accuracy, "run-dots")[0].count("h0") == 2


def test_every_run_has_its_colour_and_name():
    curves = [Curve(name=f"run {n}", history=history(), colour=n) for n in range(3)]
    html = curves_html([*curves, Curve(name="shipped", history=history(), colour=None)])
    for wanted in ("run 0", "run 2", "--run-0", "--run-2", "--run-grey", "shipped"):
        assert wanted in html


def test_names_cannot_break_out_of_the_html():
    html = curves_html([Curve(name='"><script>alert(1)</script>', history=history())])
    assert "<script" not in html
    assert "&quot;&gt;&lt;script" in html


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
def test_a_diverged_run_can_be_drawn(value):
    broken = history(loss=lambda seen: value if seen > 20_000 else 2.0)
    loss, _ = svgs(curves_html([Curve(name="a", history=broken)]))
    for path in paths(loss, "run-line") + paths(loss, "run-noise"):
        assert all(-100 <= number <= 1000 for number in numbers(path))
    assert curve_png([Curve(name="a", history=broken)]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "empty",
    [[], [Curve(name="a", history=History())], [Curve(name="a", history=History(), total=5)]],
)
def test_nothing_yet_is_an_empty_chart(empty):
    assert len(svgs(curves_html(empty))) == 2
    assert curve_png(empty).startswith(b"\x89PNG")


def test_a_long_run_is_drawn_with_few_points():
    html = curves_html([Curve(name="a", history=history(steps=20_000))])
    assert len(html) < 40_000
    loss, _ = svgs(html)
    assert len(numbers(paths(loss, "run-noise")[0])) <= 2 * (MAX_POINTS + 1)


def test_thinning_keeps_the_first_and_the_last_point_and_short_lines_whole():
    points = [(float(n), 0.0) for n in range(10_001)]
    thinned = thin(points)
    assert len(thinned) <= MAX_POINTS + 1
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert thin(points[:600]) == points[:600]


def test_smoothing_leaves_a_constant_alone_and_calms_noise():
    constant = smooth([(n, 2.0) for n in range(50)])
    assert [y for _, y in constant] == pytest.approx([2.0] * 50)
    noisy = smooth([(n, 1.0 + (-1) ** n) for n in range(200)])
    assert all(abs(y - 1.0) < 0.1 for _, y in noisy[100:])


def test_the_accuracy_axis_opens_at_90_percent_once_all_are_above_it():
    assert "90 %" in curves_html([Curve(name="a", history=history(accuracy=0.95))])
    html = curves_html([Curve(name="a", history=history(accuracy=0.5))])
    assert "90 %" not in html
    assert "20 %" in html


def test_bars_are_ten_in_order_with_the_most_probable_marked():
    html = bars_html([0.05] * 7 + [0.65, 0, 0], truth=2)
    assert re.findall(r"<span>(\d)</span>", html) == [str(digit) for digit in range(10)]
    assert re.findall(r"scaleX\(([\d.]+)", html) == ["0.050"] * 7 + ["0.650", "0.000", "0.000"]
    assert html.count("run-best") == 1
    assert 'class="run-bar run-best"><span>7<' in html
    assert 'class="run-bar run-truth"><span>2<' in html


@pytest.mark.parametrize("nothing", [None, [math.nan] * 10])
def test_without_a_reading_the_bars_are_empty_not_ten_percent_each(nothing):
    html = bars_html(nothing)
    assert html.count("scaleX(0.000)") == 10
    assert "run-best" not in html


def test_the_table_of_a_curve_has_every_event_in_order():
    rows = list(csv.DictReader(curve_csv(history()).splitlines()))
    assert len(rows) == 60 + 3 + 1
    seen = [int(row["examples_seen"]) for row in rows]
    assert seen == sorted(seen)
    assert {row["event"] for row in rows} == {"train", "test", "resumed"}
    assert float(rows[0]["loss"]) == 2.0


def test_the_figure_for_a_file_has_both_losses_and_the_accuracy():
    loss, accuracy = figure([Curve(name="mine", history=history())]).axes
    labels = [text.get_text() for text in loss.get_legend().get_texts()]
    assert labels == ["mine: train loss", "mine: test loss"]
    assert loss.get_xlabel() == "number of training examples seen"
    assert list(accuracy.lines[0].get_ydata()) == pytest.approx([10, 95, 95])
