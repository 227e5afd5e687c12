"""Curves and bars: what a page is sent, what its script draws of it, and the files one keeps."""

import csv
import json
import math
import re
from xml.etree import ElementTree

import pytest

from mnist_core.history import EvalEvent, History, LiveReading, StepEvent
from mnist_core.page.curves import (
    MAX_POINTS,
    Curve,
    curve_csv,
    curve_png,
    figure,
    new_points,
    smooth,
)
from mnist_core.page.parts import STATIC, render
from mnist_core.page.words import Words

SCRIPTS = "".join((STATIC / name).read_text(encoding="utf-8") for name in ("own.js", "curves.js"))
OPEN = f"""() => {{
  const props = {{ chinese: {{}} }};
  {SCRIPTS}
  Object.assign(window, {{ gather, known, smooth, drawCurves }});
}}"""
DRAW = """(looks) => {
  const box = document.createElement("div");
  let runs = new Map();
  for (const news of looks) runs = gather(runs, news);
  drawCurves(box, runs.values());
  const scripts = box.querySelectorAll("script").length;
  return { html: box.innerHTML, scripts, known: known(runs) };
}"""


@pytest.fixture(scope="module")
def browser_page(browser):
    """A page that has the scripts which draw curves, and nothing else."""
    page = browser.new_page()
    page.evaluate(OPEN)
    yield page
    page.close()


@pytest.fixture
def draw(browser_page):
    """`draw(*curves)` → the chart's HTML, as a page shows it that has just been opened."""
    return lambda *curves: browser_page.evaluate(DRAW, [[new_points(curve) for curve in curves]])[
        "html"
    ]


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
    return [path.get("d") for path in svg.iter() if path.get("class") == kind]


def numbers(path):
    return [float(number) for number in re.findall(r"-?\d+", path)]


# ---- drawn ----


def test_a_loss_of_half_the_axis_at_half_the_run_is_drawn_in_the_middle(draw):
    """The axis ends at 2.5 and the run at 1,000 examples; the box is 1000 × 1000, y down."""
    one = History([StepEvent(examples_seen=500, loss=1.25, seconds=1.0)], [], [])
    loss, _ = svgs(draw(Curve(name="a", history=one, total=1000)))
    assert paths(loss, "run-noise") == ["M500 500"]
    assert paths(loss, "run-line") == ["M500 500"]


def test_test_losses_are_points_and_resumes_dashes_where_they_happened(draw):
    loss, accuracy = svgs(draw(Curve(name="a", history=history(), total=38_400)))
    (dots,) = paths(loss, "run-dots")
    assert dots.count("h0") == 3
    assert dots.startswith("M0 880h0M500 880h0")
    assert paths(loss, "run-resumed") == ["M250 0V1000"]
    assert paths(accuracy, "run-dots")[0].count("h0") == 3


def test_every_run_has_its_colour_and_name(draw):
    curves = [Curve(id=str(n), name=f"run {n}", history=history(), colour=n) for n in range(3)]
    html = draw(*curves, Curve(id="x", name="shipped", history=history(), colour=None))
    for wanted in ("run 0", "run 2", "--run-0", "--run-2", "--run-grey", "shipped"):
        assert wanted in html


def test_names_cannot_break_out_of_the_html(browser_page):
    curve = Curve(name='"><script>alert(1)</script>', history=history())
    drawn = browser_page.evaluate(DRAW, [[new_points(curve)]])
    assert drawn["scripts"] == 0
    assert "&lt;script&gt;" in drawn["html"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
def test_a_diverged_run_can_be_drawn(draw, value):
    broken = history(loss=lambda seen: value if seen > 20_000 else 2.0)
    loss, _ = svgs(draw(Curve(name="a", history=broken)))
    for path in paths(loss, "run-line") + paths(loss, "run-noise"):
        assert all(-100 <= number <= 1000 for number in numbers(path))
    assert curve_png("a", broken).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "empty",
    [[], [Curve(name="a", history=History())], [Curve(name="a", history=History(), total=5)]],
)
def test_nothing_yet_is_an_empty_chart(draw, empty):
    assert len(svgs(draw(*empty))) == 2
    assert all(curve_png(one.name, one.history).startswith(b"\x89PNG") for one in empty)


