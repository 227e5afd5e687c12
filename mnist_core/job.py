"""One training run: idle, or under way, when it can be looked at, paused and stopped.

It is trained in chunks by whoever lends room for them (see `chunks`); a thread of the job's takes
in the pieces, and saves when it begins, whenever it pauses or stops, and in between as often as
costs 1 % of its time. Pages look at a `Snapshot`; how the network as it is reads a few digits is
computed when a page asks, once for each state of the network.

But: a job does not know whose it is, nor when it may train; see `jobs`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from .checkpoint import Checkpoint, Saver
from .chunks import SAMPLES, Begun, Lend, Load, Piece, Progress, Reach, chunk_of
from .config import TUTORIAL, TrainConfig
from .data import Split, needs_mnist
from .errors import BusyError, CheckpointError, MnistError
from .evaluation import classify
from .history import History
from .runs import About, RunFolder
from .snapshots import Snapshots
from .training import Trainer, examples_seen
from .words import say

Status = Literal[
    "waiting", "starting", "running", "paused", "stopping", "stopped", "finished", "failed"
]
ACTIVE = ("waiting", "starting", "running", "paused", "stopping")

Ended = Callable[[Status, str], None]
"""Called at the end of a run's training, with what is to be its status and its sentence."""

Pace = Literal["run", "batch", "epoch", "pause"]
"""Train on; train one batch, or to the end of the epoch, and pause; pause now."""

