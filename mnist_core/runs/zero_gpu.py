"""A GPU that ZeroGPU lends on Spaces, for some seconds at a time and from the visitor's quota.

What `spaces.GPU` wraps runs in a forked process, which is asked for and trains as long as it is
listened to. Nothing can be said to it, so that it sends checkpoints all the time.

But: Linux only, as ZeroGPU is. This module must be imported before torch, which `spaces` changes
where it runs on ZeroGPU; so it imports none of ours that needs torch until it lends.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import gradio as gr
import spaces

from ..errors import BusyError

if TYPE_CHECKING:
    from .drive import Chunk, Control, Progress

MOST_SECONDS, LEAST_SECONDS = 30.0, 10.0
"""How long a GPU is asked for: a run's last chunk may be short, but getting one takes seconds."""

START_SECONDS = 15
"""For a GPU that is lent to be made ready and the digits to be brought to it."""

_SECONDS_PER_BATCH = 0.006  # generous: a quarter of it is needed with the recipes' batches


@spaces.GPU(duration=lambda _, seconds, **__: round(seconds) + START_SECONDS)
def train_lent(chunk: bytes, seconds: float, device: str = "cuda") -> Generator[bytes, None, None]:
    """What the forked process does: a pickled chunk → pickled Progress."""
    from .drive import train_packed

    yield from train_packed(chunk, lambda: "checkpoint", device)


def lend(
    chunk: Chunk,
    control: Control,
    train: Callable[[bytes, float], Generator[bytes, None, None]] = train_lent,
) -> Generator[Progress, None, None]:
    """Have a chunk trained on ZeroGPU, as a `drive.Lender`."""
    from .drive import unpacked

    seconds = seconds_for(chunk)
    with closing(train(pickle.dumps(replace(chunk, seconds=seconds)), seconds)) as training:
        while (packed := _next(training)) is not None:
            progress = unpacked(packed)
            yield progress
            if progress.checkpoint and control() == "stop":
                return


def seconds_for(chunk: Chunk) -> float:
    """How long a GPU is asked for to train a chunk."""
    config = chunk.checkpoint.config
    per_epoch = math.ceil(chunk.train_size / config.batch_size) or math.inf
    left = config.epochs * per_epoch - chunk.checkpoint.batches_done
    return min(max(_SECONDS_PER_BATCH * left, LEAST_SECONDS), MOST_SECONDS)


def _next(training: Generator[bytes, None, None]) -> bytes | None:
    """What comes next, or None. Raises BusyError for all that is not an error of this program:
    those of the forked process are caught there, and come as what `train_packed` gives."""
    try:
        return next(training, None)
    except gr.Error as error:
        reason = str(error.message).strip().rstrip(".")
        if error.title == "ZeroGPU worker error":
            raise BusyError(_LOST, reason=reason) from error
        raise BusyError(_REFUSED, reason=reason) from error
    except Exception as error:  # of the ZeroGPU client: its server does not answer
        raise BusyError(_REFUSED, reason=str(error).strip().rstrip(".")) from error


_REFUSED = "No GPU is to be had: {reason}. Choose the CPU to go on without."
_LOST = "The GPU was lost while it trained: {reason}."
