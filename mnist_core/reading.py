"""From a drawing to an answer: a digit, a number, or no digit at all.

Strokes and pictures come in by their own doors and are the same 28×28 from there on. A drawing is
read as one digit first. When that is doubtful, and it has several parts, every grouping of them is
tried (`grouping`). What is no digit is not refused but remarked on, because it is seen while the
pen still moves.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import grouping
from .checkpoint import Checkpoint
from .digits import photo, strokes
from .digits.handwriting import handwriting
from .errors import CheckpointError, DrawingError, Message
from .evaluation import DIGIT
from .grouping import Parts, parts_of_ink, parts_of_strokes
from .numpy_network import Reader, TaughtReader

SURE = 0.7
"""Below this probability of the first digit the answer is called unsure."""

RIVAL = 0.15
"""A digit at least this probable is named beside the first when the answer is unsure."""

SMALLEST = 0.03
"""Longest side of a drawing, in the unit square, that is taken for more than a slip of the pen."""


NUMBER = 0.3
"""The same for each digit of a number: less, since all of them have to be digits."""

COST = 1.0
"""So much likelier, in nats, must several digits be than one. Without it, 4 of 1,000 synthetic
digits of several strokes become two; with it, none does. A cost for each digit of a number, 0 to 3
nats, gains no synthetic numbers: a network that knows what is no digit needs none."""


Classifier = Reader | TaughtReader
"""A network that reads, by itself or by somebody's own drawings as well."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Digit:
    """A digit of a number: with ten probabilities that sum to 1, and u8 [28,28], ink = 255."""

    digit: int
    probabilities: tuple[float, ...]
    image: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a network makes of a drawing.

    `reading` is "7", a number as "42", or "" for no digit. `digit` is None unless it is one.
    `probabilities`, ten numbers that sum to 1, and `image`, u8 [28,28] with ink = 255, are those of
    the whole as one digit, and None together when there is nothing to read; `is_digit`, 0..1, is
    how probable it is that the whole is one digit. `digits` are those of a number, from left to
    right. `own` is which of the visitor's own drawings, from 0, decided it, None for none.
    `remark` is empty when the answer is sure, otherwise a sentence for the person who drew.
    """

    reading: str = ""
    digit: int | None = None
    probabilities: tuple[float, ...] | None = None
    image: NDArray[np.uint8] | None = None
    is_digit: float = 0.0
    digits: tuple[Digit, ...] = ()
    own: int | None = None
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, without the images. Raises DrawingError with the remark when there
        is nothing to read."""
        if self.image is None:
            raise DrawingError(self.remark)
        return {
            "reading": self.reading,
            "digit": self.digit,
            "probabilities": self.probabilities,
            "is_digit": self.is_digit,
            "digits": [
                {"digit": each.digit, "probabilities": each.probabilities} for each in self.digits
            ],
            "own": self.own,
            "remark": self.remark,
        }


def read_strokes(classifier: Classifier, drawn: Sequence[Any], unfinished: bool = False) -> Reading:
    """Read pen strokes, each [n,2] in the unit square, x right and y down.

    With `unfinished` the last one is still being drawn. Until it ends, one digit does not become
    two, since it may be a 4 that lacks its stem yet, and a number stays what it was until there is
    one more digit to be read. Raises DrawingError for what is not strokes, or is too much of them.
    """
    image = strokes.rasterize(drawn)
    points = [point for stroke in drawn for point in stroke if len(point)]
    if not points:
        return Reading(remark=Message("Draw a digit."))
    if image is None or max(max(axis) - min(axis) for axis in zip(*points, strict=True)) < SMALLEST:
        return Reading(remark=Message("Too small to read: draw the digit larger."))
    several = len(drawn) > 1
    if not (several and unfinished):
        return read_image(classifier, image, lambda: _parts(drawn))
    reading = read_image(classifier, image)
    if reading.reading:
        return reading
    for count in range(len(drawn) - 1, max(len(drawn) - grouping.MOST_PARTS, 0), -1):
        before = read_strokes(classifier, drawn[:count])
        if before.digits:
            grown = read_image(classifier, image, lambda: _parts(drawn))
            return grown if grown.digits else before
    return reading


def read_picture(
    classifier: Classifier,
    file: str | bytes,
    prepare: Callable[[str | bytes], photo.Prepared] = photo.prepare_file,
) -> Reading:
    """Read a picture, by its path or its content, that `prepare` opens: a sandbox where it is a
    stranger's. Raises DrawingError when it is no picture, broken or too large."""
    prepared = prepare(file)
    image, ink = prepared["image"], prepared["ink"]
    if image is None:
        return Reading(remark=Message("There is no digit to be seen in this picture."))
    return read_image(classifier, image, lambda: None if ink is None else parts_of_ink(ink))