_LOOK_SECONDS = 0.3
"""How often a paused run looks whether it is still wanted."""


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
        self._is_read = False  # the samples and the drawing, by the network as it is
        if checkpoint is not None:
            self._history, self._model = checkpoint.history, checkpoint.network()
            self._examples_seen = self._seen(checkpoint)
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

    def give_up(self) -> None:
        """Stop waiting, since nobody looks."""
        sentence = self.context.copy().run(say, "Nobody looked at the run while it waited.")
        self.update("stopped", sentence)

    def launch(self, load: Load, lend: Lend, unseen_seconds: float, ended: Ended) -> None:
        """Have it trained by what is lent, on a thread of its own; `ended` is called at its end."""
        self._stop, self._pace = False, "run"
        self._progress.clear()
        self.update("starting")
        # In the visitor's context, since that knows their language.
        arguments = (self._run, load, lend, unseen_seconds, ended)
        name = f"run {self.folder.path.name}"
        self.thread = threading.Thread(
            target=self.context.copy().run, args=arguments, name=name, daemon=True
        )
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

    def read(self, drawing: Tensor | None = None) -> None:
        """Have the samples and the `drawing` u8 [28,28], or the last one, read for `look`."""
        with self._changed:
            if drawing is not None and not _same(drawing, self._drawing):
                self._drawing, self._is_read = drawing, False
            if self._model is None or self._is_read:
                return
            if self._samples is not None:
                self._readings = classify(self._model, self._samples.images)
            if self._drawing is not None:
                self._reading = classify(self._model, self._drawing[None])[0]
            self._is_read = True

    def look(self) -> Snapshot:
        """What there is to see now."""
        with self._changed:
            self._seen_at = time.monotonic()
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

    def _run(self, load: Load, lend: Lend, unseen_seconds: float, ended: Ended) -> None:
        try:
            status, sentence = self._train(load, lend, unseen_seconds)
        except MnistError as error:
            status, sentence = "failed", str(error)
        except Exception:
            logging.getLogger(__name__).exception("run %s", self.folder.path.name)
            status = "failed"
            sentence = say("The run stopped because of an error in this program.")
        ended(status, sentence)

    def _train(self, load: Load, lend: Lend, unseen_seconds: float) -> tuple[Status, str]:
        run, snapshots = self._begin(), Snapshots(self._file)
        saver = Saver(self._file)
        saver.save(run)
        try:
            while not self._is_complete(run):
                if self._stop:
                    return "stopped", ""
                if self.seconds_unused > unseen_seconds:
                    if self._pace == "pause":
                        return "stopped", say("The run was paused for long.")
                    return "stopped", say("Nobody looked at the run for a while.")
                pace = self._pace
                if pace == "pause":
                    saver.save(run)
                    self._pause(unseen_seconds)
                    continue
                with closing(self._pieces(run, pace, load, lend, unseen_seconds)) as pieces:
                    for piece in pieces:
                        run = self._take(run, piece)
                        self._keep_snapshot(run, piece, snapshots)
                        if saver.is_due:
                            saver.save(run)
        except BusyError as error:  # what was lent is gone
            return "stopped", str(error)
        finally:
            saver.save(run)
        return "finished", ""

    @property
    def _file(self) -> Path:
        return self.folder.checkpoint

    def _begin(self) -> Checkpoint:
        """The run as it was saved, or before its first step, for `look` to see from now on."""
        config = self.about.config
        if self._file.exists() or self._history.evaluations:
            begun = Checkpoint.load(self._file)
            run = replace(begun, config=replace(begun.config, epochs=config.epochs))
        else:
            run = Trainer.fresh(config).checkpoint()
        seen, resumes = self._seen(run), run.history.resumes
        if seen and seen not in resumes:
            resumes.append(seen)
        with self._changed:
            self._history, self._model = run.history, run.network()
            self._examples_seen, self._is_read = seen, False
        return run

    def _seen(self, run: Checkpoint) -> int:
        if not self.about.train_size:  # of an uploaded run that has not gone on yet
            return run.history.examples_seen
        return examples_seen(run.batches_done, run.config.batch_size, self.about.train_size)

    def _is_complete(self, run: Checkpoint) -> bool:
        seen, last = self._seen(run), run.history.evaluations[-1:]
        total = run.config.epochs * self.about.train_size
        return 0 < total <= seen and bool(last) and last[0].examples_seen == seen

    def _pieces(
        self, run: Checkpoint, reach: Reach, load: Load, lend: Lend, unseen_seconds: float
    ) -> Generator[Piece, None, None]:
        """A chunk, lent in the visitor's name, which is in the context of their request."""

        def wanted() -> bool:
            return self._pace == reach and not self._stop and self.seconds_unused <= unseen_seconds

        pieces = lend(chunk_of(run, load, reach, self.about.train_size), wanted)
        context, last = self.context, None
        try:
            while (piece := context.run(next, pieces, None)) is not None:
                yield piece
                last = piece
        finally:
            context.run(pieces.close)
        stepped = isinstance(last, Progress) and last.ends_epoch == (reach == "epoch")
        with self._changed:
            if stepped and reach != "run" and self._pace == reach:
                self._pace = "pause"

    def _take(self, before: Checkpoint, piece: Piece) -> Checkpoint:
        """The run after a piece, shown from now on. Raises the piece if it is an MnistError."""
        if isinstance(piece, MnistError):
            raise piece
        if isinstance(piece, Begun):
            if self.about.train_size != piece.train_size:
                self.describe(train_size=piece.train_size)
            with self._changed:
                self._samples, self._is_read = piece.samples, False
            return before
        run = replace(Checkpoint.from_bytes(piece.state), history=before.history)
        now = time.monotonic()
        with self._changed:
            for event in piece.events:
                self._history.add(event)
            if self.status != "stopping":
                self.status = "running"
            self._examples_seen = self._seen(run)
            self._progress.append((now, self._examples_seen))
            if self._model is not None:
                self._model.load_state_dict(run.model)
                self._is_read = False
        return run

    def _keep_snapshot(self, run: Checkpoint, piece: Piece, snapshots: Snapshots) -> None:
        if isinstance(piece, Progress) and piece.events:
            seen = self._seen(run)
            if snapshots.is_due(seen, piece.ends_epoch):
                snapshots.keep(seen, run.model)

    def _pause(self, unseen_seconds: float) -> None:
        """Wait for another wish."""
        with self._changed:
            self.status, self._pace_since = "paused", time.monotonic()
            self._progress.clear()
            while self._pace == "pause" and not self._stop and self.seconds_unused < unseen_seconds:
                self._changed.wait(_LOOK_SECONDS)

    def show_samples(self, load: Load) -> None:
        """Have six test digits read by an idle run too, in a while; without its data, none."""
        if self._samples is None and not self.active and not self._fetching:
            self._fetching = True
            threading.Thread(target=self._fetch_samples, args=(load,), daemon=True).start()

    def _fetch_samples(self, load: Load) -> None:
        try:
            # The test digits are MNIST's, and its alone are read in no time.
            _, test = load("mnist" if needs_mnist(self.about.config.dataset) else "handwriting")
            with self._changed:
                if self._samples is None:
                    self._samples = Split(test.images[:SAMPLES], test.labels[:SAMPLES])
                    self._is_read = False
        except MnistError:  # as long as there are none
            pass
        finally:
            self._fetching = False

    def _images_per_second(self) -> float | None:
        if self.status != "running" or len(self._progress) < 2:
            return None
        (start, before), (end, after) = self._progress[0], self._progress[-1]
        return (after - before) / (end - start)


def open_job(folder: RunFolder) -> TrainingJob:
    """An idle run as its folder has it; what is damaged is said, and can be deleted."""
    for leftover in folder.path.rglob(".*"):  # of a save that was killed
        with suppress(OSError):
            leftover.unlink()
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
        about = About(name=say("Damaged"), created=folder.trained_at, config=config, device="cpu")
        sentence = sentence or ("" if checkpoint else str(error))
    job = TrainingJob(folder, about, checkpoint)
    if sentence:
        job.update("failed", sentence)
    return job


def _same(drawing: Tensor, other: Tensor | None) -> bool:
    return other is not None and torch.equal(drawing, other)
