"""Pen strokes into MNIST's frame.

A drawing is a list of strokes, a stroke an array of points f[n,2], x to the right and y down,
in any unit. `rasterize` follows how MNIST was made (LeCun, Bottou, Bengio, Haffner 1998, III-A:
longest side 20 pixels, centre of mass at the centre of 28×28), with a round pen as wide as
MNIST's typical one, so place, size, pen and screen density make no difference.

It does not recognize anything, and does not read pictures (`drawing` does).
"""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np

from .errors import DrawingError
from .words import say

SIDE = 28
BOX = 19.5  # longest side of the ink, pixels; anti-aliasing spills it over 20
PEN = 2.4  # stroke width, pixels: the median of MNIST's training digits
MAX_STROKES = 1_000
MAX_POINTS = 20_000
_STEP = 0.25  # spacing of the pen's imprints, pixels
_MAX_IMPRINTS = 20_000  # beyond, some are left out: a line that long covers itself many times


def rasterize(strokes: Sequence, *, pen: float = PEN) -> np.ndarray | None:
    """Strokes, each [n,2] (x, y down, any unit) → u8 [28,28], ink 255; None without any ink.

    A drawing of a single point is no digit, and gives None too. `pen` is the stroke width in
    pixels, 0.5 to 6. Raises DrawingError for what is not strokes, or is too many.
    """
    lines = _without_dots(_lines(strokes))
    if not lines:
        return None
    points = np.concatenate(lines)
    low = points.min(0)
    scale = (BOX - pen) / float((points.max(0) - low).max())
    path = np.concatenate([_evenly((line - low) * scale) for line in lines])
    path = path[:: 1 + len(path) // _MAX_IMPRINTS]
    path += SIDE / 2 - path.mean(0)  # the mean of even steps is nearly the centre of the ink
    return _to_centre(_imprint(path, pen))


def _lines(strokes: Sequence) -> list[np.ndarray]:
    """The strokes as f64 [n,2], empty ones left out. Raises DrawingError as `rasterize` does."""
    if not isinstance(strokes, list | tuple | np.ndarray):
        raise DrawingError(say("A drawing must be a list of strokes."))
    if len(strokes) > MAX_STROKES:
        raise DrawingError(
            say("The drawing has more than {most:,} strokes; draw less.", most=MAX_STROKES)
        )
    if sum(len(stroke) for stroke in strokes if isinstance(stroke, Sized)) > MAX_POINTS:
        raise DrawingError(
            say("The drawing has more than {most:,} points; draw less.", most=MAX_POINTS)
        )
    return [line for line in map(_points, strokes) if len(line)]


def _points(stroke: object) -> np.ndarray:
    try:
        points = np.asarray(stroke)
    except (TypeError, ValueError):
        raise DrawingError(say(_NO_STROKE)) from None
    if points.size == 0 and points.ndim <= 2:
        return np.empty((0, 2))
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind not in "iuf":
        raise DrawingError(say(_NO_STROKE))
    if not (np.abs(points) < 1e9).all():  # false for nan
        raise DrawingError(say("A stroke has a point that is not a number, or is far too large."))
    return points.astype(np.float64)


_NO_STROKE = "A stroke must be a list of [x, y] points."


def _without_dots(lines: list[np.ndarray]) -> list[np.ndarray]:
    """Leaves out what is tiny beside the largest stroke: a tap of the hand is no part of a digit.

    A drawing of nothing but one point gives no lines at all.
    """
    sizes = [float((line.max(0) - line.min(0)).max()) for line in lines]
    least = 0.05 * max(sizes, default=0.0)
    return [line for line, size in zip(lines, sizes, strict=True) if size > least]


def _evenly(points: np.ndarray) -> np.ndarray:
    """A polyline f[n,2] → points f[m,2] along it, about `_STEP` apart."""
    lengths = np.hypot(*(points[1:] - points[:-1]).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    steps = int(along[-1] / _STEP) + 1
    path = np.empty((steps + 1, 2))
    where = np.arange(steps + 1) * (along[-1] / steps)
    where[-1] = along[-1]
    path[:, 0] = np.interp(where, along, points[:, 0])
    path[:, 1] = np.interp(where, along, points[:, 1])
    return path


def _imprint(path: np.ndarray, pen: float) -> np.ndarray:
    """A round pen, anti-aliased, set down at each point f[m,2] → f[28,28] in 0..1."""
    reach = int(np.ceil(pen / 2 + 0.5))
    margin = 2 * reach + 1 + 14  # long flat drawings may lie off the centre
    side = SIDE + 2 * margin
    offset = np.arange(-reach, reach + 1)
    centre = np.rint(path)
    dx = ((centre - path)[:, 0, None] + offset) ** 2
    dy = ((centre - path)[:, 1, None] + offset) ** 2
    ink = np.clip(pen / 2 + 0.5 - np.sqrt(dy[:, :, None] + dx[:, None, :]), 0, 1)
    corner = np.clip(centre.astype(np.int64), -14, SIDE + 13) + margin
    place = (corner[:, 1, None] + offset)[:, :, None] * side + (corner[:, 0, None] + offset)[
        :, None
    ]
    canvas = np.zeros(side * side)
    np.maximum.at(canvas, place.ravel(), ink.ravel())
    return canvas.reshape(side, side)[margin:-margin, margin:-margin]


def _to_centre(image: np.ndarray) -> np.ndarray:
    """f[28,28] in 0..1 → u8 [28,28], the centre of mass at pixel (14, 14), or next to it."""
    along = np.arange(SIDE)
    total = image.sum()
    down = round(14 - float(image.sum(1) @ along / total))
    right = round(14 - float(image.sum(0) @ along / total))
    image = image[(along - down) % SIDE][:, (along - right) % SIDE]
    return np.rint(image * 255).astype(np.uint8)
