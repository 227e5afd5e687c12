"""Synthetic handwriting: digits as pen strokes in many hands, and images of them.

The control points of an allograph are jittered, joined by Catmull–Rom splines (Catmull and Rom
1974), the corners rounded, the ends overshot, and the whole bent, slanted, stretched and turned:
many drawings at once, since a numpy call costs the same for one point and for a thousand.
Everything is a function of (seed, index).

It imitates people's digits; it was made without looking at how fast or hard anyone presses, and
a network trained on it alone reads MNIST's own test digits worse than one trained on MNIST.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from . import synthetic
from .allographs import Pieces, Uniform, allograph
from .strokes import PEN, Floats, Integers, Stroke, evenly

VERSION = 8
"""Of the hands; a cache made by another version is made anew."""

HOOKED, ANGULAR = 0.12, 0.04
"""Shares of the strokes' ends with a hook, and of the hands that write without curves."""

_STEP = 1 / 40
"""Between the points of a stroke."""


def handwriting(digit: int, rng: np.random.Generator) -> list[Stroke]:
    """A digit 0..9 as a person might write it: strokes f64 [n,2], x right, y down, about 1 high."""
    return write([allograph(digit, uniform(rng))], [rng])[0]


def draw(seed: int, indices: range) -> tuple[list[list[Stroke]], Floats]:
    """Digits as strokes, and the widths of their pens: a `synthetic.Draw`."""
    rngs = [np.random.default_rng((seed, index)) for index in indices]
    forms = [allograph(i % 10, uniform(rng)) for i, rng in zip(indices, rngs, strict=True)]
    return write(forms, rngs), np.array([pen(rng) for rng in rngs])


handwriting_images = partial(synthetic.images, draw, f"handwriting-v{VERSION}", None)
"""`handwriting_images(count, seed, …)`: `synthetic.images` of digits."""


def uniform(rng: np.random.Generator) -> Uniform:
    """`rng.uniform`, in a tenth of its time: the numbers are drawn in lots."""
    numbers = chain.from_iterable(iter(lambda: rng.random(64).tolist(), None))
    return lambda low=0.0, high=1.0: low + (high - low) * next(numbers)


def pen(rng: np.random.Generator) -> float:
    """A pen's width in pixels, for `strokes.rasterize`."""
    return min(max(PEN * float(np.exp(rng.normal(0.05, 0.3))), 1.4), 5.0)


