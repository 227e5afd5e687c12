"""What is said in two places, in Python and in JavaScript or in a sentence, is the same."""

import json
import re

import pytest

from mnist_core import config, grouping
from mnist_core.digits import datasets, own, split, strokes
from mnist_core.page import curves, experiments
from mnist_core.page.parts import STATIC

SAID_AGAIN = {
    ("own_store.js", "MOST"): own.MOST,
    ("own_digits.js", "MOST_OWN_BYTES"): own.MOST_BYTES,
    ("own_digits.js", "NO_DIGIT"): own.NO_DIGIT,
    ("pad_arrive.js", "MOST_POINTS"): strokes.MAX_POINTS,
    ("pad_arrive.js", "MOST_DIGITS"): grouping.MOST_DIGITS,
    ("digits.js", "NONE"): config.NONE,
    ("lesson.js", "MEAN"): split.MEAN,
    ("lesson.js", "STD"): split.STD,
    ("curves.js", "SMOOTHING"): curves._SMOOTHING,
    ("curves.js", "MAX_LOSS"): curves.MAX_LOSS,
    ("curves.js", "SHARES"): [*curves._SHARES],
    ("curves.js", "LEAST_WRONG"): pytest.approx(curves._MOST / 100 - 1),
}


@pytest.mark.parametrize(("script", "name"), SAID_AGAIN)
def test_a_constant_that_is_said_in_both_languages_is_the_same(script, name):
    text = (STATIC / script).read_text(encoding="utf-8")
    (value,) = re.findall(rf"\b{name}(?: =|:) ([^;\n]+?)[;,](?: //.*)?\n", text)
    assert json.loads(value.replace("_", "")) == SAID_AGAIN[script, name]


def test_the_page_says_how_many_of_mnists_digits_are_learned_beside_ones_own():
    assert datasets.BESIDE == 7 * datasets.OWN_DIGITS
    assert "with seven times as many of MNIST’s" in experiments.EXPERIMENTS[-1].question
