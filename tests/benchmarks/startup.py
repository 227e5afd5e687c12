"""From process start to the first page, against importing torch and gradio alone.

    python tests/benchmarks/startup.py [--runs 5]

The two take turns, each in a new process; the page is asked for until it comes. Prints medians
and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from servers import free_port  # noqa: E402


def import_seconds() -> float:
    """Until a process has imported torch and gradio."""
    start = time.perf_counter()
    program = "import torch, gradio; print('done', flush=True)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - start
        process.kill()
    return seconds


def page_seconds(folder: str) -> float:
    """Until `app.py` has served its first page."""
    url = f"http://127.0.0.1:{(port := free_port())}/"
    environment = {
        **os.environ,
        "MNIST_RUNS_DIR": folder,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    start = time.perf_counter()
    app = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py")], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not _answers(url):
            if app.poll() is not None:
                raise SystemExit("the app did not start")
            time.sleep(0.02)
        return time.perf_counter() - start
    finally:
        app.terminate()
        app.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return bool(answer.read())
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        page_seconds(folder)  # the first reads the disk
        pairs = [(import_seconds(), page_seconds(folder)) for _ in range(runs)]
    imports, pages = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(page / alone for alone, page in pairs)
    print(f"imports {imports:.2f} s, first page {pages:.2f} s, ratio {ratio:.2f}, n = {runs}")
    print(json.dumps({"imports": imports, "page": pages, "ratio": ratio, "pairs": pairs}))


if __name__ == "__main__":
    main()
