"""What has become of a run, and the next step to take: a sentence and buttons for it.

What is said follows from the run's own figures. A difference of accuracies counts when it is more
than two standard errors, of as many test digits as MNIST has.

But: knows no HTML; what the buttons do is `run_actions`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from .. import config, places
from ..checkpoint import Checkpoint
from ..config import TrainConfig
from ..digits.datasets import has_own, needs_mnist
from ..history import History
from ..runs.run_state import RunState
from .experiments import ALIKE, EXAMPLES, Experiment, experiment_of
from .run_words import name_of, percent
from .words import Words

GUESSING = 0.2
"""An accuracy below this, of ten digits, is no more than guessing."""
GUESSED = 10_000
"""Training examples after which a network that still guesses is said to."""
LONG_STEP = 0.5
"""How far a weight goes in the end along a gradient of 1: learning rate / (1 − momentum). Above
this the tutorial's network learns nothing at all (tried from 0.6, which learns, and 1)."""
GROWN = 1.5
"""By how much the loss of the last steps exceeds the lowest so far when it is said to grow."""
STILL_FALLING = 0.97
"""A test loss that an epoch has brought below this share of the last is still falling."""
_STEPS = 20  # whose mean loss is compared
_TEST_DIGITS = 10_000

Step = tuple[str, str, str, object]
"""A button: (action, id of a run, label, value or None)."""
Advice = tuple[str, list[Step]]

NO_ADVICE: Advice = "", []


def advice(
    run: RunState | None, runs: Sequence[RunState], expected: str, more_epochs: int, say: Words
) -> Advice:
    """What is said of a run beside the visitor's other `runs`; `expected` is their own answer to an
    experiment's question, `more_epochs` what Resume would go to."""
    if run is None or run.status in ("waiting", "starting"):
        return NO_ADVICE
    trouble = _trouble(run, say)
    if has_own(run.config.dataset):
        return _taught(run, trouble, expected, say)
    experiment = experiment_of(run.config)
    if experiment is not None and (run.status == "finished" or trouble is not None):
        steps = [] if trouble is None or run.active else trouble[1]
        return _outcome(run, experiment, expected, say), [*steps, *_draw_with(run, say)]
    if trouble is not None:
        return trouble
    if experiment is not None and expected:
        return say("You expect: {answer}.", answer=_answer(expected, say)), []
    return _finished(run, runs, more_epochs, say) if run.status == "finished" else NO_ADVICE


def _taught(run: RunState, trouble: Advice | None, expected: str, say: Words) -> Advice:
    """Of a run on the visitor's own drawings, which is not begun again from here."""
    if trouble is not None:
        return trouble[0], []
    tests, experiment = run.history.evaluations, experiment_of(run.config)
    assert experiment is not None
    answer = _answer(expected, say) if expected in experiment.answers else ""
    if run.active and answer:
        return say("You expect: {answer}.", answer=answer), []
    if run.status != "finished" or len(tests) < 2 or not needs_mnist(run.config.dataset):
        return NO_ADVICE
    before, after = 100 * tests[0].accuracy, 100 * tests[-1].accuracy
    said = say("MNIST: {before:.2f} % before, {after:.2f} % now.", before=before, after=after)
    if answer:
        said = " ".join((say("You expected: {answer}.", answer=answer), said, say(experiment.why)))
    return said, _draw_with(run, say)


def _trouble(run: RunState, say: Words) -> Advice | None:
    """That it diverges or guesses, and settings that do not."""
    usual = next(r for r in config.RECIPES.values() if r.network == run.config.network)
    rate = run.config.learning_rate
    is_long = rate / (1 - run.config.momentum) > LONG_STEP and rate > usual.learning_rate
    shorter = {"learning_rate": usual.learning_rate, "momentum": usual.momentum}
    again: Step = ("again", run.run_id, say("Try rate {rate:g}", rate=usual.learning_rate), shorter)
    if run.status == "failed":
        return (say("It diverged: the steps were too long."), [again]) if is_long else None
    if run.active and _grows(run.history):
        if is_long:
            return say("The loss grows: the steps are too long."), [again]
        return say("The loss grows: a smaller learning rate would go down."), [_tenth(run, say)]
    accuracy = run.live_accuracy
    if run.examples_seen < GUESSED or accuracy is None or accuracy >= GUESSING:
        return None
    if is_long:
        return say("Still guessing, 1 in 10: the steps are too long."), [again]
    if rate < usual.learning_rate:
        return say("Still guessing, 1 in 10: the steps are too short."), [again]
    return say("Still guessing, 1 in 10: too few steps. Train on."), []


