"""What a run's network made of a drawing before, by the moments that are kept of it."""

import base64
import shutil
from dataclasses import replace

import numpy as np
import pytest
from digits import drawn

from mnist_core import places
from mnist_core.checkpoint import Checkpoint
from mnist_core.digits.handwriting import handwriting
from mnist_core.digits.strokes import rasterize
from mnist_core.errors import DrawingError
from mnist_core.page.earlier import read_before
from mnist_core.page.words import Words

SHIPPED = places.shipped_weights("tutorial")
SEVEN = base64.b64encode(rasterize(handwriting(7, np.random.default_rng(1))).tobytes()).decode()


@pytest.fixture
def run_of(tmp_path):
    """`run_of(moments)`: the shipped run, of which only these moments are kept."""

    def keep(*moments):
        (tmp_path / "run-snapshots").mkdir()
        for moment in moments:
            name = f"{moment:010d}.pt"
            shutil.copy(SHIPPED.parent / "tutorial-snapshots" / name, tmp_path / "run-snapshots")
        return shutil.copy(SHIPPED, tmp_path / "run.pt")

    return keep


def test_the_last_epoch_but_one_is_asked():
    assert read_before(Words(), SHIPPED, SEVEN).startswith("An epoch before, it read 7, 9")


def test_where_only_the_beginning_is_kept_the_untrained_network_is_asked(run_of):
    said = read_before(Words(), run_of(0), SEVEN)
    assert said.startswith("Untrained, it read ")
    assert float(said.split(",")[-1].removesuffix(" %.")) < 25


def test_of_a_taught_run_it_is_what_it_was_before(run_of):
    file = run_of(0)
    replace(Checkpoint.load(file), own=drawn(2)).save(file)
    assert read_before(Words(), file, SEVEN).startswith("Before it was taught, it read ")


def test_where_no_epoch_is_kept_nothing_is_said(run_of):
    assert read_before(Words(), run_of(64), SEVEN) == ""


def test_what_is_no_drawing_is_refused():
    with pytest.raises(DrawingError):
        read_before(Words(), SHIPPED, "x")
