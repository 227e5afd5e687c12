"""A visitor's runs as the rows of a table: what sets each apart, how well it reads, its files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .. import config
from ..digits.datasets import LETTERS
from ..runs.run_state import RunState
from .curves import COLOURS
from .mine import Mine, read_right
from .run_words import STATUSES, duration, name_of, percent, settings
from .words import Words

COLUMNS = ("Show", "Chart", "Name", "Settings", "Epochs", "Accuracy", "Mine", "Letters as digits",
           "Time", "To 97 · 98 · 99 %")  # fmt: skip

Swallowed = Callable[[str], int | None]
"""How many of `datasets.LETTERS` a run, by its id, takes for digits; None until that is known."""
Letters = Mapping[str, int | None]
"""The same of finished runs."""


def table(
    runs: Sequence[RunState],
    shown: RunState | None,
    overlaid: Collection[str],
    say: Words,
    letters: Letters,
    mine: Mine | None = None,
) -> dict[str, Any]:
    """The visitor's runs, one row each, newest first; `overlaid` are drawn on the chart too."""
    shown_id = shown.run_id if shown is not None else ""
    rows = []
    for number, run in enumerate(runs):
        row = _row(run, letters.get(run.run_id), say)
        row["colour"] = (len(runs) - 1 - number) % COLOURS
        row["shown"] = run.run_id == shown_id
        row["overlaid"] = row["shown"] or run.run_id in overlaid
        row["mine"] = read_right(mine, run, say) if mine is not None else ""
        rows.append(row)
    refused = (
        say("Stop your run first: you can have two under way")
        if any(run.active for run in runs)
        else ""
    )
    is_judged = any(row["mine"] for row in rows)
    columns = [name for name in COLUMNS if is_judged or name != "Mine"]
    return {"columns": columns, "rows": rows, "is_judged": is_judged, "duel_refused": refused}


def _row(run: RunState, swallowed: int | None, say: Words) -> dict[str, Any]:
    epochs = say("{done} of {epochs}", done=run.epochs_done, epochs=run.config.epochs)
    if run.status != "finished":
        epochs += f", {say(STATUSES[run.status])}"
    has_begun = bool(run.history.evaluations)
    has_pair = has_begun and run.config.network == config.TUTORIAL.network
    offered = {"checkpoint": has_begun, "tutorial": has_pair, "package": has_begun}
    offered |= {"csv": True, "png": True}
    return {
        "id": run.run_id,
        "name": name_of(run, say),
        "settings": settings(run.config, say),
        "epochs": epochs,
        "accuracy": percent(run.accuracy),
        "letters": percent(None if swallowed is None else swallowed / LETTERS),
        "seconds": duration(run.history.seconds, say),
        "reached": [duration(run.history.seconds_to(share), say) for share in (0.97, 0.98, 0.99)],
        "files": [(kind, say(_FILES[kind])) for kind in _FILES if offered[kind]],
        "active": run.active,
    }


_FILES = {
    "checkpoint": "checkpoint",
    "tutorial": "model.pth and optimizer.pth",
    "package": "package for other programs",
    "csv": "curve as CSV",
    "png": "curve as PNG",
}
