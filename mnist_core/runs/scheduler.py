"""All visitors' training runs: begun, found again, and let train as there is room.

A bounded number of runs train at the same time (see `run`); others wait in line, and so does one
that was paused and is to go on. Every method takes the visitor's token and finds only that
visitor's runs (see `folder`): someone else's run id is as unknown as one that never was.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from torch import Tensor

from .. import places
from ..checkpoint import Checkpoint, load_files
from ..config import TrainConfig
from ..errors import BusyError, CheckpointError, ConfigError, Message
from .drive import Lender, Load, Pace, train
from .folder import About, RunFolder, RunStore, checked_name
from .run import Run
from .run_state import RunState, Status, seconds_to_wait

_SWEEP_SECONDS, _CLOSE_SECONDS = 600.0, 20.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a machine its visitors may use."""

    slots: int = field(default_factory=places.slots)
    """Runs that train at the same time."""
    waiting: int = 50
    """Runs in line, of all visitors."""
    active: int = 2
    """Runs of one visitor that train, pause or wait."""
    runs: int = 20
    """Runs kept for one visitor."""
    unseen_seconds: float = 600.0
    """A run that nobody looked at, or that was paused, for so long saves and stops."""
    age_seconds: float = 30 * 86_400.0
    """Runs not trained for so long are removed."""
    total_bytes: int = 2 * 2**30
    """Beyond this the runs longest not trained are removed, of those that no page looks at."""


