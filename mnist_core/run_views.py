"""What the Train tab shows of a visitor's runs, as HTML, and what its buttons do.

Buttons and fields carry `data-action` and `data-run`; the page passes what was pressed to `act`.
A button that cannot be used is disabled and says why in its tooltip.
"""

from __future__ import annotations

import base64
import io
import re
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, cast, get_args
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from . import config
from .checkpoint import Checkpoint, export_tutorial
from .config import TrainConfig
from .errors import CheckpointError, ConfigError
from .handwriting import handwriting
from .history import History
from .job import Pace, Snapshot, Status
from .jobs import Jobs
from .pictures import ink
from .plots import COLOURS, Curve, bars_html, curve_csv, curve_png, curves_html
from .strokes import rasterize
from .view import Asked, Choice
from .words import say

MORE_EPOCHS = 5
"""How many a finished run is offered in addition, as in the tutorial: from 3 to 8."""

DUEL = ("tutorial", "modern")


@dataclass(frozen=True, kw_only=True)
class Tab:
    """The parts of the Train tab, as HTML by their names.

    `active` if a run is under way, `running` if the one shown changes all the time.
    """

    parts: dict[str, str]
    active: bool
    running: bool

    def news(self, has: Mapping[str, int]) -> dict[str, Any]:
        """For a page that `has` parts with these marks: the others, and the marks of all."""
        marks = {name: crc32(html.encode()) for name, html in self.parts.items()}
        parts = {name: html for name, html in self.parts.items() if marks[name] != has.get(name)}
        return {"parts": parts, "marks": marks, "active": self.active, "running": self.running}


def _config(values: dict[str, Any]) -> TrainConfig:
    if values["recipe"] not in (*config.RECIPES, config.OWN):
        raise ConfigError(say("There is no such recipe."))
    return TrainConfig(**values)


def tab(jobs: Jobs, visitor: str, choice: Choice, epochs: int, drawing: str | None) -> Tab:
    """All the tab shows now. `drawing` is base64 of u8 [28,28]; `epochs` what the field says."""
    runs = jobs.runs(visitor)
    shown = _shown(runs, choice)
    own = _decode(drawing)
    image = _example() if own is None else own
    if shown is not None:
        shown = jobs.look(visitor, shown.run_id, torch.from_numpy(image))
    parts = {
        "controls": controls(shown, epochs),
        "now": now(shown),
        "curves": curves_html(_curves(runs, shown, choice)),
        "reading": reading(shown, image, own is not None),
        "samples": samples(shown),
        "table": table(runs, shown, choice.overlaid),
    }
    return Tab(
        parts=parts,
        active=any(run.active for run in runs),
        running=shown is not None and shown.status == "running",
    )


def act(
    jobs: Jobs, visitor: str, choice: Choice, asked: Asked, wanted: dict[str, Any], device: str
) -> Choice:
    """Do what a button or field asks; `wanted` are the settings by name, of which an action minds
    those that it needs. Raises MnistError."""
    run_id = asked.run_id
    if asked.action == "train":
        jobs.start(visitor, _config(wanted), device)
    elif asked.action == "duel":
        same = {"epochs": wanted["epochs"], "seed": wanted["seed"]}
        duel = [replace(config.RECIPES[name], **same) for name in DUEL]
        return replace(choice, overlaid=tuple(jobs.start_together(visitor, duel, device)))
    elif asked.action == "resume":
        epochs = TrainConfig(epochs=wanted["epochs"]).epochs
        target = resume_target(jobs.look(visitor, run_id), epochs)
        jobs.resume(visitor, run_id, target, device)
    elif asked.action == "stop":
        jobs.stop(visitor, run_id)
    elif asked.action in get_args(Pace):
        jobs.set_pace(visitor, run_id, cast(Pace, asked.action))
    elif asked.action == "rename":
        jobs.rename(visitor, run_id, asked.value)
    elif asked.action == "delete":
        jobs.delete(visitor, run_id)
    elif asked.action == "show":
        return replace(choice, run_id=run_id, at=jobs.now())
    elif asked.action == "overlay":
        others = tuple(other for other in choice.overlaid if other != run_id)
        return replace(choice, overlaid=(*others, run_id) if asked.value else others)
    return choice


