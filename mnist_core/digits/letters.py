"""Letters and signs of several alphabets, as forms to be put into somebody's hand.

They are A. V. Hershey's vector fonts (1967, public domain), their outlines turned into few control
points. Left out is what is a digit in somebody's hand: O and Φ are a 0, l a 1, Z a 2, E of a script
a 3, u and y a 4, S a 5, b and G a 6, > a 7, B and & an 8, g and q a 9.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from HersheyFonts import HersheyFonts

from .allographs import Pieces
from .strokes import Floats

_KANA = (
    "◇、ー日円年大国人東中本京出時上者十一二三四五六七入九◇◇◇◇◇◇あいうえおかきくけこさしすせそ"
    "たちつてとなにぬねのはひふへほまみむめもやいゆえよらりるれろわゐうゑをん"
)
"""The first glyphs of the font "japanese", in its order."""

LETTERS = {  # in the places of the fonts' ASCII: in "greek", W is Ω
    "futural": (10, 'AEFHKLMNPQRTUVWXdefhkmnprtvwx#%@*+=<~"$:-'),
    "scripts": (5, "AFHKMNPRTUWXfhkmnptvwx"),
    "greek": (2, "CDGPSWXcklnpvw"),
    "cyrillic": (2, "ADEGHIKLMNPQRTUW[^"),
    "japanese": (3, "円年大国東中本京出者十四五六あかおきけさせたなにぬねはほまむめもやゆれわす"),
}
"""How often a font is drawn from, and what of it looks like no digit."""


@lru_cache
def letters(font: str) -> list[list[Pieces]]:
    """Those of a font, each as strokes about 1 high."""
    fonts = HersheyFonts()
    fonts.load_default_font(font)
    glyphs = fonts.all_glyphs
    if font == "japanese":
        glyphs = dict(zip(_KANA, glyphs.values(), strict=False))
    return [
        [_pieces(np.array(line, float) / 21) for line in glyphs[letter].strokes if len(line) > 1]
        for letter in LETTERS[font][1]
    ]


def _pieces(line: Floats) -> Pieces:
    """A polyline f64 [n,2], smooth between its corners, with fewer points on its curves."""
    pieces: Pieces = [[line[0].tolist()]]
    kept = line[0]
    for before, point, after in zip(line[:-2], line[1:-1], line[2:], strict=True):
        one, other = point - before, after - point
        corner = one @ other < 0.5 * math.hypot(*one) * math.hypot(*other)  # more than 60°
        if corner or math.dist(point, kept) > 0.15:
            pieces[-1].append(point.tolist())
            kept = point
        if corner:
            pieces.append([])
    pieces[-1].append(line[-1].tolist())
    return pieces
