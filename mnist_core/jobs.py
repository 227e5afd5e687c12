"""Training runs as jobs: started, watched, stopped and found again by the visitor they belong to.

A run lives in `<runs>/<hash of the visitor's token>/<run id>/`: its checkpoint, and a `run.json`
for what training does not need (its name). The checkpoint is there before the first step and is
replaced atomically, so a server that was killed finds every run as it was last saved. A run that
trains has a thread, all of which are started here, a bounded number at a time; others wait in
line. Pages only look: `Jobs.look` returns a `Snapshot`.

A visitor is whoever knows an unguessable token. Every method takes it and finds only that
visitor's runs: someone else's run id is as unknown as one that never was.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from .checkpoint import Checkpoint, Saver, load_tutorial, write_atomically
from .config import TUTORIAL, TrainConfig
from .data import Split, fetch_mnist, fetched_share
from .errors import BusyError, CheckpointError, ConfigError, MnistError
from .evaluation import classify
from .history import EvalEvent, Event, History
from .snapshots import Snapshots
from .training import Trainer, choose_device

Status = Literal[
    "waiting", "starting", "running", "paused", "stopping", "stopped", "finished", "failed"
]
Pace = Literal["run", "batch", "epoch", "pause"]
"""Train on; train one batch or to the end of the epoch and pause; pause now."""

ACTIVE = ("waiting", "starting", "running", "paused", "stopping")
THREADS = 1
"""torch threads of a run: several runs' threads, spinning against each other, are slower."""
SAMPLES = 6
MAX_NAME = 40
_READ_SECONDS, _WATCHED_SECONDS, _SWEEP_SECONDS, _CLOSE_SECONDS = 0.3, 5.0, 60.0, 20.0
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
_RUN_ID = re.compile(r"[0-9a-f]{16}")
_OWNER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a machine its visitors may use."""

    slots: int = 1
    """Runs that train at the same time."""
    waiting: int = 50
    """Runs in line, of all visitors."""
    active: int = 2
    """Runs of one visitor that train or wait."""
    runs: int = 20
    """Runs kept for one visitor."""
    unseen_seconds: float = 600.0
    """A run that nobody looked at, or that was paused, for so long saves and stops."""
    turn_seconds: float = 1800.0
    """A run that trained for so long saves and stops when others wait."""
    age_seconds: float = 30 * 86_400.0
    """Runs not trained for so long are removed."""
    total_bytes: int = 2 * 2**30
    """Beyond this the runs longest not trained are removed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A run at one moment, for showing it.

    `touched` is when it was last started or resumed, in seconds since 1970; `total` the number of
    examples in the whole run (0 while unknown); `place` the place in line (0 outside it).
    `samples` are test digits, whose `readings` f32 [6,10] are probabilities, like the `reading`
    f32 [10] of the visitor's own drawing; None while there are none.
    """

    run_id: str
    name: str
    created: float
    touched: float
    config: TrainConfig
    device: str
    status: Status
    place: int
    sentence: str
    history: History
    examples_seen: int
    total: int
    images_per_second: float | None
    samples: Split | None
    readings: Tensor | None
    reading: Tensor | None

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
        if self.status != "running" or not self.images_per_second or not self.total:
            return None
        return (self.total - self.examples_seen) / self.images_per_second


class TrainingJob:
    """One run of one visitor, idle or training; `Jobs` makes and drives it. Safe for threads."""

    def __init__(
        self, folder: Path, checkpoint: Checkpoint, name: str, created: float, train_size: int = 0
    ) -> None:
        self.folder, self.name, self.created = folder, name, created
        self.touched = created
        self.config, self.device = checkpoint.config, checkpoint.device
        self.train_size = train_size
        self.place = 0
        self.status: Status = "stopped"
        self.sentence = ""
        self.seen_at = time.monotonic()
        self.thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._history = checkpoint.history
        self._examples_seen = 0
        if train_size:
            epochs, batch = divmod(
                checkpoint.batches_done, math.ceil(train_size / self.config.batch_size)
            )
            self._examples_seen = epochs * train_size + batch * self.config.batch_size
        self._model: nn.Module = checkpoint.network()
        self._stop = False
        self._pace: Pace = "run"
        self._pace_since = self._began = time.monotonic()
        self._progress: deque[tuple[float, int]] = deque(maxlen=12)
        self._drawing: Tensor | None = None
        self._samples: Split | None = None
        self._readings: Tensor | None = None
        self._reading: Tensor | None = None
        self._read_at = 0.0
        if checkpoint.history.evaluations[self.config.epochs :]:
            self.status = "finished"

    @property
    def file(self) -> Path:
        """Its checkpoint."""
        return self.folder / "checkpoint.pt"

    @property
    def active(self) -> bool:
        """Whether it trains, pauses or waits in line."""
        return self.status in ACTIVE

    def update(self, status: Status, sentence: str = "", place: int = 0) -> None:
        """Set what the page shows of its state."""
        with self._changed:
            self.status, self.sentence, self.place = status, sentence, place

    def rename(self, name: str) -> None:
        """Give it another name. Raises CheckpointError when that cannot be written."""
        self.name = name
        self.save_description()

    def save_description(self) -> None:
        """Write `run.json`. Raises CheckpointError."""
        description = {"name": self.name, "created": self.created, "train_size": self.train_size}
        write_atomically(
            self.folder / "run.json", lambda file: file.write(json.dumps(description).encode())
        )

    def launch(self, room: Jobs) -> None:
        """Train on a thread of its own, from the checkpoint on."""
        self._stop, self._pace = False, "run"
        self._pace_since = self._began = time.monotonic()
        self._progress.clear()
        self.update("starting")
        self.thread = threading.Thread(target=self._run, args=(room,), daemon=True)
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
            self.seen_at = time.monotonic()
            if drawing is not None and not _same(drawing, self._drawing):
                self._drawing = drawing
                if self.status in ("waiting", "stopped", "finished"):
                    self._read()
            return Snapshot(
                run_id=self.folder.name,
                name=self.name,
                created=self.created,
                touched=self.touched,
                config=self.config,
                device=self.device,
                status=self.status,
                place=self.place,
                sentence=self.sentence,
                history=_copy(self._history),
                examples_seen=self._examples_seen,
                total=self.config.epochs * self.train_size,
                images_per_second=self._images_per_second(),
                samples=self._samples,
                readings=self._readings,
                reading=self._reading,
            )

    def seconds_trained(self) -> float:
        """Since it got its slot, by the clock on the wall."""
        return time.monotonic() - self._began

    def seconds_unused(self) -> float:
        """Since a page looked at it, or since it was paused if that is longer ago."""
        last = min(self.seen_at, self._pace_since) if self.status == "paused" else self.seen_at
        return time.monotonic() - last

    def _run(self, room: Jobs) -> None:
        try:
            status, sentence = self._train(room)
            self.update(status, sentence)
        except MnistError as error:
            self.update("failed", str(error))
        except Exception:
            logging.getLogger(__name__).exception("run %s", self.folder.name)
            self.update("failed", "The run stopped because of an error in this program.")
        finally:
            room.ended(self)

    def _train(self, room: Jobs) -> tuple[Status, str]:
        torch.set_num_threads(THREADS)
        train, test = room.load(self.config.dataset)
        trainer = Trainer.resume(Checkpoint.load(self.file), self.config.epochs, self.device)
        saver, snapshots = Saver(self.file), Snapshots(self.file)
        self._show(trainer, train, test)
        for event in trainer.batches(train, test):
            self._note(trainer)
            if event is not None:
                saver.offer(trainer.checkpoint)
                snapshots.keep(event, trainer, len(train))
            if self._has_to_pause(event):
                saver.save(trainer.checkpoint)
                self._pause(room)
            sentence = room.reason_to_stop(self)
            if self._stop or sentence:
                saver.save(trainer.checkpoint)
                return "stopped", sentence
        saver.save(trainer.checkpoint)
        return "finished", ""

    def _show(self, trainer: Trainer, train: Split, test: Split) -> None:
        """Let `look` see the trainer's own history and network from now on."""
        if self.train_size != len(train):
            self.train_size = len(train)
            self.save_description()
        with self._changed:
            self._history, self._model = trainer.history, trainer.model
            self._samples = Split(test.images[:SAMPLES], test.labels[:SAMPLES])
            self._examples_seen = trainer.examples_seen(len(train))
            self._read()

    def _note(self, trainer: Trainer) -> None:
        """Take over the trainer's progress; read the digits shown, if a page watches."""
        now = time.monotonic()
        with self._changed:
            if self.status != "stopping":
                self.status = "running"
            self._examples_seen = trainer.examples_seen(self.train_size)
            if not self._progress or now - self._progress[-1][0] > _READ_SECONDS:
                self._progress.append((now, self._examples_seen))
                if now - self.seen_at < _WATCHED_SECONDS:
                    self._read()

    def _has_to_pause(self, event: Event | None) -> bool:
        with self._changed:
            at_evaluation = isinstance(event, EvalEvent)
            if self._pace == ("epoch" if at_evaluation else "batch"):
                self._pace = "pause"
            return self._pace == "pause" and not self._stop

    def _pause(self, room: Jobs) -> None:
        """Wait, still reading what is drawn, until there is something to do."""
        with self._changed:
            self.status = "paused"
            self._progress.clear()
            while self._pace == "pause" and not self._stop and not room.reason_to_stop(self):
                self._read()
                self._changed.wait(_READ_SECONDS)

    def _read(self) -> None:
        """Have the network as it is read the samples and the visitor's drawing."""
        if self._samples is not None:
            self._readings = classify(self._model, self._samples.images, self.device)
        if self._drawing is not None:
            self._reading = classify(self._model, self._drawing[None], self.device)[0]

    def _images_per_second(self) -> float | None:
        if self.status != "running" or len(self._progress) < 2:
            return None
        (start, before), (end, after) = self._progress[0], self._progress[-1]
        return (after - before) / (end - start)


