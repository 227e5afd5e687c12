"""The cloud: where a network's answer to a digit lies in two dimensions.

Ten directions, 0 up and the others on clockwise. A digit lies between their tips, nearest to what
it is most probably read as. The probabilities are softened first (the temperature of Hinton,
Vinyals and Dean 2015), which leaves room between sure and surer; what is near the middle, where all
ten are alike, is moved apart. It is the same for every network, moment and set: the cloud of a
network that learns is seen to separate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

TEMPERATURE = 4.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """Digits of a set: their `numbers` in it, `truths` and what each is `read` as, i64 [N], and
    `places` i64 [N,2], as `placed`."""

    numbers: Tensor
    truths: Tensor
    read: Tensor
    places: Tensor

    @classmethod
    def of(cls, numbers: Tensor, truths: Tensor, probabilities: Tensor) -> Cloud:
        read = probabilities.argmax(1)
        return cls(numbers=numbers, truths=truths, read=read, places=placed(probabilities))

    def to_dict(self) -> dict[str, Any]:
        """Lists by these names."""
        return {name: values.tolist() for name, values in vars(self).items()}


def placed(probabilities: Tensor) -> Tensor:
    """f32 [N,10] → i64 [N,2]: x and y, which goes down, from 0 to 1000."""
    soft = probabilities.pow(1 / TEMPERATURE)
    angles = torch.arange(10) * (2 * math.pi / 10)
    tips = torch.stack([angles.sin(), -angles.cos()], 1)  # [10,2]
    flat = soft / soft.sum(1, keepdim=True) @ tips
    flat = flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-9).sqrt()
    return (500 + 500 * flat.nan_to_num(0)).round().long()
