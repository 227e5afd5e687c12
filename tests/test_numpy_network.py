"""The reader of one digit says what torch says, whatever the network."""

import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mnist_core import evaluation, numpy_network
from mnist_core.checkpoint import Checkpoint
from mnist_core.config import NETWORKS, NONE, SHIPPED
from mnist_core.digits.handwriting import handwriting_images
from mnist_core.digits.split import Split
from mnist_core.models import build
from mnist_core.numpy_network import Reader, TaughtReader
from mnist_core.places import shipped_weights

IMAGES = np.concatenate([
    handwriting_images(50, seed=78)[0],
    np.random.default_rng(2).integers(0, 256, (5, 28, 28), np.uint8),
    np.zeros((1, 28, 28), np.uint8),
])  # fmt: skip


def assert_reads_as_torch(reader):
    digits = torch.from_numpy(IMAGES).split(1)
    expected = [evaluation.classify(reader.network, digit)[0] for digit in digits]
    answers = [reader.answers(image[None]).probabilities[0] for image in IMAGES]
    np.testing.assert_allclose(answers, expected, atol=1e-5)


@pytest.fixture
def without_torch(monkeypatch):
    """Called once a reader is made: from then on torch does not read for it."""
    return lambda: monkeypatch.setattr(numpy_network, "outputs", None)


@pytest.mark.parametrize("recipe", SHIPPED)
def test_shipped_weights_are_read_as_torch_reads_them(recipe, without_torch):
    reader = Reader(Checkpoint.load(shipped_weights(recipe)).network())
    without_torch()
    assert_reads_as_torch(reader)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_laid_out_whatever_its_weights(name, without_torch):
    model = build(name)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.normal_(0, 0.2)
        for name, tensor in model.named_buffers():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
    reader = Reader(model)
    without_torch()
    assert_reads_as_torch(reader)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        return F.log_softmax(self.fc((x + self.conv(x)).flatten(1)), dim=1)


class Decides(Branches):
    def forward(self, x):
        return super().forward(x if x.sum() > 0 else -x)


class Chain(nn.Module):
    def __init__(self, *layers, features):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(features, 10)

    def forward(self, x):
        return F.log_softmax(self.fc(self.layers(x).flatten(1)), dim=1)


@pytest.mark.parametrize(
    "make",
    [
        Branches,
        Decides,
        lambda: Chain(nn.Conv2d(1, 4, 3, stride=2), features=676),
        lambda: Chain(nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"), features=3136),
        lambda: Chain(nn.Conv2d(1, 4, (3, 5), padding=(1, 2)), features=3136),
        lambda: Chain(nn.Conv2d(1, 4, 3, padding="same"), features=3136),
        lambda: Chain(nn.Tanh(), features=784),
        lambda: Chain(nn.BatchNorm2d(1, affine=False), features=784),
    ],
    ids=["branches", "decides", "stride", "reflect", "oblong", "same", "tanh", "norm"],
)
def test_a_network_of_unknown_layers_is_read_by_torch(make):
    assert_reads_as_torch(Reader(make()))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("recipe", SHIPPED)
def test_weights_too_large_to_compute_with_know_nothing_and_say_so(recipe):
    checkpoint, images = Checkpoint.load(shipped_weights(recipe)), handwriting_images(3, seed=1)[0]
    for name, weights in checkpoint.model.items():
        if name.endswith(".weight"):
            weights.fill_(3e38)
    reader = Reader(checkpoint.network(), checkpoint.class_means)
    own = Split(torch.from_numpy(images), torch.tensor([1, 2, NONE]))
    for read in (reader, TaughtReader(reader, own)):
        for some in (images, images[:1]):
            answers = read.answers(some)
            assert np.isfinite(answers.probabilities).all()
            assert np.isfinite(answers.is_digit).all()
    told = evaluation.outputs(reader.network, torch.from_numpy(images))
    assert (told == told[0, 0]).all()
    assert told.exp().sum(1) == pytest.approx([1, 1, 1])


def test_making_a_reader_disturbs_no_other_thread(without_torch):
    done, made = threading.Event(), []

    def make():
        while not done.is_set():
            made.append(Reader(build("net")))

    makers = [threading.Thread(target=make) for _ in range(2)]
    for maker in makers:
        maker.start()
    try:
        model, digit = build("modern"), torch.from_numpy(IMAGES[:1])
        first = evaluation.classify(model, digit)
        while len(made) < 50:
            assert evaluation.classify(model, digit).equal(first)
    finally:
        done.set()
        for maker in makers:
            maker.join()
    without_torch()
    assert all(len(reader.look(IMAGES[0])[0]) == 10 for reader in made)
