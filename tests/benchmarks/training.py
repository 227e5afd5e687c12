"""Seconds of one training epoch: the tutorial's script, ours, and a bare loop as the floor.

    python tests/benchmarks/training.py --data-dir DIR [--repeats 3] [--threads N] [--busy N]

All three train the tutorial's network on all of MNIST with batches of 64. The tutorial and ours
include what they save and log; the floor is forward, backward, step with our network, memory
layout and optimizer over batches made beforehand. Evaluation is left out of all three. `--busy`
adds processes that compute beside it. Prints a table and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import torch
from torch.nn import functional as F
from tutorial import Tutorial

from mnist_core.config import TUTORIAL
from mnist_core.digits import datasets, split
from mnist_core.history import EvalEvent
from mnist_core.runs.folder import Saver
from mnist_core.training import Trainer


def tutorial_seconds(folder: Path, data_dir: Path) -> float:
    return _seconds(Tutorial(data_dir, folder, seed=1).train)


def our_seconds(folder: Path, train: split.Split, test: split.Split) -> float:
    """From the first evaluation to the last step: one epoch with everything but evaluating."""
    trainer, saver = Trainer(TUTORIAL), Saver(folder / "checkpoint.pt")
    events = trainer.batches(train, test)
    assert isinstance(next(events), EvalEvent)

    def epoch() -> None:
        for _ in range(-(-len(train) // TUTORIAL.batch_size)):
            if next(events) is not None and saver.is_due:
                saver.save(trainer.checkpoint())

    return _seconds(epoch)


def floor_seconds(train: split.Split) -> float:
    """The least that this network and optimizer can take."""
    trainer = Trainer(TUTORIAL)
    order = split.batches(len(train), TUTORIAL.batch_size, seed=1, epoch=0)
    ready = [(split.normalize(train.images[index]), train.labels[index]) for index in order]
    trainer.model.train()

    def epoch() -> None:
        for images, labels in ready:
            trainer.optimizer.zero_grad()
            F.nll_loss(trainer.model(images), labels).backward()
            trainer.optimizer.step()

    return _seconds(epoch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("MNIST_DATA_DIR", "data"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--busy", type=int, default=0, help="processes computing beside it")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    train, test = datasets.load("mnist", Path(options.data_dir))
    busy = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(options.busy)]
    for process in busy:
        process.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways: dict[str, Callable[[], float]] = {
            "tutorial": lambda: tutorial_seconds(folder, Path(options.data_dir)),
            "ours": lambda: our_seconds(folder, train, test),
            "floor": lambda: floor_seconds(train),
        }
        # Interleaved, so that a slow minute of the machine falls on all three.
        rounds = [{name: way() for name, way in ways.items()} for _ in range(options.repeats)]
    for process in busy:
        process.terminate()
    seconds = {name: statistics.median(r[name] for r in rounds) for name in ways}
    for name, value in seconds.items():
        print(f"{name:9} {value:7.2f} s  {value / seconds['tutorial']:5.2f} of the tutorial's")
    result = {f"{name}_seconds": round(value, 3) for name, value in seconds.items()}
    result |= {
        "ours_to_tutorial": round(seconds["ours"] / seconds["tutorial"], 3),
        "ours_to_floor": round(seconds["ours"] / seconds["floor"], 3),
        "repeats": options.repeats,
        "threads": options.threads,
        "busy": options.busy,
        "cpu_count": os.cpu_count(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    print(json.dumps(result))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _spin() -> None:
    while True:
        sum(range(10_000))


if __name__ == "__main__":
    main()
