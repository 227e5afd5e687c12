"""The connected parts of a picture's ink, and groups of them in MNIST's frame.

As strokes are of a drawing, so parts are of a picture what a number is put together from.

But: digits that touch in the picture are one part, which is not cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .photo import frame
from .strokes import SIDE

_INK = 0.3
"""From this share of full ink a pixel belongs to a part."""

_LEAST = 0.05
"""Smaller parts, in sizes of the largest, are dirt."""


class InkParts:
    """The P parts of u8 [H,W] ink, 255 on 0: `boxes` f64 [P,4], left, top, right and bottom."""

    def __init__(self, ink: NDArray[np.uint8]) -> None:
        self._ink = ink.astype(np.float32) / 255
        self._labels, _ = ndimage.label(self._ink > _INK, np.ones((3, 3)))
        found = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(self._labels)]
        boxes = np.array(found, np.float64).reshape(-1, 4)
        sizes = (boxes[:, 2:] - boxes[:, :2]).max(1)
        self._kept = np.flatnonzero(sizes > _LEAST * sizes.max(initial=0))
        self.boxes = boxes[self._kept]

    def images(self, groups: Sequence[Sequence[int]]) -> NDArray[np.uint8]:
        """Parts by their numbers → u8 [N,28,28]; blank where there is no digit-like ink."""
        blank = np.zeros((SIDE, SIDE), np.uint8)
        images = [frame(self._alone(group)) for group in groups]
        return np.stack([blank if image is None else image for image in images])

    def _alone(self, group: Sequence[int]) -> NDArray[np.float32]:
        """The ink of a group, with its soft rim, without what belongs to other parts."""
        own = np.isin(self._labels, self._kept[list(group)] + 1)
        others = (self._labels > 0) & ~own
        return self._ink * (ndimage.binary_dilation(own, iterations=2) & ~others)
