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
from torch import nn
from torch.fx import Node, symbolic_trace
from torch.nn import functional as F

from .data import normalize
from .evaluation import classify

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
            self._steps = _laid_out(network)
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


def _laid_out(network: nn.Module) -> list[Step]:
    """The layers of a chain. Raises an exception of one kind or another for anything else."""
    first, *nodes, _ = symbolic_trace(network).graph.nodes
    steps = []
    for before, node in zip([first, *nodes], nodes, strict=False):
        if node.all_input_nodes != [before]:
            raise ValueError(f"{node} takes more than what comes before it")
        steps.append(_step(network, node))
    return steps


def _step(network: nn.Module, node: Node) -> Step:
    if node.op == "call_module":
        layer: Any = network.get_submodule(str(node.target))
        return _LAYERS[type(layer)](layer)
    return _FUNCTIONS[node.target]


def _convolution(layer: nn.Conv2d) -> Step:
    kernel, margin = layer.kernel_size[0], int(layer.padding[0])
    weight = layer.weight.detach().permute(2, 3, 1, 0).reshape(-1, layer.out_channels).numpy()
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()

    def step(x: NDArray[np.float32]) -> NDArray[np.float32]:
        side, channels = len(x) + 2 * margin, x.shape[2]
        padded = np.zeros((side, side, channels), np.float32)
        padded[margin : side - margin, margin : side - margin] = x
        windows = padded.reshape(-1, channels).take(_windows(side, kernel), axis=0)
        places = side - kernel + 1
        return (windows.reshape(places**2, -1) @ weight + bias).reshape(places, places, -1)

    return step


@lru_cache(maxsize=32)
def _windows(side: int, kernel: int) -> NDArray[np.int64]:
    """The pixels, numbered along the rows, under the kernel at each of its places."""
    pixels = np.arange(side * side).reshape(side, side)
    return np.lib.stride_tricks.sliding_window_view(pixels, (kernel, kernel)).ravel()


def _normalization(layer: nn.BatchNorm2d) -> Step:
    """With the statistics of the training: one factor and one summand to a channel."""
    mean, variance, weight, bias = (
        tensor.detach().numpy()  # type: ignore[union-attr]
        for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    factor = weight / np.sqrt(variance + np.float32(layer.eps))
    summand = bias - mean * factor
    return lambda x: x * factor + summand


def _linear(layer: nn.Linear) -> Step:
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return lambda x: weight @ x + bias


def _max_pool(x: NDArray[np.float32]) -> NDArray[np.float32]:
    x = x[: len(x) // 2 * 2, : len(x) // 2 * 2]
    x = np.maximum(x[::2], x[1::2])
    return np.maximum(x[:, ::2], x[:, 1::2])


def _log_softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


_LAYERS: dict[type, Callable[[Any], Step]] = {
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _normalization,
    nn.Linear: _linear,
}
_FUNCTIONS: dict[Any, Step] = {
    F.max_pool2d: _max_pool,
    F.relu: lambda x: np.maximum(x, 0),
    "flatten": lambda x: x.transpose(2, 0, 1).ravel(),  # as torch orders them
    F.log_softmax: _log_softmax,
}
