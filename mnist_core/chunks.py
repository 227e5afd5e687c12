"""Training on a GPU that is lent for a short while, and may be taken back at any moment.

A `Chunk` is what the GPU's process is asked for, and `train` what it does there, with the same
trainer as everywhere. What comes back, piece by piece, is the last event and the run's checkpoint
as bytes: only plain values cross, so that the process may be forked, and end, as on ZeroGPU.
`BorrowedTrainer` takes the pieces in; wherever they break off, the run goes on from the last.

But: how a GPU is to be had is the lender's matter; on a machine with its own, `train` is called.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import torch

from .checkpoint import Checkpoint
from .data import Split
from .errors import MnistError
from .history import EvalEvent, Event
from .training import Trainer, examples_seen

Load = Callable[[str], tuple[Split, Split]]
"""(train, test) of a dataset by its name; raises DataError."""

MOST_SECONDS, LEAST_SECONDS = 30.0, 10.0
"""How long a chunk trains: a run's last may be short, but getting a GPU takes seconds too."""

_SECONDS_PER_BATCH = 0.004  # generous: less than half of it is needed with the recipes' batches
_PIECE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """So many `seconds` of the run that is in `state`, a checkpoint as bytes.

    `load` and all else can be pickled. `mark` says whether the history shows that it went on.
    """

    load: Load
    state: bytes
    seconds: float
    mark: bool


Piece = tuple[Event | None, bytes] | MnistError
"""The last event since the piece before, and the checkpoint after it; or why there is none."""

Lend = Callable[[Chunk], Generator[Piece, None, None]]
"""Has a chunk trained on a GPU. Raises BusyError when there is none to be had, or no longer."""


def train(chunk: Chunk, device: str) -> Generator[Piece, None, None]:
    """Train a chunk on "cpu" or "cuda": a piece at once, twice a second, after each evaluation and
    at the end. An MnistError is yielded: of one raised, ZeroGPU passes on no more than the name.
    """
    torch.set_num_threads(1)  # a forked process cannot use its parent's OpenMP threads
    try:
        trainer = Trainer.resume(Checkpoint.from_bytes(chunk.state), device=device, mark=chunk.mark)
        yield from _pieces(trainer, *chunk.load(trainer.config.dataset), chunk.seconds)
    except MnistError as error:
        yield error


class BorrowedTrainer:
    """A `Trainer` whose batches are done elsewhere; its `model` is a copy on the CPU."""

    def __init__(self, checkpoint: Checkpoint, load: Load, lend: Lend) -> None:
        self.model = checkpoint.network()
        self.history = checkpoint.history.copy()
        self._load, self._lend, self._last = load, lend, checkpoint
        self._mark = True

    def batches(self, train: Split, test: Split) -> Generator[Event | None, None, None]:
        """As of `Trainer`, but with one event or None for all the batches of a piece.

        Raises what `Trainer.batches` raises, and what the lender does.
        """
        while not self._is_done(len(train)):
            with closing(self._lend(self._chunk(len(train)))) as pieces:
                for piece in pieces:
                    if isinstance(piece, MnistError):
                        raise piece
                    event, state = piece
                    self._take(Checkpoint.from_bytes(state))
                    yield event

    def examples_seen(self, count: int) -> int:
        """Training examples seen so far, in a run over a training set of `count`."""
        return examples_seen(self._last.batches_done, self._last.config.batch_size, count)

    def checkpoint(self) -> Checkpoint:
        """The run as the last piece left it."""
        return self._last

    def _chunk(self, count: int) -> Chunk:
        needed = 1.5 * _SECONDS_PER_BATCH * (self._batches(count) - self._last.batches_done)
        seconds = min(max(needed, LEAST_SECONDS), MOST_SECONDS)
        return Chunk(load=self._load, state=self._last.to_bytes(), seconds=seconds, mark=self._mark)

    def _take(self, checkpoint: Checkpoint) -> None:
        self._last, self._mark = checkpoint, False
        self.model.load_state_dict(checkpoint.model)
        self.history.steps[:] = checkpoint.history.steps
        self.history.evaluations[:] = checkpoint.history.evaluations
        self.history.resumes[:] = checkpoint.history.resumes

    def _is_done(self, count: int) -> bool:
        evaluations = self.history.evaluations
        return self._last.batches_done == self._batches(count) and bool(
            evaluations and evaluations[-1].examples_seen == self.examples_seen(count)
        )

    def _batches(self, count: int) -> int:
        return self._last.config.epochs * math.ceil(count / self._last.config.batch_size)


def _pieces(
    trainer: Trainer, train: Split, test: Split, seconds: float
) -> Generator[Piece, None, None]:
    end, due, last = time.monotonic() + seconds, 0.0, None
    for event in trainer.batches(train, test):
        now, last = time.monotonic(), event or last
        if isinstance(event, EvalEvent) or now > min(due, end):
            yield last, trainer.checkpoint().to_bytes()
            due, last = time.monotonic() + _PIECE_SECONDS, None
        if now > end:
            return