def read_image(
    classifier: Classifier,
    image: NDArray[np.uint8],
    find_parts: Callable[[], Parts | None] = lambda: None,
) -> Reading:
    """Read u8 [28,28], ink = 255, in MNIST's frame, as one digit, or by its parts as a number."""
    answers = classifier.answers(image[None])
    probabilities, is_digit = answers.probabilities[0].tolist(), float(answers.is_digit[0])
    first = probabilities.index(max(probabilities))
    score = _log(probabilities[first] * is_digit)
    own = -1 if answers.decided_by is None else int(answers.decided_by[0])
    gap = own < 0 and not classifier.knows_none and _gap(image > 0)
    digits: tuple[Digit, ...] = ()
    # Where one digit is likelier than that, no two can be likelier still: most are read but once.
    if gap or is_digit < DIGIT or score < -COST:
        least = -math.inf if gap or is_digit < DIGIT else score + COST
        digits = _number(classifier, find_parts(), least)
    if digits:
        reading, remark = "".join(str(each.digit) for each in digits), _unsure_of(digits)
    elif is_digit < DIGIT:
        reading, remark = "", _unknown(first, probabilities[first])
    elif gap:
        reading, remark = str(first), Message("This looks like several digits: draw one.")
    else:
        reading, remark = str(first), _remark(probabilities)
    return Reading(
        reading=reading,
        digit=int(reading) if len(reading) == 1 else None,
        probabilities=tuple(probabilities),
        image=image,
        is_digit=is_digit,
        digits=digits,
        own=None if own < 0 or digits else own,
        remark=remark,
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
    except (OSError, ValueError) as error:
        raise CheckpointError("There is no checkpoint {file}.", file=path.name) from error


def reader_of(checkpoint: Checkpoint) -> Reader:
    """The network of a checkpoint."""
    return Reader(checkpoint.network(), checkpoint.class_means)


@lru_cache(maxsize=8)
def _reader(path: Path, stamp: int) -> Reader:
    return reader_of(Checkpoint.load(path))


def _parts(drawn: Sequence[Any]) -> Parts | None:
    """Those of strokes in the unit square; None for a row of dots, which are no ones."""
    parts = parts_of_strokes(drawn)
    return None if parts is None or np.ptp(parts.boxes[:, 1::2]) < SMALLEST else parts


def _number(classifier: Classifier, parts: Parts | None, least: float) -> tuple[Digit, ...]:
    """The likeliest digits that the parts make together, if these are likelier than `least`."""
    if parts is None:
        return ()
    columns = grouping.columns(parts.boxes, parts.touching)
    runs = grouping.runs(columns, parts.boxes) if len(columns) > 1 else []
    if not runs:
        return ()
    images = parts.images([[*chain(*columns[first:end])] for first, end in runs])
    answers = classifier.answers(images)
    scores = {
        run: _log(float(shares.max() * is_digit))
        for run, shares, is_digit in zip(runs, answers.probabilities, answers.is_digit, strict=True)
        if is_digit >= NUMBER
    }
    found = grouping.best(scores, len(columns))
    if not 2 <= len(found) <= grouping.MOST_DIGITS or sum(scores[run] for run in found) <= least:
        return ()
    places = [runs.index(run) for run in found]
    return tuple(
        Digit(
            digit=int(answers.probabilities[place].argmax()),
            probabilities=tuple(answers.probabilities[place].tolist()),
            image=images[place],
        )
        for place in places
    )


def _remark(probabilities: Sequence[float]) -> str:
    first, second = sorted(range(10), key=lambda digit: -probabilities[digit])[:2]
    if probabilities[first] >= SURE:
        return ""
    if probabilities[second] < RIVAL:
        return Message("Not sure: {first}?", first=first)
    return Message("Not sure: {first} or {second}.", first=first, second=second)


def _unsure_of(digits: Sequence[Digit]) -> str:
    """Of the least sure digit of a number."""
    place = min(range(len(digits)), key=lambda place: max(digits[place].probabilities))
    if not (remark := _remark(digits[place].probabilities)):
        return ""
    return Message("Digit {place}: {remark}", place=place + 1, remark=remark)


def _unknown(digit: int, share: float) -> str:
    return Message(
        "Looks like nothing I was taught. If I must: {digit}, {percent}.",
        digit=digit,
        percent=f"{share:.1%}".replace("%", " %"),
    )


def _log(probability: float) -> float:
    return math.log(max(probability, 1e-30))


def _gap(ink: NDArray[np.bool_]) -> bool:
    """Whether an empty column splits bool [28,28] into parts that are both about as tall as it."""
    columns = ink.any(0)
    if np.diff(np.flatnonzero(columns)).max(initial=1) == 1:
        return False
    edges = np.flatnonzero(np.diff(columns.astype(int), prepend=0, append=0))
    parts = [ink[:, left:right] for left, right in edges.reshape(-1, 2)]
    heights = [int(np.ptp(np.flatnonzero(part.any(1)))) + 1 for part in parts]
    return sorted(heights)[-2] > 0.6 * max(heights)
