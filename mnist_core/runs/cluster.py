"""A Ray cluster that trains the server's runs: each on a core of its own, wherever one is free.

A trainer is a process on some node that trains one chunk after the other. A few times a second it
is asked what has come of it, and told what is wished: Ray's streaming generators cannot be told
anything, nor do they pass through `ray://`. Digits go to the cluster once, and once to each node,
whose trainers read them where they lie.

But: the nodes need what the server has installed, in the same versions; of the project itself they
are brought the code. Anyone who reaches the ports of a cluster can run anything there.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import create_connection
from typing import Any

import torch

os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # or, the cluster gone, Ray would start one here

import ray
from ray.exceptions import NodeDiedError, ObjectLostError, RayActorError, RayError

from ..digits.split import Split
from ..errors import BusyError, LostError
from .drive import EVENTS_SECONDS, Chunk, Control, Load, Progress, Wish, train_packed, unpacked

_LOST = (RayActorError, NodeDiedError, ObjectLostError)
_digits_here: list[Split] = []  # in a trainer: (train, test) of its chunk's dataset


class Cluster:
    """The trainers of a cluster: as many as are asked for, which stay when idle."""

    cores: int

    def __init__(self, address: str) -> None:
        """Connect to `ray://host:port`. Raises BusyError where no cluster of use answers."""
        self._address, self._lock = address, threading.Lock()
        self._connect()

    def lend(self, chunk: Chunk, control: Control) -> Generator[Progress, None, None]:
        """Have a chunk trained on a core of the cluster, as a `drive.Lender`.

        Raises LostError when the node that trained it is gone.
        """
        with self._lock:
            if not ray.is_initialized():  # since it was lost; perhaps it is there again
                self._connect()
            digits = self._brought(chunk)
            trainer: Any = self._idle.pop() if self._idle else self._start()
        is_done = False
        try:
            if not _until(lambda: bool(wait([digits], EVENTS_SECONDS).done), control):
                return
            content = pickle.dumps(replace(chunk, load=_on_this_node))
            begun = trainer.begin.remote(content, digits.result())
            if not _until(lambda: ray.wait([begun], timeout=EVENTS_SECONDS)[0], control):
                return  # no core was free
            ray.get(begun)
            while not is_done:
                parts = ray.get(trainer.exchange.remote(control()))
                is_done = b"" in parts
                yield from map(unpacked, filter(None, parts))
        except _LOST as error:
            logging.getLogger(__name__).warning("a trainer is lost: %s", error)
            self._end_idle()  # who may have been on the same node
            raise LostError("The node of the cluster that trained this run was lost.") from error
        except (RayError, ConnectionError) as error:
            raise BusyError(
                "The cluster does not train: {reason}.", reason=_reason(error)
            ) from error
        finally:
            if is_done:
                with self._lock:
                    self._idle.append(trainer)
            else:
                _end(trainer)

    def close(self) -> None:
        """Leave the cluster, which ends the trainers."""
        ray.shutdown()

    def _connect(self) -> None:
        code = {"py_modules": [str(Path(__file__).parent.parent)]}
        host, port = self._address.removeprefix("ray://").split(":")
        try:
            create_connection((host, int(port)), 5).close()  # Ray would try for half a minute
            with ThreadPoolExecutor(1) as thread:  # on the main one Ray would handle SIGTERM
                connect = partial(ray.init, logging_level=logging.ERROR, runtime_env=code)
                thread.submit(connect, self._address).result()
            self.cores = int(ray.cluster_resources()["CPU"])
        except Exception as error:  # of many kinds: no answer, another version, no core
            raise BusyError(
                "The cluster at {address} cannot be used: {reason}.",
                address=self._address,
                reason=_reason(error),
            ) from error
        self._start = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(Trainer).remote
        self._idle: list[Any] = []
        self._digits: dict[str, Future[Any]] = {}

    def _end_idle(self) -> None:
        with self._lock:
            while self._idle:
                _end(self._idle.pop())

    def _brought(self, chunk: Chunk) -> Future[Any]:
        """The digits of a chunk's dataset in the cluster: read or made once, on a thread."""
        dataset = chunk.checkpoint.config.data
        brought = self._digits.get(dataset)
        if brought is None or (brought.done() and brought.exception()):
            brought = self._digits[dataset] = Future()
            bring = (brought, chunk.load, dataset)
            threading.Thread(target=_bring, args=bring, daemon=True).start()
        return brought


class Trainer:
    """What Ray runs on a core of a node: trains on a thread, and is asked what has come of it."""

    _wish: Wish
    _parts: SimpleQueue[bytes]

    def begin(self, chunk: bytes, digits: list[Any]) -> None:
        """Train a pickled chunk of these `_arrays`."""
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        _digits_here[:] = map(_split, digits)
        self._wish, self._parts = "continue", SimpleQueue()
        threading.Thread(target=self._train, args=(chunk,), daemon=True).start()

    def exchange(self, wish: Wish) -> list[bytes]:
        """What `train_packed` has given since the last time, soon; b"" is the end."""
        self._wish, parts = wish, []
        with suppress(Empty):
            parts.append(self._parts.get(timeout=EVENTS_SECONDS))
            while True:
                parts.append(self._parts.get_nowait())
        return parts

    def _train(self, chunk: bytes) -> None:
        for part in train_packed(chunk, lambda: self._wish, "cpu"):
            self._parts.put(part)
        self._parts.put(b"")


def _on_this_node(dataset: str) -> tuple[Split, Split]:
    """A trainer's `drive.Load`."""
    train, test = _digits_here
    return train, test


def _bring(brought: Future[Any], load: Load, dataset: str) -> None:
    try:
        brought.set_result(ray.put([_arrays(split) for split in load(dataset)]))
    except Exception as error:
        brought.set_exception(error)


def _arrays(split: Split) -> tuple[Any, ...]:
    """Which Ray lays into a node's memory for all of its processes, as it does no tensors."""
    nondigits = split.nondigits
    shards = [_arrays(shard) for shard in split.shards]
    others = None if nondigits is None else nondigits.numpy()
    return split.images.numpy(), split.labels.numpy(), shards, others


def _split(arrays: tuple[Any, ...]) -> Split:
    """Of `_arrays`; over memory that must not be written to."""
    images, labels, shards, others = arrays
    return Split(
        torch.from_numpy(images),
        torch.from_numpy(labels),
        tuple(map(_split, shards)),
        None if others is None else torch.from_numpy(others),
    )


def _until(is_ready: Callable[[], object], control: Control) -> bool:
    """Wait until it is; False when that is no longer wanted."""
    while not is_ready():
        if control() == "stop":
            return False
    return True


def _end(trainer: Any) -> None:
    with suppress(Exception):  # it has ended, or the cluster has
        ray.kill(trainer)


def _reason(error: Exception) -> str:
    """The last line, where Ray's errors say what happened."""
    return (str(error).strip() or repr(error)).splitlines()[-1].strip().rstrip(".")
