"""What happened in a run: the events the trainer yields, and `History`, their fold.

Losses are mean negative log-likelihoods in nats; accuracies are 0..1. `examples_seen` counts
training examples from the start of the run, as on the tutorial's x axis: a step's loss is
measured before its update, so the first logged step stands at 0. `seconds` is training time
since the run began, evaluation included, pauses between stop and resume left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from .config import MAX_EPOCHS
from .errors import Message

MAX_LOGGED, MAX_EVALUATIONS, MAX_RESUMES = 100_000, MAX_EPOCHS + 1, 1_000
"""Losses, evaluations and resumes that are kept of one run: its curve stays quick to draw."""


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """One logged training step."""

    examples_seen: int
    loss: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class EvalEvent:
    """One pass over the test set."""

    examples_seen: int
    loss: float
    accuracy: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LiveReading:
    """How a few test digits are read while a run trains: shown, but no part of its `History`."""

    examples_seen: int
    accuracy: float
    digits: int


Event = StepEvent | EvalEvent


@dataclass(eq=False)
class History:
    """The run's curve: logged steps, evaluations, and where it was resumed (in examples seen)."""

    steps: list[StepEvent] = field(default_factory=list)
    evaluations: list[EvalEvent] = field(default_factory=list)
    resumes: list[int] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Append one event, in the order the trainer yields them."""
        if isinstance(event, StepEvent):
            self.steps.append(event)
        else:
            self.evaluations.append(event)

    @property
    def seconds(self) -> float:
        """Training time at the last event; 0 before the first."""
        return max((event.seconds for event in self._last), default=0.0)

    @property
    def examples_seen(self) -> int:
        """At the last event; 0 before the first."""
        return max((event.examples_seen for event in self._last), default=0)

    @property
    def _last(self) -> list[Event]:
        return [*self.steps[-1:], *self.evaluations[-1:]]

    def seconds_to(self, accuracy: float) -> float | None:
        """Training time until an evaluation first reached `accuracy` (0..1); None if none did, or
        the weights that the run began with."""
        first = next((e for e in self.evaluations if e.accuracy >= accuracy), None)
        return first.seconds if first and first.examples_seen else None

    def copy(self) -> History:
        """The same curve in lists of its own."""
        return History(self.steps[:], self.evaluations[:], self.resumes[:])

    def columns(self) -> dict[str, dict[str, list[Any]]]:
        """The curve as plain columns, for JSON: {"train", "test", "resumed"} by field name."""
        return {
            "train": {name: [getattr(e, name) for e in self.steps] for name in _STEP},
            "test": {name: [getattr(e, name) for e in self.evaluations] for name in _EVALUATION},
            "resumed": {"examples_seen": list(self.resumes)},
        }

    def state_dict(self) -> dict[str, torch.Tensor]:
        """f64 [steps,3], f64 [evaluations,4] and i64 [resumes]: exact, small, quick to save."""
        columns = self.columns()
        return {
            "steps": _table(columns["train"]),
            "evaluations": _table(columns["test"]),
            "resumes": torch.tensor(self.resumes, dtype=torch.int64),
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, torch.Tensor]) -> History:
        """The inverse of `state_dict`.

        Raises KeyError, TypeError, AttributeError, ValueError or RuntimeError if it is not one.
        """
        resumes = state["resumes"]
        for table, most, (low, high) in (
            (state["steps"], MAX_LOGGED, _RANGE[:, [0, 1, 3]]),
            (state["evaluations"], MAX_EVALUATIONS, _RANGE),
            (resumes, MAX_LOGGED, _RANGE[:, 0]),
        ):
            # In this order: a few stored bytes can claim to be a table of any shape.
            if table.shape[1:] != low.shape or len(table) > most:
                raise ValueError(Message("its curve is too long, or none."))
            if not ((low <= table) & (table <= high)).all():  # false for nan
                raise ValueError(Message("its curve holds values that no run has."))
        steps = [StepEvent(examples_seen=int(seen), loss=loss, seconds=seconds)
                 for seen, loss, seconds in state["steps"].tolist()]  # fmt: skip
        evaluations = [
            EvalEvent(examples_seen=int(seen), loss=loss, accuracy=accuracy, seconds=seconds)
            for seen, loss, accuracy, seconds in state["evaluations"].tolist()
        ]
        return cls(steps, evaluations, [int(seen) for seen in resumes[-MAX_RESUMES:].tolist()])


_STEP = ("examples_seen", "loss", "seconds")
_EVALUATION = ("examples_seen", "loss", "accuracy", "seconds")
_RANGE = torch.tensor([[0, -1e40, 0, 0], [2**53, 1e40, 1, 1e10]], dtype=torch.float64)
"""Of the values of an evaluation; no loss in f32 is so large."""


def _table(columns: dict[str, list[Any]]) -> torch.Tensor:
    return torch.tensor(list(columns.values()), dtype=torch.float64).T.contiguous()
