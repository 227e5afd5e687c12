"""Drawings that are no digit, for a network to be told so: letters, signs, shapes, scribbles.

They are put into somebody's hand as the synthetic digits are, and drawn with the same pens. Beside
letters and signs: several digits side by side, also with a stroke of a neighbour's only, digits
crossed out, arcs too short to be one, lines, zigzags, spirals, scribbles, shapes and faces; nothing
that somebody means as a digit. Everything is a function of (seed, index).

But: it is no list of all that is no digit; a network learns from it to doubt what it does not know.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from ..config import NONE
from . import synthetic
from .allographs import Pieces, Uniform, allograph, arc
from .handwriting import VERSION as HANDS
from .handwriting import pen, uniform, write
from .letters import LETTERS, letters
from .strokes import Floats, Stroke

VERSION = 1
"""Of what is drawn below; a cache made by another version, or with other hands, is made anew."""

Key = TypeVar("Key")
Form = list[Pieces]
"""Strokes of control points, about 1 high."""
Kind = Callable[[Uniform], list[Form]]
"""Draws something: forms, each to be written in a hand of its own."""


def draw(seed: int, indices: range) -> tuple[list[list[Stroke]], Floats]:
    """Drawings as strokes, and the widths of their pens: a `synthetic.Draw`."""
    return _drawn(_KINDS, seed, indices)


def draw_letters(seed: int, indices: range) -> tuple[list[list[Stroke]], Floats]:
    """As `draw`, but letters alone."""
    return _drawn({_letter: 1}, seed, indices)


nondigit_images = partial(synthetic.images, draw, f"nondigits-v{VERSION}-{HANDS}", NONE)
letter_images = partial(synthetic.images, draw_letters, f"letters-v{VERSION}-{HANDS}", NONE)
"""`nondigit_images(count, seed, …)`: `synthetic.images` of all that is no digit, or of letters."""


def _drawn(
    kinds: dict[Kind, float], seed: int, indices: range
) -> tuple[list[list[Stroke]], Floats]:
    rngs = [np.random.default_rng((seed, index, 1)) for index in indices]  # 1: no digits' numbers
    us = [uniform(rng) for rng in rngs]
    drawings = [_chosen(kinds, u)(u) for u in us]
    hands = [rng for rng, forms in zip(rngs, drawings, strict=True) for _ in forms]
    written = iter(write([form for forms in drawings for form in forms], hands))
    parts = [[next(written) for _ in forms] for forms in drawings]
    strokes = [_side_by_side(part, u) for part, u in zip(parts, us, strict=True)]
    return strokes, np.array([pen(rng) for rng in rngs])


def _side_by_side(parts: list[list[Stroke]], u: Uniform) -> list[Stroke]:
    """Written forms from left to right, with gaps of 0.06 to 0.6 of their height."""
    strokes: list[Stroke] = []
    right = 0.0
    for part in parts:
        points = np.concatenate(part)
        low, high, size = points.min(0), points.max(0), u(0.85, 1.15)
        place = [right - size * low[0], u(-0.12, 0.12) - size * (low[1] + high[1]) / 2]
        strokes += [size * stroke + place for stroke in part]
        right += size * (high[0] - low[0]) + u(0.06, 0.6)
    return strokes


# What may be drawn: forms, each to be written in a hand of its own.


def _letter(u: Uniform) -> list[Form]:
    font = _chosen({font: share for font, (share, _) in LETTERS.items()}, u)
    return [letters(font)[int(u(0, len(LETTERS[font][1])))]]


def _several(u: Uniform) -> list[Form]:
    forms = []
    for _ in range(_chosen({2: 0.66, 3: 0.2, 4: 0.08, 5: 0.06}, u)):
        form = _letter(u)[0] if u() < 0.2 else allograph(int(u(0, 10)), u)
        if len(form) > 1 and u() < 0.25:
            form = [form[int(u(0, len(form)))]]
        forms.append(form)
    return forms


def _crossed_out(u: Uniform) -> list[Form]:
    """Under a cross, some strokes or a zigzag; under a single line it might be another digit."""
    form = allograph(int(u(0, 10)), u)
    points = np.array([point for stroke in form for piece in stroke for point in piece])
    low, size = points.min(0), np.maximum(np.ptp(points, axis=0), 0.5)

    def line(*corners: tuple[float, float]) -> Pieces:
        near = [(x + u(-0.1, 0.1), y + u(-0.08, 0.08)) for x, y in corners]
        return [[(low + size * corner).tolist()] for corner in np.array(near)]

    kind, slope = u(), u(-0.5, 0.5)
    if kind < 0.3:
        return [[*form, line((-0.1, 0), (1.1, 1)), line((1.1, 0), (-0.1, 1))]]
    if kind < 0.55:
        heights = np.linspace(0.25, 0.75, int(u(2, 5)))
        return [[*form, *(line((-0.2, y + slope / 2), (1.2, y - slope / 2)) for y in heights)]]
    heights = np.linspace(0.1, 0.9, int(u(4, 9)))
    return [[*form, line(*((-0.15 + 1.3 * (i % 2), y) for i, y in enumerate(heights)))]]


def _short_arc(u: Uniform) -> list[Form]:
    """Wider than high, or flat: the beginning of a digit, or its end."""
    sweep, high = u(50, 170), 0.0 if u() < 0.3 else u(0.2, 0.45)
    start = u(-20, 20) - 90 - sweep / 2 + (180 if u() < 0.4 else 0)
    return [[[arc(0, 0, 0.5, high, start, sweep)]]]


def _lines(u: Uniform) -> list[Form]:
    """Some beside each other."""
    gap, upright = u(0.25, 0.45), u() < 0.4  # closer ones would run together into a 1
    form = []
    for i in range(int(u(2, 6))):
        ends = [(u(-0.1, 0.1), i * gap), (1 + u(-0.1, 0.1), i * gap + u(-0.06, 0.06))]
        form.append(_corners(*((y, x) if upright else (x, y) for x, y in ends)))
    return [_sized(form)]


def _zigzag(u: Uniform) -> list[Form]:
    """Sharp or as a wave, or coils; lying, because an upright one may be a 3."""
    if u() < 0.5:
        high = u(0.4, 0.9)
        points = [[0.22 * i, high * (i % 2) + u(-0.08, 0.08)] for i in range(int(u(5, 10)))]
        return [_sized([[points] if u() < 0.5 else [[point] for point in points]])]
    drift, high = u(0.05, 0.2), u(0.4, 0.9) * (1 if u() < 0.5 else -1)
    turns = [math.tau * i / 10 for i in range(int(u(26, 60)))]
    return [_sized([[[[drift * t + 0.5 * math.cos(t), high * math.sin(t)] for t in turns]]])]


def _spiral(u: Uniform) -> list[Form]:
    """Of two turns or more."""
    count, begin, flat, way = int(u(22, 50)), u(0, 7), u(0.7, 1.2), 1 if u() < 0.5 else -1
    polar = [(0.05 + 0.5 * i / count, begin + way * math.tau * i / 11) for i in range(count)]
    return [[[[[r * math.cos(t), flat * r * math.sin(t)] for r, t in polar]]]]


def _scribble(u: Uniform) -> list[Form]:
    """A pen going to and fro at random."""
    form: Form = []
    for _ in range(_chosen({1: 0.7, 2: 0.2, 3: 0.1}, u)):
        high, wanders = u(0.5, 1), u() < 0.25
        steps = np.array([[u(-1, 1), high * u(-1, 1)] for _ in range(int(u(10, 24)))])
        points = (np.cumsum(steps, axis=0) if wanders else steps).tolist()
        form.append([points] if u() < 0.7 else [[point] for point in points])
    return [_sized(form)]


def _outline(u: Uniform) -> list[Form]:
    """A triangle, square, diamond, star, check mark, cross, house, arrow, heart …"""
    return [_OUTLINES[int(u(0, len(_OUTLINES)))]]


def _sun(u: Uniform) -> list[Form]:
    """Or a flower."""
    spots = _round(int(u(5, 10)))
    if u() < 0.5:
        around = [_corners((0.35 * x, 0.35 * y), (0.6 * x, 0.6 * y)) for x, y in spots]
    else:
        around = [[arc(0.45 * x, 0.45 * y, 0.17, 0.17, 0, 370)] for x, y in spots]
    return [[[arc(0, 0, 0.28, 0.28, 0, 370)], *around]]


def _face(u: Uniform) -> list[Form]:
    """Round, with or without a nose and ears, or on a man of sticks."""
    form: Form = [[arc(0, 0, u(0.4, 0.55), 0.5, u(-180, 0), 360 + u(-20, 30))]]
    if u() < 0.25:
        y = u(1.1, 1.6)
        arms = _corners((-0.5, u(0.6, 1)), (0, 0.7), (0.5, u(0.6, 1)))
        legs = _corners((-0.45, y + 0.6), (0, y), (0.45, y + 0.6))
        return [_sized([*form, _corners((0, 0.5), (0, y)), arms, legs])]
    apart, smile, wide = u(0.1, 0.22), u(-0.15, 0.2), u(0.12, 0.28)
    for x in (-apart, apart):
        y = u(-0.2, -0.1)
        closed = _corners((x, y - 0.06), (x, y + 0.06))
        form.append([arc(x, y, 0.05, 0.06, 0, 370)] if u() < 0.5 else closed)
    form.append([[[-wide, 0.2], [0, 0.2 + smile], [wide, 0.2]]])
    if u() < 0.35:
        form.append(_corners((0, -0.08), (u(-0.06, 0.06), 0.08)))
    if u() < 0.2:
        form += [_corners((0.4 * s, -0.3), (0.45 * s, -0.75), (0.12 * s, -0.48)) for s in (-1, 1)]
    return [form]


_KINDS: dict[Kind, float] = {
    _letter: 0.46, _several: 0.2, _crossed_out: 0.06, _short_arc: 0.06, _lines: 0.02, _zigzag: 0.03,
    _spiral: 0.02, _scribble: 0.05, _outline: 0.05, _sun: 0.01, _face: 0.04,
}  # fmt: skip
"""How often each is drawn."""


def _chosen(shares: dict[Key, float], u: Uniform) -> Key:
    """One of the keys, as often as its share says."""
    place = u(0, sum(shares.values()))
    for key, share in shares.items():
        place -= share
        if place < 0:
            return key
    return key


def _round(steps: int) -> list[tuple[float, float]]:
    """Points evenly around (0, 0)."""
    return [(math.sin(a), -math.cos(a)) for a in np.linspace(0, math.tau, steps, endpoint=False)]


def _corners(*points: tuple[float, float]) -> Pieces:
    """Straight lines between points."""
    return [[[float(x), float(y)]] for x, y in points]


_OUTLINES: list[Form] = [
    [_corners((0.5, 0), (1, 0.9), (0, 0.9), (0.5, 0))],
    [_corners((0, 0), (1.1, 0), (1.1, 1), (0, 1), (0, 0))],  # a narrow rectangle is a 0
    [_corners((0.6, 0), (1.2, 0.5), (0.6, 1), (0, 0.5), (0.6, 0))],
    [_corners((0, 1), (0.5, 0), (1, 1), (-0.1, 0.38), (1.1, 0.38), (0, 1))],
    [_corners((0.5, 0), (0.62, 0.35), (1, 0.37), (0.7, 0.6), (0.8, 1), (0.5, 0.76), (0.2, 1),
              (0.3, 0.6), (0, 0.37), (0.38, 0.35), (0.5, 0))],
    [_corners((0, 0.6), (0.35, 1), (1, 0.1))],
    [_corners((0, 0), (1, 1)), _corners((1, 0), (0, 1))],
    [_corners((0, 0.45), (0.5, 0), (1, 0.45), (1, 1), (0, 1), (0, 0.45), (1, 0.45))],
    [_corners((0, 0), (1.4, 0), (1.4, 1), (0, 1), (0, 0)), _corners((0, 0), (0.7, 0.5), (1.4, 0))],
    [_corners((0, 0), (1, 0)), _corners((0.6, -0.3), (1, 0), (0.6, 0.3))],
    [_corners((0, 0), (-0.5, 0.8)), _corners((-0.5, 0.4), (-0.5, 0.8), (-0.1, 0.7))],
    [[[[0.5, 0.3], [0.3, 0], [0, 0.15], [0.1, 0.55], [0.5, 1]],
      [[0.9, 0.55], [1, 0.15], [0.7, 0], [0.5, 0.3]]]],
]  # fmt: skip


def _sized(form: Form) -> Form:
    """The form, about 1 high or wide."""
    points = np.array([point for stroke in form for piece in stroke for point in piece])
    size = float(np.ptp(points, axis=0).max())
    return [[[[x / size, y / size] for x, y in piece] for piece in stroke] for stroke in form]
