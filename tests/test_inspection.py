"""What is shown of the inside of a network is what the network computes."""

import threading

import pytest
import torch
from digits import small_split
from torch.nn import functional as F

from mnist_core.config import NETWORKS, TrainConfig
from mnist_core.digits.split import normalize
from mnist_core.inspection import PATCH, occlusion, stages
from mnist_core.models import build
from mnist_core.training import Trainer

IMAGE = small_split(1).images[0]


def test_the_stages_of_the_tutorials_network_are_its_layers_with_shapes_and_parameters():
    """conv1: 10·(25+1) = 260; conv2: 20·(250+1) = 5,020; fc1: 50·321 = 16,050; fc2: 10·51 = 510."""
    found = stages(build("net").eval(), IMAGE)
    assert [(s.name, s.steps, tuple(s.shape), s.parameters) for s in found] == [
        ("conv1", ("convolution 5×5", "max pool", "ReLU"), (10, 12, 12), 260),
        ("conv2", ("convolution 5×5", "max pool", "ReLU"), (20, 4, 4), 5_020),
        ("fc1", ("linear", "ReLU"), (50,), 16_050),
        ("fc2", ("linear", "log-softmax"), (10,), 510),
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_networks_stages_hold_all_its_parameters_and_end_in_its_probabilities(name):
    model = build(name).eval()
    found = stages(model, IMAGE)
    assert sum(stage.parameters for stage in found) == sum(p.numel() for p in model.parameters())
    with torch.no_grad():
        probabilities = model(normalize(IMAGE[None])).exp()[0]
    assert torch.from_numpy(found[-1].maps).allclose(probabilities, atol=1e-6)
    for stage in found:
        assert stage.maps.min() >= 0
        assert len(stage.maps) == stage.shape[0]


def test_maps_are_what_the_convolution_found_before_pooling():
    model = build("net").eval()
    with torch.no_grad():
        expected = F.relu(model.conv1(normalize(IMAGE[None])))[0]
    first = stages(model, IMAGE)[0]
    assert torch.from_numpy(first.maps).equal(expected)
    assert torch.from_numpy(first.filters).equal(model.conv1.weight)


def test_looking_inside_leaves_a_network_alone_that_trains_in_another_thread():
    split = small_split(256)
    config = TrainConfig(epochs=30, batch_size=8)
    runs = [Trainer(config), Trainer(config)]
    for _ in zip(range(40), runs[0].batches(split, split), strict=False):
        pass
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            stages(build("net"), IMAGE)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in zip(range(40), runs[1].batches(split, split), strict=False):
            pass
    finally:
        done.set()
        watcher.join()
    alone, watched = (run.checkpoint().model for run in runs)
    assert all(torch.equal(alone[name], watched[name]) for name in alone)


class Counts(torch.nn.Module):
    """ "Log-probability" of digit 0: the ink in the left half, per full pixel; of others 0."""

    def forward(self, x):
        scores = torch.zeros(len(x), 10)
        blank = normalize(torch.zeros(1, 28, 28, dtype=torch.uint8))
        full = normalize(torch.full((1, 28, 28), 255, dtype=torch.uint8))
        scores[:, 0] = ((x - blank) / (full - blank))[..., :14].sum((1, 2, 3))
        return scores


def test_occlusion_of_a_worked_example():
    """Two full pixels alone, left and right. Each of the 25 squares that hold the left one takes 1
    from the score of 0, so its mean fall is 1. Squares over the right one take nothing.
    """
    image = torch.zeros(28, 28, dtype=torch.uint8)
    image[3, 2] = image[20, 25] = 255
    values = occlusion(Counts(), image, 0)
    assert values[3, 2] == pytest.approx(1, abs=1e-4)
    assert values[20, 25] == pytest.approx(0, abs=1e-4)
    values[3, 2] = 0
    assert values.abs().max() < 1e-4, "where there is no ink nothing can matter"


def test_occlusion_equals_rubbing_out_square_by_square():
    model, image = build("net").eval(), IMAGE
    with torch.no_grad():
        whole = model(normalize(image[None]))[0, 3]
        falls = torch.zeros(28, 28)
        for y in range(1 - PATCH, 28):
            for x in range(1 - PATCH, 28):
                rows, columns = slice(max(y, 0), y + PATCH), slice(max(x, 0), x + PATCH)
                rubbed = image.clone()
                rubbed[rows, columns] = 0
                fall = whole - model(normalize(rubbed[None]))[0, 3]
                falls[rows, columns] += fall / PATCH**2
    expected = falls * (image > 0)
    assert occlusion(model, image, 3).allclose(expected, atol=1e-4)


def test_a_blank_image_has_nothing_that_mattered():
    blank = torch.zeros(28, 28, dtype=torch.uint8)
    assert not occlusion(build("net").eval(), blank, 0).any()
