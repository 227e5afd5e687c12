"""Processes of the server's own that train its runs and read sets of digits, beside its answers.

A run on a thread of the server would share the interpreter's lock with those who draw, and one that
is preempted while it holds the lock stops them all. A worker trains one chunk after the other and
keeps its data; it gives way to every other process. When the server goes, however it goes, the pipe
between them breaks and the worker ends.

But: on Windows a worker has the priority of any other process, and a Ctrl-C in the seconds of its
start ends it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BusyError, Message
from .drive import Chunk, Control, Progress, Wish, train_packed, unpacked
from .folds import Teaching, judge
from .readings import read_here

NICENESS = 19
_POLL_SECONDS = 0.05
Work = Callable[[bytes, Control], Iterator[bytes]]
"""A function of a module, or a `partial` of one: what is done with a packed task, part by part."""
_TRAINED = Message("The process that trained this run has ended.")
_READ = Message("The process that read these digits has ended; ask again.")
_spawn = multiprocessing.get_context("spawn")  # the one way to start a process on all systems


class Worker:
    """A process, and the server's end of the pipe to it."""

    def __init__(self) -> None:
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_work, args=(theirs,), daemon=True)
        with theirs, _ctrl_c_held():
            self._process.start()

    def do(self, work: Work, task: bytes, control: Control) -> Generator[bytes, None, None]:
        """Do it there. Raises EOFError or OSError when the process is gone.

        What `control` says is sent whenever it changes, and always "stop" at the end, until which
        the worker takes no other chunk. Before it has said anything it may be making data for a
        minute; then it is ended instead.
        """
        self._pipe.send(work)
        self._pipe.send_bytes(task)
        told, has_begun = "continue", False
        while True:
            while not self._pipe.poll(_POLL_SECONDS):
                wish = control()
                if wish == "stop" and not has_begun:
                    return self.end()
                if wish != told != "stop":
                    self._pipe.send(wish)
                    told = wish
            content = self._pipe.recv_bytes()
            if not content:
                break
            has_begun = True
            yield content
        if told != "stop":
            self._pipe.send("stop")

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def end(self) -> None:
        """At once: what it has done is with the server."""
        self._pipe.close()
        self._process.kill()
        self._process.join()


class Workers:
    """The server's workers: as many as are asked for, of which `keep` stay when idle."""

    def __init__(self, keep: int = 1) -> None:
        self._keep, self._lock = keep, threading.Lock()
        self._idle: list[Worker] = []

    def warm(self) -> None:
        """Have a worker ready, since one takes seconds to start."""
        with self._lock:
            if not self._idle:
                self._idle.append(Worker())

    def lend(
        self, chunk: Chunk, control: Control, device: str = "cpu"
    ) -> Generator[Progress, None, None]:
        """Have a worker train a chunk, as a `drive.Lender`."""
        work = partial(train_packed, device=device)
        with closing(self._have(work, pickle.dumps(chunk), control, _TRAINED)) as parts:
            yield from map(unpacked, parts)

    def read(
        self, model: nn.Module, images: Tensor, class_means: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Have a worker read u8 [N,28,28], as `readings.read_here`. Raises BusyError."""
        return self._parts(read_here, model, images, class_means)

    def judge(self, teaching: Teaching) -> Iterator[tuple[Tensor, Tensor]]:
        """Have a worker judge a teaching, as `folds.judge`. Raises BusyError."""
        return self._parts(judge, teaching)

    def _parts(self, make: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
        work, task = partial(_packed, make), pickle.dumps(arguments)
        with closing(self._have(work, task, lambda: "continue", _READ)) as parts:
            yield from map(pickle.loads, parts)

    def _have(
        self, work: Work, task: bytes, control: Control, lost: Message
    ) -> Generator[bytes, None, None]:
        worker = self._idle_one() or Worker()
        try:
            yield from worker.do(work, task, control)
        except (EOFError, OSError) as error:
            worker.end()
            raise BusyError(lost) from error
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


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Ctrl-C is the server's, which lets runs save; a new process can ignore it in a second."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its start, which comes with the first, would end the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _packed(make: Callable[..., Iterator[Any]], task: bytes, _: Control) -> Iterator[bytes]:
    torch.set_num_threads(1)
    yield from map(pickle.dumps, make(*pickle.loads(task)))


def _work(server: Connection) -> None:
    """A worker: do what the server sends until it goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    import torchvision.datasets  # noqa: F401  (what MNIST is read with takes a second to import)

    told: Wish = "continue"

    def control() -> Wish:
        nonlocal told
        try:
            while told != "stop" and server.poll():
                told = server.recv()
        except (EOFError, OSError):
            told = "stop"
        return told

    with suppress(EOFError, OSError):
        while True:
            work, task, told = server.recv(), server.recv_bytes(), "continue"
            for part in work(task, control):
                server.send_bytes(part)
            server.send_bytes(b"")
            while told != "stop":
                told = server.recv()
