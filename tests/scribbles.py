"""Forty drawings by hand that are no digits and no numbers, as strokes [x, y], y down."""

import math
import random
from itertools import pairwise

Stroke = list[list[float]]
Drawing = list[Stroke]


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> Stroke:
    """Points on an ellipse with half axes `wide` and `high`, degrees clockwise from the right."""
    steps = max(8, round(abs(end - start) / 15))
    turns = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [[x + wide * math.cos(turn), y + high * math.sin(turn)] for turn in turns]


def ring(x: float, y: float, wide: float, high: float) -> Stroke:
    return arc(x, y, wide, high, -95, 270)


def line(*corners: tuple[float, float], between: int = 8) -> Stroke:
    """Straight lines through the corners, with points between them as a pen leaves them."""
    points = [list(corners[0])]
    for (x0, y0), (x1, y1) in pairwise(corners):
        shares = [step / between for step in range(1, between + 1)]
        points += [[x0 + share * (x1 - x0), y0 + share * (y1 - y0)] for share in shares]
    return points


def spiral(turns: float) -> Stroke:
    angles = [math.tau * turns * step / 80 for step in range(81)]
    return [[0.5 + 0.06 * a / turns * math.cos(a), 0.5 + 0.06 * a / turns * math.sin(a)]
            for a in angles]  # fmt: skip


def wave(swings: int, high: float) -> Stroke:
    shares = [step / 60 for step in range(61)]
    return [[0.1 + 0.8 * s, 0.5 + high * math.sin(math.tau * swings * s)] for s in shares]


def to_and_fro(seed: int) -> Stroke:
    chance = random.Random(seed)
    corners = [(chance.uniform(0.1, 0.9), chance.uniform(0.2, 0.8)) for _ in range(14)]
    return line(*corners, between=4)


def face(mouth: Stroke, *more: Stroke) -> Drawing:
    eyes = [ring(x, 0.42, 0.03, 0.04) for x in (0.38, 0.62)]
    return [ring(0.5, 0.5, 0.36, 0.38), *eyes, mouth, *more]


def rays(count: int, inner: float, outer: float) -> Drawing:
    turns = [math.tau * number / count for number in range(count)]
    ways = [(math.cos(turn), math.sin(turn)) for turn in turns]
    return [line(*((0.5 + r * x, 0.5 + r * y) for r in (inner, outer))) for x, y in ways]


def petals(count: int) -> Drawing:
    turns = [math.tau * number / count for number in range(count)]
    return [ring(0.5 + 0.26 * math.cos(t), 0.5 + 0.26 * math.sin(t), 0.11, 0.11) for t in turns]