def download(jobs: Jobs, visitor: str, asked: Asked) -> tuple[str, bytes]:
    """A file of a run, (name, content): its checkpoint, the tutorial's pair, or its curve.

    Raises ConfigError for an unknown run or kind, CheckpointError when it has not begun.
    """
    run = jobs.look(visitor, asked.run_id)
    name = re.sub(r"\W+", "-", run.about.name).strip("-").lower() or "run"
    if asked.value == "csv":
        return f"{name}.csv", curve_csv(run.history).encode()
    if asked.value == "png":
        return f"{name}.png", curve_png([Curve(name=run.about.name, history=run.history)])
    file = jobs.checkpoint_file(visitor, asked.run_id)
    if asked.value == "tutorial":
        return f"{name}.zip", _tutorial_pair(Checkpoint.load(file))
    if asked.value != "checkpoint":
        raise ConfigError(say("There is no such file of a run."))
    if not file.is_file():
        raise CheckpointError(say("The run has not begun, so there is nothing to download yet."))
    return f"{name}.pt", file.read_bytes()


def resume_target(run: Snapshot, epochs: int) -> int:
    """To how many epochs Resume goes: as planned, or beyond, when the field says `epochs`."""
    if run.status != "finished":
        return run.config.epochs
    return epochs if epochs > run.epochs_done else run.epochs_done + MORE_EPOCHS


def now(run: Snapshot | None) -> str:
    """What the run is doing in one line, and how far it is."""
    share = run.examples_seen / run.total if run is not None and run.total else 0.0
    return (
        f'<p class="run-sentence">{_sentence(run)}</p>'
        f'<div class="run-progress" role="progressbar" aria-label="{say("Progress of the run")}"'
        f' aria-valuenow="{100 * share:.0f}" aria-valuemin="0" aria-valuemax="100">'
        f'<b style="width:{100 * share:.2f}%"></b></div>'
    )


def reading(run: Snapshot | None, drawing: NDArray[np.uint8], own: bool) -> str:
    """The drawing u8 [28,28], the visitor's `own` or an example, as the network now reads it."""
    bars = run.reading.tolist() if run is not None and run.reading is not None else None
    caption, hint = say("Your drawing, read as it learns"), ""
    if not own:
        caption = say("An example, read as it learns")
        hint = f"<small>{say('Draw a digit in the Draw tab to have yours read here.')}</small>"
    return (
        f"<figcaption>{caption}</figcaption>"
        f"<div>{ink(drawing, caption)}{bars_html(bars)}</div>{hint}"
    )


def table(runs: Sequence[Snapshot], shown: Snapshot | None, overlaid: Sequence[str]) -> str:
    """The visitor's runs, one row each, and the duel."""
    shown_id = shown.run_id if shown is not None else ""
    rows = "".join(
        _row(run, len(runs) - 1 - number, run.run_id == shown_id, run.run_id in overlaid)
        for number, run in enumerate(runs)
    )
    head = "".join(f"<th scope=col>{say(column)}</th>" for column in _COLUMNS)
    listed = f"<table><thead><tr>{head}<th></th></tr></thead><tbody>{rows}</tbody></table>"
    none = f"<p>{say('None yet.')}</p>"
    duel = f'<button data-action="duel">{say("Tutorial against Modern")}</button>'
    return (
        f'<h3>{say("Your runs")}</h3><div class="run-scroll">{listed if runs else none}</div>'
        f"<p>{say(_DUEL, button=duel)}</p>"
    )


_COLUMNS = ("Show", "Chart", "Name", "Settings", "Epochs", "Accuracy", "Time", "To 97 · 98 · 99 %")
_DUEL = (
    "{button} trains both recipes, with the epochs and the seed above, and draws them on one chart."
)


def _shown(runs: Sequence[Snapshot], choice: Choice) -> Snapshot | None:
    """The run chosen, unless another was started or resumed since."""
    latest = max(runs, key=lambda run: run.touched, default=None)
    if latest is None or latest.touched > choice.at:
        return latest
    return next((run for run in runs if run.run_id == choice.run_id), latest)


def _curves(runs: Sequence[Snapshot], shown: Snapshot | None, choice: Choice) -> list[Curve]:
    """The shown run and those overlaid, oldest first; before the first run the shipped one."""
    if shown is None:
        name = say("Tutorial, as shipped")
        return [Curve(name=name, history=_shipped_history(), colour=None)]
    return [
        Curve(name=run.about.name, history=run.history, colour=number % COLOURS, total=run.total)
        for number, run in enumerate(reversed(runs))
        if run.run_id == shown.run_id or run.run_id in choice.overlaid
    ]


@lru_cache(maxsize=1)
def _shipped_history() -> History:
    return Checkpoint.load(config.shipped_weights("tutorial")).history


