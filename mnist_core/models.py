"""The networks: normalized digits f32 [B,1,28,28] → log-probabilities f32 [B,10].

`Net` is the tutorial's, with its layers and parameter names, so that a `model.pth` made by the
tutorial loads. What differs cannot be seen in the weights: dropout draws from a generator of the
run's own, because torch's global generator is shared by every thread of a server.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Module):
    """`nn.Dropout` (or, with `whole_channels`, `nn.Dropout2d`) with p = 0.5.

    Draws from `generator`; from torch's global generator when there is none.
    """

    def __init__(self, whole_channels: bool = False) -> None:
        super().__init__()
        self.whole_channels = whole_channels
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        shape = (*x.shape[:2], 1, 1) if self.whole_channels else x.shape
        keep = torch.empty(shape, device=x.device).bernoulli_(0.5, generator=self.generator)
        return x * keep.mul_(2)  # kept values are doubled, so that the mean stays


class Net(nn.Module):
    """The tutorial's network: two convolutions, two linear layers, 21,840 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = Dropout(whole_channels=True)
        self.fc1 = nn.Linear(320, 50)
        self.fc1_drop = Dropout()
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))  # [B,10,12,12]
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))  # [B,20,4,4]
        x = F.relu(self.fc1(x.flatten(1)))  # [B,320] → [B,50]
        return F.log_softmax(self.fc2(self.fc1_drop(x)), dim=1)


class ModernNet(nn.Module):
    """Five convolutions with batch normalization (Ioffe and Szegedy 2015), 145,002 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5, padding=2, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 48, kernel_size=3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(48)
        self.conv4 = nn.Conv2d(48, 72, kernel_size=3, padding=1, bias=False)
        self.norm4 = nn.BatchNorm2d(72)
        self.conv5 = nn.Conv2d(72, 128, kernel_size=3, padding=1, bias=False)
        self.norm5 = nn.BatchNorm2d(128)
        self.fc = nn.Linear(128 * 3 * 3, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(F.max_pool2d(self.conv1(x), 2)))  # [B,16,14,14]
        x = F.relu(self.norm2(self.conv2(x)))  # [B,32,14,14]
        x = F.relu(self.norm3(F.max_pool2d(self.conv3(x), 2)))  # [B,48,7,7]
        x = F.relu(self.norm4(self.conv4(x)))  # [B,72,7,7]
        x = F.relu(self.norm5(F.max_pool2d(self.conv5(x), 2)))  # [B,128,3,3]
        return F.log_softmax(self.fc(x.flatten(1)), dim=1)


def build(network: str) -> nn.Module:
    """A network by its name in `config.NETWORKS`, with torch's default initialization."""
    return {"net": Net, "modern": ModernNet}[network]()


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
    """Make every dropout layer of `model` draw from `generator`."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator
