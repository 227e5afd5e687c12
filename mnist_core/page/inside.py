"""The inside of a network as the Draw tab shows it: every map, a pixel's arithmetic, what mattered,
and what would fool it.

Plain values for `static/pad_inside.js` to draw; the maps as bytes, so that they can come a few
times a second beside the answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import inspection
from ..errors import DrawingError
from ..fooling import smallest_change
from .bounded import bounded
from .networks import Network, image_of
from .parts import encode_pixels
from .words import Words

SHOWN = 3
"""Maps before, whose part of a sum is written out; those whose part is largest."""


def maps(say: Words, network: Network, drawing: str) -> dict[str, Any]:
    """Each stage's name, steps, shape [C,H,W] and maps, base64 of u8 [C,H,W], 255 its largest.

    `drawing` is base64 of u8 [28,28]. Raises DrawingError.
    """
    image = image_of(drawing)
    return {"layers": [_layer(say, stage) for stage in inspection.stages(network.model, image)]}


def arithmetic(say: Words, network: Network, drawing: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The sum behind one pixel: of layer `layer`, map `unit`, at `place` (y, x).

    `parts` are what each map before gives to it, `shown` the largest of these in full. Raises
    DrawingError, also for a pixel that there is not.
    """
    image = image_of(drawing)
    try:
        place = int(asked["place"][0]), int(asked["place"][1])
        found = inspection.written_out(
            network.model, image, int(asked["layer"]), int(asked["unit"]), place
        )
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise DrawingError("This network has no such pixel.") from error
    parts = (found.patch * found.kernel).sum((1, 2))
    largest = np.abs(parts).argsort(kind="stable")[::-1][:SHOWN]
    (y, x), (height, width) = found.corner, found.size
    _, h, w = found.patch.shape
    return {
        "shown": [
            {"unit": int(n), "patch": _rows(found.patch[n]), "kernel": _rows(found.kernel[n])}
            for n in largest
        ],
        "parts": _rounded(parts),
        "before": _rounded(found.kernel.sum((1, 2))),
        "onward": _rounded(found.onward),
        "bias": found.bias,
        "values": found.values,
        "steps": [say.translated(step) for step in found.steps],
        "frame": [y / height, x / width, h / height, w / width],
    }


@bounded(keep=64)
def mattered(network: Network, drawing: str, digit: int) -> str:
    """`inspection.occlusion` as base64 of u8 [28,28]: 128 is nothing, 255 spoke most for `digit`.

    Raises DrawingError.
    """
    image = image_of(drawing)
    falls = inspection.occlusion(network.model, image, min(max(digit, 0), 9)).numpy()
    levels = 128 + falls * (127 / max(float(np.abs(falls).max()), 1e-12))
    return _bytes(levels)


@bounded(keep=64)
def fooled(network: Network, drawing: str) -> dict[str, Any] | None:
    """`fooling.smallest_change` with `image` as base64 of u8 [28,28]; None when there is none.

    Raises DrawingError.
    """
    found = smallest_change(network.model, image_of(drawing))
    return None if found is None else {**vars(found), "image": _bytes(found.image.float().numpy())}


def _layer(say: Words, stage: inspection.Stage) -> dict[str, Any]:
    values = stage.maps.reshape(len(stage.maps), *(stage.maps.shape[1:] or (1, 1)))
    return {
        "name": stage.name,
        "steps": ", ".join(say.translated(step) for step in stage.steps),
        "shape": values.shape,
        "maps": _bytes(values.clip(min=0) * (255 / max(float(values.max()), 1e-12))),
    }


def _bytes(levels: NDArray[np.floating]) -> str:
    return encode_pixels(levels.clip(0, 255).round().astype(np.uint8))


def _rows(values: NDArray[np.float32]) -> list[list[float]]:
    return [_rounded(row) for row in values]


def _rounded(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 4) for value in values]
