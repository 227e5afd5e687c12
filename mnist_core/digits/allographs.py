"""The forms in which people write digits: a crossed and a plain 7, an open and a closed 4 …

An allograph is a few strokes; a stroke is pieces of smooth line that meet in corners; a piece is
control points, with proportions drawn at random. `handwriting` puts them into somebody's hand.

Forms and proportions come from looking at how people write; how often each is drawn is a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Uniform = Callable[..., float]
"""Draws uniformly: `u()` in 0..1, `u(low, high)`."""

Pieces = list[list[list[float]]]
"""A stroke: pieces, each a list of points [x, y]; one goes on where the last one ended."""


def allograph(digit: int, u: Uniform) -> list[Pieces]:
    """A form of a digit 0..9, as strokes. Top left is about (0, 0), the foot about 1 below."""
    return _ALLOGRAPHS[digit](u)


def arc(
    x: float, y: float, wide: float, high: float, start: float, sweep: float, shrink: float = 1.0
) -> list[list[float]]:
    """Points on an ellipse, degrees clockwise from the right; its radii end times `shrink`."""
    steps = max(2, round(abs(sweep) / 36))
    points = []
    for step in range(steps + 1):
        share = step / steps
        angle, radius = math.radians(start + sweep * share), 1 + (shrink - 1) * share
        points.append([x + wide * radius * math.cos(angle), y + high * radius * math.sin(angle)])
    return points


# fmt: off


def _zero(u: Uniform) -> list[Pieces]:
    wide = u(0.27, 0.5) if u() < 0.86 else u(0.22, 0.6)
    start, way = u(-150, -20), -1 if u() < 0.8 else 1
    kind = u()
    if kind < 0.06:
        return _slashed_zero(u, wide)
    if kind < 0.5:
        ring = arc(0.3, 0.5, wide, 0.5, start, way * (360 + u(-24, 40)))
    elif kind < 0.74:  # the end curls inside, or opens out
        ring = arc(0.3, 0.5, wide, 0.5, start, way * (360 + u(0, 100)), u(0.55, 1.12))
    elif kind < 0.79:  # begun inside
        ring = arc(0.3, 0.5, wide, 0.5, start, way * -(360 + u(10, 80)), u(0.45, 0.9))[::-1]
    elif kind < 0.85:  # both ends cross at the top, like a ribbon
        ring = arc(0.3, 0.5, wide, 0.5, -90 + u(-15, 15), way * (360 + u(-10, 20)))
        ring.insert(0, [ring[0][0] - way * u(0.1, 0.35), u(-0.22, -0.03)])
        ring.append([ring[-1][0] + way * u(0.1, 0.35), u(-0.22, -0.03)])
    elif kind < 0.88:  # rather a rectangle
        ring = [[0.3 + wide * x, 0.5 + 0.5 * y] for x, y in
                ((0.3, -1), (-0.75, -0.95), (-1, -0.4), (-1, 0.5), (-0.7, 0.97), (0.6, 1),
                 (1, 0.6), (1, -0.5), (0.75, -0.95), (u(0.0, 0.5), u(-1.04, -0.95)))]
    else:  # a lead-in or a run-out at the top
        ring = arc(0.3, 0.5, wide, 0.5, start, way * (360 + u(-10, 30)))
        where = 0 if u() < 0.5 else -1
        tip = [ring[where][0] + u(-0.25, 0.35), ring[where][1] + u(-0.22, 0.1)]
        ring = [tip, *ring] if where == 0 else [*ring, tip]
    return [[ring]]


def _slashed_zero(u: Uniform, wide: float) -> list[Pieces]:
    """As engineers and Scandinavians write it: within the ring, or across it."""
    x, y = wide * u(0.55, 1.15), 0.5 * u(0.35, 1.1)
    if u() < 0.3:  # in one stroke
        ring = arc(0.3, 0.5, wide, 0.5, -50 + u(-15, 15), -360 + u(-10, 10))
        return [[ring, [[0.3 - x, 0.5 + y]]]]
    ring = arc(0.3, 0.5, wide, 0.5, u(-150, -20), -360 + u(-20, 30))
    side = 1 if u() < 0.88 else -1
    return [[ring], [[[0.3 + side * x, 0.5 - y], [0.3 - side * x, 0.5 + y]]]]


def _one(u: Uniform) -> list[Pieces]:
    top, kind, flag = [0.3, 0.0], u(), u()
    if kind < 0.2:
        low = out = 0.0
    elif flag < 0.4:
        low = u(0.08, 0.5)
        out = low * u(0.35, 1.25 if low < 0.3 else 0.95) + 0.03
    elif flag < 0.78:  # close along the stem
        low = u(0.2, 0.75)
        out = low * u(0.0, 0.5) + 0.03
    else:  # a long upstroke, from the middle of the stem or from further down
        low = u(0.45, 0.95)
        out = low * u(0.16, 0.45)
    footed = (kind > 0.72 or kind < 0.05) and low < 0.4
    out *= 0.75 if footed else 1  # a long flag and a foot are a 2
    join = u()
    stem = [[0.3 + u(-0.06, 0.06), 0.5], [0.3, 1.0]]
    if u() < 0.1 and low < 0.4 and join > 0.12 and not footed:  # a hook at the foot
        way = -1 if u() < 0.6 else 1
        stem = [stem[0], [0.3, 0.88], [0.3 + way * u(0.06, 0.12), u(0.97, 1.02)],
                [0.3 + way * u(0.15, 0.26), u(0.88, 1.0)]]
    rise = [[0.3 - out, low], [0.3 - out / 2 + u(-0.03, 0.03), low / 2 + u(-0.03, 0.05)], top]
    if low > 0.35 and u() < 0.3:  # which begins with a small hook
        rise.insert(0, [rise[0][0] + u(0.02, 0.14), low + u(-0.06, 0.08)])
    if kind < 0.2:
        strokes = [[[top, *stem]]]
    elif join < 0.12 and low < 0.6 and not footed:  # a round top
        strokes = [[[*rise, *stem]]]
    elif join < 0.85:
        strokes = [[rise, stem]]
    else:
        strokes = [[rise], [[[0.3 + u(-0.03, 0.03), u(-0.05, 0.06)], *stem]]]
    if footed:
        foot = u(0.95, 1.03) if u() < 0.75 else u(0.85, 0.95)
        strokes.append([[[0.3 - u(0.15, 0.38), foot + u(-0.04, 0.05)],
                         [0.3 + u(0.12, 0.36), foot + u(-0.05, 0.04)]]])
    return strokes


def _two(u: Uniform) -> list[Pieces]:
    w, left = u(0.4, 0.7), u(-0.18, 0.08)  # the foot begins at the left
    if u() < 0.12:  # like a Z
        head = [[[0.0, u(0, 0.1)], [w / 2, u(-0.03, 0.05)], [w, 0.02]], [[w / 2, u(0.45, 0.55)]]]
    else:
        start = [u(-0.06, 0.12), u(0.08, 0.36)]
        head = [[start, [0.13, 0.04], [w * 0.6, -0.01], [w, u(0.1, 0.28)],
                 [w * u(0.72, 0.98), u(0.36, 0.52)], [w * 0.45, u(0.6, 0.76)]]]
        if u() < 0.15:  # a curl at the start
            head[0].insert(0, [start[0] + u(0.03, 0.14), start[1] + u(0, 0.08)])
    end = [w + u(-0.1, 0.4), u(0.84, 1.06)]
    middle = [w / 2 + 0.05, u(0.88, 1.02)]
    foot = u()
    if foot < 0.45:  # a corner
        head[-1].append([left, u(0.92, 1.02)])
        return [[*head, [middle, end]]]
    if foot < 0.62:  # round
        head[-1] += [[left + 0.07, 0.88], [left + 0.03, 0.97], [left + 0.14, 1.0],
                     [middle[0], u(0.95, 1.02)], end]
        return [head]
    size = u(0.3, 1.6)  # a loop
    head[-1] += [[left + 0.08, 0.9], [left + 0.02 - 0.07 * size, 0.93],
                 [left - 0.09 * size, 0.93 - 0.1 * size], [left + 0.08, 0.93 - 0.14 * size],
                 [middle[0] - 0.04, u(0.86, 0.98)], [0.8 * w, u(0.94, 1.04)], end]
    return [head]


def _three(u: Uniform) -> list[Pieces]:
    r, low = u(0.34, 0.56), u(0.4, 0.68)
    waist = [u(0.1, 0.3) if u() < 0.8 else u(0.0, 0.1), u(0.36, 0.52)]
    if u() < 0.28:  # a flat top
        head = [[[0.0, u(-0.02, 0.08)], [r / 2, u(-0.03, 0.03)], [r, 0.0]], [waist]]
        corner = True
    else:
        head = [[[u(-0.06, 0.12), u(0.04, 0.28)], [0.12, 0.02], [r * 0.65, -0.01], [r, 0.16],
                 [r * 0.8, 0.34], waist]]
        corner = u() < 0.55
    belly = [[low * 0.75, u(0.43, 0.57)], [low, u(0.63, 0.78)], [low * 0.75, 0.95],
             [low * 0.35, 1.0]]
    tail = u()
    if tail < 0.65:
        belly.append([u(-0.14, 0.08), u(0.76, 0.98)])
    elif tail < 0.88:
        belly.append([u(-0.2, 0.05), u(0.92, 1.04)])
    else:  # long, below the foot
        belly[2:] = [[low * 0.8, 0.92], [low * 0.3, 1.02], [u(-0.35, -0.15), u(1.0, 1.12)]]
    if not corner:
        return [[[*head[0], *belly]]]
    if u() < 0.25:  # a small loop at the waist
        (x, y), s = waist, u(0.03, 0.1)
        loop = [[x - s, y + 0.3 * s], [x - 0.6 * s, y + s], [x + 0.3 * s, y + 0.5 * s]]
        return [[*head[:-1], [*head[-1], *loop, *belly]]]
    return [[*head, belly]]


def _four(u: Uniform) -> list[Pieces]:
    bar, stem = u(0.48, 0.8), u(0.33, 0.54)
    beyond = stem + u(0.08, 0.34)
    lean, tilt = u(-0.1, 0.1), u(-0.1, 0.07)
    foot = [stem - lean, u(0.92, 1.1)]
    kind = u()
    if kind < 0.36:  # open, two strokes
        left = [[u(0.0, 0.4) * stem, u(-0.06, 0.18)], [u(0.0, 0.1), bar / 2]]
        if u() < 0.4:  # a round cup
            first = [[*left, [u(0.02, 0.08), bar - 0.04], [stem / 2, bar + 0.02],
                      [beyond, bar + tilt]]]
        elif u() < 0.2:  # a loop at the corner
            first = [[*left, [0.02, bar - 0.05], [-0.06, bar + 0.04], [-0.05, bar - 0.06],
                      [stem / 2, bar - 0.02], [beyond, bar + tilt]]]
        else:
            first = [[*left, [0.0, bar]],
                     [[beyond / 2, bar + tilt / 2 + u(-0.02, 0.03)], [beyond, bar + tilt]]]
        high = u(-0.06, 0.5 * bar)
        return [first, [[[stem + lean, high], [stem, (1 + high) / 2], foot]]]
    if kind < 0.56:  # closed, two strokes
        tip = [stem + u(-0.07, 0.05), u(-0.04, 0.12)]
        first = [[tip, [stem / 2 + u(-0.06, 0.04), bar / 2], [0.0, bar]], [[beyond, bar + tilt]]]
        high = u(-0.1, 0.15)
        return [first, [[[stem + lean, high], [stem, (1 + high) / 2], foot]]]
    if kind < 0.7:  # closed, one stroke: down, across, up to the tip, down
        slope = [[stem, 0.0], [stem / 2 + u(-0.06, 0.06), bar / 2], [0.0, bar]]
        back = [stem + u(0.02, 0.18), bar + tilt]
        return [[slope, [back], [[stem + u(-0.06, 0.06), u(0.0, 0.15)]], [[stem, 0.5], foot]]]
    if kind < 0.83:  # open, one stroke: a cup, up, and down along the stem
        cup = [[u(0.0, 0.2), 0.0], [0.02, bar / 2], [u(0.0, 0.06), bar - 0.06],
               [stem * 0.5, bar + u(-0.02, 0.05)], [stem * 0.95, bar - 0.1],
               [stem + u(0, 0.06), u(0.0, 0.25)]]
        return [[cup, [[stem, 0.5], foot]]]
    # like lightning: down, across, and the stem, with hardly any bar beyond it
    if u() < 0.4:  # low and narrow
        bar, stem = u(0.66, 0.95), u(0.18, 0.42)
    across = [stem + u(-0.04, 0.12), bar - u(-0.03, 0.18)]
    first = [[[u(0.08, 0.4), 0.0], [u(0.05, 0.2), bar / 2], [0.0, bar]],
             [[stem / 2, bar + u(-0.06, 0.02)], across]]
    foot = [stem - u(-0.03, 0.17), u(0.95, 1.05) + max(0.0, bar - 0.86)]
    if u() < 0.4:
        return [[*first, [[(across[0] + foot[0]) / 2, (across[1] + 1) / 2], foot]]]
    high = across[1] - u(-0.05, 0.34)
    return [first, [[[stem + 0.06, high], [stem, (1 + high) / 2], foot]]]


def _five(u: Uniform) -> list[Pieces]:
    r, left = u(0.36, 0.62), u(-0.04, 0.1)
    neck = u(0.32, 0.5) if u() < 0.75 else u(0.2, 0.34)
    belly = [[r * 0.4, neck - u(-0.03, 0.12)], [r * 0.85, neck + 0.06],
             [r, (1 + neck) / 2 + u(-0.08, 0.06)], [r * 0.75, 0.93], [r * 0.3, 1.0]]
    curl = u()
    if curl < 0.72:
        belly.append([u(-0.14, 0.06), u(0.84, 1.0)])
    elif curl < 0.87:  # hardly rising
        belly.append([u(-0.3, -0.1), u(0.92, 1.05)])
    else:  # nearly closed
        belly += [[u(-0.06, 0.02), u(0.86, 0.95)], [u(-0.06, 0.04), u(0.7, 0.82)]]
    top = [left + u(0.0, 0.2), 0.0]
    down = [[left + u(0.0, 0.05), neck / 2], [left, neck]]
    reach = [u(0.3, 0.85), u(-0.16, 0.14)]
    kind = u()
    if kind < 0.42:  # the body, then the bar
        gap = [top[0] + u(-0.12, 0.1), top[1] + u(-0.1, 0.08)]
        middle = [(gap[0] + reach[0]) / 2, (gap[1] + reach[1]) / 2 + u(-0.04, 0.04)]
        return [[[top, *down], belly], [[gap, middle, reach]]]
    bar = [reach, [(top[0] + reach[0]) / 2, reach[1] / 2 + u(-0.04, 0.04)]]
    if kind < 0.74:  # one stroke from the right
        return [[[*bar, top], down, belly]]
    if kind < 0.88:  # one smooth stroke
        return [[[*bar, [top[0], 0.06], [left + 0.02, neck * 0.7],
                  [r * 0.35, neck + u(-0.03, 0.06)], *belly[1:]]]]
    # an S: the top curls over, the waist runs across
    waist, tip = u(0.42, 0.52), [r * u(0.85, 1.15), u(0.1, 0.22)]
    return [[[tip, [r * 0.6, u(-0.03, 0.03)], [0.1, 0.06], [left, waist * 0.55],
              [r * 0.35, waist - 0.03], [r * 0.9, waist + 0.13], *belly[2:]]]]


def _six(u: Uniform) -> list[Pieces]:
    kind = u()
    if kind < 0.04:
        return _square_six(u)
    loop, wide, bow = u(0.32, 0.66), u(0.3, 0.62), u(-0.06, 0.32)
    top = [u(0.16, 0.6), 0.0]
    if kind < 0.1:  # flat
        loop, wide, top = u(0.5, 0.68), u(0.52, 0.72), [u(0.3, 0.75), u(-0.05, 0.05)]
    y = 1 - loop  # where the loop begins
    if kind < 0.14:  # like a b: the loop is begun at the foot
        return [[[[u(-0.02, 0.12), 0.0], [0.0, 0.5], [0.02, 0.97]],
                 [[0.02, y + 0.4 * loop], [wide * 0.55, y], [wide, y + 0.45 * loop],
                  [wide * 0.7, 0.97], [u(0.0, 0.12), u(0.92, 1.02)]]]]
    stem = [top, [top[0] * 0.45 - bow / 2, y * 0.55], [-bow * 0.3, y + loop * 0.4],
            [0.06 * wide, y + 0.8 * loop]]
    hook = u()
    if hook < 0.15:
        stem.insert(0, [top[0] + u(0.02, 0.12), u(0.0, 0.12)])
    elif hook < 0.3:
        stem[0:1] = [[top[0] + u(0.08, 0.2), u(0.1, 0.22)], [top[0] + u(0.04, 0.1), 0.02],
                     [top[0] - 0.04, 0.04]]
    ring = [[0.5 * wide, 1.0], [wide, y + 0.7 * loop], [wide * 0.95, y + 0.3 * loop],
            [wide * 0.55, y + u(-0.05, 0.08)], [wide * 0.15, y + u(0.12, 0.42) * loop]]
    end = u()
    if end < 0.25:
        ring.append([u(-0.08, 0.05), y + u(0.45, 0.6) * loop])
    elif end < 0.4:  # across the stem
        ring += [[u(-0.1, 0.0), y + u(0.35, 0.7) * loop], [u(-0.25, -0.1), y + u(0.5, 0.95) * loop]]
    elif end < 0.6:  # inwards
        ring[-1:] = [[wide * 0.3, y + u(0.1, 0.4) * loop], [wide * 0.35, y + u(0.4, 0.6) * loop]]
    elif end < 0.69:  # left open
        ring[-1:] = []
    return [[[*stem, *ring]]]


def _square_six(u: Uniform) -> list[Pieces]:
    """Straight lines and corners, as on a calculator or in a form's boxes."""
    wide, y, top = u(0.4, 0.7), u(0.4, 0.58), u(0.0, 0.12)
    first = [[[u(0.25, 0.6), u(-0.04, 0.06)]], [[top, 0.0]]] if u() < 0.35 else [[[top, 0.0]]]
    return [[*first, [[0.0, 0.5], [0.0, 1.0]], [[wide, 1.0 + u(-0.04, 0.04)]],
             [[wide + u(-0.05, 0.05), y]], [[u(-0.06, 0.08), y + u(-0.03, 0.06)]]]]