def _tenth(run: RunState, say: Words) -> Step:
    rate = max(run.config.learning_rate / 10, 1e-6)
    return ("again", run.run_id, say("Try rate {rate:g}", rate=rate), {"learning_rate": rate})


def _grows(history: History) -> bool:
    losses = [step.loss for step in history.steps[-50 * _STEPS :]]
    means = [
        math.fsum(losses[n : n + _STEPS]) / _STEPS for n in range(0, len(losses) - _STEPS, _STEPS)
    ]
    return len(means) > 2 and means[-1] > max(GROWN * min(means), math.log(10) + 0.2)


def _finished(run: RunState, runs: Sequence[RunState], more_epochs: int, say: Words) -> Advice:
    tests = run.history.evaluations
    if len(tests) < 2:
        return NO_ADVICE
    draw = _draw_with(run, say)
    before, last = tests[-2], tests[-1]
    noise = 2 * math.sqrt(2 * last.accuracy * (1 - last.accuracy) / _TEST_DIGITS)
    better = [other for other in runs if _is_better(other, run, noise)]
    if better:
        other = max(better, key=lambda run: run.accuracy or 0)
        said = say(
            "{percent}, where {name} had {other} after as many epochs. What differs: {settings}.",
            percent=percent(last.accuracy),
            name=name_of(other, say),
            other=percent(other.accuracy),
            settings=_differences(run.config, other.config, say),
        )
        go_on = say("Show {name}", name=name_of(other, say))
        return said, [("show", other.run_id, go_on, None), *draw]
    if run.config.schedule == "constant" and last.loss < STILL_FALLING * before.loss:
        resume: Step = ("resume", run.run_id, say("Resume to {epochs}", epochs=more_epochs), None)
        said = say("The test loss is still falling: more epochs will make it better.")
        return said, [resume, *draw] if more_epochs > run.epochs_done else draw
    said = say(
        "As good as it gets with these settings: the last epoch changed {change:+.2f} points.",
        change=100 * (last.accuracy - before.accuracy),
    )
    if run.config.network == "modern":
        return said, draw
    if run.config.momentum < 0.9 and run.config.learning_rate <= 0.02:
        momentum: Step = ("again", run.run_id, say("Try momentum 0.9"), {"momentum": 0.9})
        return said, [momentum, *draw]
    modern: Step = ("again", run.run_id, say("Try the modern recipe"), config.MODERN.to_dict())
    return said, [modern, *draw]


def _is_better(other: RunState, run: RunState, noise: float) -> bool:
    if other is run or other.run_id == run.run_id or other.epochs_done != run.epochs_done:
        return False
    if has_own(other.config.dataset):  # which began with weights that had learned
        return False
    return (other.accuracy or 0) > (run.accuracy or 0) + noise


def _differences(one: TrainConfig, other: TrainConfig, say: Words) -> str:
    theirs = other.to_dict()
    changed = [
        say(name.replace("_", " ")) + f" {value}"
        for name, value in one.to_dict().items()
        if name not in ("recipe", "log_interval") and value != theirs[name]
    ]
    return ", ".join(changed[:4]) or say("nothing but chance")


def _draw_with(run: RunState, say: Words) -> list[Step]:
    return [("draw", run.run_id, say("Draw with it"), None)] if run.history.evaluations else []


def _outcome(run: RunState, experiment: Experiment, expected: str, say: Words) -> str:
    """One sentence on both curves, after what the visitor expected."""
    before = say("You expected: {answer}.", answer=_answer(expected, say)) if expected else ""
    tutorial = _accuracy_at(shipped_history(), EXAMPLES)
    reached = run.live_accuracy or 0.0
    difference = reached - tutorial
    values: dict[str, Any] = {"percent": percent(reached), "tutorial": percent(tutorial)}
    if reached < GUESSING:
        said = say("It learned nothing: {percent}, the tutorial’s {tutorial}.", **values)
    elif abs(difference) < ALIKE:
        said = say("No difference: {percent}, the tutorial’s {tutorial}.", **values)
    elif difference > 0:
        said = say("It learned faster: {percent}, the tutorial’s {tutorial}.", **values)
    else:
        said = say("It learned more slowly: {percent}, the tutorial’s {tutorial}.", **values)
    return " ".join(filter(None, (before, said, say(experiment.why))))


def _answer(expected: str, say: Words) -> str:
    answer = say(expected)
    return answer[:1].lower() + answer[1:]


def _accuracy_at(history: History, examples: int) -> float:
    return next((e.accuracy for e in history.evaluations if e.examples_seen >= examples), 0.0)


@lru_cache
def shipped_history(recipe: str = "tutorial") -> History:
    """Of the shipped weights that this recipe gave."""
    return Checkpoint.load(places.shipped_weights(recipe)).history
