"""What a network does with one digit: its stages, what each makes of the digit, what mattered.

The stages are found by running the network, traced with torch.fx, so they are those of the model
that reads and not of a drawing of it. A stage is a layer with weights and the steps without any
that follow it (batch normalization is such a step, though it has a few weights of its own).

Occlusion: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", section 4.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch.nn import functional as F

from .data import normalize
from .pictures import Stage

PATCH = 5
"""Side of the square that `occlusion` covers, in pixels."""


@torch.no_grad()
def stages(model: nn.Module, image: Tensor) -> list[Stage]:
    """The stages of `model` (in evaluation mode) in order, reading u8 [28,28]."""
    tracer = _Recorder(fx.symbolic_trace(model))
    tracer.run(normalize(image[None]))
    found: list[list[_Step]] = []
    for step in tracer.steps:
        if isinstance(step.module, nn.Conv2d | nn.Linear):
            found.append([step])
        elif found:
            found[-1].append(step)
    return [_stage(steps) for steps in found]


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
class _Step:
    """One operation in the order of the computation."""

    name: str
    module: nn.Module | None
    output: Tensor


class _Recorder(fx.Interpreter):
    """Runs a traced network and keeps every operation's output."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.steps: list[_Step] = []

    def run_node(self, node: fx.Node) -> object:
        output = super().run_node(node)
        if node.op.startswith("call_") and isinstance(output, Tensor):
            is_module = node.op == "call_module"
            module = self.module.get_submodule(str(node.target)) if is_module else None
            name = str(node.target) if is_module else re.sub(r"_\d+$", "", node.name)
            self.steps.append(_Step(name, module, output))
        return output


def _stage(steps: list[_Step]) -> Stage:
    layer = steps[0]
    names = [_named(step) for step in steps]
    own = [step.module for step in steps if step.module is not None]
    return Stage(
        name=layer.name,
        steps=tuple(name for name in names if name),
        shape=[s.output.shape[1:] for s in steps if s.output.ndim == layer.output.ndim][-1],
        parameters=sum(p.numel() for module in own for p in module.parameters()),
        filters=own[0].weight.numpy() if isinstance(own[0], nn.Conv2d) else None,
        maps=_worth_seeing(steps, names),
    )


def _named(step: _Step) -> str:
    """An operation in words; empty for one that only reshapes or does nothing when reading."""
    module, name = step.module, step.name
    if isinstance(module, nn.Conv2d):
        return f"convolution {module.kernel_size[0]}×{module.kernel_size[1]}"
    if isinstance(module, nn.Module):
        name = type(module).__name__
    return _WORDS.get(name.lower(), name)


_WORDS = {
    "linear": "linear",
    "max_pool2d": "max pool",
    "maxpool2d": "max pool",
    "avg_pool2d": "mean pool",
    "adaptive_avg_pool2d": "mean pool",
    "adaptiveavgpool2d": "mean pool",
    "mean": "mean pool",
    "relu": "ReLU",
    "batchnorm2d": "batch norm",
    "log_softmax": "log-softmax",
    "flatten": "",
    "dropout": "",
    "dropout2d": "",
    "identity": "",
}


def _worth_seeing(steps: list[_Step], names: list[str]) -> NDArray[np.float32]:
    """What the stage hands on, but before a max pool that is followed by no more than its ReLU,
    which thins it out only. Probabilities, where the stage ends in their logarithms."""
    outputs = [step.output[0] for step in steps if step.output.ndim == steps[0].output.ndim]
    if "log-softmax" in names:
        return outputs[-1].exp().numpy()
    if names[1:3] == ["max pool", "ReLU"]:
        return outputs[0].relu().numpy()
    return outputs[-1].numpy()
