"""Numbers from strokes: which strokes make which digit; and what is neither digit nor number."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scribbles import DRAWINGS, arc, line

from mnist_core import grouping, reading
from mnist_core.config import SHIPPED
from mnist_core.digits.handwriting import handwriting
from mnist_core.places import shipped_weights

WEIGHTS = shipped_weights(SHIPPED[0])
SEVEN = [line((0.1, 0.2), (0.4, 0.18), (0.2, 0.8)), line((0.12, 0.5), (0.38, 0.48))]
FOUR = [line((0.15, 0.2), (0.08, 0.55), (0.42, 0.53)), line((0.33, 0.25), (0.3, 0.85))]
FIVE = [[[0.15, 0.2], [0.13, 0.48], *arc(0.22, 0.62, 0.17, 0.2, -110, 130)],
        line((0.15, 0.2), (0.4, 0.19))]  # fmt: skip
TWO = [[*arc(0.25, 0.35, 0.15, 0.15, -170, 30), [0.1, 0.82], [0.45, 0.81]]]
ZERO = [arc(0.25, 0.5, 0.15, 0.3, -90, 270)]
ONE = [line((0.2, 0.2), (0.19, 0.8))]


@pytest.fixture(scope="module")
def reader():
    return reading.reader(WEIGHTS)


def boxes(*drawn):
    return np.array([[*np.min(stroke, 0), *np.max(stroke, 0)] for stroke in drawn])


def columns(*drawn):
    lines = [np.array(stroke) for stroke in drawn]
    return grouping.columns(boxes(*drawn), grouping.touching(lines))


def beside(*digits, gap=0.2):
    """Digits from left to right, each as high as it is."""
    strokes, right = [], 0.0
    for digit in digits:
        points = np.concatenate([np.array(stroke, float) for stroke in digit])
        low, size = points.min(0), np.ptp(points[:, 1])
        strokes += [(np.array(s) - low) / size + [right, 0] for s in digit]
        right += np.ptp(points[:, 0]) / size + gap
    scale = 0.9 / max(right, 1)
    return [(stroke * scale + 0.05).tolist() for stroke in strokes]


def shown(classifier, strokes, every=3):
    """The readings while strokes are drawn, point by point, as the pad asks for them."""
    for count, stroke in enumerate(strokes):
        for end in [*range(2, len(stroke), every), len(stroke)]:
            yield reading.read_strokes(classifier, [*strokes[:count], stroke[:end]], True)
        yield reading.read_strokes(classifier, strokes[: count + 1])


def test_strokes_above_each_other_or_touching_are_one_column_in_order_of_place():
    assert columns(*SEVEN) == [[0, 1]]
    assert columns(*beside(ONE, SEVEN, ONE)) == [[0], [1, 2], [3]]
    assert columns(*reversed(beside(ONE, SEVEN, ONE))) == [[3], [1, 2], [0]]
    assert columns(*DRAWINGS["H"]) == [[0, 1, 2]]


def test_a_stroke_through_two_digits_is_not_split():
    through = line((0.05, 0.5), (0.9, 0.5))
    drawn = [*beside(ONE, ONE), through]
    assert columns(*drawn) == [[0, 1, 2]]


def test_runs_have_at_most_four_strokes_and_no_wide_gap_and_are_not_all():
    six = boxes(*[line((0.1 * i, 0), (0.1 * i, 0.5)) for i in range(6)])
    runs = grouping.runs([[i] for i in range(6)], six)
    assert max(end - first for first, end in runs) == grouping.MOST_PARTS
    two = boxes(line((0, 0), (0, 0.5)), line((0.05, 0), (0.05, 0.5)))
    assert grouping.runs([[0], [1]], two) == [(0, 1), (1, 2)]
    dot = boxes(line((0, 0), (0, 1)), line((0.5, 0), (0.5, 0.1)))
    assert grouping.runs([[0], [1]], dot) == [(0, 1)]


@given(st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_the_best_grouping_is_that_of_trying_all(count, seed):
    rng = np.random.default_rng(seed)
    scores = {run: float(rng.normal()) for run in combinations(range(count + 1), 2)
              if rng.random() < 0.8}  # fmt: skip
    cuts = [(0, *inner, count) for size in range(count) for inner in
            combinations(range(1, count), size)]  # fmt: skip
    ways = [list(pairwise(cut)) for cut in cuts]
    ways = [way for way in ways if all(run in scores for run in way)]
    found = grouping.best(scores, count)
    if not ways:
        assert found == []
    else:
        assert found == max(ways, key=lambda way: sum(scores[run] for run in way))


def test_a_number_is_read_with_its_digits_from_left_to_right(reader):
    for digits, expected in (((FOUR, TWO), "42"), ((SEVEN, SEVEN, FIVE), "775"),
                             ((ONE, ZERO, FOUR, TWO, FIVE), "10425")):  # fmt: skip
        for gap in (0.15, 0.25, 0.5):
            result = reading.read_strokes(reader, beside(*digits, gap=gap))
            assert (result.reading, result.digit) == (expected, None)
            assert "".join(str(each.digit) for each in result.digits) == expected
            for each in result.digits:
                assert sum(each.probabilities) == pytest.approx(1, abs=1e-5)
                assert each.image.shape == (28, 28)
            assert sum(result.probabilities) == pytest.approx(1, abs=1e-5)


def test_a_digit_of_two_strokes_is_one_digit(reader):
    for digit, drawn in ((7, SEVEN), (4, FOUR), (5, FIVE)):
        result = reading.read_strokes(reader, drawn)
        assert (result.digit, result.digits) == (digit, ())


def test_twelve_digits_are_a_number_and_thirteen_are_not(reader):
    digits = [ZERO, ONE, TWO, SEVEN] * 3
    assert reading.read_strokes(reader, beside(*digits)).reading == "012701270127"
    assert reading.read_strokes(reader, beside(*digits, ONE)).reading == ""


def test_while_a_digit_is_unfinished_it_is_never_shown_as_several(reader):
    rng = np.random.default_rng(7)
    drawn = [handwriting(digit, rng) for digit in 6 * [4, 5, 7, 1, 9, 0]]
    several = [strokes for strokes in [SEVEN, FOUR, FIVE, *drawn] if len(strokes) > 1]
    assert len(several) >= 15
    for strokes in several:
        assert not any(result.digits for result in shown(reader, strokes))


def test_a_number_stays_one_while_its_next_digit_is_drawn(reader):
    strokes = beside(FOUR, TWO, ZERO)
    lengths = [len(result.digits) for result in shown(reader, strokes)]
    first = lengths.index(2)
    assert set(lengths[:first]) == {0}
    assert min(lengths[first:]) == 2
    assert lengths[-1] == 3


def test_letters_shapes_faces_and_scribbles_are_refused(reader):
    taken = {name: result.reading for name, strokes in DRAWINGS.items()
             if (result := reading.read_strokes(reader, strokes)).reading}  # fmt: skip
    assert len(DRAWINGS) == 40
    assert len(taken) <= 1, taken


def test_a_scribble_as_long_as_no_number_is_not_cut_up(reader):
    rng = np.random.default_rng(3)
    drawn = [rng.random((400, 2)).tolist() for _ in range(40)]
    assert reading.read_strokes(reader, drawn).digits == ()