def write(
    forms: Sequence[Sequence[Pieces]], rngs: Sequence[np.random.Generator]
) -> list[list[Stroke]]:
    """Forms made of strokes, each in a hand of its generator's → strokes f64 [n,2] of each.

    A form is about 1 high, and so is what is written, around (0, 0).
    """
    strokes = [stroke for form in forms for stroke in form]
    points = np.array([point for stroke in strokes for piece in stroke for point in piece]).T
    counts = np.array([sum(map(len, stroke)) for stroke in strokes])
    owner = np.arange(len(forms)).repeat([len(form) for form in forms])  # of each stroke
    hands = _Hands.of(rngs, np.bincount(owner), np.bincount(owner, counts).astype(np.int64))
    points = points + hands.wobble[owner].repeat(counts) * hands.jitter
    corners = np.zeros(len(points[0]), bool)
    corners[np.cumsum([len(piece) for stroke in strokes for piece in stroke]) - 1] = True
    corners |= hands.angular[owner].repeat(counts)
    points, counts = evenly(*_splines(points, counts, corners), _STEP, least=2)
    points = points + _tremor(counts, hands.tremor[:, owner])
    points = _averaged(points, counts, np.minimum(hands.window[owner], counts // 2))
    points = points + hands.shift.repeat(counts, axis=1)
    points, counts = _with_ends(points, counts, hands.ends)
    points = _bent(points, owner.repeat(counts), hands)
    lines = iter(np.split(points.T, counts.cumsum()[:-1]))
    return [[next(lines) for _ in form] for form in forms]


@dataclass(frozen=True, kw_only=True)
class _Hands:
    """What is drawn at random for N drawings with S strokes and C control points in all."""

    wobble: Floats
    """f64 [N]: how far control points stray."""
    window: Integers
    """i64 [N]: how round corners become, in points of a line."""
    angular: NDArray[np.bool_]
    """bool [N]: whether every control point is a corner."""
    tremor: Floats
    """f64 [4,N] in 0..1: how strong and fast a hand shakes, and when it does to each side."""
    jitter: Floats
    """f64 [2,C], in units of `wobble`."""
    shift: Floats
    """f64 [2,S]: where a stroke lies beside its place."""
    ends: Floats
    """f64 [6,S] in 0..1: hooks at the start and the end of a stroke."""
    bend: Floats
    """f64 [2,5,N]: coefficients of a quadratic bend of the plane."""
    shape: Floats
    """f64 [3,N]: turn, slant (mostly to the right) and stretch."""

    @classmethod
    def of(cls, rngs: Sequence[np.random.Generator], strokes: Integers, points: Integers) -> _Hands:
        """From each drawing's generator, for that many strokes and control points."""
        even, normal, jitter, shift, ends = [], [], [], [], []
        for rng, s, c in zip(rngs, strokes.tolist(), points.tolist(), strict=True):
            drawn = rng.random(7 + 6 * s)
            even.append(drawn[:7])
            ends.append(drawn[7:])
            drawn = rng.standard_normal(13 + 2 * s + 2 * c)
            normal.append(drawn[:13])
            shift.append(drawn[13 : 13 + 2 * s])
            jitter.append(drawn[13 + 2 * s :])
        wobble, window, angular, *tremor = np.array(even).T
        bends = np.clip(np.array(normal), -1.8, 1.8).T  # beyond, a 7 may be bent into a line
        return cls(
            wobble=0.04 * wobble,
            window=(9 * window).astype(np.int64),
            angular=angular < ANGULAR,
            tremor=np.stack(tremor),
            jitter=np.concatenate(jitter).reshape(-1, 2).T,
            shift=0.015 * np.concatenate(shift).reshape(-1, 2).T,
            ends=np.concatenate(ends).reshape(-1, 6).T,
            bend=0.12 * bends[:10].reshape(2, 5, -1),
            shape=bends[10:] * [[0.17], [0.2], [0.22]] + [[0.03], [0.1], [0.05]],
        )


def _splines(
    points: Floats, counts: Integers, corners: NDArray[np.bool_]
) -> tuple[Floats, Integers]:
    """Control points f64 [2,C] of strokes → Catmull–Rom splines through them, f64 [2,M], counts.

    They do not look beyond a corner, bool [C].
    """
    last = counts.cumsum() - 1
    corners[last] = True
    corners[last - counts + 1] = True
    start = np.delete(np.arange(len(corners)), last)  # of each interval
    before, after = start - ~corners[start], start + 1 + ~corners[start + 1]
    neighbours = points[:, np.stack([before, start, start + 1, after])]  # [2,4,intervals]
    lines = np.einsum("ks,aki->ais", _SPLINE, neighbours).reshape(2, -1)
    steps = _SPLINE.shape[1]
    ends = (last - np.arange(len(last))) * steps  # intervals so far
    return np.insert(lines, ends, points[:, last], axis=1), (counts - 1) * steps + 1


_T = np.linspace(0, 1, 8, endpoint=False)
_SPLINE = np.stack([-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3,
                    _T + 4 * _T**2 - 3 * _T**3, _T**3 - _T**2]) / 2  # fmt: skip
"""f64 [4,8]: what four neighbouring control points weigh at steps between the middle two."""


def _tremor(counts: Integers, tremor: Floats) -> Floats:
    """f64 [4,S] in 0..1 → f64 [2,M], waves along each stroke in two hands of five."""
    strength, frequency, *phases = tremor.repeat(counts, axis=1)
    place = _STEP * np.arange(counts.sum()) * (1.5 + 3 * frequency)
    waves = [np.sin(2 * np.pi * (place + phase)) for phase in phases]
    return 0.016 * np.maximum(0, 2.5 * strength - 1.5) * np.stack(waves)


def _averaged(points: Floats, counts: Integers, window: Integers) -> Floats:
    """f64 [2,M], each point the mean of 2 × window + 1 of its stroke's; the ends are held."""
    wide = counts + 2 * window
    first, shift = counts.cumsum() - counts, wide.cumsum() - wide
    place = np.arange(wide.sum()) - (shift + window).repeat(wide)  # within a stroke, and beyond
    held = np.clip(place, 0, (counts - 1).repeat(wide)) + first.repeat(wide)
    mirrored = 2 * held - place - first.repeat(wide)
    total = np.zeros((2, len(place) + 1))
    np.cumsum(2 * points[:, held] - points[:, mirrored], axis=1, out=total[:, 1:])
    start = np.arange(len(points[0])) + (shift - first).repeat(counts)
    width = (2 * window + 1).repeat(counts)
    return (total[:, start + width] - total[:, start]) / width


def _with_ends(points: Floats, counts: Integers, ends: Floats) -> tuple[Floats, Integers]:
    """Sometimes the pen comes down too early or leaves too late: a small hook."""
    last = counts.cumsum() - 1
    first = last - counts + 1
    early, late = np.flatnonzero(ends[0] < HOOKED), np.flatnonzero(ends[1] < HOOKED)
    x, y, right, down = ends[2:]
    before = points[:, first[early]] + [x[early] * 0.11 - 0.08, y[early] * 0.14 - 0.06]
    behind = points[:, last[late]] + [right[late] * 0.13 - 0.05, down[late] * 0.14 - 0.1]
    where = np.concatenate([last[late] + 1, first[early]])
    counts = counts + (ends[:2] < HOOKED).sum(0)
    return np.insert(points, where, np.concatenate([behind, before], axis=1), axis=1), counts


def _bent(points: Floats, owner: Integers, hands: _Hands) -> Floats:
    """Around their centres, bent, stretched, slanted and turned as each one's hand does."""
    counts = np.bincount(owner)
    centre = np.stack([np.bincount(owner, axis) for axis in points]) / counts
    x, y = points = points - centre.repeat(counts, axis=1)
    terms = np.stack([x * x, x * y, y * y, x, y])
    x, y = points + np.einsum("akm,km->am", hands.bend.repeat(counts, axis=2), terms)
    turn, slant, stretch = hands.shape.repeat(counts, axis=1)
    x = x * np.exp(stretch) - y * slant
    cos, sin = np.cos(turn), np.sin(turn)
    return np.stack([x * cos - y * sin, x * sin + y * cos])
