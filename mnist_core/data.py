"""Datasets: MNIST through torchvision, synthetic handwriting, held as two tensors per split.

torchvision knows the mirrors, the checksums and the file format; this module adds that a download
arrives whole or not at all, and that whatever goes wrong is one sentence. Batches are indices
into the tensors: there is no DataLoader, whose per-image transforms cost the tutorial most of its
time. Nothing is downloaded unless `fetch_mnist` is called.

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
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from .errors import DataError
from .handwriting import handwriting_images
from .words import say

MEAN, STD = 0.1307, 0.3081
"""Of MNIST's training pixels, scaled to 0..1: the tutorial's constants."""

MIXED, TURNS = 30_000, 4
"""Synthetic digits in an epoch of "mnist+handwriting": half as many as MNIST's, lest they cost it
accuracy, and others in the next epoch, lest they be learnt by heart; after so many, the first."""

MNIST_BYTES = 11_594_722
"""Size of the four compressed files, for progress displays."""

_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip
_HANDS, _HANDS_TEST = (60_000, 1), (10_000, 2)
"""Number and seed of the dataset "handwriting"."""
_DOWNLOAD_PREFIX = ".download-"
_TIMEOUT_SECONDS = 30.0
_LEFTOVER_SECONDS = 3600.0


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled digits: `images` u8 [N,28,28] with ink = 255, `labels` i64 [N] in 0..9.

    Of `turns`, equally many digits each, every epoch adds one. The length is an epoch's.
    """

    images: Tensor
    labels: Tensor
    turns: tuple[Split, ...] = ()

    def __len__(self) -> int:
        return len(self.labels) + (len(self.turns[0]) if self.turns else 0)

    def in_epoch(self, epoch: int) -> Split:
        """The digits seen in an epoch, counted from 0."""
        return self + self.turns[epoch % len(self.turns)] if self.turns else self

    def __add__(self, other: Split) -> Split:
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))


def normalize(images: Tensor) -> Tensor:
    """u8 [N,28,28] → f32 [N,1,28,28], (x/255 - mean) / std: the only door into a network."""
    return images.unsqueeze(1).float().mul_(1 / (255 * STD)).sub_(MEAN / STD)


def batches(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """Index tensors i64 [≤ batch_size] covering 0..count-1 once, in an order of (seed, epoch)."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    yield from torch.randperm(count, generator=generator).split(batch_size)


def load(dataset: str, folder: Path) -> tuple[Split, Split]:
    """(train, test) of a dataset by its name in `config.DATASETS`.

    Read once per process and folder; callers share the tensors and must not write to them.
    Raises DataError when the files are missing (and says how to get them) or damaged.
    """
    if dataset == "mnist":
        return _load_mnist(folder.resolve())
    if dataset == "handwriting":
        return _handwriting(folder.resolve(), *_HANDS), _handwriting(folder.resolve(), *_HANDS_TEST)
    if dataset == "mnist+handwriting":
        train, test = _load_mnist(folder.resolve())
        hands = _handwriting(folder.resolve(), TURNS * MIXED, _HANDS[1])
        parts = zip(hands.images.split(MIXED), hands.labels.split(MIXED), strict=True)
        return Split(train.images, train.labels, tuple(Split(*part) for part in parts)), test
    raise DataError(say("There is no dataset called {dataset}.", dataset=dataset))


def load_shown(digits: str, folder: Path) -> Split:
    """What is shown: "mnist test", "mnist train" or "handwriting test". Raises as `load` does."""
    if digits == "handwriting test":
        return _handwriting(folder.resolve(), *_HANDS_TEST)  # the rest would take a minute to make
    train, test = load(digits.split()[0], folder)
    return test if digits.endswith("test") else train


def needs_mnist(dataset: str) -> bool:
    """Whether a dataset of `config.DATASETS` has MNIST in it; the others need no download."""
    return "mnist" in dataset.split("+")


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


def _load_mnist(folder: Path) -> tuple[Split, Split]:
    if not has_mnist(folder):
        raise DataError(say(_MISSING))
    stamp = tuple((_raw(folder) / name).stat().st_mtime_ns for name in _FILES)
    return _read_mnist(folder, stamp)


@lru_cache(maxsize=1)
def _read_mnist(folder: Path, stamp: tuple[int, ...]) -> tuple[Split, Split]:
    """`stamp`, the files' times, makes a replaced file be read again."""
    from torchvision.datasets import MNIST

    splits = []
    for train, count in ((True, 60_000), (False, 10_000)):
        try:
            data = MNIST(str(folder), train=train)
            split = Split(data.data, data.targets)
        except (AssertionError, OSError, RuntimeError, ValueError, EOFError) as error:
            raise DataError(say(_DAMAGED)) from error
        if split.images.shape != (count, 28, 28) or split.labels.shape != (count,):
            raise DataError(say(_DAMAGED))
        if not 0 <= int(split.labels.min()) <= int(split.labels.max()) <= 9:
            raise DataError(say(_DAMAGED))
        splits.append(split)
    return splits[0], splits[1]


@lru_cache(maxsize=3)
def _handwriting(folder: Path, count: int, seed: int) -> Split:
    """Synthetic digits, made once and kept in `folder`."""
    images, labels = handwriting_images(count, seed, folder / "handwriting")
    return Split(torch.from_numpy(images), torch.from_numpy(labels))


_MISSING = (
    "MNIST is not on this machine. `python -m mnist_core train` fetches it, and so does the page's"
    " button; or set MNIST_DATA_DIR to a folder that has it."
)
_DAMAGED = (
    "The MNIST files are damaged (cut short, or not MNIST)."
    " Delete the folder MNIST in the data folder and fetch them again."
)


def _why_not_fetched(error: Exception, mirrors: list[str]) -> str:
    tried = ", ".join(mirrors)
    if isinstance(error, OSError) and error.errno is not None and not _is_network(error):
        return say(
            "MNIST could not be stored: {reason}. Free or choose another data folder.",
            reason=error.strerror,
        )
    if "corrupt" in str(error).lower() or isinstance(error, ValueError | EOFError):
        reason = say("what arrived is not MNIST (cut short, or another page in its place)")
    else:
        reason = say("no mirror answered with the files")
    return say(
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