def _seven(u: Uniform) -> list[Pieces]:
    crossed = u()
    w = u(0.35, 0.64) if crossed > 0.32 else u(0.44, 0.64)  # narrow and plain it were a 1
    foot = [u(-0.15, 0.4) * (w + 0.1), 1.0]
    middle = [(w + foot[0]) / 2 + u(-0.12, 0.1), 0.5]
    kind = u()
    if kind < 0.42:  # a corner
        bar = [[0.0, u(-0.03, 0.12)], [w / 2, u(-0.05, 0.07)], [w, u(-0.05, 0.05)]]
        body = [bar, [middle, foot]]
    elif kind < 0.66:  # a wave, then a corner
        bar = [[0.0, u(0.05, 0.16)], [w * 0.2, u(-0.04, 0.04)], [w * 0.6, u(0.02, 0.1)],
               [w, u(-0.05, 0.03)]]
        body = [bar, [middle, foot]]
    else:  # round
        body = [[[u(-0.05, 0.08), u(0.02, 0.16)], [w * 0.3, u(-0.02, 0.04)], [w * 0.75, 0.0],
                 [w, u(0.06, 0.18)], [middle[0] + 0.03, 0.45],
                 [(middle[0] + foot[0]) / 2 + u(-0.04, 0.04), 0.72], foot]]
        if u() < 0.15:
            body[0].append([foot[0] + u(-0.02, 0.1), 1.0 + u(-0.06, 0.02)])
    if u() < 0.36:  # a serif at the left
        serif = [u(-0.08, 0.08), u(0.12, 0.48)]
        body = [[serif, body[0][0]], body[0][1:], *body[1:]]
        if u() < 0.4:
            body = [body[0] + body[1], *body[2:]]
    if crossed < 0.32:
        return [body]
    at, tilt = u(0.36, 0.62) if u() < 0.75 else u(0.6, 0.78), u(-0.18, 0.12)
    x = middle[0] + (foot[0] - middle[0]) * (at - 0.5) * 2
    right = [x + u(0.1, 0.32), at + tilt / 2]
    if crossed < 0.42:  # in one stroke, back from the foot through a loop
        at = u(0.4, 0.82)
        x = middle[0] + (foot[0] - middle[0]) * (at - 0.5) * 2
        back = x - u(0.14, 0.28)
        body[-1] += [[foot[0] - 0.07, 0.98], [(foot[0] + back) / 2 - 0.08, (1 + at) / 2],
                     [back, at + 0.03], [x, at - 0.02], [x + u(0.1, 0.45), at + u(-0.08, 0.1)]]
        return [body]
    bar = [[x - u(0.1, 0.32), at - tilt / 2], [x, at + u(-0.04, 0.04)], right]
    if u() < 0.25:  # which begins with an upstroke
        bar.insert(0, [bar[0][0] + u(-0.05, 0.06), bar[0][1] + u(0.06, 0.2)])
    return [body, [bar]]


