"""The model card: a README in the Hugging Face Hub's form, every field of it measured or known.

Model cards: Mitchell et al., "Model Cards for Model Reporting" (2019). What a run's file does not
say (whose weights an upload holds, on which processor) is not guessed.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..config import TrainConfig
from ..digits.datasets import has_own, measured_on, needs_mnist
from ..evaluation import DIGIT
from ..runs.record import command
from .figures import Figures

_DATA = {
    "mnist": "MNIST's 60,000 training digits, by people",
    "handwriting": "digits made up by this program's synthetic hands",
    "own": "labelled drawings of whoever trained it",
}


def model_card(checkpoint: Checkpoint, figures: Figures, name: str) -> str:
    """Markdown with the Hub's front matter."""
    name = " ".join(name.split()) or "MNIST digits"
    parts = [
        _front_matter(checkpoint, figures, name),
        f"# {_plain(name)}",
        "Reads one handwritten digit in a picture of 28×28, prepared as MNIST's are. Made with an"
        " interactive MNIST lab. `python load.py PICTURE` reads a picture; what `load.py` does to"
        " it is less than the lab does, so pictures are read less well than in the lab.",
        "## How well it reads",
        *_accuracy(checkpoint, figures),
        "## How well it knows what it knows",
        *_calibration(figures),
        "## What is no digit",
        _nondigits(figures),
        "## How it was trained",
        *_training(checkpoint),
        "## Limits",
        "For learning and play. It was measured on digits prepared as in training; those of other"
        " people, pens and cameras may be read less well. Nothing should depend on it alone.",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(checkpoint: Checkpoint, figures: Figures, name: str) -> str:
    """In JSON, which is YAML."""
    has_mnist = needs_mnist(checkpoint.config.dataset)
    measured = measured_on(checkpoint.config.dataset)
    data = {"name": "MNIST", "type": "ylecun/mnist", "split": "test"}
    made = {"name": "synthetic handwriting", "type": "synthetic-handwriting", "split": "test"}
    accuracy = {"type": "accuracy", "value": round(figures.evaluation.accuracy, 6)}
    result = {
        "task": {"type": "image-classification"},
        "dataset": data if measured == "mnist" else made,
        "metrics": [accuracy],
    }
    content = {
        "license": "mit",
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["mnist", "handwritten-digits", "safetensors"],
        **({"datasets": ["ylecun/mnist"]} if has_mnist else {}),
        "model-index": [{"name": name, "results": [result]}],
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items()]
    return "\n".join(["---", *lines, "---"])


def _accuracy(checkpoint: Checkpoint, figures: Figures) -> list[str]:
    read = figures.evaluation
    right, count = int(read.right.sum()), len(read.labels)
    dataset = checkpoint.config.dataset
    tested = "MNIST's test digits" if measured_on(dataset) == "mnist" else _SYNTHETIC
    each = ["–" if share is None else f"{share:.2%}" for share in read.per_class_accuracy]
    return [
        *([_OWN] if has_own(dataset) else []),
        f"**{read.accuracy:.2%}** of {tested} ({right:,} of {count:,}), mean negative"
        f" log-likelihood {read.loss:.4f} nats.",
        _table(["digit", *map(str, range(10))], [["read right", *each]]),
        "Confusion matrix, digits in rows, what they were read as in columns:",
        _table(["", *map(str, range(10))], _rows(read.confusion)),
    ]


_SYNTHETIC = "synthetic test digits"
_OWN = (
    "How well it reads the hand it was taught is not measured: all its drawings were seen in"
    " training. The figures are other people's digits."
)


def _calibration(figures: Figures) -> list[str]:
    rows = [
        [f"{low:.0%} to {high:.0%}", f"{count:,}", "–" if share is None else f"{share:.2%}"]
        for low, high, count, share in figures.bands()
    ]
    return [
        f"Expected calibration error {figures.calibration_error:.2%} (15 equal bins, of the same"
        " digits). Of those whose likeliest digit has a probability of",
        _table(["", "digits", "read right"], rows),
    ]


def _nondigits(figures: Figures) -> str:
    if figures.swallowed is None:
        return "It was shown digits alone and takes everything for one."
    return (
        f"It swallows {figures.swallowed:,} of {len(figures.letters.labels):,} synthetic letters"
        f" and signs it was not trained on, and doubts {figures.doubted:.2%} of the test digits,"
        f" when what is a digit with a probability of {DIGIT:g} or more is taken for one."
    )


def _training(checkpoint: Checkpoint) -> list[str]:
    run, history = checkpoint.config, checkpoint.history
    data = " and ".join(_DATA.get(part, part) for part in run.dataset.split("+"))
    if run.nondigits:
        data += ", with synthetic letters, shapes and scribbles as what is no digit"
    settings = [[f.name.replace("_", " "), str(getattr(run, f.name))] for f in fields(TrainConfig)]
    parameters = sum(weights.numel() for weights in checkpoint.network().parameters())
    told = (
        f"It saw {history.examples_seen:,} training digits in {history.seconds:,.1f} seconds;"
        f" device {checkpoint.device}, CPU threads {checkpoint.threads}."
        if history.evaluations
        else "The file that it came from does not say how long it was trained."
    )
    return [
        f"On {data}. {told} {parameters:,} parameters. Measured and written with Python"
        f" {platform.python_version()} and torch {torch.__version__}.",
        _table(["setting", "value"], settings),
        _AGAIN if has_own(run.dataset) else f"```\n{command(run)}\n```",
    ]


_AGAIN = (
    "The drawings are not in this package, nor the weights that it may have started from, so it"
    " cannot be trained again from what is written here."
)


def _rows(counts: Tensor) -> list[list[str]]:
    return [[str(digit), *map(str, row)] for digit, row in enumerate(counts.tolist())]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(name: str) -> str:
    """Without what Markdown, or HTML in it, would take for its own."""
    return re.sub(r"([^\w\s])", r"\\\1", name)
