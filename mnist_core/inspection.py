"""What a network does with a digit: its stages, what each makes of it, what mattered, its features.

The stages are found by running the network and watching what it computes, so they are those of
the model that reads and not of a drawing of it. Only the calling thread is watched: others may
train meanwhile.

Features are what the last layer is given. By them a network that was only ever shown digits can
tell these from other drawings. Occlusion: Zeiler and Fergus, "Visualizing and Understanding
Convolutional Networks", section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from .config import NONE
from .digits.split import Split, normalize
from .errors import Message
from .models import given_a_digit

LIKE = 0.55
"""Cosine to the nearest class mean from which something is rather a digit than not: so low that the
tutorial's network still answers to 99 % of synthetic digits."""

STEEP = 20.0
"""How fast that turns: 0.1 of the cosine multiplies the odds by 7."""

PATCH = 5
"""Side of the square that `occlusion` covers, in pixels."""

MEANT = 10_000
"""Digits that a class mean is taken over: enough for means, and a second's work."""
_AT_ONCE = 1000
PART = 64
"""Images that `occlusion` reads at a time: more take a hundred megabytes and a third longer."""

_WORDS = {
    "max_pool2d": "max pool",
    "avg_pool2d": "mean pool",
    "relu": "ReLU",
    "batch_norm": "batch norm",
    "log_softmax": "log-softmax",
    "flatten": "",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """A layer of a network with the weightless steps after it, and what it made of one digit.

    `shape` is that of its output: (channels, height, width) or (units,). `filters` f32
    [out,in,h,w] are the weights of a convolution, otherwise None. `maps` f32, (channels, height,
    width) or (units,), is its activation before it shrinks it, where it does.
    """

    name: str
    steps: tuple[str, ...]
    shape: Sequence[int]
    parameters: int
    filters: NDArray[np.float32] | None
    maps: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum:
    """One value of a stage's maps, written out: patch × kernel + bias, and the steps after it.

    `patch` and `kernel` f32 [C,h,w] lie over one another; `corner` (y, x) is where the patch begins
    in each of the C maps before, of `size` (H, W). `values` begins with the sum of their products
    and `bias`; each of `steps` makes the next of it, the last being the value. `onward` f32 [N] is
    the sum of the weights by which each unit of the next stage takes this map.
    """

    patch: NDArray[np.float32]
    kernel: NDArray[np.float32]
    bias: float
    corner: tuple[int, int]
    size: tuple[int, int]
    steps: tuple[str, ...]
    values: tuple[float, ...]
    onward: NDArray[np.float32]


@torch.no_grad()
def stages(model: nn.Module, image: Tensor) -> list[Stage]:
    """The stages of `model`, in order, reading u8 [28,28]: a convolution or linear layer, and
    what follows it."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [_stage(group, names) for group in _groups(model, image)]


@torch.no_grad()
def written_out(
    model: nn.Module, image: Tensor, stage: int, unit: int, place: tuple[int, int]
) -> Sum:
    """How `stages(model, image)[stage].maps[unit]` comes to its value at `place` (y, x), which says
    nothing of a stage without maps. Raises IndexError for what there is not."""
    if min(stage, unit, *place) < 0:
        raise IndexError("counted from 0")
    groups = _groups(model, image)
    group = groups[stage]
    weight, bias, *settings = group[0].arguments[1:]
    if weight.ndim == 2:
        place = (0, 0)
    shown, words = _shown(group)
    values, steps = [], []
    for after, word in zip(reversed(shown), reversed(["", *words]), strict=True):
        maps = after.reshape(*after.shape, 1, 1) if after.ndim == 1 else after
        values.append(float(maps[unit][place]))
        steps.append(word)
        if word == "max pool":
            before = shown[len(shown) - len(values) - 1][unit]
            window = before[2 * place[0] : 2 * place[0] + 2, 2 * place[1] : 2 * place[1] + 2]
            down, across = divmod(int(window.argmax()), window.shape[1])
            place = 2 * place[0] + down, 2 * place[1] + across
    source = group[0].arguments[0][0]
    if weight.ndim == 2:
        earlier = [o.output for o in groups[stage - 1] if o.output.ndim == 4] if stage else []
        shape = earlier[-1][0].shape if earlier else (len(source), 1, 1)
        patch, kernel = source.view(shape), weight[unit].view(shape)
        corner, size = (0, 0), shape[1:]
    else:
        (pace, _), (margin, _), side = settings[0], settings[1], weight.shape[-1]
        y, x = place[0] * pace, place[1] * pace
        padded = F.pad(source, (margin,) * 4)
        patch, kernel = padded[:, y : y + side, x : x + side], weight[unit]
        corner, size = (y - margin, x - margin), source.shape[1:]
    onward = torch.zeros(0)
    if stage + 1 < len(groups):
        onward = groups[stage + 1][0].arguments[1]
        onward = onward.reshape(len(onward), len(group[0].output[0]), -1)[:, unit].sum(1)
    return Sum(
        patch=patch.numpy(),
        kernel=kernel.numpy(),
        bias=0.0 if bias is None else float(bias[unit]),
        corner=corner,
        size=(int(size[0]), int(size[1])),
        steps=tuple(Message(word) for word in steps[::-1][1:]),
        values=tuple(values[::-1]),
        onward=onward.numpy(),
    )


def _groups(model: nn.Module, image: Tensor) -> list[list[Operation]]:
    """The operations of each stage, reading u8 [28,28]."""
    found: list[list[Operation]] = []
    for operation in operations(model, normalize(image[None])):
        if operation.name in ("conv2d", "linear"):
            found.append([operation])
        elif found:
            found[-1].append(operation)
    return found


@torch.no_grad()
def operations(model: nn.Module, digits: Tensor) -> list[Operation]:
    """What `model` does with normalized `digits` f32 [B,1,28,28], in order, each with a tensor as
    its result."""
    model.eval()
    with _Watch() as watch:
        model(digits)
    return watch.operations


def chain(model: nn.Module, digits: Tensor) -> list[Operation]:
    """`operations`, each of what the one before has made. Raises ValueError where the model is no
    such chain."""
    done, before = operations(model, digits), digits
    for operation in done:
        if operation.arguments[0] is not before:
            raise ValueError(f"{operation.name} takes more than what comes before it")
        before = operation.output
    return done


def features(model: nn.Module, images: Tensor, device: str | torch.device = "cpu") -> Tensor:
    """u8 [B,28,28] → f32 [B,F], on the CPU: what the network's last layer is given of each."""
    found = []
    for part in images.split(_AT_ONCE):
        done = operations(model, normalize(part.to(device)))
        found.append([step.arguments[0] for step in done if step.name == "linear"][-1].cpu())
    return torch.cat(found)


def class_means(model: nn.Module, split: Split, device: str | torch.device = "cpu") -> Tensor:
    """f32 [10,F]: each digit's mean features, over the first MEANT of a split; 0 for none. What is
    labelled `config.NONE` counts for none."""
    labels = split.labels[:MEANT]
    digits = F.one_hot(labels, NONE + 1)[:, :NONE].float()  # [MEANT,10]
    total = digits.T @ features(model, split.images[:MEANT], device)
    return total / digits.sum(0).clamp(min=1)[:, None]


@torch.no_grad()
def told_by_means(model: nn.Module, digits: Tensor, class_means: Tensor) -> Tensor:
    """Normalized f32 [B,1,28,28] → log-probabilities f32 [B,11]: a network's ten, and that it is no
    digit, by the cosine of its features to the nearest of the `class_means` f32 [10,F]."""
    done = operations(model, digits)
    seen = [step.arguments[0] for step in done if step.name == "linear"][-1]
    alike = (F.normalize(seen) @ F.normalize(class_means.to(seen)).T).amax(1, keepdim=True)
    odds = STEEP * (alike - LIKE)
    return torch.cat([done[-1].output + F.logsigmoid(odds), F.logsigmoid(-odds)], 1)


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
    parts = images.split(PART)
    scores = torch.cat([given_a_digit(model(normalize(part)))[:, digit] for part in parts])
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
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        named = kwargs or {}
        output = func(*args, **named)
        if isinstance(output, Tensor):
            self.operations.append(Operation(func.__name__, (*args, *named.values()), output))
        return output


def _stage(group: list[Operation], names: dict[int, str]) -> Stage:
    """`names` are those of the model's parameters, by their id."""
    used = {names[id(x)]: x for o in group for x in o.arguments if id(x) in names}
    name, weight = next(iter(used.items()))
    words = [_WORDS.get(operation.name, operation.name) for operation in group[1:]]
    kernel = "×".join(map(str, weight.shape[2:]))
    return Stage(
        name=name.removesuffix(".weight"),
        steps=(
            Message("convolution {size}", size=kernel) if kernel else Message("linear"),
            *(Message(word) for word in words if word),
        ),
        shape=_whole(group)[-1].shape,
        parameters=sum(parameter.numel() for parameter in used.values()),
        filters=weight.numpy() if kernel else None,
        maps=_shown(group)[0][-1].numpy(),
    )


def _whole(group: list[Operation]) -> list[Tensor]:
    """What the operations of a stage have made of the one digit, while it has its shape."""
    first = group[0].output
    return [operation.output[0] for operation in group if operation.output.ndim == first.ndim]


def _shown(group: list[Operation]) -> tuple[list[Tensor], list[str]]:
    """The stage's values from its sum to its activation, and the words for the steps between.

    The activation is what the stage hands on, but before a max pool that is followed by no more
    than its ReLU, which thins it out only; probabilities, where it ends in their logarithms.
    """
    outputs = _whole(group)
    words = [_WORDS.get(o.name, o.name) for o in group[1 : len(outputs)]]
    if words == ["max pool", "ReLU"]:
        return [outputs[0], outputs[0].relu()], ["ReLU"]
    if words[-1:] == ["log-softmax"]:
        return [*outputs[:-1], outputs[-1].exp()], [*words[:-1], "softmax"]
    return outputs, words
