"""The cloud: where answers lie, for a set of digits, a run that trains and one's own drawing."""

import base64
import math

import pytest
import torch
from digits import seeded_network, small_split

from mnist_core.config import NONE
from mnist_core.digits.split import Split
from mnist_core.errors import DrawingError
from mnist_core.page import cloud as module
from mnist_core.page.gallery import Gallery
from mnist_core.page.networks import Network
from mnist_core.page.words import Words
from mnist_core.runs.cloud import placed

SPLIT, TRAINING = small_split(300), small_split(400)


READ, EARLIER = (Network.of(seeded_network("net", seed=seed)) for seed in (1, 2))


def cloud(read=READ, drawing=None):
    gallery = Gallery(Words(), (("it", read),), SPLIT, training=TRAINING)
    return module.shown(gallery, drawing)


def base64_of(image):
    return base64.b64encode(image.numpy().tobytes()).decode()


def test_ten_sure_answers_lie_on_a_circle_0_up_and_the_others_clockwise():
    x, y = (placed(torch.eye(10)) - 500).double().unbind(1)
    assert torch.hypot(x, y).tolist() == pytest.approx([500] * 10, abs=1)
    turns = torch.atan2(x, -y) % (2 * math.pi) / (2 * math.pi) * 10
    assert turns.tolist() == pytest.approx(range(10), abs=0.01)


def test_what_is_read_as_all_digits_alike_or_as_nothing_at_all_lies_in_the_middle():
    answers = torch.stack([torch.full((10,), 0.1), torch.full((10,), math.nan)])
    assert placed(answers).tolist() == [[500, 500], [500, 500]]


def test_the_surer_the_farther_out():
    answers = torch.full((4, 10), 0.01)
    answers[:, 3] = torch.tensor([0.3, 0.6, 0.9, 0.999])
    far = (placed(answers / answers.sum(1, keepdim=True)) - 500).double().norm(dim=1)
    assert far.tolist() == sorted({*far.tolist()})


def test_every_digit_of_a_set_has_its_truth_what_it_is_read_as_and_a_place():
    found = cloud()
    numbers = torch.tensor(found["numbers"])
    assert found["truths"] == SPLIT.labels[numbers].tolist()
    assert len(found["places"]) == len(found["read"]) == len({*found["numbers"]}) == len(SPLIT)
    assert cloud(EARLIER)["places"] != found["places"]
    assert cloud(EARLIER)["numbers"] == found["numbers"]


def test_a_training_digit_drawn_is_its_own_nearest_and_one_of_the_cloud_lies_where_it_is():
    near = cloud(drawing=base64_of(TRAINING.images[7]))["near"]
    assert near["truths"][0] == int(TRAINING.labels[7])
    assert len(near["truths"]) == module.NEAREST
    shown = cloud(drawing=base64_of(SPLIT.images[5]))
    assert shown["own"] == pytest.approx(shown["places"][shown["numbers"].index(5)], abs=1)


def test_without_digits_there_is_no_cloud():
    none = Split(SPLIT.images, torch.full_like(SPLIT.labels, NONE))
    image = base64.b64encode(TRAINING.images[7].numpy().tobytes()).decode()
    shown = module.shown(Gallery(Words(), (("it", READ),), none), image)
    assert not any(shown.values())


def test_a_broken_drawing_is_a_sentence():
    with pytest.raises(DrawingError, match="draw it again"):
        cloud(drawing="AAAA")
