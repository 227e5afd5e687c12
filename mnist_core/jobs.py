"""All visitors' training runs: begun, found again, and let train as there is room.

A bounded number of runs train at the same time (see `job`); others wait in line. Every method
takes the visitor's token and finds only that visitor's runs (see `runs`), so someone else's run id
is as unknown as one that never was.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

from torch import Tensor

from .checkpoint import Checkpoint, load_tutorial
from .chunks import Lend, Load, train
from .config import TrainConfig
from .data import fetch_mnist, fetched_share
from .errors import BusyError, CheckpointError, ConfigError, MnistError
from .job import Pace, Snapshot, Status, TrainingJob, open_job
from .runs import MAX_NAME, About, RunFolder, Runs
from .words import language, say

_SWEEP_SECONDS, _CLOSE_SECONDS = 600.0, 20.0


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
    age_seconds: float = 30 * 86_400.0
    """Runs not trained for so long are removed."""
    total_bytes: int = 2 * 2**30
    """Beyond this the runs longest not trained are removed, of those that no page looks at."""


class Jobs:
    """All visitors' runs: begun, found again, and let train as there is room."""

    def __init__(
        self,
        runs_dir: Path,
        load: Load,
        limits: Limits | None = None,
        lenders: Mapping[str, Lend] | None = None,
    ) -> None:
        """Over one folder; `lenders` have a run trained, by its device: "cpu", "cuda".

        Without them, each trains on the CPU on its own thread.
        """
        self._runs, self._load, self._limits = Runs(runs_dir), load, limits or Limits()
        self._lenders = lenders or {"cpu": train}
        self._lock = threading.RLock()
        self._jobs: dict[RunFolder, TrainingJob] = {}
        self._training: set[TrainingJob] = set()
        self._line: deque[TrainingJob] = deque()
        self._swept_at = -math.inf
        # A wall clock that is set anew while the server runs must not make runs look old.
        self._clock_offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970 by the clock as it was when the server started."""
        return time.monotonic() + self._clock_offset

    def start(self, visitor: str, config: TrainConfig, device: str = "cpu") -> str:
        """Begin a run on "cpu" or "cuda", or put it in line; returns its id.

        Raises ConfigError, BusyError (too many runs) or CheckpointError (nowhere to keep it).
        """
        self._check_device(device)
        with self._lock:
            self._check_active(visitor)
            job = self._create(visitor, config.recipe, config, device)
            self._enqueue(job)
        return job.folder.path.name

    def start_together(
        self, visitor: str, configs: Sequence[TrainConfig], device: str
    ) -> list[str]:
        """`start` all of these runs or, when there is no room for all, none."""
        with self._lock:
            self._check_room(visitor, len(configs))
            self._check_active(visitor, len(configs))
            return [self.start(visitor, config, device) for config in configs]

    def upload(self, visitor: str, files: Sequence[Path]) -> str:
        """Keep a checkpoint, or the tutorial's two files, as an idle run; returns its id.

        Raises CheckpointError for anything else, and for what cannot be gone on with.
        """
        if len(files) not in (1, 2):
            raise CheckpointError(
                say(
                    "Choose one checkpoint, or the tutorial's model.pth and optimizer.pth together."
                )
            )
        checkpoint = Checkpoint.load(files[0]) if len(files) == 1 else _load_pair(*files)
        with self._lock:
            job = self._create(visitor, "uploaded", checkpoint.config, "cpu")
            del self._jobs[job.folder]  # to be opened with what it then holds
            try:
                checkpoint.save(job.folder.checkpoint)
            except CheckpointError:
                job.folder.remove()
                raise
        return job.folder.path.name

    def resume(
        self, visitor: str, run_id: str, epochs: int | None = None, device: str = "cpu"
    ) -> None:
        """Go on with a run, to `epochs` in all. Raises ConfigError if it has had as many."""
        self._check_device(device)
        with self._lock:
            job = self._job(visitor, run_id)
            if job.active:
                return
            config = replace(job.about.config, epochs=epochs or job.about.config.epochs)
            if job.look().epochs_done >= config.epochs:
                raise ConfigError(
                    say(
                        "This run has had {epochs} epochs; choose more to go on.",
                        epochs=config.epochs,
                    )
                )
            self._check_active(visitor)
            job.describe(config=config, device=device)
            self._enqueue(job)

    def set_pace(self, visitor: str, run_id: str, pace: Pace) -> None:
        """Pause a run, let it take one step, or let it go on."""
        self._job(visitor, run_id).set_pace(pace)

    def renew(self, visitor: str) -> None:
        """Note that the visitor is there, in whose name a GPU is lent from the next chunk on."""
        with self._lock:
            for folder in self._runs.of(visitor):
                job = self._open(folder)
                job.look()
                job.context = copy_context()

    def stop(self, visitor: str, run_id: str) -> None:
        """Save and stop after the current batch, or leave the line."""
        with self._lock:
            job = self._job(visitor, run_id)
            if job not in self._line:
                job.stop()
                return
            self._line.remove(job)
            job.update("stopped")
            self._admit()

    def look(self, visitor: str, run_id: str, drawing: Tensor | None = None) -> Snapshot:
        """A run as it is now; with a `drawing` u8 [28,28] that its network reads as it learns."""
        job = self._job(visitor, run_id)
        job.show_samples(self._load)
        job.read(drawing)
        return job.look()

    def runs(self, visitor: str) -> list[Snapshot]:
        """All of a visitor's runs, newest first."""
        with self._lock:
            self._sweep()
            snapshots = [self._open(folder).look() for folder in self._runs.of(visitor)]
        return sorted(snapshots, key=lambda run: -run.about.created)

    def rename(self, visitor: str, run_id: str, name: str) -> None:
        """Call a run something else. Raises ConfigError for an empty or long name."""
        name = " ".join(str(name).split())
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise ConfigError(say("A name has 1 to {most} letters.", most=MAX_NAME))
        with self._lock:  # or, being deleted meanwhile, its folder would be made anew
            self._job(visitor, run_id).describe(name=name)

    def delete(self, visitor: str, run_id: str) -> None:
        """Remove a run and its files for good. Raises BusyError while it trains or waits."""
        with self._lock:
            job = self._job(visitor, run_id)
            if job.active:
                raise BusyError(say("Stop the run before you delete it."))
            del self._jobs[job.folder]
            job.folder.remove()

    def checkpoint_file(self, visitor: str, run_id: str) -> Path:
        """Where a run is kept; the file is there once it has begun, and always whole."""
        return self._job(visitor, run_id).folder.checkpoint

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

    def _enqueue(self, job: TrainingJob) -> None:
        job.touched, job.context = self.now(), copy_context()
        job.look()
        job.update("waiting")
        self._line.append(job)
        self._admit()

    def _admit(self) -> None:
        """Fill the free slots from the line, passing over runs whose visitor has gone."""
        unseen_seconds = self._limits.unseen_seconds
        while self._line and len(self._training) < self._limits.slots:
            job = self._line.popleft()
            if job.seconds_unused > unseen_seconds:
                job.give_up()
            else:
                self._training.add(job)
                lend, ended = self._lenders[job.about.device], partial(self._ended, job)
                job.launch(self._load, lend, unseen_seconds, ended)
        for place, job in enumerate(self._line, 1):
            job.update("waiting", place=place)

    def _ended(self, job: TrainingJob, status: Status, sentence: str) -> None:
        with self._lock:  # so that nobody finds it idle, and resumes it, before its slot is free
            self._training.discard(job)
            job.update(status, sentence)
            self._admit()

    def _check_device(self, device: str) -> None:
        if device not in ("cpu", "cuda"):
            raise ConfigError(say("A run trains on cpu or cuda."))
        if device not in self._lenders:
            raise ConfigError(say("There is no GPU here; train on the CPU."))

    def _check_active(self, visitor: str, more: int = 1) -> None:
        active = sum(self._open(folder).active for folder in self._runs.of(visitor))
        if active + more > self._limits.active:
            raise BusyError(
                say(
                    "You have {count} under way; stop one before you start another.",
                    count=active,
                )
            )
        if len(self._line) + more > self._limits.waiting:
            raise BusyError(say("Too many runs are waiting already; try again later."))

    def _check_room(self, visitor: str, more: int = 1) -> None:
        kept = len(self._runs.of(visitor))
        if kept + more > self._limits.runs:
            raise BusyError(say("You have {count} runs; delete one to make room.", count=kept))

    def _create(self, visitor: str, kind: str, config: TrainConfig, device: str) -> TrainingJob:
        self._sweep()
        self._check_room(visitor)
        names = {self._open(folder).about.name for folder in self._runs.of(visitor)}
        kind = say(kind.capitalize())
        name = next(name for n in count(1) if (name := f"{kind} {n}") not in names)
        about = About(name=name, created=self.now(), config=config, device=device)
        return self._open(self._runs.create(visitor, about))

    def _job(self, visitor: str, run_id: str) -> TrainingJob:
        with self._lock:
            return self._open(self._runs.find(visitor, run_id))

    def _open(self, folder: RunFolder) -> TrainingJob:
        with self._lock:
            if folder not in self._jobs:
                job = self._jobs[folder] = open_job(folder)
                job.touched = min(job.touched, self.now())  # the clock may have been set back
            return self._jobs[folder]

    def _sweep(self) -> None:
        """Forget idle runs that no page looks at, then clean the disk of the oldest of those."""
        if time.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        limits = self._limits
        for folder, job in list(self._jobs.items()):
            if not job.active and job.seconds_unused > limits.unseen_seconds:
                del self._jobs[folder]
        self._runs.clean(self._jobs.keys(), self.now(), limits.age_seconds, limits.total_bytes)


class MnistDownload:
    """The one download of MNIST that a server makes, when a visitor asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: dict[str, str] = {}
        """What went wrong last time, in the language of who asked for it."""
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
                self.error = {}
                fetch = partial(copy_context().run, self._fetch)  # in the language of who asked
                self._thread = threading.Thread(target=fetch, daemon=True)
                self._thread.start()

    def _fetch(self) -> None:
        try:
            fetch_mnist(self.folder)
        except MnistError as error:
            self.error = {language(): str(error)}


def _load_pair(first: Path, second: Path) -> Checkpoint:
    """The tutorial's pair, in whichever order the browser sent the two."""
    try:
        return load_tutorial(first, second)
    except CheckpointError:
        return load_tutorial(second, first)
