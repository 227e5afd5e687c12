"""From pen move to bars: the page as it is, against the same page with a constant answer.

    python tests/benchmarks/pad_latency.py [--moves 200] [--weights tutorial]

Two servers of the whole page run side by side; in the second, the function behind the pad gives
one of two fixed answers in turn. One browser draws on both, ten moves here, ten there, each move
alone, so that none waits for the pad's own ten-a-second limit. Measured in the page: from the
pointer event to the change of the first bar that moves. Prints medians and, as the last line, JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

PAUSE_MS = 150
WATCH = """() => {
  window.latencies = [];
  let moved = null;
  const canvas = document.querySelector(".pad-canvas");
  canvas.addEventListener("pointermove", () => (moved = performance.now()), true);
  new MutationObserver(() => {
    if (moved !== null) window.latencies.push(performance.now() - moved);
    moved = null;
  }).observe(document.querySelector(".pad .bars"), { attributes: true, subtree: true });
}"""


def serve(kind: str, port: int) -> None:
    """Serve the page on `port`; with `kind` "constant", its reader is replaced."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"MNIST_DATA_DIR": folder, "MNIST_RUNS_DIR": folder}
        from app import demo as page  # before all else, since it sets the number of threads

        if kind == "constant":
            from gradio.components.base import server

            pad = next(block for block in page.blocks.values() if hasattr(block, "read_drawing"))
            answers = [_answer(3), _answer(8)]
            pad.read_drawing = server(lambda sent: answers.append(answers.pop(0)) or answers[0])
        page.launch(server_port=port, server_name="127.0.0.1", quiet=True)


def measure(pages: dict, moves: int) -> dict[str, list[float]]:
    """Latencies in milliseconds by page."""
    wander = random.Random(1)
    for page in pages.values():
        page.bring_to_front()
        _scribble(page, wander, 5)  # until here the network may still be loading
        page.evaluate(WATCH)
    for _ in range(moves // 10):
        for page in pages.values():
            page.bring_to_front()
            page.keyboard.press("Escape")
            _scribble(page, wander, 10)
    return {kind: page.evaluate("latencies") for kind, page in pages.items()}


def _scribble(page, wander: random.Random, moves: int) -> None:  # type: ignore[no-untyped-def]
    """A line that wanders, so that no two answers are alike."""
    box = page.locator(".pad-canvas").bounding_box()
    for number in range(moves + 1):
        x, y = wander.uniform(0.2, 0.8), wander.uniform(0.2, 0.8)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if number == 0:
            page.mouse.down()
        page.wait_for_timeout(PAUSE_MS)
    page.mouse.up()
    page.wait_for_timeout(PAUSE_MS)


def _answer(digit: int) -> dict:
    shares = [0.91 if k == digit else 0.01 for k in range(10)]
    image = "AAAA" * 261 + "AA=="
    return {"reading": str(digit), "digit": digit, "probabilities": shares, "image": image}


def _started(kind: str) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", kind, "--port", str(port)], env=environment
    )
    url = f"http://127.0.0.1:{port}"
    while process.poll() is None:
        try:
            urllib.request.urlopen(url).close()
            return process, url
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"the {kind} page did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=200, help="pen moves on each page")
    parser.add_argument("--weights", help="choice in the page, by its start; default: the first")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port)
        return

    from conftest import BROWSER_FLAGS, chromium
    from playwright.sync_api import sync_playwright

    servers = {kind: _started(kind) for kind in ("ours", "constant")}
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_FLAGS)
            pages = {}
            for kind, (_, url) in servers.items():
                pages[kind] = browser.new_page(viewport={"width": 1280, "height": 900})
                pages[kind].goto(url)
                pages[kind].locator(".pad-canvas").wait_for()
            if options.weights:
                pages["ours"].get_by_label("Weights that read").click()
                pages["ours"].get_by_role("option", name=options.weights).click()
            weights = pages["ours"].get_by_label("Weights that read").input_value()
            found = measure(pages, options.moves)
    finally:
        for process, _ in servers.values():
            process.terminate()
    medians = {kind: statistics.median(times) for kind, times in found.items()}
    for kind, times in found.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{kind:9} median {medians[kind]:5.1f} ms   p95 {p95:5.1f} ms   n {len(times)}")
    result = {f"{kind}_ms": round(value, 2) for kind, value in medians.items()}
    ratio = round(medians["ours"] / medians["constant"], 3)
    print(json.dumps({**result, "ratio": ratio, "weights": weights, "moves": options.moves}))


if __name__ == "__main__":
    main()
