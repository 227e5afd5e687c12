"""How the page holds: visitors who draw while others train, and what being watched costs.

    python tests/benchmarks/load.py --data-dir DIR [--visitors 20] [--training 2] [--seconds 60]
    python tests/benchmarks/load.py --data-dir DIR --hostile
    python tests/benchmarks/load.py --data-dir DIR --table [--seconds 15]

Starts the app as a process. Visitors draw through the pad's own route: a second of pen movement
with a request every 100 ms, then three seconds of rest. Those who train are pages in a headless
browser, which runs when nothing else does: a visitor's browser has a machine of its own, and here
it would take from the server what it costs to draw a page. Measured are the milliseconds of a
drawing's answer, first with one visitor on an idle server, then with all while runs train whose
pages are open ("seen"), then closed ("busy"); failures; the server's memory; and one run's images
per second while its page is looked at and while another tab covers it. Prints a table and, last of
all, JSON.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import numpy as np
from conftest import BROWSER_FLAGS, chromium
from servers import Server, serve

from mnist_core.digits.handwriting import handwriting

REQUEST_SECONDS, PEN_SECONDS, REST_SECONDS = 0.1, 1.0, 3.0


def draw(server: Server, visitors: int, seconds: float) -> tuple[list[float], int]:
    """Answer times in milliseconds of so many visitors, and how many requests failed."""
    times: list[float] = []
    failures: list[object] = []
    pad = _pad(server)
    threads = [
        threading.Thread(target=_visitor, args=(server, pad, n, seconds, times, failures))
        for n in range(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures[:3]:
        print("failed:", failure, file=sys.stderr)
    return times, len(failures)


def _visitor(
    server: Server, pad: int, seed: int, seconds: float, times: list[float], failures: list[object]
) -> None:
    rng = np.random.default_rng(seed)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    end = time.monotonic() + seconds
    time.sleep(float(rng.uniform(0, PEN_SECONDS + REST_SECONDS)))
    while time.monotonic() < end:
        if _is_closed(connection):  # after 5 seconds without a request, which a browser notices too
            connection.close()
        strokes = [stroke.round(3).tolist() for stroke in handwriting(seed % 10, rng)]
        for part in np.linspace(0.1, 1.0, int(PEN_SECONDS / REQUEST_SECONDS)):
            drawn = [stroke[: max(2, int(len(stroke) * part))] for stroke in strokes]
            body = {
                "session_hash": f"load{seed}",
                "component_id": pad,
                "fn_name": "read_drawing",
                "data": {"strokes": drawn, "weights": "tutorial"},
            }
            start = time.perf_counter()
            try:
                connection.request(
                    "POST",
                    "/gradio_api/component_server",
                    json.dumps(body),
                    {"Content-Type": "application/json"},
                )
                answer = json.loads(connection.getresponse().read())
                if not {"digit", "remark"} & set(answer):
                    failures.append(answer)
            except (OSError, ValueError, http.client.HTTPException) as error:
                failures.append(error)
                connection.close()
            took = time.perf_counter() - start
            times.append(1000 * took)
            time.sleep(max(0.0, REQUEST_SECONDS - took))
        time.sleep(float(rng.uniform(0.5, 1.5)) * REST_SECONDS)


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed it since it was last used."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def _pad(server: Server) -> int:
    with urllib.request.urlopen(f"{server.url}/config") as answer:
        components = json.load(answer)["components"]
    return next(
        int(one["id"])
        for one in components
        if "read_drawing" in json.dumps(one["props"].get("server_fns") or one["props"])
    )


def train(browser: Any, server: Server) -> Any:
    """A new visitor's page with a long run under way."""
    page = browser.new_context().new_page()
    page.goto(server.url)
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("button", name="change").click()
    page.get_by_label("Epochs", exact=True).fill("100")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("images/s").wait_for(timeout=120_000)
    return page


def watched(page: Any, server: Server, seconds: float) -> tuple[float, float]:
    """Images per second of the page's run: while it is looked at, and behind another tab."""
    with page.expect_request(
        lambda request: '"fn_name":"look"' in (request.post_data or "")
    ) as look:
        pass
    rates: dict[str, list[float]] = {"Train": [], "Draw": []}
    for tab in ("Train", "Draw", "Draw", "Train") * 3:
        page.get_by_role("tab", name=tab).click()
        time.sleep(1)
        start, before = time.monotonic(), _examples_seen(server, look.value.post_data)
        time.sleep(seconds)
        after = _examples_seen(server, look.value.post_data)
        rates[tab].append((after - before) / (time.monotonic() - start))
    return statistics.median(rates["Train"]), statistics.median(rates["Draw"])


def _open_train(page: Any, server: Server) -> None:
    page.goto(server.url)
    page.get_by_role("tab", name="Train").click()
    page.get_by_text("images/s").wait_for(timeout=120_000)


