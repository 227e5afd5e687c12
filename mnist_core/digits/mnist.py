"""MNIST, fetched and read through torchvision.

torchvision knows the mirrors, the checksums and the file format; this module adds that a download
arrives whole or not at all, and that whatever goes wrong is one sentence. Nothing is downloaded
unless `fetch_mnist` is called.

MNIST: LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/ (1998).
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from ..errors import DataError, Message
from .split import Split

MNIST_BYTES = 11_594_722
"""Size of the four compressed files, for progress displays."""

_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip
_DOWNLOAD_PREFIX = ".download-"
_TIMEOUT_SECONDS = 30.0
_LEFTOVER_SECONDS = 3600.0


def has_mnist(folder: Path) -> bool:
    """Whether the four unpacked files are there; says nothing of what is in them."""
    return all((_raw(folder) / name).is_file() for name in _FILES)


def fetch_mnist(folder: Path, mirrors: list[str] | None = None) -> None:
    """Download MNIST into `folder`, trying each of torchvision's mirrors (or `mirrors`).

    Works in a temporary folder beside the target and moves the finished files in, so a failure
    leaves nothing behind. Raises DataError saying what was tried and what to do.
    """
    if has_mnist(folder):
        return
    from torchvision.datasets import MNIST

    # torchvision names the folder after the class, so a subclass has to be called MNIST as well.
    mirrors = mirrors or list(MNIST.mirrors)
    source = type("MNIST", (MNIST,), {"mirrors": mirrors})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=_DOWNLOAD_PREFIX) as temporary:
            with _socket_timeout(_TIMEOUT_SECONDS):
                source(temporary, train=True, download=True)
            _raw(folder).mkdir(parents=True, exist_ok=True)
            for name in _FILES:
                os.replace(_raw(Path(temporary)) / name, _raw(folder) / name)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise DataError(_why_not_fetched(error, mirrors)) from error


def fetched_share(folder: Path) -> float:
    """0..1: how much of a download that is going on in `folder` has arrived."""
    arrived = 0
    for file in folder.glob(f"{_DOWNLOAD_PREFIX}*/MNIST/raw/*.gz"):
        try:
            arrived += file.stat().st_size
        except OSError:  # moved or removed in the meantime
            continue
    return min(arrived / MNIST_BYTES, 1.0)


def load_mnist(folder: Path) -> tuple[Split, Split]:
    """(train, test), read once per process and folder. Raises DataError, as `datasets.load`."""
    stamp = _stamp(folder)
    return _read_split(folder, True, stamp), _read_split(folder, False, stamp)


def load_mnist_test(folder: Path) -> Split:
    """The test digits of `load_mnist` alone, which are read in a sixth of the time."""
    return _read_split(folder, False, _stamp(folder))


def _stamp(folder: Path) -> tuple[int, ...]:
    """The files' times: one that is replaced is read again."""
    if not has_mnist(folder):
        raise DataError(_MISSING)
    return tuple((_raw(folder) / name).stat().st_mtime_ns for name in _FILES)


@lru_cache(maxsize=2)
def _read_split(folder: Path, train: bool, stamp: tuple[int, ...]) -> Split:
    from torchvision.datasets import MNIST  # takes a second, which the first page has not

    try:
        data = MNIST(str(folder), train=train)
        split = Split(data.data, data.targets)
    except (AssertionError, OSError, RuntimeError, ValueError, EOFError) as error:
        raise DataError(_DAMAGED) from error
    count = 60_000 if train else 10_000
    if split.images.shape != (count, 28, 28) or split.labels.shape != (count,):
        raise DataError(_DAMAGED)
    if not 0 <= int(split.labels.min()) <= int(split.labels.max()) <= 9:
        raise DataError(_DAMAGED)
    return split


_MISSING = (
    "MNIST is not on this machine. The page's button fetches it, and so does python -m mnist_core"
    " train; or set MNIST_DATA_DIR to a folder that has it."
)
_DAMAGED = (
    "The MNIST files are damaged (cut short, or not MNIST)."
    " Delete the folder MNIST in the data folder and fetch them again."
)


def _why_not_fetched(error: Exception, mirrors: list[str]) -> Message:
    tried = ", ".join(mirrors)
    if isinstance(error, OSError) and error.errno is not None and not _is_network(error):
        return Message(
            "MNIST could not be stored: {reason}. Free or choose another data folder.",
            reason=error.strerror,
        )
    if "corrupt" in str(error).lower() or isinstance(error, ValueError | EOFError):
        reason = Message("what arrived is not MNIST (cut short, or another page in its place)")
    else:
        reason = Message("no mirror answered with the files")
    return Message(
        "MNIST could not be downloaded from {mirrors}: {reason}. Try again later, or copy the"
        " files of MNIST/raw into the data folder from a machine that has them.",
        mirrors=tried,
        reason=reason,
    )


def _is_network(error: OSError) -> bool:
    return isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or (
        type(error).__module__ == "urllib.error"
    )


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """torchvision opens its URLs without a timeout; a silent mirror would hang for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _sweep(folder: Path) -> None:
    """Remove what downloads that were killed have left; a younger folder may be in use."""
    for leftover in folder.glob(f"{_DOWNLOAD_PREFIX}*"):
        if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _raw(folder: Path) -> Path:
    return folder / "MNIST" / "raw"
