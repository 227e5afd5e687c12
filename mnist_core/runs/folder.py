"""All of a run on disk: what it is, how far it has come, and how it got there.

A server keeps a run in `<root>/<hash of its visitor's token>/<run id>/`: `run.json` says what it
is, `checkpoint.pt` holds it as far as it has come, once it has begun. Beside a checkpoint, wherever
it lies, `checkpoint-snapshots` has the weights at a few moments, to replay how the run learned.
Every file is written beside its target and moved over it, so a run is whole at any instant.

A visitor is known by an unguessable token, which the folder's name does not tell. Tokens and ids
are held against a pattern before they become part of a path.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Set
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from ..checkpoint import Checkpoint, load_network, write_atomically
from ..config import TUTORIAL, TrainConfig
from ..errors import BusyError, CheckpointError, ConfigError, Message

MAX_NAME = 40
"""Letters of a run's name; marks and joiners, of which some scripts have many, are not counted."""

MOST_SNAPSHOTS = 20
"""Of one run."""

APART = 1.5
"""How far a snapshot lies from the one before, as a ratio of examples seen."""

_MAX_CHARACTERS = 4 * MAX_NAME
_MAX_ABOUT = 10_000
"""Bytes of `run.json`; a real one has some hundred."""
_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
_OWNER = re.compile(r"[0-9a-f]{32}")
_RUN_ID = re.compile(r"[0-9a-f]{16}")


def new_visitor() -> str:
    """An unguessable token for a browser to keep."""
    return secrets.token_urlsafe(32)


def is_visitor(token: object) -> bool:
    """Whether it looks like a token; whose it is, only the runs tell."""
    return isinstance(token, str) and bool(_TOKEN.fullmatch(token))


def checked_name(name: object) -> str:
    """A run's name as it is kept. Raises ConfigError for one that is empty, long or unprintable."""
    text = " ".join(str(name).split())
    if not 0 < _letters(text) <= MAX_NAME or len(text) > _MAX_CHARACTERS:
        raise ConfigError("A name has 1 to {most} letters.", most=MAX_NAME)
    if not text.translate(_JOINERS).isprintable():  # control characters, or turning the direction
        raise ConfigError("A name has only letters and signs that can be seen.")
    return text


def _letters(text: str) -> int:
    return sum(unicodedata.category(character)[0] not in "MC" for character in text)


@dataclass(frozen=True, kw_only=True)
class About:
    """What a run is, apart from how far it has come.

    `created` is in seconds since 1970, `train_size` the number of its training examples, 0 until
    they were first read.
    """

    name: str
    created: float
    config: TrainConfig
    device: str
    train_size: int = 0

    def __post_init__(self) -> None:
        if not (
            isinstance(self.name, str)
            and len(self.name) <= _MAX_CHARACTERS
            and isinstance(self.created, float)
            and isfinite(self.created)
            and self.device in ("cpu", "cuda")
            and isinstance(self.train_size, int)
            and self.train_size >= 0
        ):
            raise ValueError("this is no description of a run")


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """How far it has come; absent until it has begun."""
        return self.path / "checkpoint.pt"

    @property
    def trained_at(self) -> float:
        """When it was last saved, in seconds since 1970; 0 when the folder is broken."""
        for file in (self.checkpoint, self.path / "run.json"):
            if file.is_file():
                return file.stat().st_mtime
        return 0.0

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    def write(self, about: About) -> None:
        """Keep what the run is. Raises CheckpointError when that cannot be written."""
        content = json.dumps(asdict(about)).encode()
        write_atomically(self.path / "run.json", lambda file: file.write(content))

    def open(self) -> tuple[About, Checkpoint | None, str]:
        """What it is, how far it has come, if it has begun, and what is damaged in a sentence.

        What a save that was killed has left is removed: nothing may be saving to this run.
        """
        for leftover in self.path.rglob(".*"):
            with suppress(OSError):
                leftover.unlink()
        run: Checkpoint | None = None
        damage = ""
        try:
            if self.checkpoint.exists():
                run = Checkpoint.load(self.checkpoint)
        except CheckpointError as error:
            damage = error.message
        try:
            with (self.path / "run.json").open("rb") as file:
                values = json.loads(file.read(_MAX_ABOUT))
            about = About(**{**values, "config": TrainConfig.from_dict(values["config"])})
        except (OSError, ValueError, TypeError, KeyError, RecursionError, ConfigError):
            config = TUTORIAL if run is None else run.config
            about = About(name="Damaged", created=self.trained_at, config=config, device="cpu")
            if run is None and not damage:
                damage = Message("The description of this run is damaged.")
        return about, run, damage

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class RunStore:
    """The folders of all visitors' runs under one root, held by one server at a time."""

    def __init__(self, root: Path) -> None:
        """Hold the root until `close`. Raises BusyError when another server does."""
        self._root = root
        self._lock = FileLock(root / ".lock", timeout=0, thread_local=False)
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as error:
            raise BusyError(
                "Another server uses the folder {folder}. Stop it, or set MNIST_RUNS_DIR to"
                " another folder.",
                folder=root,
            ) from error
        except (OSError, NotImplementedError):  # it will be said when a run is to be kept there
            pass

    def close(self) -> None:
        """Leave the root to another server."""
        self._lock.release()

    def of(self, visitor: str) -> list[RunFolder]:
        """A visitor's runs, in no order. Raises ConfigError for what is no token."""
        return _run_folders(self._home(visitor))

    def find(self, visitor: str, run_id: str) -> RunFolder:
        """One of a visitor's runs. Raises ConfigError when there is none with this id."""
        if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id):
            folder = RunFolder(self._home(visitor) / run_id)
            if folder in self.of(visitor):
                return folder
        raise ConfigError("There is no such run; it may have been deleted.")

    def create(self, visitor: str, about: About) -> RunFolder:
        """A folder for a new run. Raises CheckpointError when there is nowhere to keep it."""
        folder = RunFolder(self._home(visitor) / secrets.token_hex(8))
        try:
            folder.write(about)
        except CheckpointError:
            folder.remove()
            raise
        return folder

    def clean(
        self,
        in_use: Set[RunFolder],
        now: float,
        age_seconds: float,
        total_bytes: int,
        first: Set[RunFolder] = frozenset(),
    ) -> None:
        """Remove runs not trained for `age_seconds`, then the oldest while all together take more
        than `total_bytes`, beginning with those in `first`; none of those in use."""
        homes = [home for home in _children(self._root) if _OWNER.fullmatch(home.name)]
        sizes = {run: run.size for home in homes for run in _run_folders(home)}
        total = sum(sizes.values())
        order = sorted(sizes.keys() - in_use, key=lambda run: (run not in first, run.trained_at))
        for run in order:
            if now - run.trained_at > age_seconds or total > total_bytes:
                total -= sizes[run]
                run.remove()

    def _home(self, visitor: str) -> Path:
        if not is_visitor(visitor):
            raise ConfigError("This browser is not known here yet; reload the page.")
        return self._root / hashlib.sha256(visitor.encode()).hexdigest()[:32]


