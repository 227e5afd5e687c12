import sys

import numpy as np
import pytest

from mnist_core.digits.handwriting import handwriting, handwriting_images
from mnist_core.digits.synthetic import FEW


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


def test_processes_make_the_same_images_as_one_and_tell_how_far_they_are():
    shares = []
    many = handwriting_images(FEW + 130, seed=3, processes=2, progress=shares.append)[0]
    assert np.array_equal(many, handwriting_images(FEW + 130, seed=3, processes=1)[0])
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5
    assert shares[-1] == 1


def test_few_images_and_kept_ones_tell_that_they_are_made(tmp_path):
    for _ in range(2):
        shares = []
        handwriting_images(30, seed=3, cache=tmp_path, progress=shares.append)
        assert shares[-1] == 1


@pytest.mark.parametrize("trouble", ["no process can be started", "each ends at once"])
def test_where_processes_fail_the_images_are_made_without(trouble, monkeypatch):
    if trouble == "each ends at once":
        monkeypatch.setenv("PYTHONHOME", "nowhere")
    else:
        monkeypatch.setattr(sys, "executable", "nowhere")
    made = handwriting_images(FEW + 1, seed=3, processes=2)[0]
    assert np.array_equal(made, handwriting_images(FEW + 1, seed=3, processes=1)[0])


def test_what_the_progress_raises_ends_the_making():
    def stop(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        handwriting_images(100_000, seed=3, progress=stop)


@pytest.mark.parametrize("digit", range(10))
def test_every_form_of_a_digit_is_strokes_of_about_its_height(digit):
    rng = np.random.default_rng(digit)
    for _ in range(300):
        strokes = handwriting(digit, rng)
        assert all(stroke.ndim == 2 and len(stroke) > 2 for stroke in strokes)
        points = np.concatenate(strokes)
        assert np.isfinite(points).all()
        assert 0.5 < np.ptp(points, axis=0).max() < 2.5
        steps = [np.hypot(*np.diff(stroke, axis=0).T).max() for stroke in strokes]
        assert max(steps) < 0.25  # no jumps
