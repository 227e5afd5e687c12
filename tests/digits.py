"""Small made-up digit data, and readings of it, for tests that need no MNIST."""

import torch
from torch import nn

from mnist_core.config import NONE
from mnist_core.digits.split import Split
from mnist_core.evaluation import Evaluation
from mnist_core.models import build, initialize


def small_split(count: int, seed: int = 0) -> Split:
    """Digits as a bright bar whose height is the label, with noise: learnable in a moment."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (count,), generator=generator)
    images = torch.randint(0, 40, (count, 28, 28), generator=generator, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[2 + 2 * label : 5 + 2 * label, 4:24] = 255
    return Split(images, labels)


def seeded_network(name: str, outputs: int = 10, seed: int = 1) -> nn.Module:
    """An untrained network, the same each time, in evaluation mode."""
    network = build(name, outputs)
    initialize(network, torch.Generator().manual_seed(seed))
    return network.eval()


def drawn(count: int, seed: int = 3) -> Split:
    """Made-up digits as somebody's own labelled drawings."""
    return small_split(count, seed)


def answered(rows: list[tuple[int, dict[int, float]]]) -> Evaluation:
    """An evaluation from (truth, {digit: probability}) pairs; what is left is spread evenly. Where
    one has NONE, that it is no digit, all others are taken to be surely one."""
    table, none = [], [given.get(NONE, 0.0) for _, given in rows]
    for _, given in rows:
        digits = {digit: share for digit, share in given.items() if digit != NONE}
        rest = (1 - sum(digits.values())) / (10 - len(digits))
        table.append([digits.get(digit, rest) for digit in range(10)])
    labels = torch.tensor([truth for truth, _ in rows])
    known = torch.tensor(none).log() if any(none) else None
    return Evaluation(torch.tensor(table).log(), labels, known)


FIVE = answered(
    [
        (3, {3: 0.8}),  # 0: right
        (3, {5: 0.7, 3: 0.2}),  # 1: wrong
        (5, {5: 0.5, 3: 0.4}),  # 2: right, unsure
        (9, {4: 0.9, 9: 0.09}),  # 3: wrong, most confident
        (9, {9: 0.99}),  # 4: right
    ]
)