def _eight(u: Uniform) -> list[Pieces]:
    top, low = u(0.13, 0.32), u(0.14, 0.34)  # half widths
    waist, x = u(0.3, 0.64), u(-0.12, 0.14)
    kind = u()
    if kind < 0.05:
        return _slender_eight(u)
    if kind < 0.1:
        return _open_eight(u)
    if kind < 0.28:  # two rings
        way = 1 if u() < 0.5 else -1
        upper = arc(x, waist / 2, top, waist / 2 + 0.02, u(-180, 180), -u(330, 400))
        lower = arc(0, (1 + waist) / 2, low, (1 - waist) / 2 + 0.02, u(-180, 0), way * u(340, 400))
        return [[upper], [lower]]
    rest = 1 - waist
    ring = [[x, 0.0], [x - top * 0.85, waist * 0.2], [x - top * 0.85, waist * 0.6], [0, waist],
            [low * 0.85, waist + rest * 0.35], [low * 0.85, waist + rest * 0.8], [0, 1.0],
            [-low * 0.85, waist + rest * 0.8], [-low * 0.85, waist + rest * 0.35], [0, waist],
            [x + top * 0.85, waist * 0.6], [x + top * 0.85, waist * 0.2]]
    if u() < 0.25:
        ring = [[-px, py] for px, py in ring]
    start = int(u(0, 12)) if u() < 0.35 else 11
    count = 12 + int(u(-1, 3)) if start == 11 else 13 + int(u(0, 2))
    path = [ring[(start + i) % 12] for i in range(count)]
    if start == 11 and u() < 0.3:  # an S, and a straight way back
        path[9:] = [[u(-0.05, 0.08), waist + u(-0.05, 0.08)],
                    [x + top * u(0.8, 1.3), u(-0.06, 0.08)]]
    if u() < 0.5:  # the ends miss each other
        path[-1] = [path[-1][0] + u(-0.08, 0.25), path[-1][1] + u(-0.18, 0.08)]
    if u() < 0.35:
        path[0] = [path[0][0] + u(-0.05, 0.22), path[0][1] + u(-0.12, 0.06)]
    return [[path]]


