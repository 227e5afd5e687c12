"""A picture of one digit → the same 28×28 that strokes become, MNIST's own preparation.

In this order: transparency and colour to grey; ink told from paper by the border; lighting
evened out (opening with a window wider than any stroke: "top-hat", Serra 1982); noise and specks
dropped; stroke width brought near MNIST's; ink box to 20 pixels, centre of mass to the centre
of 28×28 (LeCun, Bottou, Bengio, Haffner 1998, III-A).

It does not find a digit in a scene, tell several digits apart, or turn a picture upright other
than as its EXIF says.
"""

from __future__ import annotations

import warnings
from os import PathLike
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from .errors import DrawingError
from .strokes import BOX, PEN, SIDE
from .words import say

MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_WORKING_SIDE = 800  # larger pictures are reduced to this first
_FINE = 4  # stroke width is worked on at 4 × the frame's resolution
_WIDEST = 3.6  # pixels of the frame; 95 % of MNIST's training digits have thinner strokes
_BLOB = 0.42  # stroke width over length from which it is a blob; a disc has 0.5
_LEAST_CONTRAST = 0.08  # of the whole range; fainter is blank
_NOISE = 6.0  # times the median of what is lighter than paper is noise


def open_picture(file: str | PathLike[str] | BinaryIO) -> Image.Image:
    """A picture file, decoded, upright. Raises DrawingError if it is none, broken or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oversized and odd files are judged below
            picture = Image.open(file, formats=FORMATS)
            _check_size(picture)
            picture.draft("RGB", (_WORKING_SIDE, _WORKING_SIDE))  # JPEG: decode only that large
            picture.load()
            return ImageOps.exif_transpose(picture)
    except DrawingError:
        raise
    except FileNotFoundError:
        raise DrawingError(say("There is no such picture.")) from None
    except Image.DecompressionBombError:
        raise DrawingError(_too_large()) from None
    except Exception:  # decoders answer hostile bytes with nearly any exception
        raise DrawingError(say(_BROKEN)) from None


def prepare(picture: Image.Image) -> np.ndarray | None:
    """A picture in any mode → u8 [28,28], ink 255; None without digit-like ink.

    A picture that already is in MNIST's frame (28×28, boxed and centred) comes back unchanged,
    light on dark. Raises DrawingError when it cannot be decoded or is too large.
    """
    _check_size(picture)
    try:
        grey = _grey(ImageOps.exif_transpose(picture))
    except Exception:  # a lazily loaded file may turn out truncated only here
        raise DrawingError(say(_BROKEN)) from None
    if min(grey.shape) < 4:
        return None
    for framed in (grey, 1 - grey):
        if _in_frame(framed):
            return np.rint(framed * 255).astype(np.uint8)
    ink = _ink(grey)
    if ink is None:
        return None
    fine = _crop(ink)
    if fine is None:
        return None
    fine = _set_width(fine)
    return _frame(fine) if fine is not None and fine.max() > 0.5 else None


_BROKEN = "This is not a picture that can be read; use a PNG or JPEG file."


def _too_large() -> str:
    return say("The picture is too large; at most {most:,} pixels can be read.", most=MAX_PIXELS)


def _check_size(picture: Image.Image) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise DrawingError(_too_large())


def _grey(picture: Image.Image) -> np.ndarray:
    """Any mode → f32 [H,W] in 0..1, transparency laid on what sets the ink off."""
    longest = max(picture.size)
    if picture.mode == "1" or (picture.mode == "P" and "transparency" not in picture.info):
        picture = picture.convert("RGB")
    if picture.mode[0] in "IF":  # 16 and 32 bits
        deep = np.nan_to_num(np.asarray(picture, dtype=np.float32))
        deep = deep / (255 if deep.max() <= 255 else 65535 if deep.max() <= 65535 else deep.max())
        picture = Image.fromarray(np.clip(deep, 0, 1))
    has_alpha = picture.mode in ("LA", "PA", "RGBA", "La", "RGBa", "P")
    if picture.mode not in ("L", "F", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if has_alpha else "RGB")
    if longest > _WORKING_SIDE:
        factor = _WORKING_SIDE / longest
        size = [max(1, round(side * factor)) for side in picture.size]
        picture = picture.resize(size, Image.Resampling.BOX)
    pixels: np.ndarray = np.asarray(picture, dtype=np.float32)
    pixels = pixels if picture.mode == "F" else pixels / 255
    if has_alpha:
        pixels = _flatten(pixels)
    if pixels.ndim == 3:
        pixels = pixels[..., int(pixels.reshape(-1, 3).std(0).argmax())]
    return pixels


def _flatten(pixels: np.ndarray) -> np.ndarray:
    """f32 [H,W,4] → [H,W,3]. Paper is what the few clear pixels lie in, or the ink's opposite."""
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    opaque = colour[alpha[..., 0] > 0.5]
    if not len(opaque):
        return np.ones_like(colour)
    if (alpha < 0.5).mean() < 0.3:
        paper = np.median(opaque, axis=0)
    else:
        paper = 1.0 if opaque.mean() < 0.5 else 0.0
    return colour * alpha + paper * (1 - alpha)


