"""From a drawing to an answer: what is sure, what is not, and what is no digit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from pictures import png, seven
from PIL import Image, ImageDraw
from visiting import DRAWINGS

from mnist_core import reading
from mnist_core.checkpoint import Checkpoint
from mnist_core.config import SHIPPED
from mnist_core.errors import CheckpointError, DrawingError
from mnist_core.numpy_network import Answers
from mnist_core.places import shipped_weights

SEVEN = DRAWINGS[7]


@dataclass
class Fixed:
    """A classifier that answers the same to every image."""

    probabilities: list[float]
    is_digit: float
    knows_none: bool

    def answers(self, images):
        count = len(images)
        return Answers(
            probabilities=np.tile(np.array(self.probabilities, np.float32), (count, 1)),
            is_digit=np.full(count, self.is_digit, np.float32),
        )


def says(is_digit=1.0, knows_none=False, **shares):
    rest = (1 - sum(shares.values())) / (10 - len(shares))
    return Fixed([shares.get(f"d{digit}", rest) for digit in range(10)], is_digit, knows_none)


@pytest.mark.parametrize("recipe", SHIPPED)
def test_a_seven_is_a_seven_wherever_and_however_large_it_is_drawn(recipe):
    reader = reading.reader(shipped_weights(recipe))
    for scale, offset in ((1, 0), (0.2, 0.05), (0.1, 0.85)):
        drawn = [[[x * scale + offset, y * scale + offset] for x, y in SEVEN[0]]]
        result = reading.read_strokes(reader, drawn)
        assert (result.digit, result.remark) == (7, "")
        assert sum(result.probabilities) == pytest.approx(1, abs=1e-5)
        assert result.image.dtype == np.uint8
        assert result.image.shape == (28, 28)


def test_strokes_and_a_picture_of_them_read_alike():
    reader = reading.reader(shipped_weights("tutorial"))
    assert reading.read_picture(reader, png(seven(400, 28))).digit == 7


def test_an_unsure_answer_names_the_rivals():
    sure = reading.read_strokes(says(d4=0.9), SEVEN)
    assert (sure.digit, sure.remark) == (4, "")
    unsure = reading.read_strokes(says(d4=0.5, d9=0.4), SEVEN)
    assert (unsure.digit, unsure.remark) == (4, "Not sure: 4 or 9.")
    no_rival = reading.read_strokes(says(d4=0.5), SEVEN)
    assert (no_rival.digit, no_rival.remark) == (4, "Not sure: 4?")


def test_strokes_without_points_are_left_out():
    whole = reading.read_strokes(says(d7=0.9), SEVEN)
    assert reading.read_strokes(says(d7=0.9), [[], [[]], *SEVEN]).image.tolist() == (
        whole.image.tolist()
    )


@pytest.mark.parametrize("drawn", [[], [[]], [[], []], [[[]]], [[[], []]]])
def test_nothing_drawn_has_no_answer(drawn):
    result = reading.read_strokes(says(d4=0.9), drawn)
    assert (result.digit, result.probabilities, result.image) == (None, None, None)
    assert result.remark == "Draw a digit."
    with pytest.raises(DrawingError, match="Draw a digit"):
        result.to_dict()


@pytest.mark.parametrize("drawn", [[[[0.5, 0.5]]], [[[0.5, 0.5], [0.52, 0.51]]]])
def test_a_slip_of_the_pen_is_too_small(drawn):
    result = reading.read_strokes(says(d4=0.9), drawn)
    assert result.digit is None
    assert "Too small" in result.remark


def test_two_strokes_side_by_side_are_a_number_and_a_four_of_two_strokes_is_not():
    """Also for a network that takes everything for one digit: it is told by the gap."""
    eleven = [[[0.2, 0.2], [0.2, 0.8]], [[0.6, 0.2], [0.6, 0.8]]]
    result = reading.read_strokes(says(d1=0.9), eleven)
    assert (result.reading, result.digit, result.remark) == ("11", None, "")
    assert [each.digit for each in result.digits] == [1, 1]
    assert reading.read_strokes(says(d4=0.9), DRAWINGS[4]).remark == ""


def test_dots_side_by_side_are_no_number():
    dots = [[[x, 0.5], [x + 0.01, 0.51]] for x in (0.2, 0.5, 0.8)]
    assert reading.read_strokes(reading.reader(shipped_weights("modern")), dots).reading == ""


def test_several_digits_in_one_image_are_remarked_on():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 6:8] = image[4:24, 18:20] = 255
    assert "several digits" in reading.read_image(says(d1=0.9), image).remark
    assert reading.read_image(says(d1=0.9, knows_none=True), image).remark == ""


def test_what_is_no_digit_has_no_reading_and_says_what_it_is_likest():
    result = reading.read_strokes(says(is_digit=0.1, d4=0.8), SEVEN)
    assert (result.reading, result.digit, result.digits) == ("", None, ())
    assert result.remark == "Looks like nothing I was taught. If I must: 4, 80.0 %."
    plain = result.to_dict()
    assert plain["reading"] == ""
    assert plain["digit"] is None
    assert sum(plain["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert plain["is_digit"] == pytest.approx(0.1)


def test_a_number_that_is_unsure_names_the_digit_and_its_rivals():
    eleven = [[[0.2, 0.2], [0.2, 0.8]], [[0.6, 0.2], [0.6, 0.8]]]
    result = reading.read_strokes(says(d1=0.5, d7=0.4), eleven)
    assert (result.reading, result.remark) == ("11", "Digit 1: Not sure: 1 or 7.")


def test_a_picture_without_ink_has_no_answer_and_a_broken_one_is_refused():
    blank = png(Image.new("L", (100, 100), 255))
    result = reading.read_picture(says(d4=0.9), blank)
    assert result.digit is None
    assert result.remark
    with pytest.raises(DrawingError):
        reading.read_picture(says(d4=0.9), blank[:40])


@pytest.mark.parametrize("digit", range(10))
def test_an_example_lies_inside_the_pad(digit):
    points = np.concatenate([np.array(stroke) for stroke in reading.example(digit)])
    assert points.min() >= 0.1
    assert points.max() <= 0.9


def test_a_network_is_kept_until_its_file_changes(tmp_path):
    file = tmp_path / "checkpoint.pt"
    with pytest.raises(CheckpointError):
        reading.reader(file)
    Checkpoint.load(shipped_weights("tutorial")).save(file)
    first = reading.reader(file)
    assert reading.reader(file) is first
    Checkpoint.load(shipped_weights("tutorial")).save(file)
    assert reading.reader(file) is not first


def test_hardly_a_test_digit_is_taken_for_several(mnist_dir):
    from mnist_core.digits.datasets import load

    images = load("mnist", mnist_dir)[1].images.numpy()
    taken = sum("several" in reading.read_image(says(d4=0.9), image).remark for image in images)
    assert taken < 30


def test_a_picture_of_a_number_is_read_as_its_strokes_are():
    """Dark on light; the dot beside it is dirt."""
    four = [[(120, 100), (95, 230), (240, 225)], [(205, 120), (195, 330)]]
    ones = [[(330, 100), (325, 325)], [(430, 105), (426, 330)]]
    picture = Image.new("L", (560, 420), 255)
    for line in [*four, *ones]:
        ImageDraw.Draw(picture).line(line, fill=0, width=20, joint="curve")
    ImageDraw.Draw(picture).ellipse((500, 30, 503, 33), fill=0)
    result = reading.read_picture(reading.reader(shipped_weights("modern")), png(picture))
    assert (result.reading, result.digit) == ("411", None)
    assert [each.image.shape for each in result.digits] == [(28, 28)] * 3