def _slender_eight(u: Uniform) -> list[Pieces]:
    """Down to a narrow turn at the foot, straight up again, and over the top to its start."""
    foot, half, start = u(-0.25, 0.1), u(0.05, 0.13), [u(0.0, 0.3), u(0.0, 0.3)]
    tip = [start[0] + u(0.24, 0.42), u(-0.05, 0.05)]
    down = [[start[0] - u(0.0, 0.08), start[1] + 0.12], [foot + half, u(0.78, 0.88)]]
    up = [[foot - half, u(0.84, 0.94)], [(foot + tip[0]) / 2 + u(-0.04, 0.08), 0.5], tip]
    end = [start[0] + u(-0.15, 0.12), start[1] + u(-0.14, 0.06)]
    lead = [[start[0] + u(0.05, 0.2), u(-0.06, 0.06)]] if u() < 0.3 else []
    return [[[*lead, start, *down, [foot, 1.0], *up, end]]]


def _open_eight(u: Uniform) -> list[Pieces]:
    """Begun like a 2; from the foot it turns back to the left, and ends before its start."""
    wide, foot, loop = u(0.3, 0.5), u(0.02, 0.22), u(0.1, 0.3)
    start = [u(-0.05, 0.14), u(0.08, 0.36)]
    end = [start[0] - u(-0.05, 0.25), start[1] + u(0.0, 0.3)]
    head = [start, [wide * 0.4, u(-0.04, 0.03)], [wide, u(0.1, 0.22)], [wide * 0.75, 0.45],
            [foot, u(0.76, 0.88)]]
    return [[[*head, [foot + loop * 0.2, 1.0], [foot + loop, u(0.8, 0.94)],
              [foot + loop * 0.8, u(0.6, 0.74)], [(foot + end[0]) / 2, (0.6 + end[1]) / 2], end]]]