class Jobs:
    """All runs in a folder: who owns them, who trains, who waits, what is removed."""

    def __init__(
        self,
        runs_dir: Path,
        load: Callable[[str], tuple[Split, Split]],
        limits: Limits | None = None,
    ) -> None:
        """`load` gives (train, test) of a dataset by name, or raises DataError."""
        self.load = load
        self.limits = limits or Limits()
        self._folder = runs_dir
        self._lock = threading.RLock()
        self._jobs: dict[Path, TrainingJob] = {}
        self._training: set[TrainingJob] = set()
        self._line: deque[TrainingJob] = deque()
        self._swept_at = -_SWEEP_SECONDS
        # A wall clock that is set anew while the server runs must not make runs look old.
        self._clock_offset = time.time() - time.monotonic()

    def start(self, visitor: str, config: TrainConfig, device: str = "auto") -> str:
        """Begin a run, or put it in line; returns its id.

        Raises ConfigError, BusyError (too many runs) or CheckpointError (nowhere to keep it).
        """
        device = choose_device(device)
        with self._lock:
            self._check_room(visitor)
            self._check_active(visitor)
            job = self._create(visitor, Trainer.fresh(config).checkpoint(), config.recipe)
            self._enqueue(job, config.epochs, device)
        return job.folder.name

    def upload(self, visitor: str, files: Sequence[Path]) -> str:
        """Keep a checkpoint, or the tutorial's two files, as a stopped run; returns its id.

        Raises CheckpointError for anything else, and for what cannot be gone on with.
        """
        if len(files) not in (1, 2):
            raise CheckpointError(
                "Choose one checkpoint, or the tutorial's model.pth and optimizer.pth together."
            )
        checkpoint = Checkpoint.load(files[0]) if len(files) == 1 else _load_pair(*files)
        try:
            Trainer.resume(checkpoint, device="cpu")
        except (RuntimeError, TypeError, ValueError, KeyError) as error:
            raise CheckpointError(
                "This checkpoint cannot be gone on with: it is broken."
            ) from error
        with self._lock:
            self._check_room(visitor)
            return self._create(
                visitor, checkpoint, f"{checkpoint.config.recipe} (uploaded)"
            ).folder.name

    def resume(self, visitor: str, run_id: str, epochs: int | None = None) -> None:
        """Go on with a run, to `epochs` in all. Raises ConfigError if it has had as many."""
        with self._lock:
            job = self._own(visitor, run_id)
            if job.active:
                job.set_pace("run")
                return
            epochs = epochs or job.config.epochs
            if job.look().epochs_done >= epochs:
                raise ConfigError(f"This run has had {epochs} epochs; choose more to go on.")
            self._check_active(visitor)
            self._enqueue(job, epochs, job.device)

    def set_pace(self, visitor: str, run_id: str, pace: Pace) -> None:
        """Pause a run, let it take one step, or let it go on."""
        self._own(visitor, run_id).set_pace(pace)

    def stop(self, visitor: str, run_id: str) -> None:
        """Save and stop after the current batch, or leave the line."""
        with self._lock:
            job = self._own(visitor, run_id)
            if job not in self._line:
                job.stop()
                return
            self._line.remove(job)
            job.update("stopped")
            self._admit()
            if not job.look().history.evaluations:  # it never had a turn
                self.delete(visitor, run_id)

    def look(self, visitor: str, run_id: str, drawing: Tensor | None = None) -> Snapshot:
        """A run as it is now; with a `drawing` u8 [28,28] that its network reads as it learns."""
        return self._own(visitor, run_id).look(drawing)

    def runs(self, visitor: str) -> list[Snapshot]:
        """All of a visitor's runs, newest first."""
        with self._lock:
            self._sweep()
            snapshots = [job.look() for job in self._all(visitor)]
        return sorted(snapshots, key=lambda run: -run.created)

    def rename(self, visitor: str, run_id: str, name: str) -> None:
        """Call a run something else. Raises ConfigError for an empty or long name."""
        name = " ".join(str(name).split())
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise ConfigError(f"A name has 1 to {MAX_NAME} letters.")
        self._own(visitor, run_id).rename(name)

    def delete(self, visitor: str, run_id: str) -> None:
        """Remove a run and its files for good. Raises BusyError while it trains or waits."""
        with self._lock:
            job = self._own(visitor, run_id)
            if job.active:
                raise BusyError("Stop the run before you delete it.")
            self._remove(job.folder)

    def checkpoint(self, visitor: str, run_id: str) -> Checkpoint:
        """A run as it was last saved. Raises CheckpointError."""
        return Checkpoint.load(self._own(visitor, run_id).file)

    def close(self) -> None:
        """Stop every run and wait until each has saved."""
        with self._lock:
            while self._line:
                self._line.pop().update("stopped")
            training = list(self._training)
        for job in training:
            job.stop()
        for job in training:
            if job.thread is not None:
                job.thread.join(_CLOSE_SECONDS)

    def now(self) -> float:
        """Seconds since 1970 by the clock as it was when the server started."""
        return time.monotonic() + self._clock_offset

    def reason_to_stop(self, job: TrainingJob) -> str:
        """Why a run has to give up its slot now, as a sentence; empty while it may go on."""
        limits = self.limits
        if job.seconds_unused() > limits.unseen_seconds:
            return "It saved and stopped by itself, because nobody was looking for a while."
        if self._line and job.seconds_trained() > limits.turn_seconds:
            return "It saved and stopped, because its turn was over and others wait."
        return ""

    def ended(self, job: TrainingJob) -> None:
        """A run's thread is about to end: its slot is free."""
        with self._lock:
            self._training.discard(job)
            self._admit()

    def _enqueue(self, job: TrainingJob, epochs: int, device: str) -> None:
        job.config, job.device = replace(job.config, epochs=epochs), device
        job.touched = self.now()
        job.update("waiting")
        self._line.append(job)
        self._admit()

    def _admit(self) -> None:
        """Fill the free slots from the line, passing over runs whose visitor has gone."""
        while self._line and len(self._training) < self.limits.slots:
            job = self._line.popleft()
            if job.seconds_unused() > self.limits.unseen_seconds:
                job.update("stopped")
            else:
                self._training.add(job)
                job.launch(self)
        for place, job in enumerate(self._line, 1):
            job.update("waiting", place=place)

    def _check_room(self, visitor: str) -> None:
        self._sweep()
        if len(list(self._all(visitor))) >= self.limits.runs:
            raise BusyError(f"You have {self.limits.runs} runs; delete one to make room.")

    def _check_active(self, visitor: str) -> None:
        if sum(job.active for job in self._all(visitor)) >= self.limits.active:
            raise BusyError(
                f"You have {self.limits.active} runs under way; stop one before you start another."
            )
        if len(self._line) >= self.limits.waiting:
            raise BusyError("Too many runs are waiting already; try again later.")

    def _create(self, visitor: str, checkpoint: Checkpoint, name: str) -> TrainingJob:
        names = {job.name for job in self._all(visitor)}
        number = next(n for n in count(1) if f"{name} {n}" not in names)
        folder = self._home(visitor) / secrets.token_hex(8)
        job = TrainingJob(folder, checkpoint, f"{name} {number}", self.now())
        try:
            checkpoint.save(job.file)
            job.save_description()
        except CheckpointError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._jobs[folder] = job
        return job

    def _own(self, visitor: str, run_id: str) -> TrainingJob:
        if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
            raise ConfigError(_UNKNOWN)
        with self._lock:
            folder = self._home(visitor) / run_id
            if folder not in self._jobs:
                if not (folder / "checkpoint.pt").is_file():
                    raise ConfigError(_UNKNOWN)
                self._jobs[folder] = _from_disk(folder)
            return self._jobs[folder]

    def _all(self, visitor: str) -> list[TrainingJob]:
        with self._lock:
            folders = set(_run_folders(self._home(visitor)))
            folders |= {f for f in self._jobs if f.parent == self._home(visitor)}
            return [self._own(visitor, folder.name) for folder in folders]

    def _home(self, visitor: str) -> Path:
        """The visitor's folder; its name does not tell the token."""
        if not isinstance(visitor, str) or not _TOKEN.fullmatch(visitor):
            raise ConfigError("This browser is not known here yet; reload the page.")
        return self._folder / hashlib.sha256(visitor.encode()).hexdigest()[:32]

    def _sweep(self) -> None:
        """Forget idle runs that no page looks at; remove the oldest of those from the disk."""
        now = time.monotonic()
        if now - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = now
        for folder, job in list(self._jobs.items()):
            if not job.active and job.seconds_unused() > self.limits.unseen_seconds:
                del self._jobs[folder]
        owners = [home for home in _children(self._folder) if _OWNER.fullmatch(home.name)]
        unused = [f for home in owners for f in _run_folders(home) if f not in self._jobs]
        sizes = {folder: _size(folder) for folder in unused}
        total = sum(sizes.values())
        for folder in sorted(unused, key=_trained_at):
            too_old = self.now() - _trained_at(folder) > self.limits.age_seconds
            if too_old or total > self.limits.total_bytes:
                total -= sizes[folder]
                self._remove(folder)

    def _remove(self, folder: Path) -> None:
        self._jobs.pop(folder, None)
        shutil.rmtree(folder, ignore_errors=True)


