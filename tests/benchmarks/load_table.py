"""How the server holds as its work grows: the table of `load.py --table`.

Who draws is `load.draw`'s visitor. Those who train are runs of the tutorial's recipe in processes
of their own, as many at once as there are of them, while ten draw. A look is what a page asks for
on the Train tab twice a second: the first brings a whole curve, the later ones what is new. Kept
runs belong to visitors with twenty each; measured are the start of the scheduler over them with a
visitor's first look, and a later look. Memory is that of the server and its processes together.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from servers import Server, serve

from mnist_core.config import TUTORIAL
from mnist_core.errors import DataError
from mnist_core.history import EvalEvent, History, StepEvent
from mnist_core.page.run_view import Choice, Page, look
from mnist_core.page.words import Words
from mnist_core.runs.folder import new_visitor
from mnist_core.runs.scheduler import Limits, Scheduler
from mnist_core.training import Trainer

DRAW, TRAIN, LOSSES, KEPT = (1, 10, 100, 300), (1, 2, 4, 8), (100, 10_000, 100_000), (1, 20, 1000)
LOOKS = 40
Drawing = Callable[[Server, int, float], tuple[list[float], int]]
Row = dict[str, Any]


def table(data_dir: Path, seconds: float, draw: Drawing, memory: Callable[[Any], float]) -> None:
    """Measure, and print a line for each row and JSON last of all."""
    rows: dict[str, list[Row]] = {"draw": [], "train": [], "losses": [], "kept": []}

    def add(kind: str, row: Row) -> None:
        rows[kind].append(row)
        print(kind.ljust(7), *(f"{name} {value:,}  " for name, value in row.items()), flush=True)

    with _running(data_dir, 0) as server:
        draw(server, 10, 3)
        for count in DRAW:
            times, failed = draw(server, count, seconds)
            row = {"visitors": count, **_quantiles(times), "failed": failed}
            add("draw", row | {"mb": round(memory(server.process))})
    for count in TRAIN:
        with _running(data_dir, count) as server:
            _speeds(server, 1)
            times, failed = draw(server, 10, seconds)
            row = {"runs": count, "images_per_second": round(statistics.median(_speeds(server, 1)))}
            row |= {**_quantiles(times), "failed": failed}
            add("train", row | {"mb": round(memory(server.process))})
    for count in LOSSES:
        add("losses", {"losses": count, **_looks_at(count)})
    for count in KEPT:
        add("kept", {"runs": count, **_kept(count)})
    print(json.dumps(rows))


class _running:
    """A server with so many runs under way."""

    def __init__(self, data_dir: Path, count: int) -> None:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        program = ("tests/benchmarks/load_server.py", str(count))
        slots = {"MNIST_SLOTS": str(max(count, 1))}
        self._server = serve(Path(self._folder.name), data_dir.resolve(), program, slots)

    def __enter__(self) -> Server:
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.process.kill()
        self._server.process.wait()
        self._folder.cleanup()


def _speeds(server: Server, least: int) -> list[int]:
    """What the runs have said of their speed, once they all train."""
    while True:
        lines = server.log.read_text().splitlines()
        speeds = [int(line.split()[1]) for line in lines if line.startswith("images/s")]
        if len(speeds) >= least:
            return speeds
        time.sleep(0.5)


def _looks_at(losses: int) -> Row:
    steps = [StepEvent(examples_seen=64 * n, loss=2.3, seconds=0.01 * n) for n in range(losses)]
    tests = [EvalEvent(examples_seen=0, loss=2.3, accuracy=0.1, seconds=0.0)]
    run = replace(Trainer(TUTORIAL).checkpoint(), history=History(steps, tests, []))
    with tempfile.TemporaryDirectory() as name:
        folder, visitor = Path(name), new_visitor()
        run.save(folder / "run.pt")
        scheduler = _scheduler(folder)
        scheduler.upload(visitor, [folder / "run.pt"])
        page = _page(visitor)
        first = look(scheduler, page, Words())
        points = {curve["id"]: curve for curve in first["curves"]}
        again = replace(page, marks=first["marks"], points=points)
        sizes = [len(json.dumps(look(scheduler, asked, Words()))) for asked in (page, again)]
        row = {"first_bytes": sizes[0], "again_bytes": sizes[1]}
        row |= _timed("first", lambda: look(scheduler, page, Words()))
        row |= _timed("again", lambda: look(scheduler, again, Words()))
        scheduler.close()
    return row


def _kept(count: int) -> Row:
    each = Limits().runs
    visitors = [new_visitor() for _ in range(-(-count // each))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Trainer(TUTORIAL).checkpoint().save(folder / "run.pt")
        scheduler = _scheduler(folder)
        for number in range(count):
            scheduler.upload(visitors[number // each], [folder / "run.pt"])
        scheduler.close()
        start = time.perf_counter()
        scheduler = _scheduler(folder)
        look(scheduler, _page(visitors[0]), Words())
        first = 1000 * (time.perf_counter() - start)
        row = {"start_ms": round(first, 1)}
        row |= _timed("look", lambda: look(scheduler, _page(visitors[0]), Words()))
        scheduler.close()
    return row


def _scheduler(folder: Path) -> Scheduler:
    def load(_: str) -> Any:
        raise DataError("Nothing trains here.")

    return Scheduler(folder / "runs", load)


def _page(visitor: str) -> Page:
    return Page(visitor=visitor, choice=Choice(), epochs=3, drawing=None, marks={}, points={})


def _timed(what: str, work: Callable[[], object]) -> dict[str, float]:
    times = []
    for _ in range(LOOKS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(times, [50, 95])
    return {f"{what}_p50_ms": round(float(p50), 1), f"{what}_p95_ms": round(float(p95), 1)}


def _quantiles(times: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times, [50, 95]) if times else (0.0, 0.0)
    return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1), "answers": len(times)}