def _run_folders(home: Path) -> list[RunFolder]:
    return [RunFolder(folder) for folder in _children(home) if _RUN_ID.fullmatch(folder.name)]


def _children(folder: Path) -> list[Path]:
    """The folders in a folder. Links are left out: what they lead to is not ours to delete."""
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:  # not there (yet)
        return []


class Snapshots:
    """The weights at a few moments of the run whose checkpoint is at `path`; there may be none.

    A file each, named by the number of training examples seen. They lie ever further apart, as
    learning slows down: the untrained network, then each half as far again as the one before, and
    every evaluation. When there are too many, the one nearest to its predecessor goes.

    But: no run can be resumed from these; momentum and random states are in the checkpoint alone.
    """

    def __init__(self, path: Path) -> None:
        self.folder = path.with_name(f"{path.stem}-snapshots")

    def moments(self) -> list[int]:
        """The numbers of training examples seen, ascending."""
        return sorted(int(file.stem) for file in self.folder.glob("[0-9]" * 10 + ".pt"))

    def is_due(self, seen: int, is_test: bool) -> bool:
        """Whether to keep the weights after `seen` examples; after a test they always are."""
        before = max((moment for moment in self.moments() if moment < seen), default=None)
        return is_test or before is None or seen >= APART * before

    def keep(self, seen: int, weights: dict[str, Tensor]) -> None:
        """Keep a network's weights. Raises CheckpointError when they cannot be written."""
        write_atomically(self._file(seen), lambda file: torch.save(weights, file))
        moments = self.moments()
        while len(moments) > MOST_SNAPSHOTS:  # but the untrained, the first trained, the last stay
            nearest = min(range(2, len(moments) - 1), key=lambda n: moments[n] / moments[n - 1])
            self._file(moments.pop(nearest)).unlink(missing_ok=True)

    def network(self, moment: int, config: TrainConfig) -> nn.Module:
        """The run's network as it was at one of `moments()`. Raises CheckpointError."""
        return load_network(self._file(moment), config)

    def earlier(self, saved: Checkpoint) -> list[int]:
        """The moments but for that of `saved`, the run's checkpoint."""
        moments = self.moments()
        if moments:
            last = self.network(moments[-1], saved.config).state_dict()
            if all(torch.equal(last[name], saved.model[name]) for name in last):
                moments.pop()
        return moments

    def _file(self, moment: int) -> Path:
        return self.folder / f"{moment:010d}.pt"


class Saver:
    """Writes a training run to one file, seldom enough to cost about 1 % of the time, and its
    snapshots beside it."""

    def __init__(self, path: Path) -> None:
        self.path, self._snapshots = path, Snapshots(path)
        self._next = 0.0
        self._saved: Checkpoint | None = None

    @property
    def is_due(self) -> bool:
        """Whether the last save is long enough ago: one that took t is not repeated in 100 t."""
        return time.monotonic() >= self._next

    def save(self, checkpoint: Checkpoint) -> None:
        """Save now, unless it has been. Raises CheckpointError as `Checkpoint.save` does."""
        if checkpoint is self._saved:
            return
        start = time.monotonic()
        if not checkpoint.batches_done:  # where a run starts from another's weights, these
            self._snapshots.keep(0, checkpoint.model)
        checkpoint.save(self.path)
        end = time.monotonic()
        self._saved, self._next = checkpoint, end + 100 * (end - start)

    def keep(self, checkpoint: Checkpoint, seen: int, is_test: bool) -> None:
        """Keep what is due of a run after `seen` examples and perhaps a test; raises as `save`."""
        if self._snapshots.is_due(seen, is_test):
            self._snapshots.keep(seen, checkpoint.model)
        if self.is_due:
            self.save(checkpoint)