def _decode(drawing: str | None) -> NDArray[np.uint8] | None:
    """base64 of u8 [28,28], or None for anything else."""
    if not isinstance(drawing, str) or len(drawing) > 2000:
        return None
    try:
        content = base64.b64decode(drawing, validate=True)
    except ValueError:
        return None
    if len(content) != 28 * 28:
        return None
    return np.frombuffer(content, np.uint8).reshape(28, 28).copy()


@lru_cache(maxsize=1)
def _example() -> NDArray[np.uint8]:
    image = rasterize(handwriting(7, np.random.default_rng(1)))
    assert image is not None
    return image


def _tutorial_pair(checkpoint: Checkpoint) -> bytes:
    """A zip file of the tutorial's model.pth and optimizer.pth."""
    if checkpoint.config.network != config.TUTORIAL.network:
        raise CheckpointError(say("Only the tutorial's network has these two files."))
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(content, "w") as archive:
        files = [Path(folder) / name for name in ("model.pth", "optimizer.pth")]
        export_tutorial(checkpoint, *files)
        for file in files:
            archive.write(file, file.name)
    return content.getvalue()


def controls(run: Snapshot | None, epochs: int) -> str:
    """Its buttons."""
    active = run is not None and run.active
    status = run.status if run is not None else "none"
    not_yet = "" if run is not None else say("There is no run yet")
    not_training = "" if status in ("running", "paused") else say("No run is training")
    resume = say("Resume")
    if run is not None and not active and resume_target(run, epochs) != run.config.epochs:
        resume = say("Resume to {epochs}", epochs=resume_target(run, epochs))
    stop = say("Leave the line") if status == "waiting" else say("Stop")
    stopping = "" if active and status != "stopping" else say("No run is under way")
    if status == "stopping":
        stop, stopping = say("Stopping…"), say("It stops after this batch")
    pause = ("run", say("Go on")) if status == "paused" else ("pause", say("Pause"))
    busy = say("Stop this run first") if active else ""
    run_id = run.run_id if run is not None else ""
    return "".join(
        (
            _button("train", say("Train"), run_id, busy, "primary"),
            _button("stop", stop, run_id, stopping),
            _button("resume", resume, run_id, say("The run is under way") if active else not_yet),
            _button(*pause, run_id, not_training),
            _button("batch", say("One batch"), run_id, not_training),
            _button("epoch", say("One epoch"), run_id, not_training),
        )
    )


def _button(action: str, label: str, run_id: str, why_not: str, kind: str = "") -> str:
    state = f'disabled title="{why_not}"' if why_not else ""
    return (
        f'<button class="run-button {kind}" data-action="{action}" data-run="{run_id}" {state}>'
        f"{label}</button>"
    )


def _sentence(run: Snapshot | None) -> str:
    if run is None:
        return say("Press Train: the network starts from random weights and learns to read digits.")
    if run.status == "waiting":
        return say("Waiting for a free place to train: number {place} in line.", place=run.place)
    if run.status == "starting" and run.about.device == "cuda":
        return say("Getting ready: reading the digits, waiting for a GPU…")
    if run.status == "starting" and "handwriting" in run.config.dataset:
        return say("Getting ready: writing synthetic digits, which takes minutes the first time…")
    if run.status == "starting":
        return say("Getting ready: reading the digits…")
    if run.status == "failed":
        return f'<span class="run-error">{escape(run.sentence)}</span>'
    if run.active:
        return _progress(run)
    if run.status == "finished":
        done = say(
            "{percent} after {epochs} epochs in {time}.",
            percent=_percent(run.accuracy),
            epochs=run.epochs_done,
            time=_duration(run.history.seconds),
        )
        if run.config.recipe == "tutorial" and run.epochs_done == 3:
            done += " " + say("The tutorial resumes for 5 more epochs: Resume to 8.")
        return done
    where = say(
        "Stopped after {seen:,} examples, saved. Resume goes on exactly there.",
        seen=run.examples_seen,
    )
    return escape(f"{run.sentence} {where}".strip())


def _progress(run: Snapshot) -> str:
    done = min(run.epochs_done + 1, run.config.epochs)
    parts = [
        say("epoch {epoch} of {epochs}", epoch=done, epochs=run.config.epochs),
        say("{seen:,} of {total:,} examples", seen=run.examples_seen, total=run.total),
    ]
    if run.images_per_second:
        parts.append(say("{speed:,.0f} images/s", speed=run.images_per_second))
    if run.seconds_left is not None:
        parts.append(say("{time} left", time=_duration(run.seconds_left)))
    if run.accuracy is not None:
        parts.append(say("{percent} at the last test", percent=_percent(run.accuracy)))
    parts += [_DEVICES[run.about.device], _seed(run.config)]
    if run.status in ("paused", "stopping"):
        parts.insert(0, say(_STATUSES[run.status]))
    return " · ".join(parts)


