import numpy as np
import pytest

from mnist_core.errors import DrawingError
from mnist_core.handwriting import handwriting, handwriting_images
from mnist_core.strokes import MAX_POINTS, rasterize

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


@pytest.mark.parametrize("strokes", [[], [[]], [[], []], [[[3, 3]]], [[[3, 3]] * 9]])
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


def test_too_many_points_are_refused():
    with pytest.raises(DrawingError, match="draw less"):
        rasterize([np.zeros((MAX_POINTS + 1, 2)) + np.arange(MAX_POINTS + 1)[:, None]])


def test_a_very_thin_or_flat_drawing_stays_in_the_frame():
    for end in ([100, 0], [0, 100], [100, 1e-6]):
        image = rasterize([[[0, 0], end]])
        assert max(ink_box(image)) in (20, 21)


def test_handwriting_is_decided_by_its_seed_and_index_alone():
    few, labels = handwriting_images(20, seed=5)
    more, _ = handwriting_images(40, seed=5)
    other, _ = handwriting_images(20, seed=6)
    assert labels.tolist() == list(range(10)) * 2
    assert np.array_equal(few, more[:20])
    assert not np.array_equal(few, other)


def test_handwriting_varies_and_always_has_ink():
    images, _ = handwriting_images(500, seed=1)
    ink = images.reshape(500, -1).sum(1) / 255
    assert ink.min() > 15
    assert ink.max() < 250
    assert len({image.tobytes() for image in images}) == 500


def test_handwriting_is_kept_and_a_broken_cache_is_made_anew(tmp_path):
    images, _ = handwriting_images(10, seed=1, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    stamp = file.stat().st_mtime_ns
    assert np.array_equal(handwriting_images(10, seed=1, cache=tmp_path)[0], images)
    assert file.stat().st_mtime_ns == stamp
    for broken in (b"", b"not a zip", file.read_bytes()[:-200]):
        file.write_bytes(broken)
        assert np.array_equal(handwriting_images(10, seed=1, cache=tmp_path)[0], images)
        assert file.stat().st_size > 7840


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    images, _ = handwriting_images(10, seed=1, cache=tmp_path / "file")
    assert images.shape == (10, 28, 28)
