"""Pen strokes into MNIST's frame.

A drawing is a list of strokes, a stroke an array of points f[n,2], x to the right and y down,
in any unit. `rasterize` follows how MNIST was made (LeCun, Bottou, Bengio, Haffner 1998, III-A:
longest side 20 pixels, centre of mass at the centre of 28×28), with a round pen as wide as
MNIST's typical one, so place, size, pen and screen density make no difference.

It does not recognize anything, and does not read pictures (`photo` does).
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DrawingError

SIDE = 28
BOX = 19.5  # longest side of the ink, pixels; anti-aliasing spills it over 20
PEN = 2.4  # stroke width, pixels: the median of MNIST's training digits
MAX_STROKES = 1_000
MAX_POINTS = 20_000

Stroke = NDArray[np.float64]
"""Points f64 [n,2], x to the right and y down."""
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Pixels = NDArray[np.uint8]

_STEP = 0.25  # spacing of the pen's imprints, pixels
_MAX_IMPRINTS = 20_000  # beyond, some are left out: a line that long covers itself many times


def rasterize(strokes: Sequence[Any], *, pen: float = PEN) -> Pixels | None:
    """Strokes, each [n,2] (x, y down, any unit) → u8 [28,28], ink 255; None without any ink.

    A drawing of a single point is no digit, and gives None too. `pen` is the stroke width in
    pixels, 0.5 to 6. Raises DrawingError for what is not strokes, or is too many.
    """
    drawn = lines(strokes)
    if not drawn:
        return None
    points, counts = np.concatenate(drawn).T, np.array([len(line) for line in drawn])
    low, high = points.min(1, keepdims=True), points.max(1, keepdims=True)
    scale = (BOX - pen) / float((high - low).max())
    path, _ = evenly((points - low) * scale, counts, _STEP)
    path = path[:, :: 1 + path.shape[1] // _MAX_IMPRINTS]
    # The mean of even steps is nearly the centre of the ink.
    path += SIDE / 2 - path.mean(1, keepdims=True)
    owner = np.zeros(path.shape[1], np.int64)
    return _to_centre(_imprint(path, owner, np.array([pen])))[0]


def rasterize_many(drawings: Sequence[Sequence[Stroke]], pens: Floats) -> Pixels:
    """Drawings of strokes f64 [n,2], with pens f64 [N] → u8 [N,28,28], as `rasterize` gives.

    They are not checked: each must have ink, no stroke may be empty, none many thousand points.
    The loops over drawings are numpy's own: a third of the time of one after the other.
    """
    drawings = [_without_dots(lines) if len(lines) > 1 else lines for lines in drawings]
    lines = [line for drawing in drawings for line in drawing]
    points, counts = np.concatenate(lines).T.copy(), np.array([len(line) for line in lines])
    owner = np.arange(len(drawings)).repeat([len(drawing) for drawing in drawings])
    of_point = owner.repeat(counts)
    first = _first(of_point)
    low, high = np.minimum.reduceat(points, first, 1), np.maximum.reduceat(points, first, 1)
    scale = (BOX - pens) / (high - low).max(0)
    path, counts = evenly((points - low[:, of_point]) * scale[of_point], counts, _STEP)
    owner = owner.repeat(counts)
    first = _first(owner)
    middle = np.add.reduceat(path, first, 1) / np.diff(first, append=len(owner))
    return _to_centre(_imprint(path + (SIDE / 2 - middle)[:, owner], owner, pens))


def lines(strokes: Sequence[Any]) -> Sequence[Stroke]:
    """The strokes that have ink, as f64 [n,2], without taps of the pen. Raises as `rasterize`."""
    return _without_dots(_lines(strokes))


def evenly(
    points: Floats, counts: Integers, spacing: float, least: int = 1
) -> tuple[Floats, Integers]:
    """Strokes of `counts` points each, f64 [2,P], again with points about `spacing` apart.

    → f64 [2,M] and how many each has now, at least `least` + 1. The ends stay.
    """
    last = counts.cumsum() - 1
    along = np.zeros(points.shape[1])
    np.hypot(*(points[:, 1:] - points[:, :-1])).cumsum(out=along[1:])
    along -= along[last - counts + 1].repeat(counts)
    steps = np.maximum((along[last] / spacing).astype(np.int64) + 1, least)
    ends = (steps + 1).cumsum()
    # Where each old point is among the new ones, a stroke's first and last exactly on one.
    place = along * (steps / along[last]).repeat(counts) + (ends - steps - 1).repeat(counts)
    place[last] = ends - 1
    new, path = np.arange(ends[-1]), np.empty((2, ends[-1]))
    for axis in (0, 1):
        path[axis] = np.interp(new, place, points[axis])
    return path, steps + 1


def _lines(strokes: Sequence[Any]) -> list[Stroke]:
    """The strokes as f64 [n,2], empty ones left out. Raises DrawingError as `rasterize` does."""
    if not isinstance(strokes, list | tuple | np.ndarray):
        raise DrawingError("A drawing must be a list of strokes.")
    if len(strokes) > MAX_STROKES:
        raise DrawingError(
            "The drawing has more than {most:,} strokes; draw less.", most=MAX_STROKES
        )
    if sum(len(stroke) for stroke in strokes if isinstance(stroke, Sized)) > MAX_POINTS:
        raise DrawingError("The drawing has more than {most:,} points; draw less.", most=MAX_POINTS)
    return [line for line in map(_points, strokes) if len(line)]


def _points(stroke: object) -> Stroke:
    try:
        # Before there is an array: it would be as wide as the longest of some words.
        if not isinstance(stroke, np.ndarray) and not _is_of_numbers(stroke):
            raise DrawingError(_NO_STROKE)
        points = np.asarray(stroke)
    except (TypeError, ValueError):
        raise DrawingError(_NO_STROKE) from None
    if points.size == 0 and points.ndim <= 2:
        return np.empty((0, 2))
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind not in "iuf":
        raise DrawingError(_NO_STROKE)
    points = points.astype(np.float64)
    if not (np.abs(points) < 1e9).all():  # false for nan
        raise DrawingError("A stroke has a point that is not a number, or is far too large.")
    return points


_NO_STROKE = "A stroke must be a list of [x, y] points."


def _is_of_numbers(stroke: Any) -> bool:
    """Whether it is made of lists of numbers. Raises TypeError for what is made of nothing."""
    if not set(map(type, stroke)) <= {list, tuple, np.ndarray}:
        return False
    kinds = set(map(type, chain.from_iterable(stroke)))
    return bool not in kinds and all(issubclass(kind, int | float | np.number) for kind in kinds)


def _without_dots(lines: Sequence[Stroke]) -> Sequence[Stroke]:
    """Leaves out what is tiny beside the largest stroke: a tap of the hand is no part of a digit.

    A drawing of nothing but single points gives no lines at all.
    """
    sizes = [float((line.max(0) - line.min(0)).max()) for line in lines]
    least = max([1e-300, *(0.05 * size for size in sizes)])  # what is smaller has no inverse
    return [line for line, size in zip(lines, sizes, strict=True) if size > least]


def _first(owner: Integers) -> Integers:
    """The index of each drawing's first point, by whose each point is, in their order."""
    counts = np.bincount(owner)
    return counts.cumsum() - counts


