"""Which parts of a drawing make which digit, when it is a number.

Parts are strokes, or connected ink, each known by its box. In order of place, every run of a few of
them may be a digit; a network says how probable each is one, and the best way to cut the whole row
into such runs is found by dynamic programming (LeCun, Bottou, Bengio, Haffner 1998, section V:
heuristic over-segmentation).

But: cuts no part in two, so a stroke that goes through two digits stays one, and so do digits that
touch in a picture; and knows one line of digits, from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .digits.photo import frame
from .digits.strokes import PEN, SIDE, evenly, lines, rasterize_many

MOST_DIGITS = 12
"""Of a number."""

MOST_PARTS = 4
"""Of a digit, unless they lie above each other."""

OVERLAP = 0.6
"""Parts that overlap by this share of the narrower one's width belong to the same digit."""

NEAR = 0.05
"""Parts that come nearer to each other, in sizes of the largest, do as well: so an H is no 11."""

APART = 0.35
"""Parts with a wider gap, in heights of the tallest, do not."""

LOWEST = 0.2
"""A lower run of parts, in heights of the tallest part, is no digit of this number: a 0 may be a
third as high as the 9 beside it, the bar of a 5 is lower."""

LONGEST = 5
"""Length of a digit's strokes, in sizes of its largest: more are a scribble."""

_INK = 0.3
"""From this share of full ink a pixel of a picture belongs to a part."""

_LEAST = 0.05
"""Smaller parts of a picture, in sizes of the largest, are dirt."""

Boxes = NDArray[np.float64]
"""f64 [P,4]: left, top, right and bottom of each part, y down."""

Run = tuple[int, int]
"""Columns from the first up to, but not with, the second."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A drawing in P parts: their boxes, which touch, bool [P,P], and N groups as u8 [N,28,28]."""

    boxes: Boxes
    touching: NDArray[np.bool_]
    images: Callable[[list[list[int]]], NDArray[np.uint8]]


def parts_of_strokes(drawn: Sequence[Any]) -> Parts | None:
    """None for fewer than two strokes, and for more, or longer ones, than a number has.

    Raises DrawingError for what is not strokes.
    """
    strokes = lines(drawn)
    if not 2 <= len(strokes) <= MOST_DIGITS * MOST_PARTS:
        return None
    boxes = np.array([[*line.min(0), *line.max(0)] for line in strokes])
    length = sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in strokes)
    if length > LONGEST * MOST_DIGITS * (boxes[:, 2:] - boxes[:, :2]).max():
        return None

    def images(groups: list[list[int]]) -> NDArray[np.uint8]:
        drawings = [[strokes[part] for part in group] for group in groups]
        return rasterize_many(drawings, np.full(len(groups), PEN))

    return Parts(boxes, touching(strokes), images)


def parts_of_ink(ink: NDArray[np.uint8]) -> Parts | None:
    """Those of u8 [H,W], ink = 255; None for fewer than two, and for more than a number has."""
    levels = ink.astype(np.float32) / 255
    labels, _ = ndimage.label(levels > _INK, np.ones((3, 3)))
    found = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]
    boxes = np.array(found, np.float64).reshape(-1, 4)
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(1)
    kept = np.flatnonzero(sizes > _LEAST * sizes.max(initial=0))
    if not 2 <= len(kept) <= MOST_DIGITS * MOST_PARTS:
        return None

    def image(group: list[int]) -> NDArray[np.uint8]:
        """With its soft rim, without what belongs to other parts; blank without digit-like ink."""
        own = np.isin(labels, kept[group] + 1)
        others = (labels > 0) & ~own
        framed = frame(levels * (ndimage.binary_dilation(own, iterations=2) & ~others))
        return np.zeros((SIDE, SIDE), np.uint8) if framed is None else framed

    return Parts(
        boxes[kept], np.eye(len(kept), dtype=bool), lambda groups: np.stack([*map(image, groups)])
    )


def columns(boxes: Boxes, touching: NDArray[np.bool_]) -> list[list[int]]:
    """The numbers of the parts, from left to right by their centres; those in one column that
    touch, bool [P,P], or lie above each other, as the bar of a 7 does over its stem."""
    left, right = boxes[:, 0], boxes[:, 2]
    shared = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    narrower = np.minimum.outer(right - left, right - left)
    together = touching | (shared > OVERLAP * narrower)
    while not ((further := together @ together) == together).all():
        together = further
    found = {int(row.argmax()): np.flatnonzero(row).tolist() for row in together}
    return sorted(found.values(), key=lambda column: left[column].min() + right[column].max())


def runs(columns: list[list[int]], boxes: Boxes) -> list[Run]:
    """The runs of columns that may be a digit, by their boxes alone; never all of them."""
    tallest = float((boxes[:, 3] - boxes[:, 1]).max())
    found = []
    for first in range(len(columns)):
        inside = columns[first]
        for end in range(first + 1, len(columns) + 1):
            box = boxes[inside]
            if box[:, 3].max() - box[:, 1].min() >= LOWEST * tallest:
                found.append((first, end))
            if end == len(columns) or len(inside) + len(columns[end]) > MOST_PARTS:
                break
            if boxes[columns[end], 0].min() - box[:, 2].max() > APART * tallest:
                break
            inside = inside + columns[end]
    return [run for run in found if run != (0, len(columns))]


def best(scores: Mapping[Run, float], count: int) -> list[Run]:
    """The runs that make up `count` columns with the highest sum of scores; none if none do."""
    sums, last = {0: 0.0}, dict[int, Run]()
    for run in sorted(scores, key=lambda run: run[1]):
        if run[0] in sums and sums[run[0]] + scores[run] > sums.get(run[1], -np.inf):
            sums[run[1]], last[run[1]] = sums[run[0]] + scores[run], run
    found = []
    while count in last:
        found.append(last[count])
        count = last[count][0]
    return found[::-1] if count == 0 else []


def touching(strokes: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Strokes f64 [n,2] → bool [P,P], whether two come nearer to each other than `NEAR`."""
    sizes = np.array([np.ptp(line, axis=0).max() for line in strokes])
    near = NEAR * sizes.max()
    counts = np.array([len(line) for line in strokes])
    points, counts = evenly(np.concatenate(strokes).T, counts, near / 2)
    dense = np.split(points, counts.cumsum()[:-1], axis=1)
    low, high = (np.array([side(line, 1) for line in dense]) for side in (np.min, np.max))
    touch = np.eye(len(strokes), dtype=bool)
    apart = np.maximum(low[:, None] - high, low - high[:, None]).max(2)
    for one, other in np.argwhere(np.triu(apart < near, 1)):
        x, y = dense[one][:, :, None] - dense[other][:, None]
        touch[one, other] = touch[other, one] = (x * x + y * y).min() < near**2
    return touch
