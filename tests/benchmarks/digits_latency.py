"""How long Test digits lets one wait, on a server that has just been started.

    python tests/benchmarks/digits_latency.py --data-dir DIR [--weights Modern] [--repeats 5]

Each repeat starts the app anew, waits until it has loaded what reads (five seconds), and opens the
tab in a headless browser: the seconds from the press to the first digits, and from a move of the
slider to the digits of that moment, the 150 ms included in which it rests. Beside them, in the same
run: a pass of the network over the 10,000 digits in one thread, here ("bare") and in a worker as
for one's own run ("worker"). Prints medians and, last of all, JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import torch
from conftest import BROWSER_FLAGS, chromium
from servers import serve

from mnist_core import places
from mnist_core.checkpoint import Checkpoint
from mnist_core.digits import datasets
from mnist_core.runs.readings import read_here
from mnist_core.runs.workers import Workers

SETTLE_SECONDS, MOMENTS = 5.0, (3, 8, 12)
_SHOWN = """before => document.querySelector(".digit-summary")?.innerText !== before
  && document.querySelector(".digit-cell") && !document.querySelector(".digit-waits")"""


def waits(browser: Any, data_dir: Path, weights: str) -> tuple[float, list[float]]:
    """Seconds to the first digits, and to those of some moments, on a new server."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = serve(Path(folder), data_dir.resolve(), ("app.py",), {})
        page = browser.new_context().new_page()
        page.set_default_timeout(120_000)
        try:
            page.goto(server.url)
            page.get_by_role("combobox", name="Weights that read").click()
            page.get_by_role("option", name=f"{weights}, shipped").click()
            time.sleep(SETTLE_SECONDS)
            start = time.perf_counter()
            page.get_by_role("tab", name="Test digits").click()
            page.wait_for_function(_SHOWN, arg="")
            first, moments = time.perf_counter() - start, []
            for place in MOMENTS:
                before = page.locator(".digit-summary").inner_text()
                start = time.perf_counter()
                page.locator(".digit-time input").evaluate(
                    "(slider, value) => { slider.value = value; "
                    "slider.dispatchEvent(new Event('input')); }",
                    place,
                )
                page.wait_for_function(_SHOWN, arg=before)
                moments.append(time.perf_counter() - start)
        finally:
            page.context.close()
            server.process.kill()
            server.process.wait()
    return first, moments


def passes(data_dir: Path, weights: str, repeats: int) -> tuple[float, float]:
    """Median seconds of a pass over MNIST's test digits: here, and in a worker."""
    torch.set_num_threads(1)
    images = datasets.load_test("mnist", data_dir).images
    model = Checkpoint.load(places.shipped_weights(weights.lower())).network()
    workers, here, there = Workers(), [], []
    for number in range(repeats + 1):  # the first is to start the process
        for read, times in ((read_here, here), (workers.read, there)):
            start = time.perf_counter()
            for _ in read(model, images):
                pass
            if number:
                times.append(time.perf_counter() - start)
    workers.close()
    return statistics.median(here), statistics.median(there)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with MNIST in it")
    parser.add_argument("--weights", choices=("Modern", "Tutorial"), default="Modern")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = chromium() or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_FLAGS)
        found = [waits(browser, options.data_dir, options.weights) for _ in range(options.repeats)]
    bare, worker = passes(options.data_dir, options.weights, options.repeats)
    result = {
        "first_digits_seconds": round(statistics.median(first for first, _ in found), 2),
        "moment_seconds": round(statistics.median(m for _, each in found for m in each), 2),
        "bare_seconds": round(bare, 2),
        "worker_seconds": round(worker, 2),
        "worker_over_bare": round(worker / bare, 2),
        "weights": options.weights,
        "repeats": options.repeats,
    }
    for name, value in result.items():
        print(f"{name.replace('_', ' '):24} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