def _nine(u: Uniform) -> list[Pieces]:
    kind = u()
    if kind < 0.08:
        return _looped_nine(u)
    size = u(0.12, 0.34) if kind < 0.26 else u(0.34, 0.6)  # height of the loop
    wide = u(0.16, 0.32) * (0.45 + size)
    x = u(0.1, 0.3)
    right = x + wide
    tail, bow = u(), u(-0.04, 0.12)
    if kind < 0.18:  # a tiny loop over a long curve
        tail, bow = 0.46 + 0.54 * tail, u(0.02, 0.26)
    if tail < 0.46:  # straight
        foot = [right + u(-0.34, 0.06), 1.0]
        down = [[(right + foot[0]) / 2 + u(-0.02, 0.05), (size / 2 + 1) / 2], foot]
    elif tail < 0.73:  # curved to the left
        down = [[right + bow, (size + 1.1) / 2 - 0.1], [right - 0.06 + bow, 0.8],
                [right - u(0.12, 0.3), u(0.92, 0.98)], [right - u(0.25, 0.65), u(0.9, 1.02)]]
    else:  # hooked
        down = [[right + bow, (size + 1.1) / 2 - 0.1], [right + bow / 2, 0.8], [right - 0.12, 0.97],
                [x - u(0.02, 0.15), u(0.95, 1.02)], [x - u(0.15, 0.4), u(0.76, 0.95)]]
    if 0.26 < kind < 0.34:  # the loop clockwise, begun where it will meet the stem or inside it
        ring = arc(x, size / 2, wide, size / 2, u(0, 60), 300 + u(0, 60), u(1.0, 1.1))
        if u() < 0.35:  # or at its other side
            ring.insert(0, [right + u(0.02, 0.2), size * u(0.5, 0.85)])
        return [[[*ring, [right, size / 2], *down]]]
    join = u()
    # Where nothing closes the loop at the right, it is begun there.
    start = u(-75, -25) if 0.3 < join < 0.5 or join > 0.75 else u(-42, 8)
    ring = arc(x, size / 2, wide, size / 2, start, -(360 + start + u(-15, 28)))
    if u() < 0.15:  # a lead-in from the right
        ring.insert(0, [ring[0][0] + u(0.03, 0.16), ring[0][1] + u(-0.1, 0.03)])
    if join < 0.3:
        return [[ring, down]]
    if join < 0.5:  # up to the top once more
        return [[[*ring, [right + u(-0.02, 0.03), u(-0.1, 0.15) * size]], down]]
    if join < 0.75:
        return [[[*ring, *down]]]
    return [[ring], [[[right + u(-0.04, 0.05), u(-0.1, 0.25) * size], *down]]]


