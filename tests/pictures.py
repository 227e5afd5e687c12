"""Pictures of digits: on a clean canvas, and as people photograph them on paper."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from mnist_core.digits import photo
from mnist_core.digits.handwriting import handwriting

Colour = tuple[int, int, int]
_SIDE = 480  # of a photograph


def prepare(picture):
    """What a network is given of a picture, u8 [28,28]; None where there is no digit."""
    return photo.prepare(picture)["image"]


def canvas(digit=4, size=280, longest=170, pen=18, at=None, seed=3):
    """A digit in black on white, mode L."""
    strokes = handwriting(digit, np.random.default_rng(seed))
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    scale = (longest - pen) / (high - low).max()
    middle = np.array(at or (size / 2, size / 2))
    picture = Image.new("L", (4 * size, 4 * size), 255)
    brush = ImageDraw.Draw(picture)
    for stroke in strokes:
        path = 4 * ((stroke - (low + high) / 2) * scale + middle)
        brush.line([tuple(point) for point in path], fill=0, width=4 * pen)
        for x, y in path:
            brush.ellipse((x - 2 * pen, y - 2 * pen, x + 2 * pen, y + 2 * pen), fill=0)
    return picture.resize((size, size), Image.Resampling.BOX)


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def seven(size=200, pen=16):
    """The 7 of `visiting.DRAWINGS`, in black on white, mode L."""
    picture = Image.new("L", (size, size), 255)
    corners = [(0.25 * size, 0.2 * size), (0.72 * size, 0.18 * size), (0.45 * size, 0.86 * size)]
    ImageDraw.Draw(picture).line(corners, fill=0, width=pen, joint="curve")
    return picture


def sideways_seven():
    """A photo-like JPEG of a 7, dark on light, lying on its side as its EXIF says."""
    picture = Image.new("RGB", (600, 800), (225, 220, 210))
    corners = [(150, 200), (430, 190), (270, 650)]
    ImageDraw.Draw(picture).line(corners, fill=(40, 40, 60), width=34, joint="curve")
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    picture.rotate(90, expand=True).save(file, "JPEG", exif=exif)
    return file.getvalue()


def png_header(width, height):
    """A PNG that claims to be that large and holds nothing."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@dataclass(frozen=True)
class Paper:
    """What a digit is written on, and how it is photographed; lengths in sides of the picture."""

    paper: Colour = (230, 228, 222)
    ink: Colour = (40, 40, 65)
    size: float = 0.4
    pen: float = 0.018
    centre: tuple[float, float] = (0.5, 0.5)
    ruled: float = 0
    """Between two lines, 0 for none."""
    squared: bool = False
    lines: Colour = (155, 175, 210)
    thick: int = 1
    edges: dict[str, float] | None = None
    """Dark bands along "left", "right", "top" and "bottom": a cell, the table under the sheet."""
    cells: bool = False
    """In the middle one of a row of a form's cells."""
    shadow: float = 0
    """How much darker the left two fifths are; with a hard edge."""
    dim: float = 0
    """How much darker it is at the right than at the left."""
    crop: bool = False
    """To the ink."""
    underlined: bool = False
    mark: bool = False
    """A mark in a corner, far from the digit."""


def photograph(digit: int, on: Paper, rng: np.random.Generator) -> bytes:
    """A JPEG of a digit by a synthetic hand."""
    picture = Image.new("RGB", (_SIDE, _SIDE), on.paper)
    brush = ImageDraw.Draw(picture)
    if on.ruled:
        for at in np.arange(0.3 * on.ruled, 1, on.ruled) * _SIDE:
            brush.line([(0, at), (_SIDE, at)], fill=on.lines, width=on.thick)
            if on.squared:
                brush.line([(at, 0), (at, _SIDE)], fill=on.lines, width=on.thick)
    if on.cells:
        low, high = 0.25 * _SIDE, 0.75 * _SIDE
        for at in (low, high):
            brush.line([(0, at), (_SIDE, at)], fill=on.lines, width=3)
        for at in np.array([0.02, 0.33, 0.67, 0.98]) * _SIDE:
            brush.line([(at, low), (at, high)], fill=on.lines, width=3)
    strokes = handwriting(digit, rng)
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    pen = max(2, round(on.pen * _SIDE))
    for stroke in strokes:
        path = (stroke - (low + high) / 2) / (high - low).max() * on.size + on.centre
        path = [(x * _SIDE, y * _SIDE) for x, y in path]
        brush.line(path, fill=on.ink, width=pen, joint="curve")
        for x, y in path:
            half = pen / 2
            brush.ellipse((x - half, y - half, x + half, y + half), fill=on.ink)
    if on.underlined:
        x, y = np.array(on.centre) * _SIDE + (-0.3 * _SIDE, (on.size / 2 + 0.05) * _SIDE)
        brush.line([(x, y), (x + 0.6 * _SIDE, y - 3)], fill=on.ink, width=pen)
    if on.mark:
        brush.line([(20, 455), (42, 462)], fill=on.ink, width=3)
    if on.crop:
        half = (high - low) / (high - low).max() * on.size / 2 + on.pen / 2
        box = [*(np.array(on.centre) - half), *(np.array(on.centre) + half)]
        picture = picture.crop([round(side * _SIDE) for side in box])
    for side, share in (on.edges or {}).items():
        wide = round(share * _SIDE)
        band = {
            "left": (0, 0, wide, _SIDE),
            "right": (_SIDE - wide, 0, _SIDE, _SIDE),
            "top": (0, 0, _SIDE, wide),
            "bottom": (0, _SIDE - wide, _SIDE, _SIDE),
        }[side]
        ImageDraw.Draw(picture).rectangle(band, fill=(50, 45, 42))
    light = np.asarray(picture, np.float64)
    across = np.linspace(0, 1, light.shape[1])[None, :, None]
    light = light * (1 - on.dim * across) * np.where(across < 0.4, 1 - on.shadow, 1)
    light = light + rng.normal(0, 3, light.shape)
    file = io.BytesIO()
    Image.fromarray(light.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=80)
    return file.getvalue()
