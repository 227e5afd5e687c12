"""What tests/test_sandbox.py has opened in a process of its own: functions of a module."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from mnist_core.errors import DrawingError, Message

NICENESS = os.nice(0) if hasattr(os, "nice") else 0
"""Of the process that imports this."""


def niceness() -> int:
    return NICENESS


def same(*values: Any) -> Any:
    return values


def process_id() -> int:
    return os.getpid()


def refuse(most: int) -> None:
    raise DrawingError("At most {most:,}: {reason}", most=most, reason=Message("it is {n}", n=1))


def take_memory(megabytes: int) -> int:
    return len(np.ones(megabytes * 2**20, np.uint8))


def wait_for(file: str) -> None:
    """Until it is there; that one waits is told by another beside it."""
    Path(f"{file}.waits").touch()
    while not Path(file).exists():
        time.sleep(0.01)


def compute(seconds: float) -> None:
    while seconds:
        pass


def die(_: None) -> None:
    os._exit(1)
