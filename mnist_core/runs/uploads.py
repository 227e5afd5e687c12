"""Checkpoints that strangers send: opened in a sandbox, taken over as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..checkpoint import Checkpoint, load_files
from ..errors import CheckpointError
from .sandbox import Sandbox


def load_uploaded(sandbox: Sandbox, files: Sequence[Path]) -> Checkpoint:
    """`load_files`, for files that a stranger sent.

    Raises CheckpointError as `load_files` does, BusyError when many files wait.
    """
    refusal = CheckpointError(
        "The file takes more time or memory to open than a checkpoint does, so it was not."
    )
    return Checkpoint.of(_with_tensors(sandbox(plain_content, refusal, [str(f) for f in files])))


def plain_content(files: list[str]) -> Any:
    """In the sandbox: what is in the files."""
    return load_files([Path(file) for file in files]).content()


def _with_tensors(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _with_tensors(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_with_tensors(value) for value in part]
    return torch.from_numpy(part.copy()) if isinstance(part, np.ndarray) else part
