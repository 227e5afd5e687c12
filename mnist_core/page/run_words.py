"""A run in words: what it is doing, what became of it, what to do next, and its settings in short.

But: says nothing of its curve, and knows no HTML.
"""

from __future__ import annotations

from typing import get_args

from .. import config, places
from ..config import TrainConfig
from ..digits.datasets import LETTERS, has_own
from ..runs.run_state import RunState, Status
from .words import Words

STATUSES = {status: status for status in get_args(Status)}


def name_of(run: RunState, say: Words) -> str:
    """What its visitor calls it; of a damaged one the name is not known."""
    return say("Damaged") if run.about.name == "Damaged" else run.about.name


def sentence(run: RunState | None, say: Words) -> str:
    """What the run is doing, or what has become of it."""
    if run is None:
        return say("Press Train: the network starts from random weights and learns to read digits.")
    if run.status == "waiting":
        return _waiting(run, say)
    if run.status == "starting":
        return _starting(run, say)
    if run.status == "failed":
        return say.translated(run.sentence)
    if run.active:
        return _progress(run, say)
    if run.status == "finished":
        return _finished(run, say)
    seen = run.examples_seen
    where = say("Stopped after {seen:,} examples, saved. Resume goes on exactly there.", seen=seen)
    return _joined(say.translated(run.sentence), where)


def _waiting(run: RunState, say: Words) -> str:
    said = say("Waiting for a free place to train: number {place} in line.", place=run.place)
    if run.seconds_to_start is None:
        return said
    return _joined(said, say("About {time} to wait.", time=duration(run.seconds_to_start, say)))


def _starting(run: RunState, say: Words) -> str:
    if run.about.device == "cuda":
        return say("Getting ready: reading the digits, waiting for a GPU…")
    if places.cluster():
        return say("Getting ready: waiting for a core of the cluster, bringing the digits there…")
    if run.config.data != "mnist" and not has_own(run.config.dataset):
        return say("Getting ready: writing synthetic digits, which takes minutes the first time…")
    return say("Getting ready: reading the digits…")


def _finished(run: RunState, say: Words) -> str:
    time = duration(run.history.seconds, say)
    if run.epochs_done == 1:
        done = say("{percent} after one epoch in {time}.", percent=percent(run.accuracy), time=time)
    else:
        done = say(
            "{percent} after {epochs} epochs in {time}.",
            percent=percent(run.accuracy),
            epochs=run.epochs_done,
            time=time,
        )
    if run.config.recipe == "tutorial" and run.epochs_done == 3:
        return _joined(done, say("The tutorial resumes for 5 more epochs: Resume to 8."))
    return done


def on_letters(swallowed: int | None, say: Words) -> str:
    """How many of LETTERS a network takes for digits; None while they are shown to it."""
    if swallowed is None:
        return say("Now it is shown letters…")
    count = LETTERS
    if swallowed == count:
        return say("It takes all of {count:,} letters for digits: it cannot tell.", count=count)
    return say("It takes {taken:,} of {count:,} letters for digits.", taken=swallowed, count=count)


def left(run: RunState | None, say: Words) -> str:
    """How long the run still takes; "" while that is unknown."""
    if run is None or not run.active or run.seconds_left is None:
        return ""
    return say("{time} left", time=duration(run.seconds_left, say))


def _progress(run: RunState, say: Words) -> str:
    done = min(run.epochs_done + 1, run.config.epochs)
    parts = [
        say("epoch {epoch} of {epochs}", epoch=done, epochs=run.config.epochs),
        say("{seen:,} of {total:,} examples", seen=run.examples_seen, total=run.total),
    ]
    if run.images_per_second:
        parts.append(say("{speed:,.0f} images/s", speed=run.images_per_second))
    if run.accuracy is not None:
        parts.append(say("{percent} at the last test", percent=percent(run.accuracy)))
    parts += [_device(run.about.device, say), say("seed {seed}", seed=run.config.seed)]
    if run.status in ("paused", "stopping"):
        parts.insert(0, say(STATUSES[run.status]))
    return " · ".join(parts)


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _device(device: str, say: Words) -> str:
    if device == "cpu" and places.cluster():
        return say("on the cluster")
    return {"cpu": "CPU", "cuda": "GPU"}[device]


def settings(run: TrainConfig, say: Words) -> str:
    """What sets the run apart: its recipe, what it changes in it, and its seed."""
    recipe = config.RECIPES.get(run.recipe, config.TUTORIAL)
    title = say(config.TITLES[run.recipe]) if run.recipe in config.TITLES else run.recipe.title()
    if has_own(run.dataset):
        start = next(r for r in config.RECIPES.values() if r.network == run.network)
        recipe = config.teaching(start)
        title = say("{recipe}, taught mine", recipe=say(config.TITLES[start.recipe]))
    changed = [
        f"{say(name)} {_value(getattr(run, setting), say)}"
        for setting, name in _SHORT.items()
        if getattr(run, setting) != getattr(recipe, setting)
    ]
    return ", ".join([title, *changed, say("seed {seed}", seed=run.seed)])


_SHORT = {
    "network": "network",
    "dataset": "dataset",
    "batch_size": "batch",
    "learning_rate": "rate",
    "momentum": "momentum",
    "schedule": "schedule",
    "weight_decay": "weight decay",
    "augmentation": "augmentation",
    "nondigits": "nondigits",
}


def _value(value: object, say: Words) -> object:
    return say(value) if isinstance(value, str) else value


def percent(share: float | None) -> str:
    """0..1 or unknown."""
    return "–" if share is None else f"{100 * share:.1f} %"


def duration(seconds: float | None, say: Words) -> str:
    """In minutes and seconds; "–" while unknown."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    if minutes:
        return say("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return say("{seconds} s", seconds=rest)
