"""One training run: idle, or training on a thread that can be looked at, paused and stopped.

It is saved when it begins, whenever it pauses or stops, and in between as often as costs 1 % of
its time. Pages look at a `Snapshot`; how the network as it is reads a few digits is computed by
the run's own thread, and only while somebody watches.

But: a job does not know whose it is, nor when it may train; see `jobs`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from .checkpoint import Checkpoint, Saver
from .chunks import BorrowedTrainer, Chunk, Lend, Load, Piece
from .config import TUTORIAL, TrainConfig
from .data import Split
from .errors import BusyError, CheckpointError, MnistError
from .evaluation import classify
from .history import EvalEvent, Event, History
from .runs import About, RunFolder
from .snapshots import Snapshots
from .training import Trainer, examples_seen

Status = Literal[
    "waiting", "starting", "running", "paused", "stopping", "stopped", "finished", "failed"
]
ACTIVE = ("waiting", "starting", "running", "paused", "stopping")

Pace = Literal["run", "batch", "epoch", "pause"]
"""Train on; train one batch, or to the end of the epoch, and pause; pause now."""

THREADS = 1
"""torch threads of a run: those of several runs would spin against each other."""
NICENESS = 10
"""Of a run's thread, above the server's own: a drawing is answered first."""
SAMPLES = 6
_READ_SECONDS, _WATCHED_SECONDS = 0.3, 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A run at one moment, for showing it.

    `touched` is when it was last started or resumed, in seconds since 1970; `total` the number of
    examples in the whole run (0 while unknown); `place` the place in line (0 outside it).
    `samples` are test digits, whose `readings` f32 [6,10] are probabilities, like the `reading`
    f32 [10] of the visitor's own drawing; None while there are none.
    """

    run_id: str
    about: About
    touched: float
    status: Status
    place: int
    sentence: str
    history: History
    examples_seen: int
    images_per_second: float | None
    samples: Split | None
    readings: Tensor | None
    reading: Tensor | None

    @property
    def config(self) -> TrainConfig:
        """Its settings."""
        return self.about.config

    @property
    def total(self) -> int:
        """Examples in the whole run; 0 while unknown."""
        return self.config.epochs * self.about.train_size

    @property
    def active(self) -> bool:
        """Whether it trains, pauses or waits in line."""
        return self.status in ACTIVE

    @property
    def epochs_done(self) -> int:
        """Whole epochs trained."""
        return max(len(self.history.evaluations) - 1, 0)

    @property
    def accuracy(self) -> float | None:
        """Of the last evaluation, 0..1."""
        evaluations = self.history.evaluations
        return evaluations[-1].accuracy if evaluations else None

    @property
    def seconds_left(self) -> float | None:
        """Until the end of the run at its present pace."""
        if not self.images_per_second:
            return None
        return (self.total - self.examples_seen) / self.images_per_second


