"""The one consumer of the trainer: command line, worker and lent GPU all train by `drive`.

It tells what happened a few times a second, in tens of bytes an event. The whole run is copied
only when that is asked for, at the moments that are kept for replaying it, and at the end.

A `Chunk` of a run is trained wherever there is room for it. `train` does it here; `train_packed`
and `unpacked` are its two ends where only bytes cross to another process, which may end at any
moment: the run then goes on from the last checkpoint that arrived.
"""

from __future__ import annotations

import logging
import math
import pickle
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from ..checkpoint import Checkpoint
from ..digits.split import Split
from ..errors import Message, MnistError
from ..history import EvalEvent, Event, History, LiveReading
from ..training import Trainer
from .cloud import Cloud
from .folder import APART
from .live import LiveTest

Load = Callable[[str], tuple[Split, Split]]
"""(train, test) of a dataset by its name; raises DataError. A worker's can be pickled."""

Pace = Literal["run", "batch", "epoch", "pause"]
"""Train on; train one batch, or to the end of the epoch, and pause; pause now."""

Wish = Literal["continue", "checkpoint", "stop"]
"""Train on; the same with a checkpoint now and then; end after this batch, with one."""

Control = Callable[[], Wish]
"""Asked after every batch."""

SAMPLES = 6
"""Test digits that are shown while a run trains."""

FAULT = Message("The run stopped because of an error in this program.")

_THREADS = 1  # of a run: those of several would spin against each other
EVENTS_SECONDS, _CHECKPOINT_SECONDS = 0.2, 0.4


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunk:
    """A run from `checkpoint` on, as far as `pace` says, for at most `seconds`.

    `train_size` is the number of its training examples, 0 while unknown.
    """

    load: Load
    checkpoint: Checkpoint
    pace: Pace
    train_size: int
    seconds: float = math.inf


def samples_of(test: Split) -> Split:
    """The first SAMPLES of the test digits, without the others' memory."""
    return Split(test.images[:SAMPLES].clone(), test.labels[:SAMPLES].clone())


@dataclass(frozen=True, kw_only=True, eq=False)
class Progress:
    """What happened since the last one, and perhaps the run as it is after these events.

    A chunk's first has happened before any training, and brings `samples`, a few test digits.
    `live` is how the network reads now, and where that puts the digits; it comes while that is
    looked at.
    """

    train_size: int
    examples_seen: int
    events: list[Event] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    samples: Split | None = None
    live: tuple[LiveReading, Cloud] | None = None

    @property
    def ends_epoch(self) -> bool:
        """Whether the last event is an evaluation."""
        return bool(self.events) and isinstance(self.events[-1], EvalEvent)


Lender = Callable[[Chunk, Control], Generator[Progress, None, None]]
"""Has a chunk trained. Raises MnistError, of which BusyError means that there is nothing to train
it on, or no longer, and LostError that it is to be lent again, from where it came to."""


def drive(
    trainer: Trainer,
    train: Split,
    test: Split,
    control: Control,
    pace: Pace = "run",
    seconds: float = math.inf,
) -> Generator[Progress, None, None]:
    """Train to the end of the run, or until `control`, `pace` or `seconds` end it within a batch.

    The last Progress has a checkpoint. Raises TrainingError and ConfigError as the trainer does.
    """
    end, due, copy_due = time.monotonic() + seconds, 0.0, 0.0
    moment = trainer.examples_seen(len(train))
    events: list[Event] = []
    live = LiveTest(test)
    for event in trainer.batches(train, test):
        now, seen, wish = time.monotonic(), trainer.examples_seen(len(train)), control()
        is_test = isinstance(event, EvalEvent)
        is_last = wish == "stop" or now > end or pace == ("epoch" if is_test else "batch")
        is_moment = is_test or (event is not None and seen >= APART * moment)
        is_copied = is_last or is_moment or (wish == "checkpoint" and now >= copy_due)
        events += [event] if event else []
        reading = live.read(trainer, seen) if wish == "checkpoint" and not is_test else None
        if is_copied or reading or now >= due:
            yield Progress(
                train_size=len(train),
                examples_seen=seen,
                events=events,
                checkpoint=trainer.checkpoint() if is_copied else None,
                live=reading,
            )
            events, due = [], now + EVENTS_SECONDS
            copy_due = now + _CHECKPOINT_SECONDS if is_copied else copy_due
            moment = seen if is_moment else moment
        if is_last:
            return


def train(
    chunk: Chunk, control: Control = lambda: "continue", device: str = "cpu"
) -> Generator[Progress, None, None]:
    """Train a chunk in this process, on "cpu" or "cuda": the simplest lender. Raises MnistError."""
    torch.set_num_threads(_THREADS)  # nor can a forked process use its parent's OpenMP threads
    trainer = Trainer.resume(chunk.checkpoint, device=device, mark=False)
    train, test = trainer.splits(chunk.load)
    yield Progress(
        train_size=len(train),
        examples_seen=trainer.examples_seen(len(train)),
        samples=samples_of(test),
    )
    yield from drive(trainer, train, test, control, chunk.pace, chunk.seconds)


def train_packed(chunk: bytes, control: Control, device: str) -> Generator[bytes, None, None]:
    """`train` for another process: a pickled chunk → what `unpacked` takes, errors too.

    Pickled here, because a pipe's own pickling would share the memory of tensors, and then neither
    process may end before the other has looked.
    """
    try:
        for progress in train(pickle.loads(chunk), control, device):
            bare = progress.checkpoint and replace(progress.checkpoint, history=History())
            yield pickle.dumps(replace(progress, checkpoint=bare))
    except MnistError as error:
        yield pickle.dumps(error)
    except Exception:
        logging.getLogger(__name__).exception("while training a run")
        yield pickle.dumps(MnistError(FAULT))


def unpacked(content: bytes) -> Progress:
    """What `train_packed` gave, from a process of our own. Raises the MnistError if it is one."""
    value = pickle.loads(content)
    if isinstance(value, MnistError):
        raise value
    assert isinstance(value, Progress)
    return value
