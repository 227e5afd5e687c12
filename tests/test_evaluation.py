"""Figures of an evaluation against plain numpy, and which digits a view holds."""

import csv
import io
import math

import numpy as np
import pytest
import torch
from digits import small_split

from mnist_core import models
from mnist_core.config import ConfigError
from mnist_core.data import Split, normalize
from mnist_core.evaluation import (
    Evaluation,
    agreement,
    classify,
    evaluate,
    evaluate_once,
    results_csv,
    select,
)
from mnist_core.view import COMPARISONS, ORDERS, SHOWS, View


def answered(rows: list[tuple[int, dict[int, float]]]) -> Evaluation:
    """An evaluation from (truth, {digit: probability}) pairs; what is left is spread evenly."""
    table = []
    for _, given in rows:
        rest = (1 - sum(given.values())) / (10 - len(given))
        table.append([given.get(digit, rest) for digit in range(10)])
    labels = torch.tensor([truth for truth, _ in rows])
    return Evaluation(torch.tensor(table).log(), labels)


FIVE = answered(
    [
        (3, {3: 0.8}),  # 0: right
        (3, {5: 0.7, 3: 0.2}),  # 1: wrong
        (5, {5: 0.5, 3: 0.4}),  # 2: right, unsure
        (9, {4: 0.9, 9: 0.09}),  # 3: wrong, most confident
        (9, {9: 0.99}),  # 4: right
    ]
)


def test_a_worked_example_of_five_digits():
    """Right are 0, 2 and 4: accuracy 3/5. Losses are -ln of the truth's probability:
    0.8, 0.2, 0.5, 0.09, 0.99 → 0.2231 + 1.6094 + 0.6931 + 2.4079 + 0.0101 = 4.9437; / 5 = 0.9887.
    Of two 3s one is right, of one 5 one, of two 9s one.
    """
    assert FIVE.accuracy == pytest.approx(3 / 5)
    assert FIVE.loss == pytest.approx(0.9887, abs=1e-4)
    assert FIVE.predictions.tolist() == [3, 5, 5, 4, 9]
    assert FIVE.right.tolist() == [True, False, True, False, True]
    assert FIVE.per_class_accuracy == [0, 0, 0, 0.5, 0, 1, 0, 0, 0, 0.5]
    expected = np.zeros((10, 10), int)
    expected[3, 3] = expected[3, 5] = expected[5, 5] = expected[9, 4] = expected[9, 9] = 1
    assert (FIVE.confusion.numpy() == expected).all()


def test_an_evaluation_equals_plain_numpy_on_the_same_log_probabilities():
    model, split = models.build("net").eval(), small_split(257)
    with torch.no_grad():
        scores = model(normalize(split.images)).numpy().astype(float)
    labels = split.labels.numpy()
    confusion = np.zeros((10, 10), int)
    for truth, read in zip(labels, scores.argmax(1), strict=True):
        confusion[truth, read] += 1

    result = evaluate(model, split)

    assert result.loss == pytest.approx(-scores[np.arange(257), labels].mean(), abs=1e-6)
    assert result.accuracy == pytest.approx((scores.argmax(1) == labels).mean())
    assert (result.confusion.numpy() == confusion).all()
    probabilities = classify(model, split.images).numpy()
    assert np.allclose(probabilities, np.exp(scores), atol=1e-6)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)


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
    for row in rows:
        assert sum(float(row[f"p{digit}"]) for digit in range(10)) == pytest.approx(1, abs=1e-5)
    assert float(rows[3]["p4"]) == pytest.approx(0.9)


def test_equal_weights_are_evaluated_once_and_changed_weights_anew():
    split = small_split(20)
    model, same = models.build("net"), models.build("net")
    same.load_state_dict(model.state_dict())
    first = evaluate_once(model, split)
    assert evaluate_once(same, split) is first
    assert evaluate_once(model, Split(split.images, split.labels)) is not first
    with torch.no_grad():
        same.fc2.bias[3] += 1
    second = evaluate_once(same, split)
    assert second is not first
    shifted = second.log_probabilities.exp() / first.log_probabilities.exp()
    assert (shifted[:, 3] / shifted[:, 0]).allclose(torch.tensor(math.e), rtol=1e-3)


def test_evaluating_no_digits_is_a_bug_of_the_caller():
    empty = Split(torch.empty(0, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
    with pytest.raises(ValueError, match="no digits"):
        evaluate(models.build("net"), empty)
    assert classify(models.build("net"), empty.images).shape == (0, 10)
