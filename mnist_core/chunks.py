"""A part of a run, trained wherever there is room: in another process, or on a GPU that is lent.

A `Chunk` is what is asked for, and `train` what is done there, with the same trainer as everywhere.
What comes back, piece by piece, is what happened and the run's state as bytes: only plain values
cross, so that the process may be another, and may end at any moment; wherever the pieces break
off, the run goes on from the last.

But: where a chunk is trained is the lender's matter (`Lend`); `train` itself is the simplest one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Literal

import torch

from .checkpoint import Checkpoint
from .data import Split
from .errors import MnistError
from .history import EvalEvent, Event, History
from .snapshots import APART
from .training import Trainer
from .words import language, speak

Load = Callable[[str], tuple[Split, Split]]
"""(train, test) of a dataset by its name; raises DataError."""

Reach = Literal["run", "batch", "epoch"]
"""How far a chunk goes: to the end of the run, over one batch, to the end of the epoch."""

MOST_SECONDS, LEAST_SECONDS = 30.0, 10.0
"""How long a GPU is asked for: a run's last chunk may be short, but getting one takes seconds."""

THREADS = 1
"""torch threads of a run: those of several runs would spin against each other."""

SAMPLES = 6
"""Test digits that are shown while a run trains."""

_SECONDS_PER_BATCH = 0.004  # generous: less than half of it is needed with the recipes' batches
_PIECE_SECONDS = 0.4


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """The run in `state`, a checkpoint as bytes, as far as `reach`, for at most `seconds`.

    `batches_left` are those to the end of the run, `language` is its errors'. `load` and all else
    can be pickled.
    """

    load: Load
    state: bytes
    batches_left: float
    reach: Reach = "run"
    seconds: float = math.inf
    language: str = "en"


@dataclass(frozen=True, kw_only=True, eq=False)
class Begun:
    """The first piece: how many examples there are to train on, and a few to show."""

    train_size: int
    samples: Split


@dataclass(frozen=True, kw_only=True, eq=False)
class Progress:
    """The events since the piece before, and the state after them: a checkpoint as bytes.

    Its history is empty, lest a long curve cross again and again.
    """

    events: list[Event]
    state: bytes

    @property
    def ends_epoch(self) -> bool:
        """Whether the last event is an evaluation."""
        return bool(self.events) and isinstance(self.events[-1], EvalEvent)


Piece = Begun | Progress | MnistError
"""What comes back; last of all perhaps an error that ended the chunk."""

Lend = Callable[[Chunk, Callable[[], bool]], Generator[Piece, None, None]]
"""Has a chunk trained, until the second argument turns false: soon after, the last piece comes.

Raises BusyError when there is nothing to train it on, or no longer.
"""


def chunk_of(run: Checkpoint, load: Load, reach: Reach, train_size: int) -> Chunk:
    """What is left of a run over `train_size` examples (0: unknown), or what is within reach."""
    recent = History(run.history.steps[-1:], run.history.evaluations[-1:])
    per_epoch = math.ceil(train_size / run.config.batch_size) or math.inf
    return Chunk(
        load=load,
        state=replace(run, history=recent).to_bytes(),
        batches_left=run.config.epochs * per_epoch - run.batches_done,
        reach=reach,
        language=language(),
    )


def bounded(chunk: Chunk) -> Chunk:
    """The chunk, for as long as a GPU may be asked for at a time."""
    needed = 1.5 * _SECONDS_PER_BATCH * chunk.batches_left
    return replace(chunk, seconds=min(max(needed, LEAST_SECONDS), MOST_SECONDS))


def train(
    chunk: Chunk, wanted: Callable[[], bool] = lambda: True, device: str = "cpu"
) -> Generator[Piece, None, None]:
    """Train a chunk on "cpu" or "cuda", until it ends or, within a batch, is no longer `wanted`.

    After the first, pieces come at once, some times a second, more often while all is new, after
    each evaluation and at the end. An MnistError is yielded: of one raised, ZeroGPU passes on no
    more than its name.
    """
    speak(chunk.language)
    torch.set_num_threads(THREADS)  # nor can a forked process use its parent's OpenMP threads
    try:
        trainer = Trainer.resume(Checkpoint.from_bytes(chunk.state), device=device, mark=False)
        train, test = chunk.load(trainer.config.dataset)
        shown = Split(test.images[:SAMPLES].clone(), test.labels[:SAMPLES].clone())
        yield Begun(train_size=len(train), samples=shown)
        yield from _pieces(trainer, train, test, chunk, wanted)
    except MnistError as error:
        yield error


def _pieces(
    trainer: Trainer, train: Split, test: Split, chunk: Chunk, wanted: Callable[[], bool]
) -> Generator[Piece, None, None]:
    end, due, seen = time.monotonic() + chunk.seconds, 0.0, trainer.examples_seen(len(train))
    events: list[Event] = []
    for event in trainer.batches(train, test):
        is_test, now = isinstance(event, EvalEvent), time.monotonic()
        is_last = chunk.reach == ("epoch" if is_test else "batch") or now > end or not wanted()
        is_news = event is not None and trainer.examples_seen(len(train)) >= APART * seen
        events += [event] if event else []
        if is_last or is_test or is_news or now > due:
            state = replace(trainer.checkpoint(), history=History()).to_bytes()
            yield Progress(events=events, state=state)
            due, seen, events = now + _PIECE_SECONDS, trainer.examples_seen(len(train)), []
        if is_last:
            return
