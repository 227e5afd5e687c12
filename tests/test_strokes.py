import tracemalloc

import numpy as np
import pytest

from mnist_core.digits.handwriting import handwriting
from mnist_core.digits.strokes import MAX_POINTS, rasterize, rasterize_many
from mnist_core.errors import DrawingError

SEVEN = [np.array([[0, 0], [0.6, 0.02], [0.3, 1]]), np.array([[0.2, 0.5], [0.55, 0.48]])]


def centre(image):
    ink, along = image.astype(float), np.arange(28)
    return ink.sum(1) @ along / ink.sum(), ink.sum(0) @ along / ink.sum()


def ink_box(image):
    rows, columns = image.max(1).nonzero()[0], image.max(0).nonzero()[0]
    return np.ptp(rows) + 1, np.ptp(columns) + 1


def test_a_stroke_is_as_wide_as_the_pen_and_twenty_pixels_long():
    """An upright line of 19.5 pixels with round ends and a pen of 2.4 covers 2.4 × 17.1 + π 1.2² =
    45.6 pixels; anti-aliasing may add a few per cent."""
    image = rasterize([[[5, 0], [5, 100]]], pen=2.4)
    assert abs(image.sum() / 255 - 45.6) < 2
    assert ink_box(image)[0] in (20, 21)
    assert image[14].sum() / 255 == pytest.approx(2.4, abs=0.1)


def test_place_and_scale_do_not_matter():
    there = rasterize(SEVEN)
    moved = rasterize([stroke * 731.5 + [1e4, -300] for stroke in SEVEN])
    assert there.dtype == np.uint8
    assert there.shape == (28, 28)
    assert np.abs(there.astype(int) - moved).max() <= 1


def test_the_order_and_direction_of_the_strokes_do_not_matter():
    back = rasterize([stroke[::-1] for stroke in SEVEN[::-1]])
    assert np.abs(rasterize(SEVEN).astype(int) - back).max() <= 1


def test_points_along_a_straight_stroke_change_nothing():
    few, many = np.array([[0, 0], [3, 10]]), np.linspace([0, 0], [3, 10], 500)
    assert np.abs(rasterize([few]).astype(int) - rasterize([many])).max() <= 8


def test_the_centre_of_mass_is_at_the_middle_pixel():
    for digit in range(10):
        image = rasterize(handwriting(digit, np.random.default_rng(digit)))
        assert np.allclose(centre(image), 14, atol=0.55)


def test_a_stray_dot_beside_a_digit_does_not_shrink_it():
    with_dot = rasterize([*SEVEN, np.array([[-1.0, 2.0]])])
    assert np.abs(rasterize(SEVEN).astype(int) - with_dot).max() <= 1


@pytest.mark.parametrize("strokes", [[], [[]], [[], []], [[[3, 3]]], [[[3, 3]] * 9],
                                     [[[1e-308, 0], [2e-308, 0]]]])  # fmt: skip
def test_no_ink_or_a_single_point_gives_nothing(strokes):
    assert rasterize(strokes) is None


@pytest.mark.parametrize(
    "strokes",
    [
        [[[0, float("nan")], [1, 1]]],
        [[[0, 0], [float("inf"), 1]]],
        [[[0, 0], [1e300, 1]]],
        [[[0, 0, 0], [1, 1, 1]]],
        [[0, 1, 2]],
        [[["a", "b"]]],
        [[[0, 0], [1]]],
        [[None]],
        7,
        "strokes",
        None,
        {"strokes": 1},
    ],
)
def test_what_is_not_strokes_is_refused_with_a_sentence(strokes):
    with pytest.raises(DrawingError, match=r"^[A-Z].*\.$"):
        rasterize(strokes)


@pytest.mark.parametrize(
    "strokes",
    [[["a" * 40_000, *"b" * 19_999]], [[["a" * 40_000, 1.0], *[[1.0, 2.0]] * 19_999]],
     [[b"a" * 40_000] * 20_000]],
    ids=["words", "a word among numbers", "bytes"],
)  # fmt: skip
def test_words_are_refused_before_an_array_is_as_wide_as_the_longest(strokes):
    """An array of 20,000 words of 40,000 letters would take 3.2 GB."""
    tracemalloc.start()
    with pytest.raises(DrawingError, match="must be a list of"):
        rasterize(strokes)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def test_points_may_be_any_numbers():
    drawn = [[0, 0], [0.6, 1], [np.float32(0.5), np.int64(2)]]
    assert np.array_equal(rasterize([drawn]), rasterize([np.array(drawn, float)]))
    assert np.array_equal(rasterize([tuple(map(tuple, drawn))]), rasterize([drawn]))


def test_too_many_points_are_refused():
    with pytest.raises(DrawingError, match="draw less"):
        rasterize([np.zeros((MAX_POINTS + 1, 2)) + np.arange(MAX_POINTS + 1)[:, None]])


def test_a_very_thin_or_flat_drawing_stays_in_the_frame():
    for end in ([100, 0], [0, 100], [100, 1e-6]):
        image = rasterize([[[0, 0], end]])
        assert max(ink_box(image)) in (20, 21)


def test_many_drawings_at_once_become_the_same_pixels_as_each_alone():
    rng = np.random.default_rng(0)
    drawings = [handwriting(index % 10, rng) for index in range(200)]
    drawings += [[stroke * [30, 0.3] for stroke in drawing] for drawing in drawings[:20]]
    drawings += [[*drawing, np.array([[5.0, 5.0]])] for drawing in drawings[:20]]
    pens = np.concatenate([[0.5, 2, 2.4, 3, 4, 6], rng.uniform(0.5, 6, len(drawings) - 6)])
    alone = [rasterize(drawing, pen=pen) for drawing, pen in zip(drawings, pens, strict=True)]
    assert np.array_equal(rasterize_many(drawings, pens), alone)
