"""Processes of the server's own that train its runs, so that training delays no answer.

A run on a thread of the server would share the interpreter's lock with those who draw, and one that
is preempted while it holds the lock stops them all. A worker trains one chunk after the other and
keeps its data; it gives way to every other process. When the server goes, however it goes, the pipe
between them breaks and the worker ends.

`python -m mnist_core.workers FD` is a worker, at the other end of the socket with this number.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from .chunks import Chunk, Piece, train
from .errors import BusyError
from .words import say

NICENESS = 19
_POLL_SECONDS = 0.05


class Worker:
    """A process, and the server's end of the pipe to it."""

    def __init__(self) -> None:
        self.pipe, theirs = Pipe()
        path = os.pathsep.join(place or os.getcwd() for place in sys.path)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )

    def train(
        self, chunk: Chunk, wanted: Callable[[], bool], device: str
    ) -> Generator[Piece, None, None]:
        """Pieces there, and one "enough" back: at the end, or sooner when no more are wanted.

        Before the first piece it may be making data for a minute, and is ended instead.
        """
        _send(self.pipe, (chunk, device))
        begun = told = False
        while True:
            while not self.pipe.poll(_POLL_SECONDS):
                if not told and not wanted():
                    if not begun:
                        return self.end()
                    _send(self.pipe, "enough")
                    told = True
            piece = _receive(self.pipe)
            if piece is None:
                break
            begun = True
            yield piece
        if not told:
            _send(self.pipe, "enough")

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """At once: what it has done is with the server."""
        self.pipe.close()
        self._process.kill()
        self._process.wait()


class Workers:
    """The server's workers: as many as are asked for, of whom `keep` stay when idle."""

    def __init__(self, keep: int = 1) -> None:
        self._keep, self._lock = keep, threading.Lock()
        self._idle: list[Worker] = []

    def warm(self) -> None:
        """Have a worker ready, since one takes seconds to start."""
        with self._lock:
            if not self._idle:
                self._idle.append(Worker())

    def lend(
        self, chunk: Chunk, wanted: Callable[[], bool], device: str = "cpu"
    ) -> Generator[Piece, None, None]:
        """Have a worker train a chunk, as `chunks.Lend` says."""
        worker = self._idle_one() or Worker()
        try:
            yield from worker.train(chunk, wanted, device)
        except (EOFError, OSError) as error:
            worker.end()
            raise BusyError(say("The process that trained this run has ended.")) from error
        except BaseException:
            worker.end()  # in the middle of a chunk
            raise
        with self._lock:
            if len(self._idle) < self._keep and worker.is_alive:
                self._idle.append(worker)
                return
        worker.end()

    def close(self) -> None:
        """End the idle workers; others end with their chunk."""
        with self._lock:
            self._keep = 0
            while self._idle:
                self._idle.pop().end()

    def _idle_one(self) -> Worker | None:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                worker.end()
        return None


def work(server: Connection) -> None:
    """Train what the server sends until it goes."""
    with suppress(EOFError, OSError):
        while True:
            chunk, device = _receive(server)
            for piece in train(chunk, lambda: not server.poll(), device):
                _send(server, piece)
            _send(server, None)
            _receive(server)


def _send(pipe: Connection, value: Any) -> None:
    """As bytes: by its own means the pipe would share a tensor's memory, which takes two to end."""
    pipe.send_bytes(pickle.dumps(value))


def _receive(pipe: Connection) -> Any:
    return pickle.loads(pipe.recv_bytes())


if __name__ == "__main__":
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, who lets runs save
    import torchvision.datasets  # noqa: F401  (what MNIST is read with takes a second to import)

    work(Connection(int(sys.argv[1])))