def _in_frame(grey: np.ndarray) -> bool:
    """Whether f32 [28,28] is light ink on black, boxed and centred as MNIST's are."""
    if grey.shape != (SIDE, SIDE) or grey.max() < 0.5:
        return False
    if np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).max() > 0.5:
        return False
    box = _box(grey > 0.1)
    along, total = np.arange(SIDE), grey.sum()
    centre = (grey.sum(1) @ along / total, grey.sum(0) @ along / total)
    return (
        18 <= max(box[2] - box[0], box[3] - box[1]) <= 21
        and all(abs(c - SIDE / 2) < 1 for c in centre)
        and total < 0.5 * SIDE * SIDE
    )


def _ink(grey: np.ndarray) -> np.ndarray | None:
    """f32 [H,W] grey → f32 [H,W] ink in 0..1 on 0, whatever the polarity and lighting."""
    small = _reduced(grey, 64)
    lighting = _lighting(small)
    small, grey = (image - _plane(image.shape) @ lighting for image in (small, grey))
    if (small**3).sum() < 0:  # what sticks out is darker
        small, grey = -small, -grey
    paper = _opening(small, 2 * (max(small.shape) // 5) + 1)
    paper = paper if np.ptp(paper) < 0.02 else _resized(paper, grey.shape)
    ink = np.maximum(grey - (paper if paper.shape == grey.shape else np.median(paper)), 0)
    if ink.max() < _LEAST_CONTRAST:
        return None
    level = float(np.median(ink[ink > 0.5 * ink.max()]))
    if np.ptp(paper) > 0.8 * level:  # something as strong as ink and far too wide for it
        return None
    noise = _NOISE * float(np.median(ink))  # most of a picture is paper
    floor = min(max(noise, 0.02), 0.5 * level)
    return _without_specks(np.clip((ink - floor) / (level - floor), 0, 1))


def _lighting(small: np.ndarray) -> np.ndarray:
    """A plane through the border of f32 [h,w], without what sticks out there; for `_plane`."""
    rim = max(1, min(small.shape) // 16)
    edge = np.ones(small.shape, bool)
    edge[rim:-rim, rim:-rim] = False
    plane = _plane(small.shape)
    for _ in range(3):
        lighting = np.linalg.lstsq(plane[edge], small[edge], rcond=None)[0]
        off = np.abs(small - plane @ lighting)
        edge &= off <= max(1.5 * float(np.median(off[edge])), 0.02)
    return lighting


def _plane(shape: tuple[int, ...]) -> np.ndarray:
    """f32 [h,w,3]: one, and the place down and to the right in -1..1."""
    down, right = (np.linspace(-1, 1, length, dtype=np.float32) for length in shape)
    ones = np.ones(shape, np.float32)
    return np.stack([ones, ones * down[:, None], ones * right], axis=-1)


def _opening(image: np.ndarray, window: int) -> np.ndarray:
    """Grey opening by a square: takes away all that is light and narrower than `window`."""
    reach = window // 2
    for take in (np.minimum, np.maximum):
        for axis in (0, 1):
            padded = np.pad(
                image, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], "edge"
            )
            view = np.lib.stride_tricks.sliding_window_view(padded, window, axis=axis)
            image = view.min(-1) if take is np.minimum else view.max(-1)
    return image


def _without_specks(ink: np.ndarray) -> np.ndarray | None:
    """Drop parts that are tiny beside the largest; None when the largest is a speck itself."""
    small = _reduced(ink, 64)
    mask = _grown(small > 0.15)
    labels = _parts(mask)
    mass = np.bincount(labels.ravel(), weights=small.ravel())
    mass[0] = 0
    if not mass.max() > 0:
        return None
    keep = mass >= 0.03 * mass.max()
    keep[0] = False
    if keep.sum() < len(np.unique(labels)) - 1:
        kept = _resized(_grown(keep[labels]), ink.shape) > 0.01
        ink = ink * kept
    return ink


def _parts(mask: np.ndarray) -> np.ndarray:
    """Label the 4-connected parts of bool [H,W], 0 outside, by sweeping maxima to and fro."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        before = labels
        for _ in range(2):
            labels = _swept(labels, mask)
            labels = _swept(labels.T, mask.T).T
        if (labels == before).all():
            return labels


def _swept(labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Each run along the rows takes the greatest label in it."""
    run = np.cumsum(np.diff(mask, axis=1, prepend=False), axis=1)
    run += (np.arange(mask.shape[0]) * (mask.shape[1] + 1))[:, None]
    greatest = np.zeros(run.max() + 1, labels.dtype)
    np.maximum.at(greatest, run.ravel(), labels.ravel())
    return np.where(mask, greatest[run], 0)


def _grown(mask: np.ndarray) -> np.ndarray:
    image = Image.fromarray(mask.astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.MaxFilter(3))) > 0


def _crop(ink: np.ndarray) -> np.ndarray | None:
    """The ink's box, longest side 20 × `_FINE` pixels, with room around it; None for a speck."""
    top, left, bottom, right = _box(ink > 0.3)
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


def _set_width(fine: np.ndarray) -> np.ndarray | None:
    """Thicken the strokes to `PEN`, or thin them to `_WIDEST`; None when the ink is a blob."""
    level = float(np.percentile(fine[fine > 0.5 * fine.max()], 50))
    fine = np.clip(fine / level, 0, 1)
    width = stroke_width(fine)
    if width > _BLOB * 20 * _FINE:
        return None
    wanted = min(max(width, PEN * _FINE), _WIDEST * _FINE)
    return _spread(fine, (wanted - width) / 2)  # as much at either side


def _spread(image: np.ndarray, steps: float) -> np.ndarray:
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


def stroke_width(image: np.ndarray) -> float:
    """Typical width of the strokes in f32 [H,W], pixels: twice the area over the outline."""
    padded = np.pad(image, 1)
    right = padded[:-1, 1:] - padded[:-1, :-1]
    down = padded[1:, :-1] - padded[:-1, :-1]
    return 2 * float(image.sum()) / max(float(np.hypot(right, down).sum()), 1e-9)


def _frame(fine: np.ndarray) -> np.ndarray:
    """f32 ink → u8 [28,28]: longest side of the box `BOX`, centre of mass on pixel (14, 14)."""
    top, left, bottom, right = _box(fine > 0.5)
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


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of what is set in bool [H,W]; zeros when nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _reduced(image: np.ndarray, side: int) -> np.ndarray:
    """Averaged down until the longest side is at most `side`."""
    longest = max(image.shape)
    if longest <= side:
        return image
    size = [max(1, round(length * side / longest)) for length in image.shape[::-1]]
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _resized(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    picture = Image.fromarray(image.astype(np.float32))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BILINEAR))
