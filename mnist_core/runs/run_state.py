"""What a page sees of a run at one moment: what it is doing, and its figures as they stand."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from ..config import TrainConfig
from ..digits.split import Split
from ..history import History, LiveReading
from .cloud import Cloud
from .folder import About

Status = Literal[
    "waiting", "starting", "running", "paused", "stopping", "stopped", "finished", "failed"
]


@dataclass(frozen=True, kw_only=True, eq=False)
class RunState:
    """What a page sees of a run. The history is the run's own, which grows as it trains.

    `touched` is when it was last started or resumed, in seconds since 1970; `place` the place in
    line (0 outside it), `seconds_to_start` how long it may last there, None while unknown.
    `samples` are test digits, whose `readings` f32 [6,10] are probabilities, like the `reading` f32
    [10] of the visitor's own drawing; None while there are none. `filters` f32 [N,1,K,K] are the
    first convolution's. `live` grows and `cloud` moves while a page looks; they are not kept.
    """

    run_id: str
    about: About
    touched: float
    status: Status
    sentence: str
    history: History
    examples_seen: int = 0
    place: int = 0
    seconds_to_start: float | None = None
    images_per_second: float | None = None
    samples: Split | None = None
    readings: Tensor | None = None
    reading: Tensor | None = None
    filters: Tensor | None = None
    cloud: Cloud | None = None
    live: list[LiveReading] = field(default_factory=list)

    @property
    def config(self) -> TrainConfig:
        return self.about.config

    @property
    def total(self) -> int:
        """Examples in the whole run; 0 while unknown."""
        return self.config.epochs * self.about.train_size

    @property
    def active(self) -> bool:
        """Whether it trains, pauses or waits in line."""
        return self.status not in ("stopped", "finished", "failed")

    @property
    def epochs_done(self) -> int:
        return max(len(self.history.evaluations) - 1, 0)

    @property
    def accuracy(self) -> float | None:
        """Of the last evaluation, 0..1."""
        evaluations = self.history.evaluations
        return evaluations[-1].accuracy if evaluations else None

    @property
    def reading_now(self) -> LiveReading | None:
        """How it reads a few test digits, if that is later than the last evaluation."""
        tests = self.history.evaluations
        if not self.live or (tests and self.live[-1].examples_seen <= tests[-1].examples_seen):
            return None
        return self.live[-1]

    @property
    def live_accuracy(self) -> float | None:
        """Of `reading_now` or the last evaluation, 0..1."""
        return self.reading_now.accuracy if self.reading_now else self.accuracy

    @property
    def seconds_left(self) -> float | None:
        """Until the end of the run at its present pace."""
        if not self.images_per_second:
            return None
        return (self.total - self.examples_seen) / self.images_per_second


def seconds_to_wait(ahead: Sequence[RunState], training: Sequence[RunState]) -> float | None:
    """Until there is room behind the runs `ahead` in line, should these train as fast as those in
    `training`; None while that is unknown."""
    free = [run.seconds_left for run in training if run.seconds_left is not None]
    speeds = [run.images_per_second for run in training if run.images_per_second]
    if len(free) < len(training) or not speeds or not all(run.total for run in ahead):
        return None
    heapq.heapify(free)
    for run in ahead:
        seconds = (run.total - run.examples_seen) * len(speeds) / sum(speeds)
        heapq.heapreplace(free, free[0] + seconds)
    return free[0]
