"""One's own labelled drawings: what a network is taught one's hand by.

A drawing is {"strokes": [[[x, y], …], …], "label": 7}, y down, in any unit, or, of a picture,
{"image": base64 of its 784 bytes, "label": 7}; the label is 0 to 9 or "no digit". A file has one in
each line. What comes in is a stranger's: all of it is taken, or nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import NONE
from ..errors import DrawingError
from .split import Split
from .strokes import SIDE, rasterize

MOST = 2_000
"""Drawings together."""

MOST_BYTES = 900_000
"""Of a file: a request's, with something to spare."""

NO_DIGIT = "no digit"

_MOST_POINTS = 1_000
"""Of a drawing; one from the pad has about thirty."""


def read_own(file: Path) -> Split:
    """The drawings in a file of JSON lines. Raises DrawingError as `own_drawings` does, and when
    it cannot be read or is too large."""
    try:
        with file.open("rb") as content:
            lines = content.read(MOST_BYTES + 1)
        text = lines.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise DrawingError(f"The file cannot be read: {reason}.") from error
    if len(lines) > MOST_BYTES:
        raise DrawingError(
            f"{file} is larger than {MOST_BYTES:,} bytes; keep fewer drawings in it."
        )
    return own_drawings([_parsed(line) for line in text.splitlines() if line.strip()])


def own_drawings(drawings: object) -> Split:
    """Drawings as JSON has them, in their order. Raises DrawingError for none, too many, or one
    that is not as it should be, which it names by its number."""
    if not isinstance(drawings, Sequence) or not 0 < len(drawings) <= MOST:
        raise DrawingError("There must be 1 to {most:,} labelled drawings.", most=MOST)
    images, labels = [], []
    for number, drawing in enumerate(drawings, 1):
        try:
            image, label = _image(drawing), _label(drawing["label"])
        except (DrawingError, LookupError, TypeError, ValueError) as error:
            raise DrawingError(_NO_DRAWING, number=number) from error
        images.append(image)
        labels.append(label)
    return Split(torch.from_numpy(np.stack(images)), torch.tensor(labels))


_NO_DRAWING = (
    "Drawing {number} is not a labelled one: it should have strokes, lists of [x, y], and a label,"
    " 0 to 9 or no digit. Nothing was taken."
)


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _image(drawing: dict[str, object]) -> NDArray[np.uint8]:
    """Raises DrawingError, LookupError, TypeError or ValueError for what is none."""
    if set(drawing) == {"image", "label"}:
        content = base64.b64decode(str(drawing["image"]), validate=True)
        return np.frombuffer(content, np.uint8).reshape(SIDE, SIDE)
    strokes = drawing["strokes"]
    if set(drawing) != {"strokes", "label"} or not isinstance(strokes, list):
        raise ValueError("other fields")
    if sum(map(len, strokes)) > _MOST_POINTS or (image := rasterize(strokes)) is None:
        raise ValueError("no ink, or too much")
    return image


def _label(label: object) -> int:
    if label == NO_DIGIT:
        return NONE
    if type(label) is not int or not 0 <= label < NONE:
        raise ValueError("no label")
    return label
