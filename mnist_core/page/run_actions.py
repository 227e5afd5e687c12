"""What the buttons and fields of the Train tab do to a visitor's runs. Knows no gradio."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

from .. import config
from ..checkpoint import Checkpoint, tutorial_pair
from ..config import TrainConfig
from ..errors import CheckpointError, ConfigError
from ..export.package import zipped
from ..runs.drive import Pace
from ..runs.scheduler import Scheduler
from .curves import curve_csv, curve_png
from .experiments import EXPERIMENTS, Experiment
from .run_buttons import resume_target
from .run_settings import config_of
from .run_view import Choice
from .words import Words

DUEL = ("tutorial", "modern")


@dataclass(frozen=True, kw_only=True)
class Pressed:
    """A button or field that was used: its `data-action`, `data-run` and value; and the settings
    and the device as they are filled in."""

    action: str
    run_id: str = ""
    value: Any = None
    settings: Any = None
    device: str = "cpu"


def act(scheduler: Scheduler, visitor: str, choice: Choice, pressed: Pressed, say: Words) -> Choice:
    """Do what a button or field asks. Returns what the page shows from now on. Raises MnistError,
    for settings only where the action minds them."""
    run_id, device = pressed.run_id, pressed.device
    match pressed.action:
        case "train":
            settings = config_of(pressed.settings)
            scheduler.start(visitor, settings, device, say(config.TITLES[settings.recipe]))
        case "again":
            run = scheduler.look(visitor, run_id)
            if run.active:
                scheduler.stop(visitor, run_id)
            scheduler.start(visitor, _changed(run.config, pressed.value), device, say("Again"))
        case "experiment":
            experiment, expected = _experiment(pressed.value)
            if experiment.config is None:
                return replace(choice, expected=expected)
            name = say(experiment.title)
            started = scheduler.start(visitor, experiment.config, device, name)
            return replace(choice, run_id=started, at=0.0, expected=expected)
        case "duel":
            wanted = _dict(pressed.settings)
            same: dict[str, Any] = {"epochs": wanted.get("epochs"), "seed": wanted.get("seed")}
            duel = [replace(config.RECIPES[name], **same) for name in DUEL]
            names = [say(config.TITLES[name]) for name in DUEL]
            runs = scheduler.start_together(visitor, duel, device, names)
            return replace(choice, overlaid=tuple(runs))
        case "resume":
            epochs = TrainConfig(epochs=_dict(pressed.settings).get("epochs", 0)).epochs
            target = resume_target(scheduler.look(visitor, run_id), epochs)
            scheduler.resume(visitor, run_id, target, device)
        case "stop":
            scheduler.stop(visitor, run_id)
        case "rename":
            scheduler.rename(visitor, run_id, pressed.value)
        case "delete":
            scheduler.delete(visitor, run_id)
        case "show":
            return replace(choice, run_id=run_id, at=scheduler.now())
        case "overlay":
            others = tuple(other for other in choice.overlaid if other != run_id)
            return replace(choice, overlaid=(*others, run_id) if pressed.value else others)
        case pace if pace in get_args(Pace):
            scheduler.set_pace(visitor, run_id, cast(Pace, pace))
    return choice


def download(
    scheduler: Scheduler,
    visitor: str,
    pressed: Pressed,
    pack: Callable[[], dict[str, bytes]] = dict,
) -> tuple[str, bytes]:
    """A file of a run, (name, content): its checkpoint, the tutorial's pair, its curve, or a zip of
    its package, whose files `pack` gives.

    Raises ConfigError for an unknown run or kind, CheckpointError when it has not begun.
    """
    run = scheduler.look(visitor, pressed.run_id)
    name = re.sub(r"\W+", "-", run.about.name).strip("-").lower() or "run"
    if pressed.value == "csv":
        return f"{name}.csv", curve_csv(run.history).encode()
    if pressed.value == "png":
        return f"{name}.png", curve_png(run.about.name, run.history)
    if pressed.value == "package":
        return f"{name}.zip", zipped(pack())
    file = scheduler.checkpoint_file(visitor, pressed.run_id)
    if pressed.value == "tutorial":
        checkpoint = Checkpoint.load(file)
        if checkpoint.config.network != config.TUTORIAL.network:
            raise CheckpointError("Only the tutorial's network has these two files.")
        return f"{name}.zip", zipped(tutorial_pair(checkpoint))
    if pressed.value != "checkpoint":
        raise ConfigError("There is no such file of a run.")
    if not file.is_file():
        raise CheckpointError("The run has not begun, so there is nothing to download yet.")
    return f"{name}.pt", file.read_bytes()


def _changed(settings: TrainConfig, changes: Any) -> TrainConfig:
    """A run's settings with some changed, which makes them the visitor's own."""
    values = {**settings.to_dict(), "recipe": config.OWN, **_dict(changes)}
    return config_of(values)


def _dict(changes: Any) -> dict[str, Any]:
    if not isinstance(changes, dict):
        raise ConfigError("The settings do not have the fields this version knows.")
    return changes


def _experiment(value: Any) -> tuple[Experiment, str]:
    """By [its name, which of its answers is expected]; and that answer."""
    for experiment in EXPERIMENTS:
        for number, answer in enumerate(experiment.answers):
            if value == [experiment.name, number]:
                return experiment, answer
    raise ConfigError("There is no such experiment.")