def _imprint(path: Floats, owner: Integers, pens: Floats) -> Floats:
    """Round pens, anti-aliased, set down at f64 [2,M] on the images of `owner` → f64 [N,28,28].

    Ink, 0..1, follows from the distance to the nearest imprint, so it is computed once a pixel.
    """
    reaches = np.ceil(pens / 2).astype(np.int64)  # no ink beyond, seen from the nearest pixel
    margin = int(reaches.max()) + 6  # a long flat drawing may lie that far off the centre
    side, half = SIDE + 2 * margin, pens / 2 + 0.5
    nearest = (half**2).repeat(side * side)  # squared, and no ink where no imprint comes nearer
    centre = np.rint(path)
    gap, corner = centre - path, centre.astype(np.int64) + margin
    corner = (owner * side + corner[1]) * side + corner[0]
    for reach in set(reaches.tolist()):
        chosen = np.flatnonzero(reaches[owner] == reach) if len(pens) > 1 else slice(None)
        offset = np.arange(-reach, reach + 1)[:, None]
        dx, dy = (gap[:, chosen][:, None] + offset) ** 2  # [2 reach + 1, M] each
        place = (offset * side + offset.T)[:, :, None] + corner[chosen]
        np.minimum.at(nearest, place.ravel(), (dy[:, None] + dx).ravel())
    nearest = nearest.reshape(-1, side, side)[:, margin:-margin, margin:-margin]
    return np.clip(half[:, None, None] - np.sqrt(nearest), 0, 1)


def _to_centre(images: Floats) -> Pixels:
    """f64 [N,28,28] in 0..1 → u8, the centre of mass at pixel (14, 14), or next to it."""
    along = np.arange(SIDE)
    ink, down, right = (images.reshape(-1, SIDE * SIDE) @ _MOMENTS).T[:, :, None]
    down = (along - np.rint(14 - down / ink).astype(np.int64)) % SIDE
    right = (along - np.rint(14 - right / ink).astype(np.int64)) % SIDE
    images = images[np.arange(len(images))[:, None, None], down[:, :, None], right[:, None, :]]
    return np.rint(images * 255).astype(np.uint8)


_MOMENTS = np.stack([np.ones(SIDE * SIDE), *np.indices((SIDE, SIDE)).reshape(2, -1)], axis=1)
"""f64 [784,3]: an image times it gives its ink, and that times its place down and to the right."""