LETTERS = {
    "A": [line((0.5, 0.1), (0.2, 0.9)), line((0.5, 0.1), (0.8, 0.9)), line((0.3, 0.6), (0.7, 0.6))],
    "E": [line((0.7, 0.1), (0.3, 0.1), (0.3, 0.9), (0.7, 0.9)), line((0.3, 0.5), (0.65, 0.5))],
    "F": [line((0.7, 0.1), (0.3, 0.1), (0.3, 0.9)), line((0.3, 0.48), (0.6, 0.48))],
    "H": [line((0.2, 0.1), (0.2, 0.9)), line((0.7, 0.1), (0.7, 0.9)), line((0.2, 0.5), (0.7, 0.5))],
    "K": [line((0.3, 0.1), (0.3, 0.9)), line((0.7, 0.1), (0.31, 0.5), (0.72, 0.9))],
    "M": [line((0.15, 0.9), (0.22, 0.1), (0.5, 0.6), (0.78, 0.1), (0.85, 0.9))],
    "N": [line((0.25, 0.9), (0.25, 0.1), (0.72, 0.9), (0.72, 0.1))],
    "R": [line((0.3, 0.9), (0.3, 0.1)), [*arc(0.32, 0.3, 0.35, 0.2, -90, 90), [0.72, 0.9]]],
    "W": [line((0.1, 0.1), (0.3, 0.9), (0.5, 0.3), (0.7, 0.9), (0.9, 0.1))],
    "X": [line((0.2, 0.1), (0.75, 0.9)), line((0.75, 0.1), (0.2, 0.9))],
    "m": [[*line((0.15, 0.3), (0.15, 0.8)), *arc(0.32, 0.5, 0.17, 0.2, -180, 0),
           *line((0.49, 0.5), (0.49, 0.8)), *arc(0.66, 0.5, 0.17, 0.2, -180, 0), [0.83, 0.8]]],
}  # fmt: skip
SIGNS = {
    "plus": [line((0.5, 0.15), (0.5, 0.85)), line((0.15, 0.5), (0.85, 0.5))],
    "equals": [line((0.15, 0.4), (0.85, 0.4)), line((0.15, 0.62), (0.85, 0.62))],
    "hash": [line((0.35, 0.1), (0.3, 0.9)), line((0.7, 0.1), (0.65, 0.9)),
             line((0.1, 0.35), (0.9, 0.35)), line((0.1, 0.65), (0.9, 0.65))],
    "asterisk": [line((0.5, 0.15), (0.5, 0.85)), line((0.2, 0.3), (0.8, 0.7)),
                 line((0.2, 0.7), (0.8, 0.3))],
    "percent": [line((0.8, 0.1), (0.2, 0.9)), ring(0.27, 0.25, 0.14, 0.14),
                ring(0.73, 0.75, 0.14, 0.14)],
    "euro": [arc(0.55, 0.5, 0.3, 0.38, -50, -310), line((0.1, 0.42), (0.6, 0.42)),
             line((0.1, 0.58), (0.6, 0.58))],
    "pi": [line((0.1, 0.25), (0.9, 0.2)), line((0.35, 0.24), (0.3, 0.85)),
           line((0.65, 0.22), (0.7, 0.85))],
    "omega": [[[0.1, 0.85], [0.35, 0.83], *arc(0.5, 0.45, 0.33, 0.33, 120, 420), [0.65, 0.83],
               [0.9, 0.85]]],
    "check": [line((0.15, 0.5), (0.4, 0.85), (0.9, 0.15))],
    "at": [arc(0.5, 0.5, 0.15, 0.17, -20, -370), arc(0.52, 0.52, 0.38, 0.4, -10, -330)],
}  # fmt: skip
SHAPES = {
    "square": [line((0.15, 0.15), (0.85, 0.15), (0.85, 0.85), (0.15, 0.85), (0.15, 0.15))],
    "triangle": [line((0.5, 0.1), (0.9, 0.85), (0.1, 0.85), (0.5, 0.1))],
    "diamond": [line((0.5, 0.1), (0.85, 0.5), (0.5, 0.9), (0.15, 0.5), (0.5, 0.1))],
    "star": [line((0.2, 0.9), (0.5, 0.1), (0.8, 0.9), (0.08, 0.4), (0.92, 0.4), (0.2, 0.9))],
    "house": [line((0.2, 0.9), (0.2, 0.45), (0.5, 0.1), (0.8, 0.45), (0.8, 0.9), (0.2, 0.9)),
              line((0.2, 0.45), (0.8, 0.45))],
    "arrow": [line((0.1, 0.5), (0.9, 0.5)), line((0.65, 0.25), (0.9, 0.5), (0.65, 0.75))],
    "envelope": [line((0.1, 0.25), (0.9, 0.25), (0.9, 0.8), (0.1, 0.8), (0.1, 0.25)),
                 line((0.1, 0.25), (0.5, 0.55), (0.9, 0.25))],
    "heart": [[*arc(0.33, 0.32, 0.19, 0.18, 20, -190)[::-1], *arc(0.67, 0.32, 0.19, 0.18, -180, 20),
               [0.5, 0.88], [0.15, 0.4]]],
    "target": [ring(0.5, 0.5, 0.4, 0.4), ring(0.5, 0.5, 0.2, 0.2), ring(0.5, 0.5, 0.05, 0.05)],
}  # fmt: skip
PICTURES = {
    "smile": face(arc(0.5, 0.55, 0.2, 0.17, 20, 160)),
    "frown": face(arc(0.5, 0.78, 0.18, 0.15, 200, 340)),
    "cat": face(arc(0.5, 0.6, 0.12, 0.1, 20, 160), line((0.2, 0.28), (0.18, 0.02), (0.4, 0.15)),
                line((0.6, 0.15), (0.82, 0.02), (0.8, 0.28))),
    "sun": [ring(0.5, 0.5, 0.2, 0.2), *rays(8, 0.26, 0.42)],
    "flower": [ring(0.5, 0.5, 0.12, 0.12), *petals(6)],
    "stick man": [ring(0.5, 0.2, 0.13, 0.13), line((0.5, 0.33), (0.5, 0.65)),
                  line((0.25, 0.42), (0.5, 0.4), (0.75, 0.42)),
                  line((0.3, 0.92), (0.5, 0.65), (0.7, 0.92))],
}  # fmt: skip
SCRIBBLES = {
    "spiral": [spiral(3.2)],
    "wave": [wave(4, 0.12)],
    "zigzag": [line(*((0.1 + 0.1 * i, 0.35 + 0.3 * (i % 2)) for i in range(9)))],
    "scribble": [to_and_fro(1)],
}
DRAWINGS: dict[str, Drawing] = {**LETTERS, **SIGNS, **SHAPES, **PICTURES, **SCRIBBLES}
assert len(DRAWINGS) == 40
