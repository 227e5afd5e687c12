"""A network made ready to read one digit at a time.

On one digit torch spends most of its time on the way to its kernels, and more when other work has
emptied the processor's caches, as it has whenever a pen moves. So the network's layers are laid
out once as arrays, and a digit then costs a few calls of numpy, with the same answer.

Convolution as a matrix product: Chellapilla, Puri and Simard, "High Performance Convolutional
Neural Networks for Document Processing" (2006).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .data import normalize
from .evaluation import classify
from .inspection import operations

Step = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One layer: f32 [H,W,C] → f32 [H,W,C], or [F] → [F] once flattened."""

_LEVELS = normalize(torch.arange(256, dtype=torch.uint8)[:, None, None]).numpy().reshape(256, 1)
"""What the network is given for each value of a pixel."""


class Reader:
    """`network`, with the weights it has now: u8 [28,28], ink = 255 → ten probabilities.

    They are those of `evaluation.classify` but for rounding. A network that has branches, or
    layers that are not known here, is read by `classify` itself.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval()
        self._steps: list[Step] | None = None
        trial = np.random.default_rng(1).integers(0, 64, (28, 28), np.uint8)
        expected = self(trial)
        try:
            self._steps = _laid_out(network, normalize(torch.from_numpy(trial)[None]))
            alike = np.allclose(self(trial), expected, atol=1e-5)
        except Exception:  # of whatever kind: something in it is not known here
            alike = False
        if not alike:
            self._steps = None

    def __call__(self, image: NDArray[np.uint8]) -> list[float]:
        if self._steps is None:
            return classify(self.network, torch.from_numpy(image)[None])[0].tolist()
        x = _LEVELS[image]  # [28,28,1]
        for step in self._steps:
            x = step(x)
        return np.exp(x).tolist()


def _laid_out(network: nn.Module, digit: Tensor) -> list[Step]:
    """What a chain of layers does with `digit`. Raises some exception for anything else."""
    steps, before = [], digit
    for operation in operations(network, digit):
        source, *settings = operation.arguments
        if source is not before:
            raise ValueError(f"{operation.name} takes more than what comes before it")
        steps.append(_STEPS[operation.name](*settings))
        before = operation.output
    return steps


def _convolution(weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, *_: Any) -> Step:
    kernel, margin = weight.shape[-1], padding[0]
    matrix = weight.detach().permute(2, 3, 1, 0).reshape(-1, len(weight)).numpy()
    summand = 0 if bias is None else bias.detach().numpy()

    def step(x: NDArray[np.float32]) -> NDArray[np.float32]:
        side, channels = len(x) + 2 * margin, x.shape[2]
        padded = np.zeros((side, side, channels), np.float32)
        padded[margin : side - margin, margin : side - margin] = x
        windows = padded.reshape(-1, channels).take(_windows(side, kernel), axis=0)
        places = side - kernel + 1
        return (windows.reshape(places**2, -1) @ matrix + summand).reshape(places, places, -1)

    return step


@lru_cache(maxsize=32)
def _windows(side: int, kernel: int) -> NDArray[np.int64]:
    """The pixels, numbered along the rows, under the kernel at each of its places."""
    pixels = np.arange(side * side).reshape(side, side)
    return np.lib.stride_tricks.sliding_window_view(pixels, (kernel, kernel)).ravel()


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
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


_STEPS: dict[str, Callable[..., Step]] = {
    "conv2d": _convolution,
    "batch_norm": _normalization,
    "linear": _linear,
    "max_pool2d": lambda *_: _max_pool,
    "relu": lambda *_: lambda x: np.maximum(x, 0),
    "flatten": lambda *_: lambda x: x.transpose(2, 0, 1).ravel(),  # as torch orders them
    "log_softmax": lambda *_: _log_softmax,
}
