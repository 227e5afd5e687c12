"""How fast synthetic digits are made: in this process alone, and by one process a core.

    python tests/benchmarks/handwriting.py [--count 30000] [--rounds 3] [--processes N]

Both in turn; prints the medians as one line of JSON, in digits a second and in seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import numpy as np

from mnist_core.digits.handwriting import handwriting_images
from mnist_core.places import cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=cores())
    options = parser.parse_args()
    seconds: dict[int, list[float]] = {1: [], options.processes: []}
    for seed in range(options.rounds):
        for processes, taken in seconds.items():
            begun = time.perf_counter()
            handwriting_images(options.count, seed, processes=processes)
            taken.append(time.perf_counter() - begun)
    result: dict[str, object] = {"count": options.count, "numpy": np.__version__}
    for processes, taken in seconds.items():
        median = statistics.median(taken)
        name = "one_process" if processes == 1 else f"{processes}_processes"
        result[name] = {"per_second": round(options.count / median), "seconds": round(median, 2)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
