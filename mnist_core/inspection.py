"""What a network does with one digit: its stages, what each makes of the digit, what mattered.

The stages are found by running the network and watching what it computes, so they are those of
the model that reads and not of a drawing of it. Only the calling thread is watched: others may
train meanwhile.

Occlusion: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from .data import normalize
from .pictures import Stage
from .words import say

PATCH = 5
"""Side of the square that `occlusion` covers, in pixels."""

_WORDS = {
    "max_pool2d": "max pool",
    "avg_pool2d": "mean pool",
    "relu": "ReLU",
    "batch_norm": "batch norm",
    "log_softmax": "log-softmax",
    "flatten": "",
}


@torch.no_grad()
def stages(model: nn.Module, image: Tensor) -> list[Stage]:
    """The stages of `model`, in order, reading u8 [28,28]: a convolution or linear layer, and
    what follows it."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: list[list[Operation]] = []
    for operation in operations(model, normalize(image[None])):
        if operation.name in ("conv2d", "linear"):
            found.append([operation])
        elif found:
            found[-1].append(operation)
    return [_stage(group, names) for group in found]


@torch.no_grad()
def operations(model: nn.Module, digits: Tensor) -> list[Operation]:
    """What `model` does with normalized `digits` f32 [B,1,28,28], in order, each with a tensor as
    its result."""
    model.eval()
    with _Watch() as watch:
        model(digits)
    return watch.operations


@torch.no_grad()
def occlusion(model: nn.Module, image: Tensor, digit: int) -> Tensor:
    """u8 [28,28] → f32 [28,28], how much each pixel's ink spoke for reading the image as `digit`.

    Squares of PATCH × PATCH are cleared of ink, one after the other at every place. A pixel's
    value is the mean fall of log p(digit) over the squares that hold it, in nats: above 0 the ink
    there speaks for the digit, below 0 against it, and 0 where there is none.
    """
    model.eval()
    # [32,28]: squares begin up to PATCH - 1 pixels before the image, so that each pixel has as many
    places, pixels = torch.arange(28 + PATCH - 1)[:, None], torch.arange(28)
    covered = (places - PATCH < pixels) & (pixels <= places)
    squares = covered[:, None, :, None] & covered[None, :, None, :]  # [32,32,28,28]
    touched = (squares & (image > 0)).flatten(2).any(2)
    images = torch.cat([image[None], image * ~squares[touched]])
    scores = model(normalize(images))[:, digit]
    falls = torch.zeros(touched.shape)
    falls[touched] = scores[0] - scores[1:]
    return F.avg_pool2d(falls[None], PATCH, stride=1)[0] * (image > 0)


@dataclass(frozen=True, eq=False)
class Operation:
    """A function of torch, by its name, what it was called with, and its result."""

    name: str
    arguments: tuple[Any, ...]
    output: Tensor


class _Watch(TorchFunctionMode):
    """Keeps every operation on tensors that this thread makes while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        output = func(*args, **named)
        if isinstance(output, Tensor):
            self.operations.append(Operation(func.__name__, (*args, *named.values()), output))
        return output


def _stage(group: list[Operation], names: dict[int, str]) -> Stage:
    """`names` are those of the model's parameters, by their id."""
    outputs = [operation.output for operation in group]
    used = {names[id(x)]: x for o in group for x in o.arguments if id(x) in names}
    name, weight = next(iter(used.items()))
    words = [_WORDS.get(operation.name, operation.name) for operation in group[1:]]
    kernel = "×".join(map(str, weight.shape[2:]))
    whole = [output[0] for output in outputs if output.ndim == outputs[0].ndim]
    return Stage(
        name=name.removesuffix(".weight"),
        steps=(
            say("convolution {size}", size=kernel) if kernel else say("linear"),
            *(say(word) for word in words if word),
        ),
        shape=whole[-1].shape,
        parameters=sum(parameter.numel() for parameter in used.values()),
        filters=weight.numpy() if kernel else None,
        maps=_worth_seeing(whole, words),
    )


def _worth_seeing(outputs: list[Tensor], words: list[str]) -> NDArray[np.float32]:
    """What the stage hands on, but before a max pool that is followed by no more than its ReLU,
    which thins it out only. Probabilities, where the stage ends in their logarithms."""
    if words[-1:] == ["log-softmax"]:
        return outputs[-1].exp().numpy()
    if words[:2] == ["max pool", "ReLU"]:
        return outputs[0].relu().numpy()
    return outputs[-1].numpy()
