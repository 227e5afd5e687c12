"""The app with runs under way, for `load.py --table`: python tests/benchmarks/load_server.py COUNT

Each run is another visitor's, so MNIST_SLOTS decides how many train at once. Prints the images per
second of all together, once a second.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import app
from mnist_core.config import TrainConfig
from mnist_core.runs.folder import new_visitor


def tell(count: int) -> None:
    """Start the runs, and say every second how fast they are, once all of them train."""
    scheduler = app.lab.scheduler
    visitors = [new_visitor() for _ in range(count)]
    for visitor in visitors:
        scheduler.start(visitor, TrainConfig(epochs=100), name="Run")
    while True:
        time.sleep(1)
        speeds = [run.images_per_second for visitor in visitors for run in scheduler.runs(visitor)]
        if all(speeds):
            print("images/s", round(sum(speed or 0 for speed in speeds)), flush=True)


if __name__ == "__main__":
    threading.Thread(target=tell, args=(int(sys.argv[1]),), daemon=True).start()
    app.main(threading.Event())
