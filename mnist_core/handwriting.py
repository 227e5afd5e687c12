"""Synthetic handwriting: digits as pen strokes in many hands, and a dataset made of them.

Each digit has several allographs (a crossed and a plain 7; a flagged, a footed and a plain 1; an
open and a closed 4 …), each a few strokes of smooth pieces that meet in corners, with the
proportions drawn at random. The points are then jittered, joined by Catmull–Rom splines (Catmull
and Rom 1974), their corners rounded, their ends overshot, and the whole bent, slanted, stretched
and turned. Everything is a function of (seed, index).

It imitates people's digits; it was made without looking at how fast or hard anyone presses, and
a network trained on it alone reads MNIST's own test digits worse than one trained on MNIST.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from .strokes import PEN, SIDE, rasterize

VERSION = 3
"""Of the hands below; a cache made by another version is made anew."""

Uniform = Callable[..., float]
Pieces = list[list[list[float]]]


def handwriting(digit: int, rng: np.random.Generator) -> list[np.ndarray]:
    """A digit 0..9 as a person might write it: strokes f64 [n,2], x right, y down, about 1 high."""
    u = rng.uniform
    wobble = u(0.0, 0.04)
    window = int(u(0, 9))
    lines = [_draw(stroke, wobble, rng) for stroke in _ALLOGRAPHS[digit](u)]
    lines = [_with_ends(_rounded(line, window), u) + rng.normal(0, 0.015, 2) for line in lines]
    centre = np.concatenate(lines).mean(0)
    bend = rng.normal(0, 0.12, (5, 2))
    shape = _shape(rng)
    return [_bent(line - centre, bend) @ shape for line in lines]


def handwriting_images(
    count: int, seed: int, cache: Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images u8 [count,28,28], ink 255, and labels i64 [count]: 0, 1 … 9, 0, 1 …

    Image i depends on (seed, i) alone, pen width included. With a folder `cache` they are read
    from there when they are there and whole, and kept there otherwise, if that can be done.
    """
    labels = np.arange(count) % 10
    file = cache / f"handwriting-v{VERSION}-{seed}-{count}.npz" if cache else None
    images = _read(file, count) if file else None
    if images is None:
        images = np.stack([_image(seed, index) for index in range(count)])
        if file:
            _keep(file, images)
    return images, labels


def _image(seed: int, index: int) -> np.ndarray:
    rng = np.random.default_rng((seed, index))
    strokes = handwriting(index % 10, rng)
    pen = PEN * np.exp(rng.normal(0.05, 0.3))
    image = rasterize(strokes, pen=float(np.clip(pen, 1.4, 5.0)))
    assert image is not None  # every allograph has ink
    return image


def _read(file: Path, count: int) -> np.ndarray | None:
    try:
        with np.load(file, allow_pickle=False) as content:
            images = content["images"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = images.shape == (count, SIDE, SIDE) and images.dtype == np.uint8
    return images if whole else None


def _keep(file: Path, images: np.ndarray) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".new-") as folder:
            np.savez(Path(folder) / file.name, images=images)
            os.replace(Path(folder) / file.name, file)
    except OSError:  # a cache that cannot be written only costs time
        return


def _draw(pieces: Pieces, wobble: float, rng: np.random.Generator) -> np.ndarray:
    """Pieces of control points → one polyline f[n,2]; a piece goes on where the last one ended."""
    lines: list[np.ndarray] = []
    for piece in pieces:
        points = np.array(piece, dtype=np.float64)
        points += rng.normal(0, wobble, points.shape)
        if lines:
            points = np.concatenate([lines[-1][-1:], points])
        lines.append(_spline(len(points)) @ points)
    return np.concatenate(lines)


@lru_cache
def _spline(points: int, steps: int = 8) -> np.ndarray:
    """The Catmull–Rom spline through that many points, as a matrix f[m, points]."""
    t = np.linspace(0, 1, steps, endpoint=False)
    weights = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    matrix = np.zeros(((points - 1) * steps + 1, points))
    for start in range(points - 1):
        rows = matrix[start * steps : (start + 1) * steps]
        for neighbour, weight in enumerate(weights, start=start - 1):
            rows[:, min(max(neighbour, 0), points - 1)] += weight / 2
    matrix[-1, -1] = 1
    return matrix


