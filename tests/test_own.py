"""One's own labelled drawings: what a file of them may hold, and what they change in a reading."""

import base64
import json

import numpy as np
import pytest
import torch
from scribbles import LETTERS
from visiting import DRAWINGS

from mnist_core.config import NONE, SHIPPED
from mnist_core.digits.handwriting import handwriting
from mnist_core.digits.own import MOST, MOST_BYTES, own_drawings, read_own
from mnist_core.digits.split import Split
from mnist_core.digits.strokes import rasterize
from mnist_core.errors import DrawingError
from mnist_core.numpy_network import Reader, TaughtReader
from mnist_core.places import shipped_weights
from mnist_core.reading import read_image, read_strokes, reader

LINE = {"strokes": DRAWINGS[7], "label": 7}


def test_strokes_and_pictures_are_taken_with_their_labels(tmp_path):
    image = rasterize(DRAWINGS[4])
    picture = {"image": base64.b64encode(image.tobytes()).decode(), "label": 4}
    nothing = {"strokes": DRAWINGS[0], "label": "no digit"}
    file = tmp_path / "own.jsonl"
    lines = "\n".join(map(json.dumps, [LINE, picture, nothing])) + "\n\n"
    file.write_text(lines, encoding="utf-8-sig")  # a byte order mark, as other programs write
    own = read_own(file)
    assert own.labels.tolist() == [7, 4, NONE]
    assert np.array_equal(own.images, [rasterize(DRAWINGS[n]) for n in (7, 4, 0)])
    assert own.digest == own_drawings([LINE, picture, nothing]).digest
    assert own.digest != own_drawings([LINE, picture]).digest


