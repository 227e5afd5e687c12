"""What the page's networks are and what they read, each loaded, made or read once.

Networks are told apart by their weights, however they were opened; sets of digits are the same only
when they are one object.

But: what is not there within a few seconds is a BusyError; ask again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ..checkpoint import Checkpoint
from ..config import NONE
from ..digits import datasets
from ..digits.split import Split
from ..errors import CheckpointError, Message, MnistError
from ..evaluation import Evaluation
from ..models import last_layer
from ..runs.folder import Snapshots
from ..runs.readings import Readings, digest_of, read_here
from .bounded import bounded, shares, told
from .parts import decode_drawing

PATIENCE = 0.5
"""Seconds that a request waits for what takes long; then it says how far that is."""

Read = Callable[[nn.Module, Tensor, Tensor | None], Iterator[Tensor]]
"""As `runs.readings.read_here`: how many digits are read."""


@dataclass(frozen=True)
class Network:
    """A network that reads; it equals every other with the same layers and weights.

    `class_means` are those by which it tells what is no digit, where it has no output for that.
    What it has read is kept in `readings`.
    """

    digest: str
    model: nn.Module = field(compare=False, repr=False)
    class_means: Tensor | None = field(default=None, compare=False, repr=False)
    readings: Readings | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls, model: nn.Module, checkpoint: Path | None = None, class_means: Tensor | None = None
    ) -> Network:
        readings = Readings.of(checkpoint) if checkpoint else None
        return cls(digest_of(model, class_means), model, class_means, readings)

    @property
    def tells(self) -> Literal["output", "means", "nothing"]:
        """What it tells by that something is no digit."""
        if last_layer(self.model).out_features > NONE:
            return "output"
        return "nothing" if self.class_means is None else "means"


def moments(checkpoint: Path) -> list[int]:
    """The moments, in examples seen, whose weights are kept besides those as saved; ascending.

    Raises CheckpointError.
    """
    kept = tuple(Snapshots(checkpoint).moments())
    return _earlier(checkpoint, file_digest(checkpoint), kept)


def checkpoint_at(file: Path) -> Checkpoint:
    """A run as saved, to be shared and not changed. Raises CheckpointError."""
    return _checkpoint(file, file_digest(file))


def network_at(checkpoint: Path, moment: int | None = None) -> Network:
    """The network of a run at one of its `moments`, or as saved. Raises CheckpointError."""
    return _network(checkpoint, file_digest(checkpoint), moment)


def image_of(drawing: str | None) -> Tensor:
    """A visitor's drawing, base64 of u8 [28,28], as a network takes it. Raises DrawingError."""
    return torch.from_numpy(decode_drawing(drawing))


def digits_of(name: str, folder: Path) -> Split:
    """A set of digits, as `datasets.load_shown`, which may have to make it first.

    Raises BusyError, with the share that is made, until it is there.
    """
    with told(Message("Making the digits: {share:.0%}"), (name, folder)):
        return _digits(name, folder)


@bounded(keep=8)
def own_digits(own: Split | None) -> Split:
    """A visitor's own digits. Raises DataError for none."""
    return datasets.tested(own)


def readings_of(network: Network, split: Split, read: Read = read_here) -> Evaluation:
    """How a network reads a set of digits. Sets are the same only when they are one object.

    Raises BusyError, with the share that is read, until they are.
    """
    with told(Message("Reading the digits: {share:.0%}"), (network, split)):
        return _kept(network, split) or _readings(network, split, read)


def swallowed(checkpoint: Path, data_dir: Path, read: Read) -> int | None:
    """How many of `datasets.LETTERS` a run's network takes for digits; None until that is known."""
    with suppress(OSError, MnistError):
        return _swallowed(checkpoint, checkpoint.stat().st_mtime_ns, data_dir, read)
    return None


@bounded(keep=1000, patience=0)
def _swallowed(checkpoint: Path, stamp: int, data_dir: Path, read: Read) -> int:
    letters = digits_of("letters test", data_dir)
    return int((~readings_of(network_at(checkpoint), letters, read).right).sum())


@bounded(keep=5, patience=PATIENCE)
def _digits(name: str, folder: Path) -> Split:
    with shares((name, folder)) as progress:
        return datasets.load_shown(name, folder, progress)


@bounded(keep=64, at_once=4)
def _kept(network: Network, split: Split) -> Evaluation | None:
    tells = network.tells != "nothing"
    return network.readings.find(network.digest, split, tells) if network.readings else None


@bounded(keep=8, patience=PATIENCE)
def _readings(network: Network, split: Split, read: Read) -> Evaluation:
    parts: list[Tensor] = []
    with shares((network, split)) as progress:
        for part in read(network.model, split.images, network.class_means):
            parts.append(part)
            progress(sum(map(len, parts)) / len(split))
    found = Evaluation.of(torch.cat(parts), split.labels)
    if network.readings:
        with suppress(CheckpointError):  # then it is read once more some day
            network.readings.keep(network.digest, split, found)
    return found


def file_digest(file: Path) -> str:
    try:
        about = file.stat()
        return _digest_of(file, about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise CheckpointError("There is no checkpoint {file}.", file=file.name) from error


@lru_cache(maxsize=64)
def _digest_of(file: Path, stamp: int, size: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@lru_cache(maxsize=4)
def _checkpoint(file: Path, digest: str) -> Checkpoint:
    return Checkpoint.load(file)


@lru_cache(maxsize=32)
def _earlier(file: Path, digest: str, kept: Sequence[int]) -> list[int]:
    return Snapshots(file).earlier(_checkpoint(file, digest))


@lru_cache(maxsize=32)
def _network(file: Path, digest: str, moment: int | None) -> Network:
    saved = _checkpoint(file, digest)
    if moment is None:
        return Network.of(saved.network(), file, saved.means_to_tell_by)
    return Network.of(Snapshots(file).network(moment, saved.config), file)
