"""A stand-in for ZeroGPU: a generator runs in a forked process, and what crosses is pickled.

Its processes are found among `multiprocessing.active_children()`.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from mnist_core.runs import zero_gpu
from mnist_core.runs.drive import Lender

fork: Any = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


def lend_stand_in() -> Lender:
    """`zero_gpu.lend` with the CPU of a forked process for its GPU."""
    return partial(zero_gpu.lend, train=lent(partial(zero_gpu.train_lent, device="cpu")))


def lent(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """`task` as `spaces.GPU` makes it: closing it ends the process at its next yield, a process
    that dies is a gr.Error, and so is an exception, of which only the name arrives."""

    def run(*arguments: Any) -> Iterator[Any]:
        receiver, sender = fork.Pipe(duplex=False)
        stop = fork.Event()
        work = (task, pickle.dumps(arguments), sender, stop)
        process = fork.Process(target=_work, args=work, daemon=True)
        process.start()
        sender.close()
        try:
            while (answer := _receive(receiver)) != ("end", None):
                if answer[0] == "error":
                    raise gr.Error(answer[1], title="ZeroGPU worker error", print_exception=False)
                yield answer[1]
        finally:
            stop.set()
            while _receive(receiver)[0] == "value":
                pass
            process.join()

    return run


def _receive(receiver: Any) -> tuple[str, Any]:
    try:
        return pickle.loads(receiver.recv_bytes())
    except (EOFError, OSError):  # killed, perhaps in the middle of a message
        return "error", "GPU task aborted"


def _work(task: Callable[..., Iterator[Any]], arguments: bytes, sender: Any, stop: Any) -> None:
    try:
        for value in task(*pickle.loads(arguments)):
            if stop.is_set():
                break
            sender.send_bytes(pickle.dumps(("value", value)))
        sender.send_bytes(pickle.dumps(("end", None)))
    except Exception as error:
        sender.send_bytes(pickle.dumps(("error", type(error).__name__)))
