"""Accuracy after 3 and after 8 epochs, the tutorial's script and ours, over several seeds.

    python tests/benchmarks/accuracy.py --data-dir DIR [--seeds 5] [--epochs 8] [--threads N]

Prints a line per run and, as the last line, JSON with means and standard deviations.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import torch
from tutorial import Tutorial

from mnist_core.config import TUTORIAL
from mnist_core.digits import datasets
from mnist_core.history import EvalEvent
from mnist_core.training import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("MNIST_DATA_DIR", "data"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    train, test = datasets.load("mnist", Path(options.data_dir))
    runs: dict[str, list[list[float]]] = {"ours": [], "tutorial": []}
    for seed in range(1, options.seeds + 1):
        trainer = Trainer(replace(TUTORIAL, epochs=options.epochs, seed=seed))
        events = trainer.events(train, test)
        runs["ours"].append([e.accuracy for e in events if isinstance(e, EvalEvent)][1:])
        with tempfile.TemporaryDirectory() as folder:
            tutorial = Tutorial(Path(options.data_dir), Path(folder), seed)
            runs["tutorial"].append(list(tutorial.accuracies(options.epochs)))
        for name in runs:
            print(seed, name, *(f"{accuracy:.2%}" for accuracy in runs[name][-1]), flush=True)
    result: dict[str, object] = {"seeds": options.seeds, "torch": torch.__version__}
    for name, accuracies in runs.items():
        for epochs in sorted({min(3, options.epochs), options.epochs}):
            values = [run[epochs - 1] for run in accuracies]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            result[f"{name}_after_{epochs}"] = {
                "mean": round(statistics.mean(values), 5),
                "standard_deviation": round(spread, 5),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
