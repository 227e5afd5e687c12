"""The tutorial's way of training, as the reference to measure against.

DataLoaders with per-image transforms, torch's own dropout and global seed, the two state dicts
saved at every logged step. `size_average=False` and an implicit softmax dimension, which torch
has since dropped, are written as they are today.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class TutorialNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(-1, 320)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


class Tutorial:
    """The tutorial's global variables, gathered."""

    def __init__(self, data_dir: Path, folder: Path, seed: int) -> None:
        torch.manual_seed(seed)
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )
        train = datasets.MNIST(str(data_dir), train=True, transform=transform)
        test = datasets.MNIST(str(data_dir), train=False, transform=transform)
        self.train_loader = DataLoader(train, batch_size=64, shuffle=True)
        self.test_loader = DataLoader(test, batch_size=1000, shuffle=True)
        self.folder = folder
        self.network = TutorialNet()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01, momentum=0.5)

    def train(self) -> list[float]:
        """One epoch; the losses of every tenth batch."""
        losses = []
        self.network.train()
        for batch_idx, (data, target) in enumerate(self.train_loader):
            self.optimizer.zero_grad()
            loss = F.nll_loss(self.network(data), target)
            loss.backward()
            self.optimizer.step()
            if batch_idx % 10 == 0:
                losses.append(loss.item())
                torch.save(self.network.state_dict(), self.folder / "model.pth")
                torch.save(self.optimizer.state_dict(), self.folder / "optimizer.pth")
        return losses

    def test(self) -> float:
        """Accuracy on the test set, 0..1."""
        self.network.eval()
        correct = 0
        with torch.no_grad():
            for data, target in self.test_loader:
                correct += int((self.network(data).argmax(1) == target).sum())
        return correct / len(self.test_loader.dataset)  # type: ignore[arg-type]

    def accuracies(self, epochs: int) -> Iterator[float]:
        """Train, and the accuracy after each epoch."""
        for _ in range(epochs):
            self.train()
            yield self.test()
