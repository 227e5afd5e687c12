"""A visitor's runs on the visitor's own digits: how each reads them, what teaching one changed.

A network has seen the drawings that it was taught, so these are judged by others that were not
(`runs/folds.py`), once and in a worker; until then the page is told how far that is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..digits.datasets import has_own, tested
from ..digits.split import Split
from ..errors import BusyError, CheckpointError, Message, MnistError
from ..evaluation import Evaluation, evaluate
from ..history import History
from ..runs.drive import Load
from ..runs.folder import Snapshots
from ..runs.folds import FOLDS, Teaching
from ..runs.readings import Readings, digest_of
from ..runs.run_state import RunState
from .bounded import bounded, shares, told
from .networks import checkpoint_at, file_digest, network_at
from .words import Words

Judge = Callable[[Teaching], Iterator[tuple[Tensor, Tensor]]]
"""As `folds.judge`."""


@dataclass(frozen=True, kw_only=True)
class Taught:
    """Drawings that a run was taught: their `images`, how many were read right `before`, and which
    of them are by networks that were taught the others."""

    images: list[bytes]
    before: int
    right: list[bool]


@dataclass(frozen=True, kw_only=True)
class Mine:
    """The `own` drawings that a visitor has now, where their runs are, and who judges."""

    own: Split | None
    file_of: Callable[[str], Path]
    judge: Judge
    load: Load

    def taught(self, run_id: str) -> Taught | None:
        """What teaching it changed; None where that cannot be known. Raises BusyError, with the
        share that is done, until it is there."""
        file = self.file_of(run_id)
        digest = file_digest(file)
        with told(Message("Judging your digits: {share:.0%}"), digest):
            return _taught(file, digest, self.judge, self.load)

    def read_right(self, run_id: str, own: Split) -> list[bool]:
        """Whether it reads each of their drawings right that it can be judged by. Raises BusyError
        until that is known."""
        file = self.file_of(run_id)
        answers, seen = _read(file, file_digest(file), own)
        taught = self.taught(run_id) if seen else None
        judged = dict(zip(taught.images, taught.right, strict=True)) if taught else {}
        return [
            judged.get(image, answer)
            for image, answer in answers
            if image in judged or image not in seen
        ]


def taught(mine: Mine, run: RunState, say: Words) -> str:
    """What teaching a run the visitor's drawings changed; "" where there is nothing to say."""
    if run.status != "finished" or not has_own(run.config.dataset):
        return ""
    try:
        found = mine.taught(run.run_id)
    except BusyError as error:
        done = error.message.values.get("share", 0.0)
        return say("Your digits: {done:.0%} judged, by networks taught only the others.", done=done)
    except MnistError as error:
        return say.translated(error)
    if found is None:
        return ""
    return say(
        "Your digits: {before} of {count} read right before, {after} now, each judged by a network"
        " taught only the others.",
        before=found.before,
        count=len(found.right),
        after=sum(found.right),
    )


def read_right(mine: Mine, run: RunState, say: Words) -> str:
    """How many of the visitor's drawings a run reads right, "…" until it has ended and is judged;
    "" where there is nothing to judge."""
    if not run.history.evaluations or mine.own is None or not mine.own.of_digits():
        return ""
    if run.active:
        return "…"
    try:
        right = mine.read_right(run.run_id, mine.own)
    except BusyError:
        return "…"
    except MnistError:  # which is said where the run is shown
        return ""
    return say("{right} of {count}", right=sum(right), count=len(right)) if right else ""


@bounded(keep=512, patience=0)
def _read(file: Path, digest: str, own: Split) -> tuple[list[tuple[bytes, bool]], set[bytes]]:
    """Each drawing and whether it is read right; and those that the run was taught."""
    run, split = checkpoint_at(file), tested(own)
    right = evaluate(network_at(file).model, split).right.tolist()
    seen = set() if run.own is None else {*_images(run.own)}
    return list(zip(_images(split), right, strict=True)), seen


@bounded(keep=64, patience=0)
def _taught(file: Path, digest: str, judge: Judge, load: Load) -> Taught | None:
    run = checkpoint_at(file)
    if run.own is None or len(run.own.of_digits()) < 2 or 0 not in Snapshots(file).moments():
        return None
    before = network_at(file, 0).model
    start = replace(run, model=before.state_dict(), history=History(), own=None)
    split = tested(run.own)
    name = hashlib.sha256(f"folds {digest_of(network_at(file).model)}".encode()).hexdigest()
    readings = Readings.of(file)
    found = readings.find(name, split)
    if found is None:
        rows = torch.empty(len(split), 10)
        with shares(digest) as progress:
            teaching = Teaching(start=start, config=run.config, own=run.own, load=load)
            for done, (which, read) in enumerate(judge(teaching), 1):
                rows[which] = read
                progress(done / FOLDS)
        found = Evaluation(rows, split.labels)
        with suppress(CheckpointError):  # then they are judged once more some day
            readings.keep(name, split, found)
    return Taught(
        images=_images(split),
        before=int(evaluate(before, split).right.sum()),
        right=found.right.tolist(),
    )


def _images(split: Split) -> list[bytes]:
    return [image.numpy().tobytes() for image in split.images]