class MnistDownload:
    """The one download of MNIST that a server makes, when a visitor asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error = ""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it is going on."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def share(self) -> float:
        """0..1, how much has arrived."""
        return fetched_share(self.folder)

    def start(self) -> None:
        """Begin, unless it is going on."""
        with self._lock:
            if not self.running:
                self.error = ""
                self._thread = threading.Thread(target=self._fetch, daemon=True)
                self._thread.start()

    def _fetch(self) -> None:
        try:
            fetch_mnist(self.folder)
        except MnistError as error:
            self.error = str(error)


def new_visitor() -> str:
    """An unguessable token for a browser to keep."""
    return secrets.token_urlsafe(32)


_UNKNOWN = "There is no such run; it may have been deleted."


def _from_disk(folder: Path) -> TrainingJob:
    """An idle run as its folder has it; a damaged one is shown as such and can only be deleted."""
    for leftover in folder.glob(".*"):  # of a save that was killed
        leftover.unlink(missing_ok=True)
    try:
        about = json.loads((folder / "run.json").read_text())
        name, created, train_size = (
            str(about["name"]),
            float(about["created"]),
            int(about["train_size"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        name, created, train_size = "Run", _trained_at(folder), 0
    try:
        checkpoint = Checkpoint.load(folder / "checkpoint.pt")
        job = TrainingJob(folder, checkpoint, name, created, train_size)
        job.touched = _trained_at(folder)
        return job
    except CheckpointError as error:
        job = TrainingJob(folder, Trainer.fresh(TUTORIAL).checkpoint(), name, created)
        job.update("failed", str(error))
        return job


def _load_pair(first: Path, second: Path) -> Checkpoint:
    """The tutorial's pair, in whichever order the browser sent the two."""
    try:
        return load_tutorial(first, second)
    except CheckpointError:
        return load_tutorial(second, first)


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _run_folders(home: Path) -> list[Path]:
    return [
        folder
        for folder in _children(home)
        if _RUN_ID.fullmatch(folder.name) and (folder / "checkpoint.pt").is_file()
    ]


def _trained_at(folder: Path) -> float:
    try:
        return (folder / "checkpoint.pt").stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _copy(history: History) -> History:
    return History(history.steps[:], history.evaluations[:], history.resumes[:])


def _same(drawing: Tensor, other: Tensor | None) -> bool:
    return other is not None and torch.equal(drawing, other)
