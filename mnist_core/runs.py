"""Where training runs are kept: whose they are, what they are called, which have to go.

A run is a folder `<root>/<hash of its visitor's token>/<run id>/` with `run.json` (what it is),
`checkpoint.pt` (as far as it has come, once it has begun) and its snapshots. Every file is
written beside its target and moved over it, so a run is whole at any instant.

A visitor is whoever knows an unguessable token; the folder's name does not tell it. Tokens and
ids are held against a pattern before they become part of a path.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Set
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

from .checkpoint import write_atomically
from .config import TrainConfig
from .errors import CheckpointError, ConfigError
from .words import say

MAX_NAME = 40
_MAX_ABOUT = 10_000
"""Bytes of `run.json`; a real one has some hundred."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
_OWNER = re.compile(r"[0-9a-f]{32}")
_RUN_ID = re.compile(r"[0-9a-f]{16}")


def new_visitor() -> str:
    """An unguessable token for a browser to keep."""
    return secrets.token_urlsafe(32)


def is_visitor(token: object) -> bool:
    """Whether it looks like a token; whose it is, only the runs tell."""
    return isinstance(token, str) and bool(_TOKEN.fullmatch(token))


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
            and len(self.name) <= MAX_NAME
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

    def read(self) -> About:
        """What the run is. Raises CheckpointError when its file is missing or broken."""
        try:
            with (self.path / "run.json").open("rb") as file:
                values = json.loads(file.read(_MAX_ABOUT))
            return About(**{**values, "config": TrainConfig.from_dict(values["config"])})
        except (OSError, ValueError, TypeError, KeyError, RecursionError, ConfigError) as error:
            raise CheckpointError(say("The description of this run is damaged.")) from error

    def remove(self) -> None:
        """Delete the run."""
        shutil.rmtree(self.path, ignore_errors=True)


class Runs:
    """The folders of all visitors' runs under one root."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, visitor: str) -> list[RunFolder]:
        """A visitor's runs, in no order. Raises ConfigError for what is no token."""
        return _run_folders(self._home(visitor))

    def find(self, visitor: str, run_id: str) -> RunFolder:
        """One of a visitor's runs. Raises ConfigError when there is none with this id."""
        if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id):
            folder = RunFolder(self._home(visitor) / run_id)
            if folder in self.of(visitor):
                return folder
        raise ConfigError(say("There is no such run; it may have been deleted."))

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
        self, in_use: Set[RunFolder], now: float, age_seconds: float, total_bytes: int
    ) -> None:
        """Remove runs not trained for `age_seconds`, then the oldest while all together take more
        than `total_bytes`; none of those in use."""
        homes = [home for home in _children(self._root) if _OWNER.fullmatch(home.name)]
        sizes = {run: run.size for home in homes for run in _run_folders(home)}
        total = sum(sizes.values())
        for run in sorted(sizes.keys() - in_use, key=lambda run: run.trained_at):
            if now - run.trained_at > age_seconds or total > total_bytes:
                total -= sizes[run]
                run.remove()

    def _home(self, visitor: str) -> Path:
        if not is_visitor(visitor):
            raise ConfigError(say("This browser is not known here yet; reload the page."))
        return self._root / hashlib.sha256(visitor.encode()).hexdigest()[:32]


def _run_folders(home: Path) -> list[RunFolder]:
    return [RunFolder(folder) for folder in _children(home) if _RUN_ID.fullmatch(folder.name)]


def _children(folder: Path) -> list[Path]:
    """The folders in a folder. Links are left out: what they lead to is not ours to delete."""
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:  # not there (yet)
        return []