_DEVICES = {"cpu": "CPU", "cuda": "GPU"}
_STATUSES = {status: status for status in get_args(Status)}


def samples(run: Snapshot | None) -> str:
    """Six test digits, and how the network now reads them."""
    if run is None or run.samples is None or run.readings is None:
        return f"<p>{say('Six test digits appear here while a run trains.')}</p>"
    cells = []
    pairs = zip(run.samples.images, run.samples.labels.tolist(), run.readings, strict=True)
    for image, truth, reading in pairs:
        answer = int(reading.argmax())
        kind = "run-right" if answer == truth else "run-wrong"
        caption = say(
            "it is {truth}<br>read as {digit} ({percent})",
            truth=truth,
            digit=answer,
            percent=_percent(float(reading[answer])),
        )
        cells.append(
            f'<figure class="{kind}">{ink(image.numpy(), str(truth))}'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return "".join(cells)


def _row(run: Snapshot, number: int, shown: bool, overlaid: bool) -> str:
    run_id, name = run.run_id, escape(run.about.name)
    epochs = say("{done} of {epochs}", done=run.epochs_done, epochs=run.config.epochs)
    if run.status != "finished":
        epochs += f", {say(_STATUSES[run.status])}"
    marks = " · ".join(_duration(run.history.seconds_to(a / 100)) for a in (97, 98, 99))
    files = "".join(
        f'<option value="{kind}">{say(label)}</option>' for kind, label in _FILES.items()
    )
    why_not = f'disabled title="{say("Stop it first")}"' if run.active else ""
    return (
        f'<tr><td><input type=radio name=run-shown data-action=show data-run="{run_id}"'
        f' aria-label="{say("Show {name}", name=name)}" {"checked" * shown}></td>'
        f'<td><input type=checkbox data-action=overlay data-run="{run_id}"'
        f' aria-label="{say("Draw {name} on the chart", name=name)}"'
        f" {'checked' * (overlaid or shown)}"
        f' {"disabled" * shown}><i class="run-swatch" style="--c:var(--run-{number % COLOURS})">'
        f'</i></td><td><input class="run-name" data-action=rename data-run="{run_id}"'
        f' value="{name}" maxlength=40 aria-label="{say("Name of the run")}"></td>'
        f"<td>{escape(_settings(run.config))}</td>"
        f"<td>{epochs}</td>"
        f"<td>{_percent(run.accuracy)}</td><td>{_duration(run.history.seconds)}</td>"
        f'<td>{marks}</td><td class="run-files"><select data-action=download data-run="{run_id}"'
        f' aria-label="{say("Download {name}", name=name)}"><option value="">{say("Download…")}'
        f'</option>{files}</select> <button data-action=delete data-run="{run_id}"'
        f' data-ask="{say("Delete {name}?", name=name)}" {why_not}>{say("Delete")}</button></td>'
        "</tr>"
    )


_FILES = {
    "checkpoint": "checkpoint",
    "tutorial": "model.pth and optimizer.pth",
    "csv": "curve as CSV",
    "png": "curve as PNG",
}


def _settings(run: TrainConfig) -> str:
    """What sets the run apart: its recipe, what it changes in it, and its seed."""
    recipe = config.RECIPES.get(run.recipe, config.TUTORIAL)
    changed = [
        f"{say(name)} {_value(getattr(run, setting))}"
        for setting, name in _SHORT.items()
        if getattr(run, setting) != getattr(recipe, setting)
    ]
    known = run.recipe in config.TITLES
    title = say(config.TITLES[run.recipe]) if known else run.recipe.title()
    return ", ".join([title, *changed, _seed(run)])


_SHORT = {
    "network": "network",
    "dataset": "dataset",
    "batch_size": "batch",
    "learning_rate": "rate",
    "momentum": "momentum",
    "schedule": "schedule",
    "weight_decay": "weight decay",
    "augmentation": "augmentation",
}


def _value(value: Any) -> Any:
    return say(value) if isinstance(value, str) else value


def _seed(run: TrainConfig) -> str:
    return say("seed {seed}", seed=run.seed)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    if minutes:
        return say("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return say("{seconds} s", seconds=rest)
