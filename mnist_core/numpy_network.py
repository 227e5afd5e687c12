"""A network made ready to read one digit at a time.

On one digit torch spends most of its time on the way to its kernels, and more when other work has
emptied the processor's caches, as it has whenever a pen moves. So the network's layers are laid
out once as arrays, and a digit then costs a few calls of numpy, with the same answer.

Convolution as a matrix product: Chellapilla, Puri and Simard, "High Performance Convolutional
Neural Networks for Document Processing" (2006).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .config import NONE
from .digits.augment import distort
from .digits.split import Split, normalize
from .evaluation import DIGIT, outputs
from .inspection import LIKE, STEEP, chain, features

Step = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One layer: f32 [H,W,C] → f32 [H,W,C], or [F] → [F] once flattened."""

TAUGHT, NEAR = 15.0, 0.15
"""What a drawing of one's own that is the same adds to its label's log-probability, in nats, and
the distance, 1 - cosine, at which it adds 1/e of that. Set on 300 synthetic writers and on MNIST's
training digits, distorted: more, or wider, and one labelled 7 makes sevens of others' ones."""

COPIED, MOST_COPIES, DISTORTED = 200, 8, 0.5
"""Drawings with their copies, copies of each, and how strongly these are distorted. On 60 synthetic
writers eight copies left 52 errors where one left 61, of 99; more distorted ones no fewer."""

_LEVELS = normalize(torch.arange(256, dtype=torch.uint8)[:, None, None]).numpy().reshape(256, 1)
"""What the network is given for each value of a pixel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a network makes of B images.

    `probabilities` f32 [B,10] are those of the ten digits if it is one, `is_digit` f32 [B] how
    probable that is: 1 from a network that takes everything for a digit. `decided_by` i64 [B] is
    which of the visitor's own drawings changed the answer, -1 for none.
    """

    probabilities: NDArray[np.float32]
    is_digit: NDArray[np.float32]
    decided_by: NDArray[np.int64] | None = None