class Scheduler:
    """All visitors' runs under one folder, which no other server may use until `close`."""

    def __init__(
        self,
        runs_dir: Path,
        load: Load,
        limits: Limits | None = None,
        lenders: Mapping[str, Lender] | None = None,
        open_files: Callable[[Sequence[Path]], Checkpoint] = load_files,
    ) -> None:
        """`lenders` have a run trained, by its device, "cpu" or "cuda"; without them, each trains
        on the CPU on its own thread. `open_files` opens what is uploaded. Raises BusyError when
        another server uses the folder."""
        self._open_files = open_files
        self._store, self._load, self._limits = RunStore(runs_dir), load, limits or Limits()
        self._lenders = lenders or {"cpu": train}
        self._lock = threading.RLock()
        self._runs: dict[RunFolder, Run] = {}
        self._training: set[Run] = set()
        self._line: deque[Run] = deque()
        self._swept_at = -math.inf
        # A wall clock that is set anew while the server runs must not make runs look old.
        self._clock_offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970 by the clock as it was when the server started."""
        return time.monotonic() + self._clock_offset

    def start(
        self, visitor: str, config: TrainConfig, device: str = "cpu", name: str = "Run"
    ) -> str:
        """Begin a run on "cpu" or "cuda", or put it in line; returns its id.

        It is called by the name and a number that sets it apart from the visitor's others.
        Raises ConfigError, BusyError (too many runs) or CheckpointError (nowhere to keep it).
        """
        (run_id,) = self.start_together(visitor, [config], device, [name])
        return run_id

    def start_together(
        self, visitor: str, configs: Sequence[TrainConfig], device: str, names: Sequence[str]
    ) -> list[str]:
        """`start` all of these runs or, when there is no room for all, none."""
        self._check_device(device)
        with self._lock:
            self._check_active(visitor, len(configs))
            self._check_room(visitor, len(configs))
            runs = [
                self._open(self._create(visitor, name, config, device))
                for config, name in zip(configs, names, strict=True)
            ]
            for run in runs:
                self._begin(run)
        return [run.folder.path.name for run in runs]

    def start_from(
        self, visitor: str, begun: Checkpoint, device: str = "cpu", name: str = "Run"
    ) -> str:
        """Begin a run that has weights, or digits of its own, before its first step; as `start`."""
        self._check_device(device)
        with self._lock:
            self._check_active(visitor)
            self._check_room(visitor)
            folder = self._keep(visitor, name, begun, device)
            self._begin(self._open(folder))
        return folder.path.name

    def upload(self, visitor: str, files: Sequence[Path], name: str = "Uploaded") -> str:
        """Keep a checkpoint, or the tutorial's two files, as an idle run; returns its id.

        It is named as by `start`. Raises CheckpointError for anything else, and for what cannot be
        gone on with.
        """
        checkpoint = self._open_files(files)
        with self._lock:
            self._check_room(visitor)
            folder = self._keep(visitor, name, checkpoint, "cpu")
            self._make_room(visitor, folder)
        return folder.path.name

    def resume(
        self, visitor: str, run_id: str, epochs: int | None = None, device: str = "cpu"
    ) -> None:
        """Go on with a run, to `epochs` in all. Raises ConfigError if it has had as many."""
        self._check_device(device)
        with self._lock:
            run = self._run(visitor, run_id)
            if run.see().active:
                return
            config = replace(run.state.config, epochs=epochs or run.state.config.epochs)
            if run.state.epochs_done >= config.epochs:
                raise ConfigError(
                    "This run has had {epochs} epochs; choose more to go on.",
                    epochs=config.epochs,
                )
            self._check_active(visitor)
            run.describe(config=config, device=device)
            self._begin(run)

    def set_pace(self, visitor: str, run_id: str, pace: Pace) -> None:
        """Pause a run, let it take one step, or let it go on, perhaps in line: a paused run has
        given its slot away."""
        with self._lock:
            run = self._run(visitor, run_id)
            if run.state.status in ("starting", "running", "paused"):
                run.set_pace(pace)
            if run.state.status == "paused" and pace != "pause":
                self._enqueue(run)

    def renew(self, visitor: str) -> None:
        """Note that the visitor is there, in whose name a GPU is lent from the next chunk on."""
        with self._lock:
            for folder in self._store.of(visitor):
                run = self._open(folder)
                run.see()
                run.context = copy_context()

    def stop(self, visitor: str, run_id: str) -> None:
        """Save and stop after the current batch, or leave the line."""
        with self._lock:
            run = self._run(visitor, run_id)
            if run in self._training:
                run.stop()
            elif run.state.active:
                if run in self._line:
                    self._line.remove(run)
                run.update("stopped")
                self._admit()

    def look(self, visitor: str, run_id: str, drawing: Tensor | None = None) -> RunState:
        """A run as it is now; with a `drawing` u8 [28,28] that its network reads as it learns."""
        run = self._run(visitor, run_id)
        return replace(run.look(drawing), seconds_to_start=self._wait(run))

    def runs(self, visitor: str) -> list[RunState]:
        """All of a visitor's runs, newest first."""
        with self._lock:
            self._sweep()
            states = [self._open(folder).see() for folder in self._store.of(visitor)]
        return sorted(states, key=lambda run: -run.about.created)

    def rename(self, visitor: str, run_id: str, name: str) -> None:
        """Call a run something else. Raises ConfigError for a name that cannot be kept."""
        name = checked_name(name)
        with self._lock:  # or, being deleted meanwhile, its folder would be made anew
            self._run(visitor, run_id).describe(name=name)

    def delete(self, visitor: str, run_id: str) -> None:
        """Remove a run and its files for good. Raises BusyError while it trains or waits."""
        with self._lock:
            run = self._run(visitor, run_id)
            if run.see().active:
                raise BusyError("Stop the run before you delete it.")
            del self._runs[run.folder]
            run.folder.remove()

    def checkpoint_file(self, visitor: str, run_id: str) -> Path:
        """Where a run is kept; the file is there once it has begun, and always whole."""
        return self._run(visitor, run_id).folder.checkpoint

    def close(self) -> None:
        """Stop every run, wait until each has saved, and leave the folder to another server."""
        with self._lock:
            while self._line:
                self._line.pop().update("stopped")
            training = list(self._training)
        for run in training:
            run.stop()
        for run in training:
            if run.thread is not None:
                run.thread.join(_CLOSE_SECONDS)
        self._store.close()

    def _begin(self, run: Run) -> None:
        run.set(touched=self.now())
        run.set_pace("run")
        self._enqueue(run)

    def _enqueue(self, run: Run) -> None:
        run.context = copy_context()
        run.see()
        run.update("waiting")
        self._line.append(run)
        self._admit()

    def _admit(self) -> None:
        """Fill the free slots from the line, passing over runs whose visitor has gone."""
        while self._line and len(self._training) < self._limits.slots:
            run = self._line.popleft()
            if run.is_unseen:
                run.update("stopped", Message("Nobody looked at the run while it waited."))
            else:
                self._training.add(run)
                run.launch(self._lenders[run.state.about.device], partial(self._ended, run))
        for place, run in enumerate(self._line, 1):
            run.update("waiting", place=place)

    def _wait(self, run: Run) -> float | None:
        """Seconds until a run in line may begin; None outside it and while that is unknown."""
        with self._lock:
            if run not in self._line:
                return None
            ahead = [other.state for other in list(self._line)[: self._line.index(run)]]
            return seconds_to_wait(ahead, [other.state for other in self._training])

    def _ended(self, run: Run, status: Status, sentence: str) -> None:
        with self._lock:  # so that nobody finds it idle, and resumes it, before its slot is free
            self._training.discard(run)
            if not run.settle(status, sentence):
                self._line.append(run)
            self._admit()

    def _check_device(self, device: str) -> None:
        if device not in ("cpu", "cuda"):
            raise ConfigError("A run trains on cpu or cuda.")
        if device not in self._lenders:
            raise ConfigError("There is no GPU here; train on the CPU.")

    def _check_active(self, visitor: str, more: int = 1) -> None:
        active = sum(self._open(folder).see().active for folder in self._store.of(visitor))
        if active + more > self._limits.active:
            raise BusyError(
                "You have {count} under way; stop one before you start another.",
                count=active,
            )
        if len(self._line) + more > self._limits.waiting:
            raise BusyError("Too many runs are waiting already; try again later.")

    def _check_room(self, visitor: str, more: int = 1) -> None:
        self._sweep()
        kept = len(self._store.of(visitor))
        if kept + more > self._limits.runs:
            raise BusyError("You have {count} runs; delete one to make room.", count=kept)

    def _create(self, visitor: str, kind: str, config: TrainConfig, device: str) -> RunFolder:
        names = {self._open(folder).state.about.name for folder in self._store.of(visitor)}
        name = next(name for n in count(1) if (name := f"{kind} {n}") not in names)
        about = About(name=checked_name(name), created=self.now(), config=config, device=device)
        return self._store.create(visitor, about)

    def _keep(self, visitor: str, kind: str, run: Checkpoint, device: str) -> RunFolder:
        """A new run's folder with a checkpoint in it. Raises CheckpointError."""
        folder = self._create(visitor, kind, run.config, device)
        try:
            run.save(folder.checkpoint)
        except CheckpointError:
            folder.remove()
            raise
        return folder

    def _make_room(self, visitor: str, latest: RunFolder) -> None:
        """Down to the bytes that all may take together: the visitor's own idle runs go first."""
        own = {run for run in self._store.of(visitor) if not self._open(run).state.active}
        own.discard(latest)
        kept = (self._runs.keys() - own) | {latest}
        limits = self._limits
        self._store.clean(kept, self.now(), limits.age_seconds, limits.total_bytes, own)
        for folder in own:
            if not folder.path.exists():
                self._runs.pop(folder, None)

    def _run(self, visitor: str, run_id: str) -> Run:
        with self._lock:
            return self._open(self._store.find(visitor, run_id))

    def _open(self, folder: RunFolder) -> Run:
        with self._lock:
            if folder not in self._runs:
                run = self._runs[folder] = Run(folder, self._load, self._limits.unseen_seconds)
                # The clock may have been set back.
                run.set(touched=min(run.state.touched, self.now()))
            return self._runs[folder]

    def _sweep(self) -> None:
        """Forget idle runs that no page looks at, then clean the disk of the oldest of those."""
        if time.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        for folder, run in list(self._runs.items()):
            if run.is_unseen and (run.state.status == "paused" or not run.state.active):
                del self._runs[folder]
        limits = self._limits
        self._store.clean(self._runs.keys(), self.now(), limits.age_seconds, limits.total_bytes)
