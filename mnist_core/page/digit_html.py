"""The pictures in the HTML of digits (`templates/digit_*.html`), and the sheet that one keeps.

Pure functions of plain arrays. Pixels travel as palette PNGs of few colours with transparency,
enlarged by the browser without smoothing; all other colours are the variables of
`static/page.css`, so that everything is right in light and dark.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..inspection import Stage
from .parts import ACTIVATIONS, INK, ink, palette_png, signed

COLUMNS = 10
"""Digits in a row of a sprite."""

_WIDE = 500
"""Width of the pictures of filters and maps, in pixels of the screen."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG as a data URI, its palette ("activation" or "signed"), its width in pixels."""

    uri: str
    kind: str
    width: int


def sprite(images: NDArray[np.uint8]) -> str:
    """u8 [N,28,28] → one picture of all, COLUMNS to a row, as a data URI; "" for none."""
    return palette_png(tiled(images, COLUMNS, gap=0), INK) if len(images) else ""


def inside(
    image: NDArray[np.uint8], mattered: NDArray[np.floating], stages: Sequence[Stage], read: int
) -> dict[str, Any]:
    """What digit_inside.html shows of reading u8 [28,28] as `read`: `mattered` f32 [28,28] from
    `inspection.occlusion`, and what each stage made of it: filters that look at ink, maps, units.
    """
    drawn = [(stage, _filters(stage), _maps(stage)) for stage in stages]
    return {"image": ink(image), "mattered": signed(mattered), "stages": drawn, "read": read}


def sheet(images: NDArray[np.uint8], captions: Sequence[str], wrong: Sequence[bool]) -> bytes:
    """u8 [N,28,28] → a PNG of the digits enlarged twice, ten to a row, each over its caption.

    Black on white, for files; mistakes are framed.
    """
    scale, margin, text = 2, 6, 16
    side = 28 * scale
    width, height = side + 2 * margin, side + 2 * margin + text
    rows = -(-len(images) // COLUMNS)
    picture = Image.new("L", (COLUMNS * width, max(1, rows) * height), 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = place % COLUMNS * width, place // COLUMNS * height
        picture.paste(
            Image.fromarray(255 - image).resize((side, side), Image.Resampling.NEAREST),
            (x + margin, y + margin),
        )
        draw.text((x + width / 2, y + side + margin + 4), caption, 0, font, anchor="mt")
        if wrong[place]:
            draw.rectangle((x + 2, y + 2, x + width - 3, y + height - 3), outline=0, width=2)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _filters(stage: Stage) -> Picture | None:
    if stage.filters is None or stage.filters.shape[1] != 1:
        return None
    return _picture(tiled(stage.filters[:, 0], _columns(len(stage.filters))), is_signed=True)


def _maps(stage: Stage) -> Picture:
    """Maps tiled with pale lines between them; units as one row."""
    values = stage.maps[None]
    if stage.maps.ndim == 3:
        values = tiled(stage.maps, _columns(len(stage.maps)), line=stage.maps.max() / 200)
    return _picture(values, is_signed=values.min() < 0)


def _picture(values: NDArray[np.floating], is_signed: bool) -> Picture:
    """Enlarged to a whole multiple of its size."""
    width = _WIDE // values.shape[1] * values.shape[1]
    if is_signed:
        return Picture(uri=signed(values), kind="signed", width=width)
    return Picture(uri=ink(values, ACTIVATIONS), kind="activation", width=width)


def _columns(count: int) -> int:
    return 10 if count <= 20 else 16


def tiled(pictures: NDArray[Any], columns: int, gap: int = 1, line: float = 0) -> NDArray[Any]:
    """[N,H,W] → one picture, `columns` to a row, with lines of a value between them."""
    count, height, width = pictures.shape
    rows = -(-count // columns)
    framed = np.full((rows * columns, height + gap, width + gap), line, pictures.dtype)
    framed[:count, :height, :width] = pictures
    # [rows·columns,H,W] → [rows,H,columns,W] → one picture
    grid = framed.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    whole = grid.reshape(rows * (height + gap), columns * (width + gap))
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]
