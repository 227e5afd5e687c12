"""Which digits a view holds, in its order; two networks compared; the table of all results."""

import csv
import io

import pytest
from digits import FIVE, answered

from mnist_core.config import NONE
from mnist_core.errors import ConfigError
from mnist_core.page.selection import agreement, results_csv, select
from mnist_core.page.view import COMPARISONS, ORDERS, SHOWS, View


@pytest.mark.parametrize(
    ("view", "numbers"),
    [
        (View(), [3, 1]),
        (View(show="all"), [3, 1, 2, 0, 4]),
        (View(show="unsure"), [2]),
        (View(show="all", order="least sure first"), [2, 1, 0, 3, 4]),
        (View(show="all", order="highest loss first"), [3, 1, 2, 0, 4]),
        (View(show="all", order="as in the set"), [0, 1, 2, 3, 4]),
        (View(show="all", order="as in the set", truth=3), [0, 1]),
        (View(show="all", order="as in the set", read_as=5), [1, 2]),
        (View(truth=3, read_as=5), [1]),
        (View(truth=0), []),
    ],
)
def test_a_view_holds_its_digits_in_its_order(view, numbers):
    assert select(FIVE, view).tolist() == numbers


WITH_OTHERS = answered(
    [
        (NONE, {4: 0.6, NONE: 0.9}),  # 0: refused
        (NONE, {4: 0.6, NONE: 0.1}),  # 1: slips through as a 4
        (4, {4: 0.8, NONE: 0.9}),  # 2: right, refused
        (4, {5: 0.8, NONE: 0.1}),  # 3: wrong
        (NONE, {4: 0.6, NONE: 0.5}),  # 4: refused, unsure
    ]
)


@pytest.mark.parametrize(
    ("view", "numbers"),
    [
        (View(), [3, 1]),
        (View(show="unsure"), [1, 4]),
        (View(show="all", order="worst first", truth=NONE), [1, 4, 0]),
        (View(show="all", order="as in the set", read_as=NONE), [0, 2, 4]),
        (View(show="all", order="as in the set", read_as=NONE, truth=4), [2]),
        (View(show="all", order="as in the set", read_as=4), [1, 2]),
    ],
)
def test_what_is_no_digit_and_what_is_refused_can_be_chosen(view, numbers):
    assert select(WITH_OTHERS, view).tolist() == numbers


def test_the_random_order_depends_on_the_seed_alone():
    many = answered([(n % 10, {n % 10: 0.9}) for n in range(50)])
    first = select(many, View(show="all", order="random", seed=1)).tolist()
    assert first == select(many, View(show="all", order="random", seed=1)).tolist()
    assert first != select(many, View(show="all", order="random", seed=2)).tolist()
    assert sorted(first) == list(range(50))


def test_two_networks_are_compared_digit_by_digit():
    """FIVE is right on 0, 2, 4. The other is right on 0 and 1: both right {0}, only the first
    {2, 4}, only the second {1}, both wrong {3}; 1, 2, 4 are read differently, and 3 is not.
    """
    other = answered([(3, {3: 0.9}), (3, {3: 0.9}), (5, {6: 0.9}), (9, {4: 0.9}), (9, {7: 0.9})])
    assert agreement(FIVE, other).tolist() == [[1, 2], [1, 1]]
    shown = {
        show: select(FIVE, View(show=show, order="as in the set"), other).tolist()
        for show in COMPARISONS
    }
    assert shown == {
        "only first right": [2, 4],
        "only second right": [1],
        "both wrong": [3],
        "read differently": [1, 2, 4],
    }


def test_a_view_that_there_is_not_is_refused():
    for view in (View(show="nothing"), View(show=COMPARISONS[0]), View(order="none")):
        with pytest.raises(ConfigError, match="There is no"):
            select(FIVE, view)


def test_every_offered_view_can_be_shown():
    for show in SHOWS + COMPARISONS:
        for order in ORDERS:
            assert len(select(FIVE, View(show=show, order=order), FIVE)) <= 5


def test_the_csv_has_every_digit_with_its_probabilities():
    rows = list(csv.DictReader(io.StringIO(results_csv(FIVE))))
    assert [(row["index"], row["truth"], row["prediction"]) for row in rows] == [
        ("0", "3", "3"),
        ("1", "3", "5"),
        ("2", "5", "5"),
        ("3", "9", "4"),
        ("4", "9", "9"),
    ]
    assert "no digit" not in rows[0]
    for row in rows:
        assert sum(float(row[f"p{digit}"]) for digit in range(10)) == pytest.approx(1, abs=1e-5)
    assert float(rows[3]["p4"]) == pytest.approx(0.9)


def test_the_csv_says_how_probable_it_is_that_it_is_no_digit():
    rows = list(csv.DictReader(io.StringIO(results_csv(WITH_OTHERS))))
    read = [(row["truth"], row["prediction"], row["no digit"]) for row in rows]
    assert read[:3] == [
        ("no digit", "no digit", "0.900000"),
        ("no digit", "4", "0.100000"),
        ("4", "4", "0.900000"),
    ]