def test_the_axis_of_the_accuracy_is_even_in_halvings_of_what_is_read_wrong_and_never_moves(draw):
    """From 0 % at the bottom to 100 % at the top, with 0.5 % added to what is wrong: 94.5 % is
    log(0.06 / 1.005) / log(0.005 / 1.005) = 0.531 up, 97.5 %, with half of it, 0.131 more."""
    axes = []
    for share, top in ((0.0, 1000), (0.5, 870), (0.945, 469), (0.975, 338), (1.0, 0)):
        html = draw(Curve(name="a", history=history(accuracy=share), total=38_400))
        axes.append(re.findall(r"[\d.]+%\">\d+ %", html))
        _, accuracy = svgs(html)
        assert paths(accuracy, "run-dots")[0].split("h0")[1] == f"M500 {top}"
    assert len(axes[0]) == 8
    assert axes == [axes[0]] * 5


def test_smoothing_leaves_a_constant_alone_and_calms_noise_in_both_places(browser_page):
    for there in (smooth, lambda points: browser_page.evaluate("points => smooth(points)", points)):
        constant = there([(n, 2.0) for n in range(50)])
        assert [y for _, y in constant] == pytest.approx([2.0] * 50)
        noisy = there([(n, 1.0 + (-1) ** n) for n in range(200)])
        assert all(abs(y - 1.0) < 0.1 for _, y in noisy[100:])


# ---- sent ----


def test_a_long_run_is_sent_and_drawn_with_few_points_and_its_first_and_last(draw):
    for count in (600, 20_000, 100_000):
        curve = Curve(name="a", history=history(steps=count))
        assert len(json.dumps(new_points(curve))) < 40_000
        loss, _ = svgs(draw(curve))
        drawn = numbers(paths(loss, "run-noise")[0])
        assert len(drawn) <= 2 * (MAX_POINTS + 1)
        assert len(drawn) == 2 * count or count > MAX_POINTS  # a short line is whole
        assert (drawn[0], drawn[-2]) == (0, round(1000 * (count - 1) / count))