def _rounded(line: np.ndarray, window: int) -> np.ndarray:
    """The line in even steps of 1/40, averaged over 2 × window + 1 of them, its ends held."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*(line[1:] - line[:-1]).T))])
    where = np.linspace(0.0, along[-1], max(3, int(along[-1] * 40)))
    line = np.stack([np.interp(where, along, line[:, axis]) for axis in (0, 1)], axis=1)
    window = min(window, len(line) // 2)
    if window == 0:
        return line
    before, after = line[window:0:-1], line[-2 : -window - 2 : -1]
    line = np.concatenate([2 * line[:1] - before, line, 2 * line[-1:] - after])
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(line, axis=0)])
    return (total[2 * window + 1 :] - total[: -2 * window - 1]) / (2 * window + 1)


def _with_ends(line: np.ndarray, u: Uniform) -> np.ndarray:
    """Sometimes the pen comes down too early or leaves too late: a small hook."""
    if u() < 0.12:
        line = np.concatenate([[line[0] + [u(-0.08, 0.03), u(-0.06, 0.08)]], line])
    if u() < 0.12:
        line = np.concatenate([line, [line[-1] + [u(-0.05, 0.08), u(-0.1, 0.04)]]])
    return line


def _bent(points: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """A smooth quadratic bend of the plane, with coefficients f[5,2]."""
    x, y = points.T
    return points + np.stack([x * x, x * y, y * y, x, y], axis=1) @ bend


def _shape(rng: np.random.Generator) -> np.ndarray:
    """A random stretch, slant (mostly to the right) and turn, f[2,2] to multiply rows by."""
    turn, slant, stretch = rng.normal(0.03, 0.17), rng.normal(0.1, 0.2), rng.normal(0.05, 0.22)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([[np.exp(stretch), 0], [-slant, 1]]) @ np.array([[cos, sin], [-sin, cos]])


def _arc(
    x: float, y: float, wide: float, high: float, start: float, sweep: float, shrink: float = 1.0
) -> list[list[float]]:
    """Points on an ellipse, degrees clockwise from the right; its radii end times `shrink`."""
    n = max(3, round(abs(sweep) / 36) + 1)
    angle = np.deg2rad(np.linspace(start, start + sweep, n))
    radius = np.linspace(1, shrink, n)
    points = np.stack([x + wide * radius * np.cos(angle), y + high * radius * np.sin(angle)], 1)
    return points.tolist()


# The allographs. `u` draws uniformly: u() in 0..1, u(low, high). Top left is about (0, 0), the
# foot about 1 below. Numbers are proportions read off people's digits by eye.
# fmt: off


def _zero(u: Uniform) -> list[Pieces]:
    wide, start = u(0.28, 0.52), u(-150, -20)
    way = -1 if u() < 0.8 else 1
    kind = u()
    if kind < 0.5:
        ring = _arc(0.3, 0.5, wide, 0.5, start, way * (360 + u(-35, 40)))
    elif kind < 0.75:  # the end curls inside, or opens out
        ring = _arc(0.3, 0.5, wide, 0.5, start, way * (360 + u(0, 110)), u(0.5, 1.15))
    elif kind < 0.8:  # begun inside
        ring = _arc(0.3, 0.5, wide, 0.5, start, way * -(360 + u(10, 90)), u(0.4, 0.9))[::-1]
    elif kind < 0.86:  # both ends cross at the top, like a ribbon
        ring = _arc(0.3, 0.5, wide, 0.5, -90 + u(-15, 15), way * (360 + u(-10, 20)))
        ring.insert(0, [ring[0][0] - way * u(0.1, 0.4), u(-0.25, -0.03)])
        ring.append([ring[-1][0] + way * u(0.1, 0.4), u(-0.25, -0.03)])
    else:  # a lead-in or a run-out at the top
        ring = _arc(0.3, 0.5, wide, 0.5, start, way * (360 + u(-10, 30)))
        tail = [u(-0.25, 0.35), u(-0.22, 0.1)]
        where = 0 if u() < 0.5 else -1
        tip = [ring[where][0] + tail[0], ring[where][1] + tail[1]]
        ring = [tip, *ring] if where == 0 else [*ring, tip]
    if u() < 0.02:
        return [[ring], [[[0.3 + 0.9 * wide, 0.1], [0.3 - 0.9 * wide, 0.9]]]]
    return [[ring]]


def _one(u: Uniform) -> list[Pieces]:
    top = [0.3, 0.0]
    stem = [[0.3 + u(-0.05, 0.05), 0.5], [0.3, 1.0]]
    if u() < 0.08:  # a hook at the foot
        way = -1 if u() < 0.6 else 1
        stem = [stem[0], [0.3, 0.88], [0.3 + way * u(0.06, 0.12), u(0.97, 1.02)],
                [0.3 + way * u(0.15, 0.28), u(0.88, 1.0)]]
    kind = u()
    if kind < 0.2:
        strokes = [[[top, *stem]]]
    else:
        if u() < 0.45:
            low = u(0.05, 0.55)
            flag = [0.3 - u(0.3, 1.4) * low - 0.03, low]
        else:  # close along the stem
            low = u(0.2, 0.75)
            flag = [0.3 - u(0.08, 0.5) * low - 0.03, low]
        middle = [(flag[0] + 0.3) / 2 + u(-0.04, 0.04), low / 2 + u(-0.03, 0.06)]
        rise = [flag, middle, top]
        join = u()
        if join < 0.75:
            strokes = [[rise, stem]]
        elif join < 0.87:  # a round top
            strokes = [[[*rise, *stem]]]
        else:
            strokes = [[rise], [[[0.3 + u(-0.03, 0.03), u(-0.05, 0.08)], *stem]]]
    if kind > 0.72 or kind < 0.05:
        foot = u(0.95, 1.03) if u() < 0.75 else u(0.8, 0.95)
        strokes.append([[[0.3 - u(0.06, 0.38), foot + u(-0.05, 0.05)],
                         [0.3 + u(0.06, 0.38), foot + u(-0.05, 0.05)]]])
    return strokes


def _two(u: Uniform) -> list[Pieces]:
    w = u(0.38, 0.62)
    if u() < 0.12:  # like a Z
        head = [[[0.0, u(0, 0.1)], [w / 2, u(-0.03, 0.05)], [w, 0.02]], [[w / 2, u(0.45, 0.55)]]]
    else:
        start = [u(-0.06, 0.12), u(0.08, 0.34)]
        head = [[start, [0.13, 0.04], [w * 0.6, -0.01], [w, u(0.1, 0.28)],
                 [w * u(0.72, 0.98), u(0.36, 0.52)], [w * 0.45, u(0.6, 0.76)]]]
        if u() < 0.15:
            head[0].insert(0, [start[0] + u(0.03, 0.14), start[1] + u(0, 0.08)])
    end = [w + u(-0.12, 0.28), u(0.84, 1.06)]
    middle = [w / 2 + 0.05, u(0.9, 1.02)]
    foot = u()
    if foot < 0.45:  # a corner
        head[-1].append([0.02, u(0.92, 1.0)])
        return [[*head, [middle, end]]]
    if foot < 0.62:  # round
        head[-1] += [[0.08, 0.88], [0.05, 0.97], [0.16, 1.0], [middle[0], u(0.95, 1.02)], end]
        return [head]
    size = u(0.3, 1.6)  # a loop
    head[-1] += [[0.08, 0.9], [0.02 - 0.07 * size, 0.93], [-0.09 * size, 0.93 - 0.1 * size],
                 [0.06, 0.93 - 0.14 * size], [middle[0] - 0.04, u(0.86, 0.98)],
                 [0.8 * w, u(0.94, 1.04)], end]
    return [head]


def _three(u: Uniform) -> list[Pieces]:
    r, low = u(0.38, 0.56), u(0.42, 0.66)
    waist = [u(0.1, 0.3) if u() < 0.75 else u(0.25, 0.4), u(0.36, 0.52)]
    if u() < 0.28:  # a flat top
        head = [[[0.0, u(-0.02, 0.08)], [r / 2, u(-0.03, 0.03)], [r, 0.0]], [waist]]
        corner = True
    else:
        head = [[[u(-0.06, 0.12), u(0.04, 0.28)], [0.12, 0.02], [r * 0.65, -0.01], [r, 0.16],
                 [r * 0.8, 0.34], waist]]
        corner = u() < 0.55
    belly = [[low * 0.75, u(0.43, 0.57)], [low, u(0.63, 0.78)], [low * 0.75, 0.95],
             [low * 0.35, 1.0]]
    belly.append([u(-0.14, 0.08), u(0.76, 0.98)] if u() < 0.75 else [u(-0.2, 0.05), u(0.92, 1.04)])
    if not corner:
        return [[[*head[0], *belly]]]
    if u() < 0.25:  # a small loop at the waist
        (x, y), s = waist, u(0.03, 0.09)
        loop = [[x - s, y + 0.3 * s], [x - 0.6 * s, y + s], [x + 0.3 * s, y + 0.5 * s]]
        return [[*head[:-1], [*head[-1], *loop, *belly]]]
    return [[*head, belly]]


def _four(u: Uniform) -> list[Pieces]:
    bar, stem = u(0.45, 0.8), u(0.28, 0.52)
    beyond = stem + u(0.03, 0.32)
    lean, tilt = u(-0.1, 0.1), u(-0.1, 0.07)
    foot = [stem - lean, u(0.9, 1.1)]
    kind = u()
    if kind < 0.32:  # open, two strokes
        left = [[u(0.02, 0.3), u(-0.06, 0.18)], [u(0.0, 0.12), bar / 2]]
        if u() < 0.4:  # a round cup
            first = [[*left, [u(0.02, 0.08), bar - 0.04], [stem / 2, bar + 0.02],
                      [beyond, bar + tilt]]]
        else:
            first = [[*left, [0.0, bar]],
                     [[beyond / 2, bar + tilt / 2 + u(-0.02, 0.03)], [beyond, bar + tilt]]]
        high = u(-0.06, 0.55)
        return [first, [[[stem + lean, high], [stem, (1 + high) / 2], foot]]]
    if kind < 0.52:  # closed, two strokes
        tip = [stem + u(-0.07, 0.05), u(-0.04, 0.12)]
        first = [[tip, [stem / 2 + u(-0.06, 0.04), bar / 2], [0.0, bar]], [[beyond, bar + tilt]]]
        high = u(-0.1, 0.15)
        return [first, [[[stem + lean, high], [stem, (1 + high) / 2], foot]]]
    if kind < 0.66:  # closed, one stroke: down, across, up to the tip, down
        slope = [[stem, 0.0], [stem / 2 + u(-0.06, 0.06), bar / 2], [0.0, bar]]
        back = [stem + u(-0.04, 0.14), bar + tilt]
        return [[slope, [back], [[stem + u(-0.06, 0.06), u(0.0, 0.18)]], [[stem, 0.5], foot]]]
    if kind < 0.8:  # open, one stroke: a cup, up, and down along the stem
        cup = [[u(0.0, 0.2), 0.0], [0.02, bar / 2], [u(0.0, 0.06), bar - 0.06],
               [stem * 0.5, bar + u(-0.02, 0.05)], [stem * 0.95, bar - 0.1],
               [stem + u(0, 0.06), u(0.0, 0.35)]]
        return [[cup, [[stem, 0.5], foot]]]
    # like lightning: down, across, down, with hardly any bar beyond the stem
    across = [stem + u(-0.05, 0.12), bar - u(-0.03, 0.2)]
    first = [[[u(0.12, 0.42), 0.0], [u(0.05, 0.2), bar / 2], [0.0, bar]],
             [[stem / 2, bar + u(-0.06, 0.02)], across]]
    foot = [stem - u(-0.03, 0.17), u(0.95, 1.05)]
    if u() < 0.5:
        return [[*first, [[(across[0] + foot[0]) / 2, (across[1] + 1) / 2], foot]]]
    high = across[1] - u(-0.05, 0.3)
    return [first, [[[stem + 0.06, high], [stem, (1 + high) / 2], foot]]]


def _five(u: Uniform) -> list[Pieces]:
    r, left = u(0.38, 0.6), u(-0.04, 0.1)
    neck = u(0.32, 0.5) if u() < 0.65 else u(0.13, 0.34)
    belly = [[r * 0.4, neck - u(-0.03, 0.12)], [r * 0.85, neck + 0.06],
             [r, (1 + neck) / 2 + u(-0.08, 0.06)], [r * 0.75, 0.93], [r * 0.3, 1.0]]
    curl = u()
    if curl < 0.8:
        belly.append([u(-0.14, 0.06), u(0.84, 1.0)])
    else:  # nearly closed
        belly += [[u(-0.06, 0.02), u(0.86, 0.95)], [u(-0.04, 0.08), u(0.62, 0.8)]]
    top = [left + u(0.0, 0.2), 0.0]
    down = [[left + u(0.0, 0.05), neck / 2], [left, neck]]
    reach = [u(0.28, 0.82), u(-0.16, 0.16)]
    kind = u()
    if kind < 0.42:  # the body, then the bar
        gap = [top[0] + u(-0.12, 0.1), top[1] + u(-0.1, 0.08)]
        middle = [(gap[0] + reach[0]) / 2, (gap[1] + reach[1]) / 2 + u(-0.04, 0.04)]
        return [[[top, *down], belly], [[gap, middle, reach]]]
    bar = [reach, [(top[0] + reach[0]) / 2, reach[1] / 2 + u(-0.04, 0.04)]]
    if kind < 0.75:  # one stroke from the right
        return [[[*bar, top], down, belly]]
    # like an S
    return [[[*bar, [top[0], 0.06], [left + 0.02, neck * 0.7], [r * 0.35, neck + u(-0.03, 0.06)],
              *belly[1:]]]]


def _six(u: Uniform) -> list[Pieces]:
    loop, wide, bow = u(0.32, 0.68), u(0.3, 0.58), u(-0.06, 0.16)
    y = 1 - loop  # where the loop begins
    top = [u(0.1, 0.58), 0.0]
    stem = [top, [top[0] * 0.45 - bow / 2, y * 0.55], [-bow * 0.3, y + loop * 0.4],
            [0.06 * wide, y + 0.8 * loop]]
    hook = u()
    if hook < 0.15:
        stem.insert(0, [top[0] + u(0.02, 0.12), u(0.0, 0.12)])
    elif hook < 0.33:
        stem[0:1] = [[top[0] + u(0.08, 0.2), u(0.12, 0.25)], [top[0] + u(0.04, 0.1), 0.02],
                     [top[0] - 0.04, 0.04]]
    ring = [[0.5 * wide, 1.0], [wide, y + 0.7 * loop], [wide * 0.95, y + 0.3 * loop],
            [wide * 0.55, y + u(-0.05, 0.08)], [wide * 0.15, y + u(0.12, 0.42) * loop]]
    end = u()
    if end < 0.25:
        ring.append([u(-0.08, 0.05), y + u(0.45, 0.6) * loop])
    elif end < 0.4:  # across the stem
        ring += [[u(-0.1, 0.0), y + u(0.35, 0.7) * loop], [u(-0.25, -0.1), y + u(0.5, 0.95) * loop]]
    elif end < 0.55:  # inwards
        ring[-1:] = [[wide * 0.3, y + u(0.1, 0.4) * loop], [wide * 0.35, y + u(0.4, 0.6) * loop]]
    elif end < 0.65:  # left open
        ring[-1:] = []
    return [[[*stem, *ring]]]


def _seven(u: Uniform) -> list[Pieces]:
    w = u(0.35, 0.64)
    foot = [u(-0.15, 0.4) * (w + 0.1), 1.0]
    middle = [(w + foot[0]) / 2 + u(-0.12, 0.1), 0.5]
    kind = u()
    if kind < 0.42:  # a corner
        bar = [[0.0, u(-0.03, 0.12)], [w / 2, u(-0.05, 0.07)], [w, u(-0.05, 0.05)]]
        body = [bar, [middle, foot]]
    elif kind < 0.64:  # a wave, then a corner
        bar = [[0.0, u(0.05, 0.16)], [w * 0.2, u(-0.04, 0.04)], [w * 0.6, u(0.02, 0.1)],
               [w, u(-0.05, 0.03)]]
        body = [bar, [middle, foot]]
    else:  # round
        body = [[[u(-0.05, 0.08), u(0.05, 0.24)], [w * 0.3, u(-0.02, 0.04)], [w * 0.75, 0.0],
                 [w, u(0.08, 0.24)], [middle[0] + 0.03, 0.45],
                 [(middle[0] + foot[0]) / 2 + u(-0.04, 0.04), 0.72], foot]]
        if u() < 0.15:
            body[0].append([foot[0] + u(-0.02, 0.12), 1.0 + u(-0.06, 0.02)])
    if u() < 0.3:  # a serif at the left
        serif = [u(-0.07, 0.07), u(0.12, 0.34)]
        body = [[serif, body[0][0]], body[0][1:], *body[1:]]
        if u() < 0.4:
            body = [body[0] + body[1], *body[2:]]
    if u() < 0.27:
        return [body]
    at, tilt = u(0.36, 0.8), u(-0.18, 0.12)
    x = middle[0] + (foot[0] - middle[0]) * (at - 0.5) * 2
    cross = [[x - u(0.08, 0.34), at - tilt / 2], [x, at + u(-0.04, 0.04)],
             [x + u(0.08, 0.38), at + tilt / 2]]
    return [body, [cross]]


def _eight(u: Uniform) -> list[Pieces]:
    top, low = u(0.1, 0.28), u(0.1, 0.33)  # half widths
    waist, x = u(0.32, 0.58), u(-0.08, 0.08)
    if u() < 0.2:  # two rings
        way = 1 if u() < 0.5 else -1
        upper = _arc(x, waist / 2, top, waist / 2 + 0.02, u(-180, 180), -u(320, 400))
        lower = _arc(0, (1 + waist) / 2, low, (1 - waist) / 2 + 0.02, u(-180, 0), way * u(330, 400))
        return [[upper], [lower]]
    rest = 1 - waist
    ring = [[x, 0.0], [x - top * 0.85, waist * 0.2], [x - top * 0.85, waist * 0.6], [0, waist],
            [low * 0.85, waist + rest * 0.35], [low * 0.85, waist + rest * 0.8], [0, 1.0],
            [-low * 0.85, waist + rest * 0.8], [-low * 0.85, waist + rest * 0.35], [0, waist],
            [x + top * 0.85, waist * 0.6], [x + top * 0.85, waist * 0.2]]
    if u() < 0.25:
        ring = [[-px, py] for px, py in ring]
    start = 11 if u() < 0.6 else int(u(0, 12))
    path = [ring[(start + i) % 12] for i in range(12 + int(u(-1, 3)))]
    if u() < 0.35:  # the ends miss each other
        path[-1] = [path[-1][0] + u(-0.1, 0.28), path[-1][1] + u(-0.2, 0.1)]
    if u() < 0.25:
        path[0] = [path[0][0] + u(-0.05, 0.25), path[0][1] + u(-0.12, 0.06)]
    return [[path]]


def _nine(u: Uniform) -> list[Pieces]:
    size = u(0.13, 0.36) if u() < 0.44 else u(0.34, 0.62)  # height of the loop
    wide = u(0.14, 0.32) * (0.45 + size)
    x, start = u(0.1, 0.3), u(-90, 0)
    right = x + wide
    ring = _arc(x, size / 2, wide, size / 2, start, -(360 + start + u(-40, 25)))
    if u() < 0.15:  # a lead-in from the right
        ring.insert(0, [ring[0][0] + u(0.03, 0.2), ring[0][1] + u(-0.1, 0.06)])
    if size < 0.36 and u() < 0.15:  # over to a shoulder at the right, and down from there
        right += u(0.03, 0.2)
        ring.append([right, size * u(0.2, 1.0)])
    tail, bow = u(), u(-0.05, 0.14)
    if tail < 0.34:  # straight
        foot = [right + u(-0.3, 0.06), 1.0]
        down = [[(right + foot[0]) / 2 + u(-0.02, 0.05), (size / 2 + 1) / 2], foot]
    elif tail < 0.66:  # curved to the left
        down = [[right + bow, (size + 1.1) / 2 - 0.1], [right - 0.06 + bow, 0.8],
                [right - u(0.12, 0.3), u(0.92, 0.98)], [right - u(0.2, 0.65), u(0.86, 1.02)]]
    else:  # hooked
        down = [[right + bow, (size + 1.1) / 2 - 0.1], [right + bow / 2, 0.8], [right - 0.12, 0.97],
                [x - u(0.05, 0.2), u(0.95, 1.02)], [x - u(0.2, 0.45), u(0.74, 0.98)]]
    join = u()
    if join < 0.3:
        return [[ring, down]]
    if join < 0.5:  # up to the top once more
        return [[[*ring, [right + u(-0.02, 0.03), u(-0.1, 0.2) * size]], down]]
    if join < 0.75:
        return [[[*ring, *down]]]
    return [[ring], [[[right + u(-0.04, 0.05), u(-0.1, 0.3) * size], *down]]]


# fmt: on

_ALLOGRAPHS = (_zero, _one, _two, _three, _four, _five, _six, _seven, _eight, _nine)
