"""The package from code: `from mnist_core import read, train`. These two signatures stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import config, places
from ..checkpoint import Checkpoint
from ..digits import datasets, mnist
from ..errors import ConfigError, DrawingError
from ..history import Event
from ..reading import Reading, read_image, read_picture, read_strokes, reader, reader_of
from ..training import Trainer

Strokes = Sequence[Sequence[Sequence[float]]]
"""Pen strokes in the order drawn, each of [x, y] points in the unit square, y down."""


def read(
    drawing: Strokes | str | PathLike[str] | bytes | NDArray[np.uint8],
    network: Checkpoint | str | PathLike[str] = config.SHIPPED[0],
) -> Reading:
    """Read a digit or number: pen strokes, a picture's path or content, or u8 [28,28], ink = 255.

    `network` is what `train` returned, a checkpoint's path, or a recipe whose weights come with the
    project. Raises DrawingError for a drawing that cannot be used, CheckpointError for a network.
    """
    if isinstance(network, Checkpoint):
        classifier = reader_of(network)
    elif network in config.SHIPPED:
        classifier = reader(places.shipped_weights(str(network)))
    else:
        classifier = reader(Path(network))
    if isinstance(drawing, bytes | str | PathLike):
        return read_picture(classifier, drawing if isinstance(drawing, bytes) else str(drawing))
    if isinstance(drawing, np.ndarray):
        if drawing.shape != (28, 28) or drawing.dtype != np.uint8:
            raise DrawingError("An array must be u8 [28,28] with ink = 255.")
        return read_image(classifier, drawing)
    return read_strokes(classifier, drawing)


def train(
    recipe: str = "tutorial",
    *,
    data_dir: str | PathLike[str] | None = None,
    device: str = "auto",
    watch: Callable[[Event], object] | None = None,
    **settings: str | int | float,
) -> Checkpoint:
    """Train a network from its start and return the run: `.history`, `.network()`, `.save(path)`.

    `settings` replace those of the recipe (`config.TrainConfig`: epochs, seed …). MNIST is looked
    for in `data_dir` (default: MNIST_DATA_DIR, or data/) and fetched there. `watch` is told every
    event: a StepEvent now and then, an EvalEvent before the first step and after each epoch.
    Raises ConfigError, DataError, or TrainingError when the loss is no longer finite.
    """
    if recipe not in config.RECIPES or not set(settings) <= set(config.SETTINGS):
        raise ConfigError("There is no such recipe or setting.")
    trainer = Trainer(replace(config.RECIPES[recipe], **settings), device)  # type: ignore[arg-type]
    folder = Path(data_dir) if data_dir else places.data_dir()
    if datasets.needs_mnist(trainer.config.dataset):
        mnist.fetch_mnist(folder)
    for event in trainer.events(*trainer.splits(partial(datasets.load, folder=folder))):
        if watch:
            watch(event)
    return trainer.checkpoint()