def _looped_nine(u: Uniform) -> list[Pieces]:
    """The loop is left at the top, across itself, for the belly of an S; or at its lowest point,
    for such a belly, or like a balloon on its string."""
    size, x, reach = u(0.2, 0.42), u(0.15, 0.3), u(0.1, 0.42)
    wide = size * u(0.4, 0.75)
    belly = [[x + 0.75 * reach, (size + 0.7) / 2], [x + reach, u(0.62, 0.8)],
             [x + reach * u(0.5, 0.75), u(0.9, 0.98)], [x - u(-0.05, 0.5), u(0.93, 1.05)]]
    if u() < 0.6:
        ring = arc(x, size / 2, wide, size / 2, u(-170, -110), u(345, 440), u(0.45, 1.05))[::-1]
        return [[[*ring, [x + u(-0.03, 0.1), size + u(-0.05, 0.08)], *belly]]]
    ring = arc(x, size / 2, wide, size / 2, u(40, 110), u(335, 400), u(0.8, 1.05))
    if u() < 0.4:
        return [[[*ring[::-1], *belly]]]
    return [[[*ring, [x + u(0.0, 0.1), (1 + size) / 2], [x + u(-0.06, 0.14), 1.0]]]]


# fmt: on

_ALLOGRAPHS = (_zero, _one, _two, _three, _four, _five, _six, _seven, _eight, _nine)
