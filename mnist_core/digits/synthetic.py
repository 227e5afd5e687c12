"""Images of drawings made at random: many at once, in several processes, kept in a cache.

A process of its own costs a fifth of a second to start, so few images are made in this one. The
processes are plain children that a task is written to and images are read from, the same on every
system; they need no guarded main module, and may be started by a process that is a child itself.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from ..places import cores
from .strokes import SIDE, Floats, Integers, Pixels, Stroke, rasterize_many

Draw = Callable[[int, range], tuple[list[list[Stroke]], Floats]]
"""Seed and indices → drawings, each of strokes f64 [n,2], and the widths of their pens, f64 [N].

A function of a module, so that a child process can import it; drawing i depends on (seed, i)."""

BATCH = 50
"""Drawings made at once: more are no faster, since they no longer fit the processor's cache."""

FEW = 2_000
"""Images that are made sooner than processes start."""

_TASK = 10 * BATCH
"""Images that a process makes at a time: a piece of progress."""


def images(
    draw: Draw,
    name: str,
    label: int | None,
    count: int,
    seed: int,
    *,
    cache: Path | None = None,
    progress: Callable[[float], None] | None = None,
    processes: int | None = None,
) -> tuple[Pixels, Integers]:
    """Images u8 [count,28,28] of what `draw` draws, ink 255, and labels i64 [count]: the `label`,
    or the last figure of each index. Image i depends on (seed, i) alone.

    Read from the folder `cache`, where `name` says of what and which version they are, when they
    are there and whole, and kept there otherwise, if that can be done. `progress` is told the
    share that is made, up to 1; what it raises ends the making. As many `processes` work on it at
    most, by default one for each of `places.cores`.
    """
    file = cache and cache / f"{name}-{seed}-0-{count}.npz"
    made = _read(file, count) if file else None
    if made is None:
        made = np.empty((count, SIDE, SIDE), np.uint8)
        done = 0
        with closing(_pieces(draw, count, seed, processes or cores())) as pieces:
            for piece in pieces:
                made[done : done + len(piece)] = piece
                done += len(piece)
                if progress:
                    progress(done / count)
        if file:
            _keep(file, made)
    elif progress:
        progress(1.0)
    return made, np.arange(count) % 10 if label is None else np.full(count, label)


def work() -> None:
    """A child: make the images of the tasks written to this process until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    tasks, answers = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, OSError):
        while True:
            answers.write(_make(*pickle.load(tasks)).tobytes())
            answers.flush()


def _pieces(draw: Draw, count: int, seed: int, processes: int) -> Generator[Pixels, None, None]:
    """The images, one task's after the other."""
    tasks = _parts(range(count), _TASK)
    few = count <= FEW
    children = [] if few or processes == 1 else _children(min(processes, len(tasks)))
    if not children:
        yield from (_make(draw, seed, task) for task in tasks)
        return
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def run(task: range) -> Pixels:
        child = idle.get()
        made = _ask(child, (draw, seed, task))
        idle.put(child)
        return _make(draw, seed, task) if made is None else made

    try:
        for child in children:
            idle.put(child)
        with ThreadPoolExecutor(len(children)) as threads:
            try:
                yield from threads.map(run, tasks)
            finally:
                threads.shutdown(cancel_futures=True)
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _make(draw: Draw, seed: int, indices: range) -> Pixels:
    """In this process, batch by batch."""
    return np.concatenate([rasterize_many(*draw(seed, b)) for b in _parts(indices, BATCH)])


def _parts(indices: range, size: int) -> list[range]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _children(count: int) -> list[subprocess.Popen[bytes]]:
    """That many processes, or as many as can be started."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import work; work()"
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    children: list[subprocess.Popen[bytes]] = []
    with suppress(OSError):
        while len(children) < count:
            child = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # whatever ends it, its task is done without it
                env={**os.environ, **one_thread},
            )
            children.append(child)
    return children


def _ask(child: subprocess.Popen[bytes], task: tuple[Draw, int, range]) -> Pixels | None:
    """The child's images for a task, or None when it has gone."""
    assert child.stdin
    assert child.stdout
    with suppress(OSError):
        child.stdin.write(pickle.dumps(task))
        child.stdin.flush()
        size = len(task[2]) * SIDE * SIDE
        content = child.stdout.read(size)
        if len(content) == size:
            return np.frombuffer(content, np.uint8).reshape(-1, SIDE, SIDE)
    return None


def _read(file: Path, count: int) -> Pixels | None:
    try:
        with np.load(file, allow_pickle=False) as content:
            images: Pixels = content["images"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = images.shape == (count, SIDE, SIDE) and images.dtype == np.uint8
    return images if whole else None


def _keep(file: Path, images: Pixels) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".new-") as folder:
            np.savez(Path(folder) / file.name, images=images)
            os.replace(Path(folder) / file.name, file)
    except OSError:  # a cache that cannot be written only costs time
        return
