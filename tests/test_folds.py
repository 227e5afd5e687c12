"""A hand judged by networks that were not taught the drawing they judge."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from digits import drawn
from training_runs import load

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import NONE, TUTORIAL, teaching
from mnist_core.digits import datasets
from mnist_core.digits.split import Split
from mnist_core.errors import DataError
from mnist_core.evaluation import evaluate
from mnist_core.places import shipped_weights
from mnist_core.runs.folds import FOLDS, Teaching, dealt, judge
from mnist_core.runs.workers import Workers
from mnist_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = replace(teaching(TUTORIAL), epochs=1, learning_rate=0.01)


def teaching_of(own, **changes) -> Teaching:
    start = Checkpoint.load(shipped_weights("tutorial"))
    return Teaching(start=start, config=replace(CONFIG, **changes), own=own, load=load)


def test_every_digit_is_spread_over_the_parts_and_what_is_none_is_in_no_part():
    labels = torch.tensor([7] * 10 + [NONE] * 3 + [1] * 5 + [2] * 2)
    parts = dealt(labels)
    assert (parts[10:13] == -1).all()
    for digit, each in ((7, 2), (1, 1)):
        assert parts[labels == digit].bincount(minlength=FOLDS).tolist() == [each] * FOLDS
    assert len(parts[labels == 2].unique()) == 2
    assert sorted(dealt(torch.tensor([4, 4]))) == [0, 1]


def test_no_drawing_is_judged_by_a_network_that_was_taught_it():
    """Five signs of chance, each drawn once: no other drawing tells what they are, so they stay
    misread, while a network that was taught them reads them."""
    stripes = drawn(30)
    signs = np.random.default_rng(5).integers(0, 2, (5, 4, 4), dtype=np.uint8) * 255
    signs = torch.from_numpy(signs.repeat(7, 1).repeat(7, 2))
    own = stripes + Split(signs, torch.tensor([3, 1, 4, 5, 9]))
    task = teaching_of(own, epochs=2)
    rows, shares = torch.full((35, 10), torch.nan), []
    for which, read in judge(task):
        rows[which] = read
        shares.append(len(which))
    assert shares == [7] * FOLDS
    right = rows.argmax(1) == own.labels
    assert right[:30].float().mean() > 0.9
    judged = int(right[30:].sum())
    assert judged <= 2
    taught = Trainer.start_from(task.start, task.config, own=own)
    list(taught.events(*taught.splits(load)))
    assert evaluate(taught.model, datasets.tested(own)).right[30:].sum() >= judged + 2


def test_a_single_drawing_cannot_be_judged():
    with pytest.raises(DataError, match="draw some"):
        list(judge(teaching_of(drawn(1))))


def test_a_worker_judges_as_it_is_done_here():
    workers = Workers()
    try:
        task = teaching_of(drawn(6))
        for (which, read), (here, expected) in zip(workers.judge(task), judge(task), strict=True):
            assert torch.equal(which, here)
            assert torch.equal(read, expected)
    finally:
        workers.close()