def _examples_seen(server: Server, look: str) -> int:
    """As the page would be told, if it asked so now."""
    asked = json.loads(look)
    asked["data"] |= {"marks": {}, "points": {}}
    request = urllib.request.Request(
        f"{server.url}/gradio_api/component_server/",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        said = json.loads(json.load(answer))["parts"]["now"]
    return int(re.search(r"([\d,]+) of [\d,]+ examples", said)[1].replace(",", ""))


def _idle(program: str, folder: Path) -> Path:
    """A script that starts the program for when nothing else runs, with all that it starts.

    A browser that root has niced sets its own priorities all the same.
    """
    script = folder / "idle"
    script.write_text(f'#!/bin/sh\nexec chrt --idle 0 "{program}" "$@"\n')
    script.chmod(0o755)
    return script


def _megabytes(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def hostile(data_dir: Path) -> None:
    """What somebody who draws notices of attacks, and what these cost the server."""
    from hostile_load import under_attack

    with tempfile.TemporaryDirectory() as folder:
        server = serve(Path(folder), data_dir.resolve(), ("app.py",), {})
        try:
            result = under_attack(server, lambda: _megabytes_of_all(server.process))
        finally:
            server.process.kill()
            server.process.wait()
    _say(result)


def _say(result: dict[str, float]) -> None:
    for name, value in result.items():
        print(f"{name.replace('_', ' '):30} {value:>10}")
    print(json.dumps(result))


def _megabytes_of_all(process: subprocess.Popen[bytes]) -> float:
    """Of a process, its children and theirs; what they share is counted once."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            parents[int(status.parent.name)] = int(
                re.search(r"PPid:\s+(\d+)", status.read_text())[1]
            )
    ours, before = {process.pid}, 0
    while len(ours) > before:
        before = len(ours)
        ours |= {pid for pid, parent in parents.items() if parent in ours}
    kilobytes = 0
    for pid in ours:
        with suppress(OSError, TypeError):
            memory = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kilobytes += int(re.search(r"Pss:\s+(\d+)", memory)[1])
    return kilobytes / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with MNIST in it")
    parser.add_argument("--visitors", type=int, default=20, help="who draw at the same time")
    parser.add_argument("--training", type=int, default=2, help="who train meanwhile")
    parser.add_argument("--seconds", type=float, help="of each part; default: 60, of a table's 15")
    parser.add_argument("--hostile", action="store_true", help="who draws while others attack")
    parser.add_argument("--table", action="store_true", help="how it holds as its work grows")
    arguments = parser.parse_args()
    if arguments.hostile:
        hostile(arguments.data_dir)
        return
    if arguments.table:
        from load_table import table

        table(arguments.data_dir, arguments.seconds or 15.0, draw, _megabytes_of_all)
        return
    seconds = arguments.seconds or 60.0
    _say(measured(arguments.data_dir, arguments.visitors, arguments.training, seconds))


def measured(data_dir: Path, visitors: int, training: int, seconds: float) -> dict[str, float]:
    """What those who draw wait for, and what those who train lose to being watched."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        slots = {"MNIST_SLOTS": str(training)}
        server = serve(Path(folder), data_dir.resolve(), ("app.py",), slots)
        try:
            program = _idle(chromium() or playwright.chromium.executable_path, Path(folder))
            browser = playwright.chromium.launch(executable_path=program, args=BROWSER_FLAGS)
            draw(server, visitors, 5)  # as pages that have been opened
            idle, failed_idle = draw(server, 1, seconds / 2)
            pages = [train(browser, server) for _ in range(training)]
            before = _megabytes(server.process)
            seen, failed_seen = draw(server, visitors, seconds)
            for page in pages:
                page.goto("about:blank")
            busy, failed_busy = draw(server, visitors, seconds)
            after = _megabytes(server.process)
            for page in pages:
                _open_train(page, server)
            for page in pages[1:]:
                page.get_by_role("button", name="Stop", exact=True).click()
                page.get_by_text("Stopped after").wait_for(timeout=60_000)
            open_, closed = watched(pages[0], server, min(seconds / 4, 15))
        finally:
            server.process.kill()
            server.process.wait()
    return {
        "cores": os.cpu_count(),
        "visitors": visitors,
        "training": training,
        "requests": len(idle) + len(busy) + len(seen),
        "failures": failed_idle + failed_busy + failed_seen,
        "idle_p50_ms": _quantile(idle, 50),
        "idle_p95_ms": _quantile(idle, 95),
        "busy_p50_ms": _quantile(busy, 50),
        "busy_p95_ms": _quantile(busy, 95),
        "busy_p95_over_idle_p50": round(_quantile(busy, 95) / _quantile(idle, 50), 2),
        "seen_p50_ms": _quantile(seen, 50),
        "seen_p95_ms": _quantile(seen, 95),
        "seen_p95_over_idle_p50": round(_quantile(seen, 95) / _quantile(idle, 50), 2),
        "memory_mb_before": round(before),
        "memory_mb_after": round(after),
        "images_per_second_watched": round(open_),
        "images_per_second_unwatched": round(closed),
        "lost_to_watching": round(1 - open_ / closed, 3),
    }


def _quantile(times: list[float], percent: int) -> float:
    return round(float(np.percentile(times, percent)), 1)


if __name__ == "__main__":
    main()
