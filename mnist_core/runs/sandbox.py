"""Opens what strangers sent in a process of its own, with limits.

torch's weights-only loading, zipfile and Pillow have each been led to take gigabytes, or minutes,
by files of a few kilobytes, and no check before them has seen every way. So they do it where it
costs nobody else anything: in a process that gives way to others, with a bound on memory and CPU
time where the system has one, that is ended when it takes too long. Only plain values and arrays
come back, as JSON and numpy's own format, neither of which can run code.

But: it bounds what a file may cost and does not confine code; a library that is made to execute a
file's bytes can still do what the server's user can. Windows has no limits but the deadline.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import errors
from ..errors import BusyError, Message, MnistError

SECONDS = 10.0
"""Of a processor, for one file to be opened; a real one takes a tenth of a second."""

PATIENCE = 6.0
"""Times as long by the clock, since a process that gives way to others waits on a busy machine."""

MEMORY_BYTES = 320 * 2**20
"""Beyond what the process takes when it has imported its libraries."""

START_SECONDS = 120.0
"""For the process to import its libraries: seconds, on a machine with time to spare."""

IDLE_SECONDS = 60.0
"""After so long without a file the process ends, and its memory is free."""

WAITING = 8
"""Files that may wait while one is opened."""

NICENESS = 10


class Sandbox:
    """`open_(*arguments)`, called in a process that is started for it and kept for the next call.

    There is one process at a time: for another function it is ended and one is started anew, so
    that the libraries of both are never in memory together.
    """

    def __init__(self, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        """A file may take `seconds` and `memory_bytes`."""
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._open: Callable[..., Any] | None = None
        self._lock, self._waiting = threading.Lock(), threading.Semaphore(WAITING)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._idle: threading.Timer | None = None

    def __call__(self, open_: Callable[..., Any], refusal: MnistError, *arguments: Any) -> Any:
        """What `open_`, a function of a module, returns.

        Arguments, JSON values or bytes, and what it returns (JSON values, ndarrays, dicts with keys
        of any such kind; tensors, which arrive as ndarrays) are copied. Raises the MnistError that
        it raised, `refusal` for a file that takes more than it may, or BusyError when too many
        files wait already.
        """
        if not self._waiting.acquire(blocking=False):
            raise BusyError("Many files are being opened just now; try again in a moment.")
        try:
            with self._lock:
                return self._ask(open_, refusal, arguments)
        finally:
            self._waiting.release()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(
        self, open_: Callable[..., Any], refusal: MnistError, arguments: tuple[Any, ...]
    ) -> Any:
        pipe = self._ready(open_)
        try:
            pipe.send_bytes(_encoded(arguments))
            if not pipe.poll(PATIENCE * self._seconds):
                raise EOFError
            kind, value = _decoded(pipe.recv_bytes())
        except (EOFError, OSError):
            self._end()
            raise refusal from None
        self._idle = threading.Timer(IDLE_SECONDS, self._end_idle)
        self._idle.daemon = True
        self._idle.start()
        if kind == "value":
            return value
        raise refusal if kind == "MemoryError" else getattr(errors, kind)(value)

    def _ready(self, open_: Callable[..., Any]) -> Connection:
        """The pipe to a process that has imported what `open_` needs."""
        if self._idle is not None:
            self._idle.cancel()
        is_alive = self._process is not None and self._process.is_alive()
        if self._pipe is not None and is_alive and self._open == open_:
            return self._pipe
        self._end()
        self._open = open_
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        # By name: unpickled, it would import its libraries before the process gives way to others.
        name = open_.__module__, open_.__qualname__
        arguments = (theirs, *name, self._seconds, self._memory_bytes)
        self._process = spawn.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        try:
            if not self._pipe.poll(START_SECONDS):
                raise EOFError
            self._pipe.recv_bytes()
        except (EOFError, OSError):
            self._end()
            raise BusyError("No file can be opened on this machine now; try later.") from None
        return self._pipe

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _end_idle(self) -> None:
        if self._lock.acquire(blocking=False):  # otherwise it is in use
            try:
                self._end()
            finally:
                self._lock.release()


def _serve(pipe: Connection, module: str, name: str, seconds: float, memory_bytes: int) -> None:
    """The process, which opens files by the function of that name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    open_ = getattr(import_module(module), name)
    _limit_memory(memory_bytes)
    with suppress(EOFError, OSError):
        pipe.send_bytes(b"ready")
        while True:
            arguments = _decoded(pipe.recv_bytes())
            _limit_cpu_time(seconds)
            try:
                answer = ("value", open_(*arguments))
            except MnistError as error:
                answer = (type(error).__name__, error.message)
            except MemoryError:
                answer = ("MemoryError", None)
            pipe.send_bytes(_encoded(answer))


def _limit_memory(more: int) -> None:
    """Let the process take `more` bytes than now, where the system can say what it takes."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # POSIX has it

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_cpu_time(seconds: float) -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource  # POSIX has it

        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _encoded(value: Any) -> bytes:
    """Nested lists and dicts of JSON values, messages, bytes, arrays, tensors; tuples → lists."""
    arrays: list[NDArray[Any]] = []

    def plain(part: Any) -> Any:
        if isinstance(part, bytes):
            arrays.append(np.frombuffer(part, np.uint8))
            return {"bytes": len(arrays) - 1}
        if hasattr(part, "__array__"):
            arrays.append(np.asarray(part))
            return {"array": len(arrays) - 1}
        if isinstance(part, Message):
            return {"message": [part.template, plain(part.values)]}
        if isinstance(part, dict):  # keys may be numbers
            return {"pairs": [[key, plain(value)] for key, value in part.items()]}
        if isinstance(part, list | tuple):
            return [plain(item) for item in part]
        return part

    text, file = json.dumps(plain(value)).encode(), io.BytesIO()
    np.savez(file, np.frombuffer(text, np.uint8), *arrays)
    return file.getvalue()


def _decoded(content: bytes) -> Any:
    """The inverse of `_encoded`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        text, *arrays = (file[f"arr_{number}"] for number in range(len(file.files)))

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(item) for item in part]
        if not isinstance(part, dict):
            return part
        ((kind, value),) = part.items()
        if kind == "pairs":
            return {key: whole(item) for key, item in value}
        if kind == "message":
            return Message(value[0], **whole(value[1]))
        return arrays[value].tobytes() if kind == "bytes" else arrays[value]

    return whole(json.loads(text.tobytes()))
