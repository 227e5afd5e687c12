"""The app as its own process, on a free port of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 300
"""For what is waited for in a page, or of a server: long on a slow machine, and never slept."""
TAKEN = "Cannot find empty port"
"""What gradio says where another program has taken the port since it was found free."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The app in a process of its own, on a port of this machine alone."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    data_dir: Path
    runs_dir: Path


StartServer = Callable[..., Server]


@contextmanager
def servers(folders: pytest.TempPathFactory) -> Iterator[StartServer]:
    """`start(data_dir, program, **environment)`, as the fixture `start_server` has it."""
    started: list[Server] = []

    def start(
        data_dir: Path | None = None, program: Sequence[str] = ("app.py",), **environment: str
    ) -> Server:
        folder = folders.mktemp("server")
        server = serve(folder, data_dir or folder / "data", program, environment)
        started.append(server)
        return server

    yield start
    for server in started:
        server.process.terminate()
    for server in started:
        try:
            server.process.wait(10)
        except subprocess.TimeoutExpired:
            server.process.kill()
        if hasattr(os, "killpg"):  # what it has forked holds its own pipes open
            with suppress(ProcessLookupError):
                os.killpg(server.process.pid, signal.SIGKILL)


def serve(
    folder: Path, data_dir: Path, program: Sequence[str], environment: dict[str, str]
) -> Server:
    """Start `program` in a folder of its own, and wait until it answers."""
    port = free_port()
    server = Server(
        url=f"http://127.0.0.1:{port}",
        data_dir=data_dir,
        runs_dir=folder / "runs",
        log=folder / "log.txt",
        process=subprocess.Popen(
            [sys.executable, str(ROOT / program[0]), *program[1:]],
            cwd=folder,
            env={
                **os.environ,
                "MNIST_DATA_DIR": str(data_dir),
                "MNIST_RUNS_DIR": str(folder / "runs"),
                "GRADIO_SERVER_NAME": "127.0.0.1",
                "GRADIO_SERVER_PORT": str(port),
                "GRADIO_NUM_PORTS": "1",  # it would take the next, where nobody looks for it
                "GRADIO_ANALYTICS_ENABLED": "False",
                "GRADIO_TEMP_DIR": str(folder / "uploads"),
                "HF_HUB_OFFLINE": "1",
                **environment,
            },
            stdout=(folder / "log.txt").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ),
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _answers(server.url):
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.process.kill()
            if TAKEN in server.log.read_text():
                return serve(folder, data_dir, program, environment)
            raise AssertionError(f"the app did not start:\n{server.log.read_text()}")
        time.sleep(0.1)
    return server


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS):
            return True
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
