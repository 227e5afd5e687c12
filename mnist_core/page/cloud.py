"""The cloud of the Test digits tab: digits of a set where a network's answers put them, and the
visitor's own drawing among them, with the training digits that it is most like to that network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..config import NONE
from ..digits.datasets import needs_mnist
from ..digits.split import Split
from ..evaluation import classify
from ..inspection import features
from ..runs.cloud import Cloud, placed
from ..runs.scheduler import Scheduler
from . import run_view
from .bounded import bounded
from .digit_html import sprite
from .gallery import Gallery
from .networks import Network, image_of
from .run_words import percent

COMPARED = 3000
"""Training digits among which the nearest are looked for: the first ones."""

NEAREST = 5

SHOWN = 1000
"""Digits in the cloud, from all over the set."""


def shown(gallery: Gallery, drawing: str | None) -> dict[str, Any]:
    """What `static/digits_cloud.js` draws of what a gallery's first network reads, as
    `Cloud.to_dict`: empty for a set of no digits, `own` the place of a drawing, and `near` it the
    nearest of the gallery's `training` digits. Raises DrawingError and BusyError."""
    network = gallery.networks[0][1]
    readings = next(iter(gallery.readings().values()))
    count = len(readings.labels) if (readings.labels != NONE).any() else 0
    numbers = torch.linspace(0, count - 1, min(SHOWN, count)).long()
    probabilities = readings.log_probabilities[numbers].exp()
    found = Cloud.of(numbers, readings.labels[numbers], probabilities).to_dict()
    if drawing is None or not count:
        return found
    image = image_of(drawing)[None]
    own = features(network.model, image)
    training = gallery.split if gallery.training is None else gallery.training
    near = (F.normalize(own) @ _compared(network, training).T)[0]
    near = near.topk(min(NEAREST, len(near))).indices
    return found | {
        "own": placed(classify(network.model, image))[0].tolist(),
        "near": {
            "sprite": sprite(training.images[near].numpy()),
            "truths": training.labels[near].tolist(),
        },
    }


@bounded(keep=8)
def _compared(network: Network, training: Split) -> Tensor:
    """f32 [COMPARED,F], unit vectors."""
    return F.normalize(features(network.model, training.images[:COMPARED]))


def live(scheduler: Scheduler, weights: str, drawing: str | None) -> dict[str, Any] | None:
    """The cloud of MNIST's test digits as a visitor's run moves it, which is the weights chosen,
    and how it reads them now; None unless it trains."""
    token, _, run_id = weights.partition("/")
    image = image_of(drawing) if drawing else None
    run = scheduler.look(token, run_id, image)
    if run.status != "running" or run.cloud is None or not needs_mnist(run.config.dataset):
        return None
    return run_view.cloud(run, image is not None) | {"percent": percent(run.live_accuracy)}
