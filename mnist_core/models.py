"""The networks: normalized digits f32 [B,1,28,28] → log-probabilities f32 [B,10].

A network that was shown other drawings as well has an eleventh, NONE: that it is no digit.

`Net` is the tutorial's, with its layers and parameter names, so that a `model.pth` made by the
tutorial loads. What differs cannot be seen in the weights: dropout draws from a generator of the
run's own, because torch's global generator is shared by every thread of a server.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import NONE


class Dropout(nn.Module):
    """`nn.Dropout` (or, with `whole_channels`, `nn.Dropout2d`) with p = 0.5.

    Draws from `generator`; as long as there is none, nothing is dropped.
    """

    def __init__(self, whole_channels: bool = False) -> None:
        super().__init__()
        self.whole_channels = whole_channels
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.generator is None:
            return x
        shape = (*x.shape[:2], 1, 1) if self.whole_channels else x.shape
        keep = torch.empty(shape, device=x.device).bernoulli_(0.5, generator=self.generator)
        return x * keep.mul_(2)  # kept values are doubled, so that the mean stays


class Net(nn.Module):
    """The tutorial's network: two convolutions, two linear layers, 21,840 parameters."""

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = Dropout(whole_channels=True)
        self.fc1 = nn.Linear(320, 50)
        self.fc1_drop = Dropout()
        self.fc2 = nn.Linear(50, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))  # [B,10,12,12]
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))  # [B,20,4,4]
        x = F.relu(self.fc1(x.flatten(1)))  # [B,320] → [B,50]
        return F.log_softmax(self.fc2(self.fc1_drop(x)), dim=1)


class ModernNet(nn.Module):
    """Five convolutions with batch normalization (Ioffe and Szegedy 2015).

    With eleven outputs it has 119,195 parameters and takes 3.9 million multiply-adds a digit. The
    first and the last convolution go in steps of two: what costs most is maps of 28 × 28.
    """

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5, stride=2, padding=2, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 48, kernel_size=3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(48)
        self.conv4 = nn.Conv2d(48, 64, kernel_size=3, padding=1, bias=False)
        self.norm4 = nn.BatchNorm2d(64)
        self.conv5 = nn.Conv2d(64, 96, kernel_size=3, stride=2, padding=1, bias=False)
        self.norm5 = nn.BatchNorm2d(96)
        self.fc = nn.Linear(96 * 4 * 4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))  # [B,16,14,14]
        x = F.relu(self.norm2(F.max_pool2d(self.conv2(x), 2)))  # [B,32,7,7]
        x = F.relu(self.norm3(self.conv3(x)))  # [B,48,7,7]
        x = F.relu(self.norm4(self.conv4(x)))  # [B,64,7,7]
        x = F.relu(self.norm5(self.conv5(x)))  # [B,96,4,4]
        return F.log_softmax(self.fc(x.flatten(1)), dim=1)


class QuickNet(nn.Module):
    """Three convolutions with batch normalization: 29,434 parameters, 1.4 million multiply-adds.

    Made to reach 99 % in one epoch: its first convolution goes in steps of two, so that nothing,
    neither a convolution nor what is done to its maps, is ever as large as the digit itself.
    """

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5, stride=2, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 64, kernel_size=3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(64)
        self.fc = nn.Linear(64 * 3 * 3, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))  # [B,16,12,12]
        x = F.relu(self.norm2(F.max_pool2d(self.conv2(x), 2)))  # [B,32,6,6]
        x = F.relu(self.norm3(F.max_pool2d(self.conv3(x), 2)))  # [B,64,3,3]
        return F.log_softmax(self.fc(x.flatten(1)), dim=1)


def build(network: str, outputs: int = 10) -> nn.Module:
    """A network by its name in `config.NETWORKS`, with torch's default initialization."""
    return {"net": Net, "modern": ModernNet, "quick": QuickNet}[network](outputs)


def given_a_digit(outputs: Tensor) -> Tensor:
    """Log-probabilities f32 [B,10 or 11] → [B,10], of the ten digits when it is one of them."""
    return outputs if outputs.shape[1] == NONE else outputs[:, :NONE].log_softmax(1)


def last_layer(model: nn.Module) -> nn.Linear:
    """The layer that makes the outputs."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


def initialize(model: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights anew from `generator`, as torch's own default would.

    Convolutions and linear layers: uniform in ±1/√fan_in, weights and biases (what
    `kaiming_uniform_(a=√5)` comes to; He et al. 2015). With a generator seeded alike this gives
    the weights that `torch.manual_seed(seed); Net()` gives, without touching global state.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            with torch.no_grad():
                module.weight.uniform_(-bound, bound, generator=generator)
                if module.bias is not None:
                    module.bias.uniform_(-bound, bound, generator=generator)


def draw_dropout_from(model: nn.Module, generator: torch.Generator | None) -> None:
    """Make every dropout layer of `model` draw from `generator`; None has every unit trained."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator
