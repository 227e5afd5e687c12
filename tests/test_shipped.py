"""The weights that come with the project reach what is said of them."""

import json

import numpy as np
import pytest
import torch
from pictures import prepare
from PIL import Image

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import MODERN
from mnist_core.digits.handwriting import handwriting_images
from mnist_core.evaluation import classify
from mnist_core.places import shipped_weights

IMAGES, LABELS = handwriting_images(1000, seed=77)


@pytest.fixture(scope="module")
def modern():
    return Checkpoint.load(shipped_weights("modern"))


def accuracy(checkpoint, images):
    answers = classify(checkpoint.network(), torch.from_numpy(images)).argmax(1).numpy()
    return (answers == LABELS).mean()


def test_the_shipped_modern_weights_are_what_the_recipe_makes(modern):
    assert modern.config == MODERN
    card = json.loads(shipped_weights("modern").with_suffix(".json").read_text())
    assert card["config"] == MODERN.to_dict()
    assert card["command"] == "python -m mnist_core train --recipe modern"
    assert card["parameters"] <= 150_000
    assert card["test_accuracy"] >= 0.995


def test_hands_it_has_not_seen_are_read(modern):
    assert accuracy(modern, IMAGES) > 0.98


def test_they_are_read_from_pictures_of_another_size_and_polarity(modern):
    pictures = [Image.fromarray(255 - image).resize((140, 140)) for image in IMAGES[::10]]
    prepared = np.stack([prepare(picture) for picture in pictures])
    answers = classify(modern.network(), torch.from_numpy(prepared)).argmax(1).numpy()
    assert (answers == LABELS[::10]).mean() > 0.97
