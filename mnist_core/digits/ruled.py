"""The lines of ruled and squared paper, of forms and tables, taken out of a picture's ink.

But: strokes that run along a line are thinned where they do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_Line = tuple[tuple[slice, slice], Mask]
"""Its box, and what is taken away in that."""

_AROUND = np.ones((3, 3))


def without_lines(mask: Mask) -> tuple[Mask, int]:
    """Without straight lines across, upright or level, and how many these were.

    A line is as long as the picture, or it joins two that are, as the sides of a form's cells do.
    """
    level, count = _without_level_lines(mask, np.zeros_like(mask))
    upright, more = _without_level_lines(level.T, (mask & ~level).T)
    return upright.T, count + more


def lined(removed: Mask) -> NDArray[np.bool_]:
    """bool [4], top, left, bottom, right: whether lines were taken from more than half of it."""
    high, wide = (max(2, round(0.06 * side)) for side in removed.shape)
    edges = (removed[:high].any(0), removed[:, :wide].any(1),
             removed[-high:].any(0), removed[:, -wide:].any(1))  # fmt: skip
    return np.array([edge.mean() for edge in edges]) > 0.5


def _without_level_lines(mask: Mask, others: Mask) -> tuple[Mask, int]:
    """`others` are what was taken away of lines that cross these."""
    height, width = mask.shape
    slope = _slope(mask)
    if slope is None:
        return mask, 0
    shift = np.rint(slope * (np.arange(width) - width // 2)).astype(int)
    pad = int(abs(shift).max())
    rows = np.arange(-pad, height + pad)[:, None] + shift[None]
    inside = (rows >= 0) & (rows < height)
    level, ends = (
        np.take_along_axis(one, np.clip(rows, 0, height - 1), 0) & inside for one in (mask, others)
    )
    thick = ndimage.maximum_filter1d(level.astype(np.float32), 3, axis=0)
    run = max(1, round(0.3 * width))
    dense = ndimage.uniform_filter1d(thick, run, axis=1, mode="nearest") > 0.9
    straight = ndimage.maximum_filter1d(dense.astype(np.uint8), run, axis=1).astype(bool) & level
    labels, _ = ndimage.label(straight, _AROUND)
    lines, sides = list[_Line](), list[_Line]()
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        one = labels[box] == number
        along = one.any(0)
        row, found = (box[0].start + box[0].stop) // 2, lines
        if along.sum() < 0.75 * max(int(inside[row].sum()), 0.5 * width):
            if not _joins(box, ends):
                continue
            found = sides
        thickness = int(np.median(one.sum(0)[along]))
        is_edge = box[0].start <= pad + 2 or box[0].stop >= pad + height - 2
        if thickness > max(3, 0.02 * max(height, width)) and not is_edge:
            continue  # too thick for a line that is drawn on paper
        first, last = max(0, box[0].start - 2 * thickness - 3), box[0].stop + 2 * thickness + 3
        upright = np.ones((int(1.5 * thickness) + 2, 1))
        crossing = ndimage.binary_opening(level[first:last, box[1]], upright)
        offset = box[0].start - first
        found.append((box, one & ~crossing[offset : offset + one.shape[0]]))
    lines += sides if len(sides) > 1 else []  # one alone may be a 1
    gone, without = np.zeros_like(level), mask.copy()
    for box, one in lines:
        gone[box] |= one
    y, x = np.nonzero(gone)
    without[rows[y, x], x] = False
    return without, len(lines)


def _joins(box: tuple[slice, slice], others: Mask) -> bool:
    """Whether a piece of a line reaches from one to another of those that cross it."""
    first, end = box[1].start, box[1].stop
    near: Mask = np.any(others[max(0, box[0].start - 3) : box[0].stop + 3], axis=0)
    return bool(near[max(0, first - 4) : first + 4].any() and near[end - 4 : end + 4].any())


def _slope(mask: Mask) -> float | None:
    """Of the lines across, rows a column; None where no row along one is filled to a quarter."""
    width = mask.shape[1]
    y, x = np.nonzero(mask)
    if len(y) < 0.5 * width:
        return None
    profiles = [
        (slope, np.bincount(np.rint(y - slope * (x - width // 2)).astype(int) + width))
        for slope in np.linspace(-0.2, 0.2, 61)
    ]
    slope, profile = max(profiles, key=lambda one: float((one[1].astype(float) ** 3).sum()))
    return float(slope) if profile.max() >= 0.25 * width else None
