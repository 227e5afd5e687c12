"""The buttons that train a run: which there are, what each does, and why one cannot be pressed."""

from __future__ import annotations

from typing import Any

from ..config import MAX_EPOCHS
from ..runs.run_state import RunState
from .run_words import left
from .words import Words

MORE_EPOCHS = 5
"""How many a finished run is offered in addition, as in the tutorial: from 3 to 8."""


def resume_target(run: RunState, epochs: int) -> int:
    """To how many epochs Resume goes: as planned, or beyond, when the field says `epochs`."""
    if run.status != "finished":
        return run.config.epochs
    if run.epochs_done < epochs <= MAX_EPOCHS:
        return epochs
    return min(run.epochs_done + MORE_EPOCHS, MAX_EPOCHS)


def controls(run: RunState | None, epochs: int, say: Words) -> dict[str, Any]:
    """The buttons: (action, label, what it does, why it cannot be pressed) each, always four."""
    status = run.status if run is not None else "none"
    not_training = "" if status in ("running", "paused") else say("No run is training")
    if run is not None and run.active:
        first = ("stop", *_stop(status, say))
    else:
        first = ("train", say("Train"), say("Start a new run with these settings"), "")
    if status == "paused":
        second = ("run", say("Go on"), "", "")
    elif run is None or run.active:
        second = ("pause", say("Pause"), "", not_training)
    else:
        second = ("resume", *_resume(run, epochs, say))
    return {
        "run_id": run.run_id if run is not None else "",
        "buttons": [
            first,
            second,
            ("batch", say("Batch"), say("Train one batch, then pause"), not_training),
            ("epoch", say("Epoch"), say("Train to the end of the epoch, then pause"), not_training),
        ],
        "left": left(run, say),
    }


def _stop(status: str, say: Words) -> tuple[str, str, str]:
    if status == "stopping":
        return say("Stopping…"), "", say("It stops after this batch")
    if status == "waiting":
        return say("Leave the line"), "", ""
    return say("Stop"), say("Save after this batch, and stop"), ""


def _resume(run: RunState, epochs: int, say: Words) -> tuple[str, str, str]:
    target = resume_target(run, epochs)
    label = say("Resume")
    if run.epochs_done >= MAX_EPOCHS:
        return label, "", say("A run has at most {most} epochs", most=MAX_EPOCHS)
    if target != run.config.epochs:
        label = say("Resume to {epochs}", epochs=target)
    return label, say("Go on exactly where it stopped"), ""
