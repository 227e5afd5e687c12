"""From a drawing to an answer: one network reads one digit, and says when it is not sure.

Strokes and pictures come in by their own doors (`strokes.rasterize`, `drawing.prepare`) and are
the same 28×28 from there on. What is no single digit is not refused but remarked on, because it
is seen while the pen still moves.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from . import drawing, strokes
from .checkpoint import Checkpoint
from .errors import CheckpointError
from .handwriting import handwriting
from .reader import Reader
from .words import say

Classifier = Callable[[np.ndarray], list[float]]
"""u8 [28,28], ink = 255, in MNIST's frame → ten probabilities. A `Reader` does."""

SURE = 0.7
"""Below this probability of the first digit the answer is called unsure."""

RIVAL = 0.15
"""A digit at least this probable is named beside the first when the answer is unsure."""

SMALLEST = 0.03
"""Longest side of a drawing, in the unit square, that is taken for more than a slip of the pen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a network makes of a drawing; `digit`, `probabilities` and `image` are None together.

    `probabilities` holds ten numbers that sum to 1, `image` is u8 [28,28] with ink = 255. `remark`
    is empty when the answer is sure, otherwise a sentence for whoever drew.
    """

    digit: int | None = None
    probabilities: tuple[float, ...] | None = None
    image: np.ndarray | None = None
    remark: str = ""


def read_strokes(classifier: Classifier, drawn: Sequence) -> Reading:
    """Read pen strokes, each [n,2] in the unit square, x right and y down.

    Raises DrawingError for what is not strokes, or is too much of them.
    """
    image = strokes.rasterize(drawn)
    points = [point for stroke in drawn for point in stroke if len(point)]
    if not points:
        return Reading(remark=say("Draw one digit."))
    if image is None or max(max(axis) - min(axis) for axis in zip(*points, strict=True)) < SMALLEST:
        return Reading(remark=say("Too small to read: draw the digit larger."))
    return read_image(classifier, image)


def read_picture(classifier: Classifier, file: Path | BinaryIO) -> Reading:
    """Read a picture file. Raises DrawingError when it is no picture, broken or too large."""
    image = drawing.prepare(drawing.open_picture(file))
    if image is None:
        return Reading(remark=say("There is no digit to be seen in this picture."))
    return read_image(classifier, image)


def read_image(classifier: Classifier, image: np.ndarray) -> Reading:
    """Read u8 [28,28], ink = 255, in MNIST's frame."""
    probabilities = classifier(image)
    return Reading(
        digit=probabilities.index(max(probabilities)),
        probabilities=tuple(probabilities),
        image=image,
        remark=_remark(probabilities, image),
    )


def example(digit: int) -> list[list[list[float]]]:
    """A digit as one of many hands would write it: strokes in the unit square, with a margin."""
    rng = np.random.default_rng(random.getrandbits(64))
    drawn = handwriting(digit, rng)
    points = np.concatenate(drawn)
    low, high = points.min(0), points.max(0)
    scale = 0.7 / (high - low).max()
    return [((stroke - (low + high) / 2) * scale + 0.5).round(3).tolist() for stroke in drawn]


def reader(path: Path) -> Reader:
    """The network of a checkpoint, loaded again only when the file has changed.

    Raises CheckpointError when there is none, or it cannot be read.
    """
    try:
        return _reader(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise CheckpointError(say("There is no checkpoint {file}.", file=path.name)) from error


@lru_cache(maxsize=8)
def _reader(path: Path, stamp: int) -> Reader:
    return Reader(Checkpoint.load(path).network())


def _remark(probabilities: list[float], image: np.ndarray) -> str:
    if _several(image > 0):
        return say("This looks like several digits: draw one.")
    first, second = sorted(range(10), key=lambda digit: -probabilities[digit])[:2]
    if probabilities[first] >= SURE:
        return ""
    if probabilities[second] < RIVAL:
        return say("Not sure: {first}?", first=first)
    return say("Not sure: {first} or {second}.", first=first, second=second)


def _several(ink: np.ndarray) -> bool:
    """Whether an empty column splits bool [28,28] into parts that are both about as tall as it."""
    columns = ink.any(0)
    if np.diff(np.flatnonzero(columns)).max(initial=1) == 1:
        return False
    edges = np.flatnonzero(np.diff(columns.astype(int), prepend=0, append=0))
    parts = [ink[:, left:right] for left, right in edges.reshape(-1, 2)]
    heights = [int(np.ptp(np.flatnonzero(part.any(1)))) + 1 for part in parts]
    return sorted(heights)[-2] > 0.6 * max(heights)
