"""The settings of a run as fields to fill in, and as what was filled in.

Everything comes from `config.TrainConfig`: names, explanations, defaults, ranges. The browser marks
a field that is out of its range (`static/run_settings.js`); what holds it to it is the config.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import gradio as gr
import torch

from .. import config
from ..config import TrainConfig
from ..digits.datasets import has_own
from ..errors import ConfigError
from .words import Words

BASIC = ("epochs", "batch_size", "learning_rate", "momentum", "seed")
"""The others are folded away once more."""
KEEP_RECIPE = ("epochs", "seed", "log_interval")
"""Settings that can be changed without making the recipe one's own."""


def fields_of(say: Words) -> dict[str, Any]:
    """What run_settings.html shows."""
    every = [_field(f.name, f.type, f.metadata, f.default, say) for f in fields(TrainConfig)[1:]]
    return {
        "recipes": [(name, say(title)) for name, title in config.TITLES.items()],
        "basic": [field for field in every if field["name"] in BASIC],
        "more": [field for field in every if field["name"] not in BASIC],
        "fill": json.dumps({name: recipe.to_dict() for name, recipe in config.RECIPES.items()}),
        "keep": " ".join(KEEP_RECIPE),
        "own": config.OWN,
        "gpu": _gpu(),
    }


def config_of(values: Any) -> TrainConfig:
    """What was filled in. Raises ConfigError."""
    settings = TrainConfig.from_dict(values)
    if settings.recipe not in (*config.RECIPES, config.OWN):
        raise ConfigError("There is no such recipe.")
    if has_own(settings.dataset):
        raise ConfigError("Your own drawings are trained on from the Draw tab: Teach it mine.")
    return settings


def _field(name: str, kind: Any, metadata: Any, default: object, say: Words) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": name,
        "label": say(name.replace("_", " ").capitalize()),
        "help": say(metadata["help"]),
        "default": default,
        # One's own drawings are trained on where they are kept, by "Teach it mine".
        "choices": [
            (choice, say(choice)) for choice in metadata.get("choices", ()) if not has_own(choice)
        ],
    }
    if "low" in metadata:
        low, high = metadata["low"], metadata["high"]
        is_whole = kind == "int"
        between = say("From {low} to {high}.", low=f"{low:g}", high=f"{high:g}")
        if is_whole:
            between = say("A whole number from {low} to {high}.", low=low, high=f"{high:,}")
        step = "1" if is_whole else "any"
        field |= {"low": low, "high": high, "step": step, "range": between}
    return field


def _gpu() -> str:
    """ "" where there is none, "dear" where it costs the visitor's quota, otherwise "free"."""
    if not torch.cuda.is_available():
        return ""
    return "dear" if gr.utils.is_zero_gpu_space() else "free"
