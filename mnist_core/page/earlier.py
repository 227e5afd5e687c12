"""A second, small verdict on a drawing: what a run made of it when it had learned less."""

from __future__ import annotations

from pathlib import Path

from ..evaluation import classify
from .networks import checkpoint_at, image_of, moments, network_at
from .run_words import percent
from .words import Words


def read_before(say: Words, checkpoint: Path, drawing: str) -> str:
    """The sentence on a drawing, base64 of u8 [28,28]: as read at the last epoch but one, or
    untrained; "" where neither is kept. Raises MnistError."""
    image = image_of(drawing)
    run, kept = checkpoint_at(checkpoint), moments(checkpoint)
    tests = run.history.evaluations[:-1]
    moment = next((t.examples_seen for t in reversed(tests) if t.examples_seen in kept), None)
    if moment is None:
        return ""
    probabilities = classify(network_at(checkpoint, moment).model, image[None])[0]
    share, digit = map(float, probabilities.max(0))
    read = {"digit": int(digit), "percent": percent(share)}
    if not moment and run.own is not None:
        return say("Before it was taught, it read {digit}, {percent}.", **read)
    if not moment:
        return say("Untrained, it read {digit}, {percent}.", **read)
    return say("An epoch before, it read {digit}, {percent}.", **read)
