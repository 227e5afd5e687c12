"""Digits on paper, as people photograph them: the ink is found, and the digit is read."""

import numpy as np
import pytest
from pictures import Paper, photograph

from mnist_core.places import shipped_weights
from mnist_core.reading import read_picture, reader

DARK = (70, 75, 95)
SITUATIONS = {
    "plain paper": Paper(),
    "a thin pencil": Paper(pen=0.007, ink=(120, 120, 122)),
    "a felt pen": Paper(pen=0.06),
    "small in the middle of the sheet": Paper(size=0.13, pen=0.008),
    "from edge to edge": Paper(size=0.97, pen=0.03),
    "cropped to its ink": Paper(crop=True),
    "in a corner": Paper(size=0.25, centre=(0.16, 0.18), pen=0.014),
    "ruled paper": Paper(ruled=0.12),
    "dark ruled paper": Paper(ruled=0.14, lines=DARK, thick=2),
    "one line high": Paper(ruled=0.16, size=0.13, pen=0.012),
    "squared paper": Paper(ruled=0.07, squared=True),
    "in the cell of a form": Paper(
        edges={"left": 0.012, "right": 0.012, "top": 0.012, "bottom": 0.012}
    ),
    "in a row of cells": Paper(cells=True, size=0.3, lines=DARK),
    "a dark table beside the sheet": Paper(edges={"right": 0.14}),
    "tables on two sides": Paper(edges={"left": 0.06, "bottom": 0.1}),
    "a hard shadow": Paper(shadow=0.45),
    "light from one side": Paper(dim=0.5),
    "a mark far away": Paper(mark=True),
    "underlined": Paper(underlined=True),
    "a dark screen": Paper(paper=(25, 25, 28), ink=(235, 235, 235)),
    "red on yellow": Paper(paper=(250, 235, 130), ink=(195, 45, 50)),
    "blue on blue": Paper(paper=(150, 180, 228), ink=(45, 62, 158)),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_nine_of_ten_photographed_digits_are_read(situation):
    classifier, rng = reader(shipped_weights("modern")), np.random.default_rng(1)
    files = [photograph(digit, SITUATIONS[situation], rng) for digit in range(10)]
    read = [read_picture(classifier, file).digit for file in files]
    assert sum(digit == found for digit, found in enumerate(read)) >= 9, read
