"""A finished or stopped run as JSON for other programs: what made it, on what, and its curve."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path

import torch

from ..checkpoint import write_atomically
from ..config import RECIPES, SETTINGS, TUTORIAL, TrainConfig
from ..training import Trainer


def write_record(path: Path, trainer: Trainer) -> None:
    """Write it to a file, whole or not at all. Raises CheckpointError when that cannot be done."""
    last = trainer.history.evaluations[-1] if trainer.history.evaluations else None
    content = {
        "command": command(trainer.config),
        "config": trainer.config.to_dict(),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "test_accuracy": last and last.accuracy,
        "test_loss": last and last.loss,
        "training_seconds": trainer.history.seconds,
        "device": trainer.device.type,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "history": trainer.history.columns(),
    }
    text = json.dumps(content, allow_nan=False)
    write_atomically(path, lambda file: file.write(text.encode()))


def command(config: TrainConfig) -> str:
    """The command that trains such a run from its start, folders left to their defaults."""
    recipe = RECIPES.get(config.recipe, TUTORIAL)
    flags = [
        f"--{name.replace('_', '-')} {getattr(config, name)}"
        for name in SETTINGS
        if getattr(config, name) != getattr(recipe, name)
    ]
    return " ".join(["python -m mnist_core train", f"--recipe {recipe.recipe}", *flags])
