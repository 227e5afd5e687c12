"""Two ways to teach a network what is no digit: an eleventh class, or ten equal probabilities.

    python tests/benchmarks/eleventh.py --data-dir data --uji UJIpenchars --pen-digits FILE

The second is outlier exposure (Hendrycks, Mazeika and Dietterich 2019): on what is no digit the
loss is the cross-entropy to ten equal probabilities, and the score is the largest probability. All
else is the modern recipe's, with fewer epochs. Printed per way and weight of that loss: accuracy on
MNIST's test digits and on people's strokes, and what `letters.py` prints. Nothing is chosen here.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import letters
import torch
from torch import Tensor
from torch.nn import functional as F

from mnist_core import evaluation, training
from mnist_core.config import MODERN, NONE
from mnist_core.digits import datasets
from mnist_core.digits.split import normalize
from mnist_core.models import given_a_digit

WAYS = [("eleventh class", 0.2), ("equal probabilities", 0.2), ("equal probabilities", 0.5)]


class Equal(training.Trainer):
    """A run whose network says ten equal probabilities to what is no digit; its eleventh output is
    left out of everything."""

    weight = 0.5

    def _step(self, train, index: Tensor, strength: float) -> Tensor:
        self.model.train()
        images = torch.cat([train.images.index_select(0, index), self._nondigits(train)])
        images = training.distort(images, strength, self.generator)
        outputs = given_a_digit(self.model(normalize(images)))
        loss = F.nll_loss(outputs[: len(index)], train.labels[index])
        self.optimizer.zero_grad()
        (loss - self.weight * outputs[len(index) :].mean()).backward()
        self.optimizer.step()
        return loss.detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--uji", type=Path, required=True, help="UNIPEN file of digits and letters")
    parser.add_argument("--pen-digits", type=Path, required=True, help="UNIPEN file of digits")
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = replace(MODERN, epochs=arguments.epochs)
    train, _ = datasets.load(config.data, arguments.data_dir)
    test = datasets.load("mnist", arguments.data_dir)[1]
    characters = list(letters.read_unipen(arguments.uji, down=1))
    pens = list(letters.read_unipen(arguments.pen_digits, down=-1))
    labels = torch.tensor([int(label) for label, _ in pens])
    drawn = [letters.images([strokes for label, strokes in characters if label.isdigit()]),
             letters.images([strokes for label, strokes in characters if label in letters.LETTERS]),
             letters.images([strokes for _, strokes in pens])]  # fmt: skip
    for way, weight in WAYS:
        trainer = (Equal if way == "equal probabilities" else training.Trainer)(config)
        trainer.weight = training.NONE_WEIGHT = weight
        for _ in trainer.events(train, test):
            pass
        is_equal = isinstance(trainer, Equal)
        tested, *read = (
            evaluation.outputs(trainer.model, images) for images in (test.images, *drawn)
        )
        scores = [
            given_a_digit(log).amax(1).exp() if is_equal else 1 - log[:, NONE].exp().double()
            for log in read
        ]
        said = {
            "mnist": accuracy(tested, test.labels),
            "strokes": accuracy(read[2], labels),
            **letters.report(*(score.double().numpy() for score in scores)),
        }
        print(json.dumps({"way": way, "weight": weight, **said}), flush=True)


def accuracy(log: Tensor, labels: Tensor) -> float:
    return (given_a_digit(log).argmax(1) == labels).double().mean().item()


if __name__ == "__main__":
    main()
