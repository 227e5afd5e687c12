"""A picture of a digit → the same 28×28 that strokes become, MNIST's own preparation.

In this order: transparency and colour to grey; the ink found on its paper (`ink`); stroke width
brought near MNIST's; ink box to 20 pixels, centre of mass to the centre of 28×28 (LeCun, Bottou,
Bengio, Haffner 1998, III-A).

It does not find a digit in a scene, tell several digits apart, or turn a picture upright other
than as its EXIF says.
"""

from __future__ import annotations

import math
import warnings
from io import BytesIO
from os import PathLike
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from ..errors import DrawingError
from .ink import Grey, box_of, find_ink
from .strokes import BOX, PEN, SIDE, Pixels

MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_WORKING_SIDE = 800  # larger pictures are reduced to this first
_BAND = 50  # rows of the reduced picture that are made at a time
_FINE = 4  # stroke width is worked on at 4 × the frame's resolution
_WIDEST = 3.6  # pixels of the frame; 95 % of MNIST's training digits have thinner strokes
_BLOB = 0.42  # stroke width over length from which it is a blob; a disc has 0.5


Prepared = dict[str, Pixels | None]
"""u8 [28,28] "image", ink 255, and u8 [H,W] "ink" that it was made from, 255 on 0; None without."""


def open_picture(file: str | PathLike[str] | BinaryIO) -> Image.Image:
    """A picture file, decoded. Raises DrawingError if it is none, broken or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oversized and odd files are judged below
            picture = Image.open(file, formats=FORMATS)
            if picture.width * picture.height > MAX_PIXELS:
                raise DrawingError(_TOO_LARGE, most=MAX_PIXELS)
            picture.draft("RGB", (_WORKING_SIDE, _WORKING_SIDE))  # JPEG: decode only that large
            picture.load()
            return picture
    except (DrawingError, MemoryError):
        raise
    except FileNotFoundError:
        raise DrawingError("There is no such picture.") from None
    except Image.DecompressionBombError:
        raise DrawingError(_TOO_LARGE, most=MAX_PIXELS) from None
    except Exception:  # decoders answer hostile bytes with nearly any exception
        raise DrawingError(_BROKEN) from None


def prepare_file(file: str | bytes) -> Prepared:
    """`prepare` a picture by its path or content. Raises DrawingError as `open_picture` does."""
    return prepare(open_picture(BytesIO(file) if isinstance(file, bytes) else file))


def prepare(picture: Image.Image) -> Prepared:
    """A picture in any mode → its "image" and "ink"; no image without digit-like ink.

    A picture that already is in MNIST's frame (28×28, boxed and centred) comes back unchanged,
    light on dark, without ink. Raises DrawingError when it cannot be decoded.
    """
    try:
        grey = _grey(ImageOps.exif_transpose(_reduced(picture)))
    except MemoryError:
        raise
    except Exception:  # a lazily loaded file may turn out truncated only here
        raise DrawingError(_BROKEN) from None
    for framed in (grey, 1 - grey):
        if _in_frame(framed):
            return {"image": np.rint(framed * 255).astype(np.uint8), "ink": None}
    ink = find_ink(np.ascontiguousarray(grey)) if min(grey.shape) >= 4 else None
    if ink is None:
        return {"image": None, "ink": None}
    return {"image": frame(ink), "ink": np.rint(ink * 255).astype(np.uint8)}


def frame(ink: Grey) -> Pixels | None:
    """f32 [H,W], 0..1, ink on 0 → u8 [28,28] as `prepare` gives; None without digit-like ink."""
    fine = _crop(ink)
    if fine is None:
        return None
    fine = _set_width(fine)
    return _frame(fine) if fine is not None and fine.max() > 0.5 else None


_BROKEN = "This is not a picture that can be read; use a PNG or JPEG file."
_TOO_LARGE = "The picture is too large; at most {most:,} pixels can be read."


def _reduced(picture: Image.Image) -> Image.Image:
    """A picture in any mode → L, F, RGB or RGBA, its longest side at most `_WORKING_SIDE`.

    In bands: a large picture is never there twice.
    """
    factor = max(1.0, max(picture.size) / _WORKING_SIDE)
    width, height = (max(1, round(side / factor)) for side in picture.size)
    step = picture.height / height
    reduced = None
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        first, last = int(top * step), min(math.ceil(bottom * step), picture.height)
        band = _plain(picture.crop((0, first, picture.width, last)))
        box = (0, top * step - first, band.width, min(bottom * step - first, band.height))
        band = band.resize((width, bottom - top), Image.Resampling.BOX, box=box)
        reduced = reduced or Image.new(band.mode, (width, height))
        reduced.paste(band, (0, top))
    assert reduced is not None, "a picture has a row"
    reduced.info = picture.info  # which way is up
    return reduced


def _plain(picture: Image.Image) -> Image.Image:
    """Any mode → L, F, RGB or RGBA."""
    if picture.mode[0] in "IF":  # 16 and 32 bits
        return Image.fromarray(np.nan_to_num(np.asarray(picture, dtype=np.float32)))
    if picture.mode in ("L", "RGB", "RGBA"):
        return picture
    is_clear = picture.mode == "P" and "transparency" in picture.info
    return picture.convert("RGBA" if is_clear or picture.mode[-1] in "Aa" else "RGB")


def _grey(picture: Image.Image) -> Grey:
    """L, F, RGB or RGBA → f32 [H,W] in 0..1, transparency laid on what sets the ink off."""
    pixels = np.asarray(picture, dtype=np.float32)
    largest, full = float(pixels.max()), 255.0
    if picture.mode == "F":  # of so many bits, in whatever they are kept
        full = next((2**n - 1 for n in (1, 8, 10, 12, 14, 16) if largest < 2**n), largest)
    pixels = np.clip(pixels / full, 0, 1)
    if picture.mode == "RGBA":
        pixels = _flatten(pixels)
    if pixels.ndim == 3:
        pixels = pixels[..., int(pixels.reshape(-1, 3).std(0).argmax())]
    return pixels


def _flatten(pixels: Grey) -> Grey:
    """f32 [H,W,4] → [H,W,3]. Paper is what the few clear pixels lie in, or the ink's opposite."""
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    alpha = alpha / max(float(alpha.max()), 1 / 255)  # a thin ink is ink
    opaque = colour[alpha[..., 0] > 0.5]
    if not len(opaque):
        return np.ones_like(colour)
    if (alpha < 0.5).mean() < 0.3:
        paper = np.median(opaque, axis=0)
    else:
        paper = 1.0 if opaque.mean() < 0.5 else 0.0
    return colour * alpha + paper * (1 - alpha)