def test_a_page_that_watched_all_along_shows_what_one_does_that_was_just_opened(browser_page):
    whole = history(steps=5_000, epochs=7, loss=lambda seen: 2 + math.sin(seen))
    looks, known, sent = [], {}, []
    for count in (0, 1, 2, 30, 599, 600, 601, 900, 1200, 1201, 4500, 5000):
        part = History(whole.steps[:count], whole.evaluations[: count // 700], [])
        news = new_points(Curve(id="a", name="a", history=part), known.get("a"))
        looks.append([news])
        sent.append(len(news["steps"]["new"]))
        drawn = browser_page.evaluate(DRAW, looks)
        known = json.loads(json.dumps(drawn["known"]))
        fresh = browser_page.evaluate(DRAW, [[new_points(Curve(id="a", name="a", history=part))]])
        assert drawn == fresh
    assert sent[:5] == [0, 1, 1, 28, 569]
    assert max(sent) <= MAX_POINTS


def test_a_page_that_has_another_history_or_none_is_sent_the_whole():
    curve = Curve(name="a", history=history(steps=50))
    news = new_points(curve)
    has = {
        name: {key: news[name][key] for key in ("stride", "next", "last")}
        for name in ("steps", "tests")
    }
    assert new_points(curve, has)["steps"]["new"] == []
    gone_back = Curve(name="a", history=history(steps=20))
    assert new_points(gone_back, has)["steps"]["whole"]
    for other in (None, 7, "x", [], {}, {"steps": 5}, {"steps": {"stride": 1, "next": 10**9}},
                  {"steps": {"stride": 1, "next": -1, "last": 0}}, {"steps": {"stride": "1"}},
                  {"steps": {"stride": 1, "next": 3, "last": None}}):  # fmt: skip
        assert len(new_points(curve, other)["steps"]["new"]) == 50


# ---- bars ----


def bars(probabilities):
    return render("run_reading.html", Words(), own=True, drawn="data:", bars=probabilities)


def test_bars_are_ten_in_order_with_the_most_probable_marked():
    html = bars([0.05] * 7 + [0.65, 0, 0])
    assert re.findall(r"</i>(\d)</li>", html) == [str(digit) for digit in range(10)]
    assert re.findall(r"--share:([\d.]+)", html) == ["0.050"] * 7 + ["0.650", "0.000", "0.000"]
    assert re.findall(r"run-first\".*?</i>(\d)<", html) == ["7"]


@pytest.mark.parametrize("nothing", [None, [math.nan] * 10])
def test_without_a_reading_the_bars_are_empty_not_ten_percent_each(nothing):
    html = bars(nothing)
    assert html.count("--share:0.000") == 10
    assert "run-first" not in html


# ---- files ----


def test_the_table_of_a_curve_has_every_event_in_order():
    rows = list(csv.DictReader(curve_csv(history()).splitlines()))
    assert len(rows) == 60 + 3 + 1
    seen = [int(row["examples_seen"]) for row in rows]
    assert seen == sorted(seen)
    assert {row["event"] for row in rows} == {"train", "test", "resumed"}
    assert float(rows[0]["loss"]) == 2.0


@pytest.mark.parametrize("name", ["mine", "$x^2", "_mine", "a$b$c", "数字", "می‌خواهم", "<b>"])
def test_the_figure_for_a_file_has_both_losses_and_the_accuracy_whatever_the_name(name):
    loss, accuracy = figure(name, history()).axes
    labels = [text.get_text() for text in loss.get_legend().get_texts()]
    assert labels == [f"{name}: train loss", f"{name}: test loss"]
    assert loss.get_xlabel() == "number of training examples seen"
    assert list(accuracy.lines[0].get_ydata()) == pytest.approx([10, 95, 95])
    assert curve_png(name, history()).startswith(b"\x89PNG")


def test_the_axes_of_the_accuracy_of_the_page_and_of_a_file_are_the_same(draw):
    curve = Curve(name="a", history=history(accuracy=0.985), total=38_400)
    html, (_, accuracy) = draw(curve), figure("a", curve.history).axes
    bottom, top = accuracy.transData.transform([(0, 0), (0, 100)])[:, 1]
    drawn = [(float(at), int(of)) for at, of in re.findall(r"bottom:([\d.]+)%\">(\d+) %", html)]
    assert [of for _, of in drawn] == [*accuracy.get_yticks()]
    for at, percent in [*drawn, (100 - numbers(paths(svgs(html)[1], "run-line")[0])[3] / 10, 98.5)]:
        height = accuracy.transData.transform((0, percent))[1]
        assert (height - bottom) / (top - bottom) == pytest.approx(at / 100, abs=0.001)
    assert accuracy.get_ylim() == (0, 100)


def test_the_line_of_the_accuracy_is_what_was_read_as_it_trained_and_the_tests_are_dots(draw):
    """A test of all digits finds another accuracy than one of a few at the same moment: the line
    would jump to its dot and back."""
    live = [LiveReading(examples_seen=2000 * n, accuracy=0.9, digits=250) for n in range(1, 19)]
    tested = history(steps=60, epochs=2, accuracy=0.95)
    _, accuracy = svgs(draw(Curve(name="a", history=tested, live=live, total=38_400)))
    (line,), (dots,) = paths(accuracy, "run-line"), paths(accuracy, "run-dots")
    assert numbers(line)[:2] == numbers(dots)[:2], "from the weights that it began with"
    heights = numbers(line)[1::2]
    assert len(heights) == 1 + len(live)
    assert {*heights[1:]} == {574}
    assert dots.count("h0") == 3


def test_a_run_that_was_not_read_as_it_trained_has_a_line_through_its_tests(draw):
    _, accuracy = svgs(draw(Curve(name="a", history=history(), total=38_400)))
    (line,), (dots,) = paths(accuracy, "run-line"), paths(accuracy, "run-dots")
    assert numbers(line) == numbers(dots.replace("h0", ""))
