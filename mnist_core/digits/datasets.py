"""The datasets by their names: MNIST, synthetic handwriting, one's own, what is no digit.

MNIST is read where it is; synthetic drawings are made when first needed, which takes a while, and
kept in the user's cache folder. Only what is asked for is read or made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from ..config import NONE, TrainConfig
from ..errors import DataError
from ..places import cache_dir
from .augment import distort
from .handwriting import handwriting_images
from .mnist import load_mnist, load_mnist_test
from .nondigits import letter_images, nondigit_images
from .split import Split

SHARD, SHARDS = 30_000, 4
"""Synthetic digits in an epoch of "mnist+handwriting": half as many as MNIST's, which more would
cost accuracy, and other ones in the next epoch, since few would be learnt by heart."""

_HANDS, _HANDS_TEST = (60_000, 1), (10_000, 2)
"""Number and seed of the dataset "handwriting"."""
_NONDIGITS, _FEW_NONDIGITS = (60_000, 1), (1_000, 1)
"""Number and seed of what is no digit; of few beside one's own drawings, made in two seconds."""
LETTERS = 1_000
"""Letters and signs alone that a network is tested with."""
_NONDIGITS_TEST, _LETTERS_TEST = (2_000, 2), (LETTERS, 4)
"""Of what no network is trained on."""

OWN_DIGITS, BESIDE = 1_200, 8_400
"""In an epoch on one's own drawings: copies of them, and MNIST's digits beside these, without which
it would forget how others write."""
_MOST_OWN_EPOCHS = 20
"""After which the same copies come again."""
_OWN_STRENGTH = 0.8
"""Of the copies' distortion."""

_NO_DIGITS = Split(torch.empty(0, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))

Progress = Callable[[float], None]
"""Told the share that is done, 0..1, while synthetic digits are made."""


def load(dataset: str, folder: Path, progress: Progress | None = None) -> tuple[Split, Split]:
    """(train, test) of a dataset by its name in `config.DATASETS`, with MNIST in `folder`.

    One's own drawings are not in it: `with_own` adds them. With "+nondigits" behind the name, the
    training set has drawings of other things as well.

    Read once per process and folder; callers share the tensors and must not write to them.
    Raises DataError when the files are missing (and says how to get them) or damaged.
    """
    if dataset.endswith("+nondigits"):
        train, test = load(dataset.removesuffix("+nondigits"), folder, progress)
        others = _FEW_NONDIGITS if has_own(dataset) else _NONDIGITS
        made = _once(nondigit_images, *others, progress)
        return replace(train, nondigits=made.images), test
    if dataset == "own":
        return _NO_DIGITS, _NO_DIGITS
    if dataset in ("mnist", "mnist+own"):
        return load_mnist(folder.resolve())
    if dataset == "handwriting":
        train = _once(handwriting_images, *_HANDS, progress)
        return train, load_test(dataset, folder, progress)
    if dataset == "mnist+handwriting":
        train, test = load_mnist(folder.resolve())  # raises before anything is made
        hands = _once(handwriting_images, SHARD * SHARDS, _HANDS[1], progress)
        parts = zip(hands.images.split(SHARD), hands.labels.split(SHARD), strict=True)
        return Split(train.images, train.labels, tuple(Split(*part) for part in parts)), test
    raise DataError("There is no dataset called {dataset}.", dataset=dataset)


def with_own(
    own: Split | None, train: Split, test: Split, config: TrainConfig
) -> tuple[Split, Split]:
    """(train, test) of `load` for a run on one's `own` drawings: an epoch has OWN_DIGITS copies of
    them, each distorted in its own way, and BESIDE digits of `train`, others in the next.

    Without `test` digits the drawings themselves are tested. Raises DataError for none of use.
    """
    alone = tested(own)
    assert own is not None, "it is tested"
    drawn = own if config.outputs > NONE else own.of_digits()
    generator = torch.Generator().manual_seed(config.seed)
    order = torch.randperm(len(train), generator=generator)
    shards = []
    for epoch in range(min(config.epochs, _MOST_OWN_EPOCHS)):
        which = (torch.arange(OWN_DIGITS) + epoch * OWN_DIGITS) % len(drawn)
        copies = distort(drawn.images[which], _OWN_STRENGTH, generator).round().clamp(0, 255)
        turn = torch.arange(BESIDE if len(train) else 0) + epoch * BESIDE
        beside = order[turn % max(len(train), 1)]
        others = Split(train.images[beside], train.labels[beside])
        shards.append(Split(copies.to(torch.uint8), drawn.labels[which]) + others)
    empty = Split(drawn.images[:0], drawn.labels[:0], tuple(shards), train.nondigits)
    return empty, test if len(test) else alone


def tested(own: Split | None) -> Split:
    """Those of digits, to be read or shown. Raises DataError for none."""
    digits = None if own is None else own.of_digits()
    if not digits:
        raise DataError("There are no labelled digits: draw some, and say what they are.")
    return digits


def load_test(dataset: str, folder: Path, progress: Progress | None = None) -> Split:
    """The test digits of `load` alone: MNIST's wherever it has MNIST in it. Raises as `load`."""
    if needs_mnist(dataset):
        return load_mnist_test(folder.resolve())
    if dataset == "handwriting":
        return _once(handwriting_images, *_HANDS_TEST, progress)
    raise DataError("There is no dataset called {dataset}.", dataset=dataset)


def load_shown(digits: str, folder: Path, progress: Progress | None = None) -> Split:
    """What is shown: "mnist test", "mnist train", "handwriting test", "nondigits test" or, of these
    letters and signs alone, "letters test"; the last two are labelled NONE. Raises as `load`."""
    if digits == "nondigits test":
        return _once(nondigit_images, *_NONDIGITS_TEST, progress)
    if digits == "letters test":
        return _once(letter_images, *_LETTERS_TEST, progress)
    dataset, part = digits.split()
    if part == "test":
        return load_test(dataset, folder, progress)
    return load(dataset, folder, progress)[0]


def needs_mnist(dataset: str) -> bool:
    """Whether a dataset of `config.DATASETS` has MNIST in it; the others need no download."""
    return "mnist" in dataset.split("+")


def has_own(dataset: str) -> bool:
    """Whether a dataset of `config.DATASETS` has one's own drawings in it."""
    return "own" in dataset.split("+")


def measured_on(dataset: str) -> str:
    """The dataset whose test digits tell others how well a run on `dataset` reads: MNIST's, unless
    it is synthetic throughout. One's own drawings are nobody else's measure."""
    return "handwriting" if dataset == "handwriting" else "mnist"


Make = Callable[..., tuple[np.ndarray, np.ndarray]]
_made: dict[tuple[Make, Path, int, int], Split] = {}
_making = Lock()


def _once(make: Make, count: int, seed: int, progress: Progress | None) -> Split:
    """Synthetic drawings, made once in a process and a cache folder."""
    key = (make, cache_dir(), count, seed)
    with _making:
        if key not in _made:
            images, labels = make(count, seed, cache=key[1], progress=progress)
            _made[key] = Split(torch.from_numpy(images), torch.from_numpy(labels))
        return _made[key]
