"""What the lesson's questions are answered with is computed on the digits that it is given."""

import json
import re

import pytest
import torch
from training_runs import patiently

from mnist_core.digits.split import Split
from mnist_core.errors import ConfigError
from mnist_core.page.lesson import SIZES, TASKS, answer, lesson
from mnist_core.page.words import Words


@pytest.fixture(scope="module")
def digits():
    """Digits that are half black, half white, and so told apart."""
    labels = torch.arange(7_000) % 2
    images = torch.zeros(7_000, 28, 28, dtype=torch.uint8)
    images[labels == 0, :14], images[labels == 1, 14:] = 255, 255
    return Split(images, labels)


def test_every_question_has_one_answer_that_is_right_and_nothing_is_told_before(digits):
    html = lesson(Words(), digits)
    steps = re.findall(r'<li data-step="(\w+)">(.*?)</div></li>', html, re.S)
    assert len(steps) == 7
    for name, step in steps:
        assert step.count(" data-right") == 1, name
        assert 'class="lesson-after" hidden' in step, name
    assert html.count('<a href="#tab=') == len(TASKS) == 5


def test_a_resumed_run_is_the_same_and_the_tutorials_optimizer_changes_nothing(digits):
    done = patiently(lambda: answer({"what": "resume"}, digits, digits))
    assert (done["count"], done["differing"], done["changed"]) == (21_840, 0, 0)


def test_the_loss_along_a_weight_is_lowest_inside_and_no_straight_line(digits):
    along = patiently(lambda: answer({"what": "gradient"}, digits, digits))
    assert along["weights"][0] < along["start"] < along["weights"][-1]
    assert len(along["weights"]) == len(along["losses"])
    assert max(along["losses"]) > min(along["losses"]) >= 0
    json.dumps(along)


@pytest.mark.parametrize("count", SIZES)
def test_what_is_learned_by_heart_is_tested_on_what_was_not_seen(digits, count):
    others = Split(255 - digits.images, digits.labels)  # the other way round
    asked = {"what": "overfit", "digits": count}
    epoch, known, unknown = patiently(lambda: answer(asked, digits, others))["points"][-1]
    assert epoch == SIZES[count]
    assert known > 0.9 > 0.5 > unknown


@pytest.mark.parametrize("asked", [None, {}, {"what": "overfit", "digits": 10**9}, ["resume"]])
def test_what_is_not_asked_there_is_refused(digits, asked):
    with pytest.raises(ConfigError, match="no such question"):
        answer(asked, digits, digits)