@pytest.mark.parametrize(
    "line",
    [
        {},
        7,
        None,
        {"strokes": DRAWINGS[7]},
        LINE | {"label": 10},
        LINE | {"label": True},
        LINE | {"label": 7.0},
        LINE | {"label": "7"},
        LINE | {"label": [7]},
        LINE | {"more": 1},
        LINE | {"strokes": []},
        LINE | {"strokes": [[[0.5, 0.5]]]},
        LINE | {"strokes": [[[0, 0], [1, float("nan")]]]},
        LINE | {"strokes": [[[0, 0], ["1", 1]]]},
        LINE | {"strokes": "seven"},
        LINE | {"strokes": [7]},
        LINE | {"strokes": [[[0, 0], [1, 1]] * 501]},
        {"image": "AAAA", "label": 7},
        {"image": "ä" * 1045, "label": 7},
        {"image": [[0] * 28] * 28, "label": 7},
    ],
)
def test_what_is_no_labelled_drawing_is_named_by_its_number(line):
    with pytest.raises(DrawingError, match=r"Drawing 2 .*Nothing was taken"):
        own_drawings([LINE, line])


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\xff\xfe", b"{", b"[" * 10_000, b" " * MOST_BYTES + b"{}", b"GIF89a\n" * 9],
)
def test_a_file_of_something_else_is_refused(tmp_path, content):
    file = tmp_path / "own.jsonl"
    file.write_bytes(content)
    with pytest.raises(DrawingError):
        read_own(file)


def test_no_more_than_are_of_use_are_taken():
    with pytest.raises(DrawingError, match="1 to 2,000"):
        own_drawings([LINE] * (MOST + 1))


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(DrawingError, match="No such file"):
        read_own(tmp_path / "own.jsonl")


# ---- reading by them ----


@pytest.fixture(scope="module", params=SHIPPED)
def network(request) -> Reader:
    return reader(shipped_weights(request.param))


def test_a_drawing_that_was_corrected_is_read_so_and_says_by_which(network):
    """A 7 that somebody calls a 2, though its reading is sure, and a 4 that they call a 4."""
    own = own_drawings([{"strokes": DRAWINGS[4], "label": 4}, LINE | {"label": 2}])
    before = read_strokes(network, DRAWINGS[7])
    after = read_strokes(TaughtReader(network, own), DRAWINGS[7])
    assert (before.reading, before.own) == ("7", None)
    assert (after.reading, after.own) == ("2", 1)
    assert sum(after.probabilities) == pytest.approx(1, abs=1e-5)
    unchanged = read_strokes(TaughtReader(network, own), DRAWINGS[4])
    assert (unchanged.reading, unchanged.own) == ("4", None)


def test_what_is_called_no_digit_is_none_and_a_sign_that_is_called_a_digit_is_one(network):
    sign = [[[0.2, 0.2], [0.8, 0.8]], [[0.8, 0.2], [0.2, 0.8]], [[0.1, 0.5], [0.9, 0.5]]]
    own = own_drawings([LINE | {"label": "no digit"}, {"strokes": sign, "label": 8}])
    reads = TaughtReader(network, own)
    assert [read_strokes(reads, DRAWINGS[7]).reading, read_strokes(reads, sign).reading] == [
        "",
        "8",
    ]
    assert read_strokes(reads, sign).is_digit > 0.75


def test_what_stays_no_digit_is_still_like_the_same_digit():
    network = reader(shipped_weights("modern"))
    image = rasterize(LETTERS["A"])[None]
    alone, taught = (
        reads.answers(image) for reads in (network, TaughtReader(network, own_drawings([LINE])))
    )
    assert max(alone.is_digit[0], taught.is_digit[0]) < 0.01
    assert np.allclose(taught.probabilities, alone.probabilities, atol=0.01)


def test_each_is_judged_by_the_others_however_many_copies_there_are(network):
    """A seven called a 2 is not held for one by its own copies."""
    for many in (1, 120):
        other = [{"strokes": DRAWINGS[4], "label": 4}] * many
        own = own_drawings([LINE | {"label": 2}, *other])
        alone, by_others = TaughtReader(network, own).readings()
        assert (alone[0], by_others[0]) == (7, 7)
        assert by_others[1:].tolist() == [4] * many


def test_what_is_far_from_every_drawing_is_read_as_before(network):
    one = TaughtReader(network, own_drawings([LINE]))
    for digit in (0, 2, 3, 4):
        image = rasterize(DRAWINGS[digit])
        assert read_image(one, image).reading == read_image(network, image).reading
        expected = network.answers(image[None])
        # The nearest cosine tells how much: a term below 3 nats moves no sure answer.
        assert one.answers(image[None]).probabilities[0, digit] == pytest.approx(
            expected.probabilities[0, digit], abs=0.2
        )


def test_many_at_once_are_answered_as_one_after_the_other(network):
    rng = np.random.default_rng(5)
    images = np.stack([rasterize(handwriting(n % 10, rng)) for n in range(12)])
    reads = TaughtReader(network, Split(torch.from_numpy(images[:8]), torch.arange(8) % 3))
    together = reads.answers(images)
    alone = [reads.answers(image[None]) for image in images]
    for name in ("probabilities", "is_digit"):
        one_by_one = np.concatenate([getattr(answers, name) for answers in alone])
        assert np.allclose(getattr(together, name), one_by_one, atol=1e-4)
    assert together.decided_by.tolist() == [int(a.decided_by[0]) for a in alone]


def test_a_hand_is_learned_from_a_few_drawings_by_the_tutorials_network():
    """One writer's sevens, which lean too far for it: five labelled, ten others read."""
    network = reader(shipped_weights("tutorial"))
    lean = np.array([[1.0, 0.0], [-0.9, 1.0]])
    drawn = [handwriting(7, np.random.default_rng(n)) for n in range(60)]
    images = np.stack([rasterize([stroke @ lean for stroke in strokes]) for strokes in drawn])
    misread = network.answers(images).probabilities.argmax(1) != 7
    assert misread.sum() > 15, "they do not lean far enough"
    own = Split(torch.from_numpy(images[:20]), torch.full((20,), 7))
    later = images[20:]
    errors = (network.answers(later).probabilities.argmax(1) != 7).sum()
    after = (TaughtReader(network, own).answers(later).probabilities.argmax(1) != 7).sum()
    assert after <= errors / 2
