"""Where things live, and how much of this machine a process may use: all that is not a run's own.

Folders and a server's habits are read from the environment; a value that means nothing is a
ConfigError, so whatever starts should read them first. Cores and memory are what the process may
use, which in a container is less than what the machine has: scheduler affinity, and the quotas of
control groups (Linux kernel documentation, admin-guide/cgroup-v2 and cgroup-v1).
"""

from __future__ import annotations

import getpass
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from math import ceil
from pathlib import Path

from .errors import ConfigError

WORKER_BYTES = 800_000_000
"""What a process that trains takes: torch, and MNIST with synthetic digits."""

SERVER_BYTES = 1_000_000_000
"""What is left to the server itself."""


def data_dir() -> Path:
    """Folder of the datasets: MNIST_DATA_DIR, or `data` in the working directory."""
    return Path(os.environ.get("MNIST_DATA_DIR") or "data")


def runs_dir() -> Path:
    """Folder of the training runs: MNIST_RUNS_DIR, or `runs` in the working directory."""
    return Path(os.environ.get("MNIST_RUNS_DIR") or "runs")


def cache_dir() -> Path:
    """Folder of what can be made again: MNIST_CACHE_DIR, or `mnist-lab` in the user's own cache."""
    if given := os.environ.get("MNIST_CACHE_DIR"):
        return Path(given)
    try:
        if sys.platform == "win32":
            user = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        elif sys.platform == "darwin":
            user = Path.home() / "Library" / "Caches"
        else:
            user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        user = tempfile.gettempdir()
    return Path(user) / "mnist-lab"


@lru_cache
def shipped_weights(recipe: str) -> Path:
    """The checkpoint that comes with the project for a recipe."""
    return Path(__file__).parent.parent / "weights" / f"{recipe}.pt"


def writable(folder: Path) -> Path:
    """The folder if it can be written to, or has MNIST in it; otherwise a new temporary one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return folder if (folder / "MNIST").is_dir() else Path(tempfile.mkdtemp(prefix="mnist-"))


def is_kept(runs: Path) -> bool:
    """Whether runs there outlive the server: in the folder meant for them, and on Spaces, whose
    own disk is lost at a restart, only where MNIST_RUNS_DIR names it."""
    return runs == runs_dir() and bool(os.environ.get("MNIST_RUNS_DIR") or not space())


def space() -> str:
    """The name of the Space (of Hugging Face) that this is, or ""."""
    return os.environ.get("SPACE_ID", "")


def publishes() -> bool:
    """Whether visitors can sign in with Hugging Face: in a Space whose README says `hf_oauth`."""
    return bool(space() and os.environ.get("OAUTH_CLIENT_ID"))


def fetches_at_start() -> bool:
    """Whether a server fetches MNIST unasked: as MNIST_FETCH says (1 or 0), else on Spaces.

    Raises ConfigError when it says anything else.
    """
    value = os.environ.get("MNIST_FETCH") or ("1" if space() else "0")
    if value not in ("0", "1"):
        raise ConfigError("MNIST_FETCH must be 0 or 1, not {value}.", value=value[:40])
    return value == "1"


def cluster() -> str:
    """The Ray cluster that a server's runs train on: MNIST_CLUSTER, or "" for this machine.

    Raises ConfigError when it says anything else.
    """
    value = os.environ.get("MNIST_CLUSTER", "")
    if value and not re.fullmatch(r"ray://[^\s/:]+:\d{1,5}", value):
        raise ConfigError("MNIST_CLUSTER must be ray://HOST:PORT, not {value}.", value=value[:40])
    return value


def slots(elsewhere: int | None = None) -> int:
    """How many runs a server trains at once: MNIST_SLOTS, or as many as a cluster has cores, or
    half the cores here if memory allows.

    Raises ConfigError as `whole_number`.
    """
    if value := whole_number("MNIST_SLOTS", 1000):
        return value
    if elsewhere is not None:
        return elsewhere
    memory = memory_bytes()
    fitting = (memory - SERVER_BYTES) // WORKER_BYTES if memory else 1000
    return max(min(cores() // 2, fitting), 1)


def whole_number(name: str, most: int) -> int | None:
    """What the environment says by this name, from 1 to `most`; None for nothing.

    Raises ConfigError when it says anything else.
    """
    value = os.environ.get(name, "")
    if value and not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most):
        raise ConfigError(
            "{name} must be a whole number from 1 to {most:,}, not {value}.",
            name=name,
            most=most,
            value=value[:40],
        )
    return int(value) if value else None


def cores(system: Path = Path("/")) -> int:
    """How many cores this process may keep busy, at least 1. `system` is the root of the disk."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        count = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    for folder in _control_groups(system, "cpu"):
        quota = _numbers(folder / "cpu.max")  # version 2; then version 1
        quota = quota or [n for name in _CFS for n in _numbers(folder / name)]
        if len(quota) == 2 and quota[0] > 0:
            count = min(count, ceil(quota[0] / quota[1]))
    return count


_CFS = ("cpu.cfs_quota_us", "cpu.cfs_period_us")


def memory_bytes(system: Path = Path("/")) -> int | None:
    """How much memory this process may use; None where the system does not tell."""
    limits = []
    if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= os.sysconf_names.keys():
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for folder in _control_groups(system, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):  # versions 2 and 1
            limits += _numbers(folder / name)
    return min((limit for limit in limits if limit > 0), default=None)


def name_the_user() -> None:
    """Give a user that the system knows no name of, as in many containers, one for libraries that
    ask: torch names a folder by it, and would end here."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ["USER"] = "nobody"


def _control_groups(system: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of those around it, of either version."""
    try:
        lines = (system / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # only Linux has it
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = system / "sys" / "fs" / "cgroup" / (controller if controllers else "")
        inner = root / group.lstrip("/")
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(root))


def _numbers(file: Path) -> list[int]:
    """What a control group's file says; nothing where there is none, or no limit ("max")."""
    try:
        return [int(word) for word in file.read_text(encoding="utf-8").split()]
    except (OSError, ValueError):
        return []