class Reader:
    """`network`, with the weights it has now.

    One that has branches, or layers that are not known here, is read by torch. `class_means` f32
    [10,F] are those of `inspection`: what a network without an output for "no digit" goes by.
    """

    def __init__(self, network: nn.Module, class_means: Tensor | None = None) -> None:
        self.network = network.eval()
        self._class_means = None if class_means is None else _unit(class_means.numpy())
        self._steps: list[Step] | None = None
        trial = np.random.default_rng(1).integers(0, 64, (28, 28), np.uint8)
        self.knows_none = len(self.look(trial)[0]) > NONE
        expected = self.answers(trial[None]).probabilities
        try:
            self._steps = _laid_out(network, normalize(torch.from_numpy(trial)[None]))
            alike = np.allclose(self.answers(trial[None]).probabilities, expected, atol=1e-5)
        except Exception:  # of whatever kind: something in it is not known here
            alike = False
        if not alike:
            self._steps = None

    @property
    def takes_all(self) -> bool:
        """Whether it takes everything for a digit."""
        return not self.knows_none and self._class_means is None

    def answers(self, images: NDArray[np.uint8]) -> Answers:
        """Read u8 [B,28,28], ink = 255."""
        if len(images) > 1 and (self.knows_none or self.takes_all):
            return self.answers_from(outputs(self.network, torch.from_numpy(images)).numpy(), None)
        return self.answers_from(*self.looks(images))

    def looks(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`look` at each of u8 [B,28,28]: f32 [B,10] or [B,11], and f32 [B,F]."""
        scores, seen = zip(*map(self.look, images), strict=True)
        return np.stack(scores), np.stack(seen)

    def answers_from(
        self, scores: NDArray[np.float32], seen: NDArray[np.float32] | None
    ) -> Answers:
        """What `looks` at some images come to; features that are not needed may be None."""
        shares = np.exp(scores)
        digits = shares[:, :NONE].sum(1)
        if not self.knows_none and seen is not None and self._class_means is not None:
            likeness = (_unit(seen) @ self._class_means.T).max(1)
            is_digit = 1 / (1 + np.exp(STEEP * (LIKE - likeness)))
        else:
            is_digit = digits if self.knows_none else np.ones_like(digits)
        return Answers(probabilities=shares[:, :NONE] / digits[:, None], is_digit=is_digit)

    def look(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The network's log-probabilities f32 [10], or [11] with NONE, and its features f32 [F].

        They are those of `evaluation.outputs` and `inspection.features` but for rounding.
        """
        if self._steps is None:
            digit = torch.from_numpy(image)[None]
            return outputs(self.network, digit)[0].numpy(), features(self.network, digit)[0].numpy()
        x = _LEVELS[image]  # [28,28,1]
        for step in self._steps[:-2]:
            x = step(x)
        linear, log_softmax = self._steps[-2:]
        return log_softmax(linear(x)), x


class TaughtReader:
    """A reader that has a visitor's `own` drawings to go by as well.

    To the log-probability of each label, "no digit" among them, the nearest drawing with it adds
    TAUGHT × exp((cosine - 1) / NEAR), the cosine being that of the network's last features: a
    nearest neighbour in the space that the network has learned (Snell, Swersky and Zemel 2017).
    Few drawings are joined by distorted copies, as their writer might have drawn them too.
    """

    def __init__(self, reader: Reader, own: Split) -> None:
        self.reader, self.knows_none = reader, reader.knows_none
        copies = min(max(COPIED // len(own), 1), MOST_COPIES)
        drawn = np.tile(np.arange(len(own)), copies)
        labels = own.labels.numpy()
        order = labels[drawn].argsort(kind="stable")
        self._drawn = drawn[order]  # i64 [M], which drawing each copy is of; by label
        self._originals = order.argsort()[: len(own)]
        self._labels, self._first = np.unique(labels[self._drawn], return_index=True)
        images = own.images[drawn]
        if copies > 1:
            distorted = distort(images[len(own) :], DISTORTED, torch.Generator().manual_seed(1))
            images[len(own) :] = distorted.round().clamp(0, 255)
        seen = features(reader.network, images).numpy()
        self._scores = outputs(reader.network, images[: len(own)]).numpy()
        self._seen, self._near = seen[: len(own)], _unit(seen[order])

    @property
    def size(self) -> int:
        """Bytes, about."""
        return 2 * self._near.nbytes

    def answers(self, images: NDArray[np.uint8]) -> Answers:
        """Read u8 [B,28,28], ink = 255."""
        scores, seen = self.reader.looks(images)
        return self._joined(self.reader.answers_from(scores, seen), _unit(seen) @ self._near.T)

    def readings(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What the drawings are read as, i64 [N] each, 0..9 or NONE: by the network alone, and
        each by the network and the other drawings."""
        alone = self.reader.answers_from(self._scores, self._seen)
        likeness = self._near[self._originals] @ self._near.T
        likeness[self._drawn == np.arange(len(likeness))[:, None]] = -1
        return _labels(alone), _labels(self._joined(alone, likeness))

    def _joined(self, alone: Answers, likeness: NDArray[np.float32]) -> Answers:
        """The network's own answers to B images, and their cosines to the copies f32 [B,M]."""
        near = TAUGHT * np.exp((likeness - 1) / NEAR)
        is_digit = alone.is_digit[:, None]
        shares = np.hstack([alone.probabilities * is_digit, 1 - is_digit])
        factors = np.ones_like(shares)
        factors[:, self._labels] = np.exp(np.maximum.reduceat(near, self._first, axis=1))
        shares = np.maximum(shares, _LEAST) * factors
        digits = shares[:, :NONE].sum(1)
        answers = Answers(
            probabilities=shares[:, :NONE] / digits[:, None], is_digit=digits / shares.sum(1)
        )
        label, before = _labels(answers), _labels(alone)
        # What surely is no digit has ten shares below _LEAST, which tell no longer what it is like.
        would_be = np.maximum(alone.probabilities, _LEAST) * factors[:, :NONE]
        would_be /= would_be.sum(1, keepdims=True)
        answers.probabilities[label == NONE] = would_be[label == NONE]
        others = self._labels.repeat(np.diff(self._first, append=len(self._drawn)))
        nearest = self._drawn[np.where(others == label[:, None], near, -1).argmax(1)]
        return replace(answers, decided_by=np.where(label == before, -1, nearest))


_LEAST = 1e-5
"""No probability counts as smaller, so that a drawing of one's own can tell against any."""


def _labels(answers: Answers) -> NDArray[np.int64]:
    """i64 [B], the digits read, or NONE."""
    return np.where(answers.is_digit < DIGIT, NONE, answers.probabilities.argmax(1))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = np.nan_to_num(rows)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _laid_out(network: nn.Module, digit: Tensor) -> list[Step]:
    """What a chain of layers does with `digit`. Raises some exception for anything else."""
    done = chain(network, digit)
    if [operation.name for operation in done[-2:]] != ["linear", "log_softmax"]:
        raise ValueError("its last layer is another")
    return [_STEPS[operation.name](*operation.arguments[1:]) for operation in done]


def _convolution(weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, *_: Any) -> Step:
    kernel, margin, pace = weight.shape[-1], padding[0], stride[0]
    matrix = weight.detach().permute(2, 3, 1, 0).reshape(-1, len(weight)).numpy()
    summand = 0 if bias is None else bias.detach().numpy()

    def step(x: NDArray[np.float32]) -> NDArray[np.float32]:
        side, channels = len(x) + 2 * margin, x.shape[2]
        padded = np.zeros((side, side, channels), np.float32)
        padded[margin : side - margin, margin : side - margin] = x
        windows = padded.reshape(-1, channels).take(_windows(side, kernel, pace), axis=0)
        places = (side - kernel) // pace + 1
        return (windows.reshape(places**2, -1) @ matrix + summand).reshape(places, places, -1)

    return step


@lru_cache(maxsize=32)
def _windows(side: int, kernel: int, stride: int) -> NDArray[np.int64]:
    """The pixels, numbered along the rows, under the kernel at each of its places."""
    pixels = np.arange(side * side).reshape(side, side)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (kernel, kernel))
    return windows[::stride, ::stride].ravel()


def _normalization(mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor,
                   training: bool, momentum: float, epsilon: float) -> Step:  # fmt: skip
    """Batch normalization with the statistics of the training."""
    factor = weight / torch.sqrt(variance + epsilon)
    summand = (bias - mean * factor).detach().numpy()
    multiplier = factor.detach().numpy()
    return lambda x: x * multiplier + summand


def _linear(weight: Tensor, bias: Tensor) -> Step:
    matrix, summand = weight.detach().numpy(), bias.detach().numpy()
    return lambda x: matrix @ x + summand


def _max_pool(x: NDArray[np.float32]) -> NDArray[np.float32]:
    x = x[: len(x) // 2 * 2, : len(x) // 2 * 2]
    x = np.maximum(x[::2], x[1::2])
    return np.maximum(x[:, ::2], x[:, 1::2])


def _log_softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `evaluation.outputs`: where no numbers come out, all are as likely."""
    x = x - x.max()
    x = x - np.log(np.exp(x).sum())
    return np.full_like(x, -np.log(len(x))) if np.isnan(x[0]) else x  # one is nan when all are


_STEPS: dict[str, Callable[..., Step]] = {
    "conv2d": _convolution,
    "batch_norm": _normalization,
    "linear": _linear,
    "max_pool2d": lambda *_: _max_pool,
    "relu": lambda *_: lambda x: np.maximum(x, 0),
    "flatten": lambda *_: lambda x: x.transpose(2, 0, 1).ravel(),  # as torch orders them
    "log_softmax": lambda *_: _log_softmax,
}