def _in_frame(grey: Grey) -> bool:
    """Whether f32 [28,28] is light ink on black, boxed and centred as MNIST's are."""
    if grey.shape != (SIDE, SIDE) or grey.max() < 0.5:
        return False
    if np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).max() > 0.5:
        return False
    box = box_of(grey > 0.1)
    along, total = np.arange(SIDE), grey.sum()
    centre = (grey.sum(1) @ along / total, grey.sum(0) @ along / total)
    return (
        18 <= max(box[2] - box[0], box[3] - box[1]) <= 21
        and all(abs(c - SIDE / 2) < 1 for c in centre)
        and total < 0.5 * SIDE * SIDE
    )


def _crop(ink: Grey) -> Grey | None:
    """The ink's box, longest side 20 × `_FINE` pixels, with room around it; None for a speck."""
    top, left, bottom, right = box_of(ink > 0.3)
    size = max(bottom - top, right - left)
    if size < max(4, 0.015 * max(ink.shape)):
        return None
    room = size * 0.3
    scale = 20 * _FINE / size
    width, height = right - left + 2 * room, bottom - top + 2 * room
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    pad = int(room) + 2
    x, y = left - room + pad, top - room + pad
    picture = Image.fromarray(np.pad(ink, pad).astype(np.float32))
    fine = picture.resize(shape, Image.Resampling.BILINEAR, box=(x, y, x + width, y + height))
    return np.asarray(fine)


def _set_width(fine: Grey) -> Grey | None:
    """Thicken the strokes to `PEN`, or thin them to `_WIDEST`; None when the ink is a blob."""
    level = float(np.percentile(fine[fine > 0.5 * fine.max()], 50))
    fine = np.clip(fine / level, 0, 1)
    width = stroke_width(fine)
    if width > _BLOB * 20 * _FINE:
        return None
    wanted = min(max(width, PEN * _FINE), _WIDEST * _FINE)
    return _spread(fine, (wanted - width) / 2)  # as much at either side


def _spread(image: Grey, steps: float) -> Grey:
    """Grey dilation by about a disc of radius `steps`, erosion when negative."""
    sign = 1 if steps > 0 else -1
    image = sign * image
    steps = abs(steps)
    for step in range(int(np.ceil(steps))):
        padded = np.pad(image, 1, "edge")
        beside = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        if step % 2:  # a plus, a square, a plus …: an octagon
            beside += [padded[:-2, :-2], padded[:-2, 2:], padded[2:, :-2], padded[2:, 2:]]
        wider = np.maximum.reduce([image, *beside])
        part = min(1.0, steps - step)
        image = image + part * (wider - image)
    return sign * image


def stroke_width(image: Grey) -> float:
    """Typical width of the strokes in f32 [H,W], pixels: twice the area over the outline."""
    padded = np.pad(image, 1)
    right = padded[:-1, 1:] - padded[:-1, :-1]
    down = padded[1:, :-1] - padded[:-1, :-1]
    return 2 * float(image.sum()) / max(float(np.hypot(right, down).sum()), 1e-9)


def _frame(fine: Grey) -> Pixels:
    """f32 ink → u8 [28,28]: longest side of the box `BOX`, centre of mass on pixel (14, 14)."""
    top, left, bottom, right = box_of(fine > 0.5)
    scale = max(bottom - top, right - left) / BOX
    total = fine.sum()
    x = fine.sum(0) @ (np.arange(fine.shape[1]) + 0.5) / total
    y = fine.sum(1) @ (np.arange(fine.shape[0]) + 0.5) / total
    before, after = 14.5 * scale, 13.5 * scale
    pad = int(before) + 2
    picture = Image.fromarray(np.pad(fine, pad).astype(np.float32))
    box = (x - before + pad, y - before + pad, x + after + pad, y + after + pad)
    framed = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX, box=box))
    return np.rint(np.clip(framed, 0, 1) * 255).astype(np.uint8)
