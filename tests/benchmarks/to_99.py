"""Seconds and accuracy of one epoch of the recipe "quick", by seed, and the same in plain PyTorch.

    python tests/benchmarks/to_99.py --data-dir DIR [--seeds 10] [--threads N]

The seconds are those of the training, from the first step to the last. "whole" adds what ours does
besides: both tests on the 10,000 test digits, and the class means. Plain PyTorch is the same
network, batches, course and optimizer in the shortest loop that one would write, over digits that
were normalized beforehand. The two take turns, so that a slow minute of the machine falls on both.
Prints a line per seed and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import torch
from torch.nn import functional as F

from mnist_core.config import QUICK
from mnist_core.digits import datasets
from mnist_core.digits.split import Split, normalize
from mnist_core.evaluation import evaluate
from mnist_core.models import build
from mnist_core.training import Trainer


def ours(train: Split, test: Split, seed: int) -> tuple[float, float, float]:
    """Seconds of training, seconds of the whole run, accuracy."""
    start = time.perf_counter()
    trainer = Trainer(replace(QUICK, seed=seed))
    batches = trainer.batches(train, test)
    next(batches)  # the test before the first step
    begun = time.perf_counter()
    for _ in range(-(-len(train) // QUICK.batch_size)):
        next(batches)
    trained = time.perf_counter()
    for _ in batches:
        pass
    end = time.perf_counter()
    return trained - begun, end - start, trainer.history.evaluations[-1].accuracy


def plain(train: Split, test: Split, seed: int) -> tuple[float, float]:
    """Seconds of training and accuracy."""
    torch.manual_seed(seed)
    model = build(QUICK.network).train()
    images, labels = normalize(train.images), train.labels
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=QUICK.learning_rate,
        momentum=QUICK.momentum,
        weight_decay=QUICK.weight_decay,
    )
    steps = -(-len(train) // QUICK.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, QUICK.learning_rate, steps, pct_start=0.25, cycle_momentum=False
    )
    start = time.perf_counter()
    for index in torch.randperm(len(train)).split(QUICK.batch_size):
        optimizer.zero_grad()
        F.nll_loss(model(images[index]), labels[index]).backward()
        optimizer.step()
        schedule.step()
    seconds = time.perf_counter() - start
    return seconds, evaluate(model, test).accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("MNIST_DATA_DIR", "data"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    train, test = datasets.load("mnist", Path(options.data_dir))
    ours(Split(train.images[:2000], train.labels[:2000]), test, seed=0)  # what is slow once only
    print("seed   ours            whole     plain PyTorch")
    rows = []
    for seed in range(1, options.seeds + 1):
        rows.append((*ours(train, test, seed), *plain(train, test, seed)))
        seconds, whole, accuracy, theirs, their_accuracy = rows[-1]
        print(
            f"{seed:4}  {seconds:5.2f} s {accuracy:.2%}  {whole:5.2f} s  "
            f"{theirs:5.2f} s {their_accuracy:.2%}",
            flush=True,
        )
    columns = list(zip(*rows, strict=True))
    result = {
        "seconds": round(statistics.median(columns[0]), 2),
        "whole_seconds": round(statistics.median(columns[1]), 2),
        "accuracy_mean": round(statistics.mean(columns[2]), 5),
        "accuracy_least": min(columns[2]),
        "plain_seconds": round(statistics.median(columns[3]), 2),
        "plain_accuracy_mean": round(statistics.mean(columns[4]), 5),
        "seeds": options.seeds,
        "threads": options.threads,
        "cpu_count": os.cpu_count(),
        "torch": torch.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
