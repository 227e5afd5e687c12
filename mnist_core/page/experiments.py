"""Small experiments: one press, a question before, and a sentence on both curves after.

Each is the tutorial's recipe for one epoch with something changed, or a recipe of its own, so that
the curve that the shipped weights came with is what it is compared with: the same recipe, the same
seed. One teaches the visitor's own drawings, and is compared with what it began from. A run is an
experiment by its settings alone; the visitor's answer is kept by their browser.

But: knows no run and no HTML.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .. import config
from ..config import TrainConfig
from ..digits.datasets import has_own

EXAMPLES = 60_000
"""In an epoch of MNIST: where the two curves are compared."""
ALIKE = 0.005
"""Accuracies that differ by less are called the same: two seeds of the tutorial's differ by as much
after an epoch."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """`expected` is the answer that the field gives; `why` the sentence that explains it. Without a
    `config` it is for the pad to start."""

    name: str
    title: str
    question: str
    answers: tuple[str, ...]
    config: TrainConfig | None
    expected: int
    why: str


def _changed(**changes: float) -> TrainConfig:
    return replace(config.TUTORIAL, recipe=config.OWN, epochs=1, **changes)  # type: ignore[arg-type]


_BETTER, _SAME, _WORSE = "It learns faster", "It makes no difference", "It learns more slowly"
_NOTHING = "It learns nothing"

EXPERIMENTS = [
    Experiment(
        name="break",
        title="Break it",
        question="Each step is made 100 times as long: learning rate 1 in place of 0.01.",
        answers=(_BETTER, _SAME, _NOTHING),
        config=_changed(learning_rate=1.0),
        expected=2,
        why="Steps that long jump over every valley of the loss, and soon no unit answers to"
        " anything.",
    ),
    Experiment(
        name="timid",
        title="Too timid",
        question="Each step is made 100 times as short: learning rate 0.0001 in place of 0.01.",
        answers=("It learns more carefully, and better", _SAME, _WORSE),
        config=_changed(learning_rate=0.0001),
        expected=2,
        why="It goes the right way, but in an epoch of steps this short it does not get far.",
    ),
    Experiment(
        name="momentum",
        title="Momentum 0.9",
        question="Nine tenths of each step go on into the next, in place of a half.",
        answers=(_BETTER, _SAME, _WORSE),
        config=_changed(momentum=0.9),
        expected=0,
        why="Steps in the same direction add up to ten times one of them, in place of twice.",
    ),
    Experiment(
        name="batch",
        title="Batch 1",
        question="A step after every single digit, in place of every 64: 60,000 steps an epoch,"
        " which takes a minute or more.",
        answers=("It learns faster for each digit seen", _SAME, _NOTHING),
        config=_changed(batch_size=1, log_interval=100),
        expected=0,
        why="64 times as many steps go further, each in a direction that is mostly chance.",
    ),
    Experiment(
        name="quick",
        title="99 % in one go",
        question="Another network, and a learning rate that rises and falls, for one epoch.",
        answers=("It gets to 99 %", "It gets to 97 %", "One epoch is too short to learn"),
        config=config.RECIPES["quick"],
        expected=0,
        why="Large steps at first, then ever smaller ones, so that it comes to rest.",
    ),
    Experiment(
        name="own",
        title="Teach it mine",
        question="The weights that read are trained on your digits, with seven times as many of"
        " MNIST’s beside them: about five seconds.",
        answers=(
            "It reads my hand better, and others as well as before",
            "It reads my hand better, and others a little worse",
            "It makes no difference",
        ),
        config=None,
        expected=1,
        why="MNIST’s digits beside yours keep it from forgetting how others write.",
    ),
]


def experiment_of(run: TrainConfig) -> Experiment | None:
    """The experiment that these settings are, with whatever seed."""
    if has_own(run.dataset):
        return EXPERIMENTS[-1]
    return _BY_SETTINGS.get(replace(run, seed=0))


_BY_SETTINGS = {replace(each.config, seed=0): each for each in EXPERIMENTS if each.config}