class TrainingJob:
    """One run, idle or training; `Jobs` makes and drives it. Safe to use from any thread."""

    def __init__(self, folder: RunFolder, about: About, checkpoint: Checkpoint | None) -> None:
        self.folder, self.about = folder, about
        self.context = copy_context()  # of the visitor's last request that came with their quota
        self._lend: Lend | None = None
        self.touched = folder.trained_at
        self.status: Status = "stopped"
        self.sentence = ""
        self.place = 0
        self.thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._seen_at = self._pace_since = time.monotonic()
        self._pace: Pace = "run"
        self._stop = False
        self._history = History()
        self._model: nn.Module | None = None
        self._examples_seen = 0
        self._progress: deque[tuple[float, int]] = deque(maxlen=12)
        self._drawing: Tensor | None = None
        self._samples: Split | None = None
        self._fetching = False
        self._readings: Tensor | None = None
        self._reading: Tensor | None = None
        if checkpoint is not None:
            self._history, self._model = checkpoint.history, checkpoint.network()
            self._examples_seen = checkpoint.history.examples_seen
            if about.train_size:
                self._examples_seen = examples_seen(
                    checkpoint.batches_done, checkpoint.config.batch_size, about.train_size
                )
            if checkpoint.history.evaluations[about.config.epochs :]:
                self.status = "finished"

    @property
    def active(self) -> bool:
        """Whether it trains, pauses or waits in line."""
        return self.status in ACTIVE

    @property
    def seconds_unused(self) -> float:
        """Since a page looked at it, or since it was paused if that is longer ago."""
        paused = self.status == "paused"
        return time.monotonic() - (
            min(self._seen_at, self._pace_since) if paused else self._seen_at
        )

    def update(self, status: Status, sentence: str = "", place: int = 0) -> None:
        """Set what the page shows of its state."""
        with self._changed:
            self.status, self.sentence, self.place = status, sentence, place

    def describe(self, **changes: object) -> None:
        """Change what the run is, on the disk first. Raises CheckpointError."""
        with self._changed:  # a page may rename it while its thread notes the training set's size
            about = replace(self.about, **changes)  # type: ignore[arg-type]
            self.folder.write(about)
            self.about = about

    def launch(
        self, load: Load, lend: Lend | None, unseen_seconds: float, ended: Callable[[], None]
    ) -> None:
        """Train on a thread of its own; `ended` is called at its end. `lend` gets a GPU."""
        self._stop, self._pace, self._lend = False, "run", lend
        self._progress.clear()
        self.update("starting")
        arguments = (load, unseen_seconds, ended)
        name = f"run {self.folder.path.name}"
        self.thread = threading.Thread(target=self._run, args=arguments, name=name, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Save and stop after the current batch."""
        with self._changed:
            if self.active:
                self._stop = True
                self.status = "stopping"
                self._changed.notify()

    def set_pace(self, pace: Pace) -> None:
        """Pause, take a step, or go on."""
        with self._changed:
            if self.status in ("starting", "running", "paused"):
                self._pace, self._pace_since = pace, time.monotonic()
                self._changed.notify()

    def look(self, drawing: Tensor | None = None) -> Snapshot:
        """What there is to see now. A `drawing` u8 [28,28] is read from now on."""
        with self._changed:
            self._seen_at = time.monotonic()
            if drawing is not None and not _same(drawing, self._drawing):
                self._drawing = drawing
                if not self.active:
                    self._read()
            return Snapshot(
                run_id=self.folder.path.name,
                about=self.about,
                touched=self.touched,
                status=self.status,
                place=self.place,
                sentence=self.sentence,
                history=self._history.copy(),
                examples_seen=self._examples_seen,
                images_per_second=self._images_per_second(),
                samples=self._samples,
                readings=self._readings,
                reading=self._reading,
            )

    def _run(self, load: Load, unseen_seconds: float, ended: Callable[[], None]) -> None:
        try:
            self.update(*self._train(load, unseen_seconds))
        except MnistError as error:
            self.update("failed", str(error))
        except Exception:
            logging.getLogger(__name__).exception("run %s", self.folder.path.name)
            self.update("failed", "The run stopped because of an error in this program.")
        finally:
            ended()

    def _train(self, load: Load, unseen_seconds: float) -> tuple[Status, str]:
        torch.set_num_threads(THREADS)
        _give_way()
        train, test = load(self.about.config.dataset)
        trainer = self._trainer(load)
        saver, snapshots = Saver(self.folder.checkpoint), Snapshots(self.folder.checkpoint)
        saver.save(trainer.checkpoint)
        self._show(trainer, train, test)
        status: Status = "paused"
        while status == "paused":
            try:
                with closing(trainer.batches(train, test)) as batches:
                    status = self._follow(batches, trainer, saver, snapshots, unseen_seconds)
            except BusyError as error:  # the GPU that was lent is gone
                saver.save(trainer.checkpoint)
                return "stopped", str(error)
            saver.save(trainer.checkpoint)
            if status == "paused" and not self._pause(unseen_seconds):
                status = "stopped"
        unseen = status == "stopped" and not self._stop
        return status, "Nobody looked at the run for a while." if unseen else ""

    def _follow(
        self,
        batches: Iterator[Event | None],
        trainer: Trainer | BorrowedTrainer,
        saver: Saver,
        snapshots: Snapshots,
        unseen_seconds: float,
    ) -> Status:
        """Take the batches in until the run ends, or has to pause or stop."""
        for event in batches:
            self._note(trainer)
            if event is not None:
                saver.offer(trainer.checkpoint)
                snapshots.keep(event, trainer, self.about.train_size)
            if self._stop or self.seconds_unused > unseen_seconds:
                return "stopped"
            if self._has_to_pause(event):
                return "paused"
        return "finished"

    def _trainer(self, load: Load) -> Trainer | BorrowedTrainer:
        config = self.about.config
        if self.folder.checkpoint.exists() or self._history.evaluations:
            begun = Checkpoint.load(self.folder.checkpoint)
            checkpoint = replace(begun, config=replace(begun.config, epochs=config.epochs))
        else:
            checkpoint = Trainer.fresh(config).checkpoint()
        if self.about.device == "cpu":
            return Trainer.resume(checkpoint, device="cpu")
        return BorrowedTrainer(checkpoint, load, self._borrow)

    def _borrow(self, chunk: Chunk) -> Generator[Piece, None, None]:
        """Have the GPU lent in the visitor's name, which is in the context of their request."""
        assert self._lend is not None
        pieces, context = self._lend(chunk), self.context
        try:
            while (piece := context.run(next, pieces, None)) is not None:
                yield piece
        finally:
            context.run(pieces.close)

    def show_samples(self, load: Load) -> None:
        """Have six test digits read by an idle run too, in a while; without its data, none."""
        if self._samples is None and not self.active and not self._fetching:
            self._fetching = True
            threading.Thread(target=self._fetch_samples, args=(load,), daemon=True).start()

    def _fetch_samples(self, load: Load) -> None:
        _give_way()
        with suppress(MnistError):
            _, test = load(self.about.config.dataset)
            with self._changed:
                if self._samples is None:
                    self._samples = Split(test.images[:SAMPLES], test.labels[:SAMPLES])
                    self._read()

    def _show(self, trainer: Trainer | BorrowedTrainer, train: Split, test: Split) -> None:
        """Let `look` see the trainer's own history and network from now on."""
        if self.about.train_size != len(train):
            self.describe(train_size=len(train))
        with self._changed:
            self._history, self._model = trainer.history, trainer.model
            self._samples = Split(test.images[:SAMPLES], test.labels[:SAMPLES])
            self._examples_seen = trainer.examples_seen(len(train))
            self._read()

    def _note(self, trainer: Trainer | BorrowedTrainer) -> None:
        """Take over the trainer's progress; read the digits shown, if a page watches."""
        now = time.monotonic()
        with self._changed:
            if self.status != "stopping":
                self.status = "running"
            self._examples_seen = trainer.examples_seen(self.about.train_size)
            if not self._progress or now - self._progress[-1][0] > _READ_SECONDS:
                self._progress.append((now, self._examples_seen))
                if now - self._seen_at < _WATCHED_SECONDS:
                    self._read()

    def _has_to_pause(self, event: Event | None) -> bool:
        with self._changed:
            if self._pace == ("epoch" if isinstance(event, EvalEvent) else "batch"):
                self._pace = "pause"
            return self._pace == "pause" and not self._stop

    def _pause(self, unseen_seconds: float) -> bool:
        """Wait, still reading what is drawn, and tell whether to go on."""
        with self._changed:
            self.status, self._pace_since = "paused", time.monotonic()
            self._progress.clear()
            while self._pace == "pause" and not self._stop and self.seconds_unused < unseen_seconds:
                self._read()
                self._changed.wait(_READ_SECONDS)
            return self._pace != "pause" and not self._stop

    def _read(self) -> None:
        """Have the network as it is read the samples and the visitor's drawing."""
        if self._model is None:
            return
        if self._samples is not None:
            self._readings = classify(self._model, self._samples.images)
        if self._drawing is not None:
            self._reading = classify(self._model, self._drawing[None])[0]

    def _images_per_second(self) -> float | None:
        if self.status != "running" or len(self._progress) < 2:
            return None
        (start, before), (end, after) = self._progress[0], self._progress[-1]
        return (after - before) / (end - start)


def open_job(folder: RunFolder) -> TrainingJob:
    """An idle run as its folder has it; what is damaged is said, and can be deleted."""
    for leftover in folder.path.glob(".*"):  # of a save that was killed
        leftover.unlink(missing_ok=True)
    checkpoint, sentence = None, ""
    try:
        if folder.checkpoint.exists():
            checkpoint = Checkpoint.load(folder.checkpoint)
    except CheckpointError as error:
        sentence = str(error)
    try:
        about = folder.read()
    except CheckpointError as error:
        config = TUTORIAL if checkpoint is None else checkpoint.config
        about = About(name="Damaged", created=folder.trained_at, config=config, device="cpu")
        sentence = sentence or ("" if checkpoint else str(error))
    job = TrainingJob(folder, about, checkpoint)
    if sentence:
        job.update("failed", sentence)
    return job


def _give_way() -> None:
    """Make this thread yield to those that answer visitors, where a thread can be niced alone."""
    if sys.platform == "linux":
        os.nice(NICENESS)


def _same(drawing: Tensor, other: Tensor | None) -> bool:
    return other is not None and torch.equal(drawing, other)
