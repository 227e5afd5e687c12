"""Small runs on made-up digits, for the tests of mnist_core/runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from digits import small_split
from servers import PATIENCE_SECONDS

from mnist_core.checkpoint import Checkpoint, tutorial_pair
from mnist_core.config import TUTORIAL, TrainConfig
from mnist_core.digits.split import Split
from mnist_core.errors import BusyError, DataError
from mnist_core.history import EvalEvent, History, StepEvent
from mnist_core.runs.folder import About
from mnist_core.runs.run_state import RunState
from mnist_core.runs.scheduler import Scheduler
from mnist_core.training import Trainer

TRAIN, TEST = small_split(640, seed=1), small_split(100, seed=2)
LONG = TrainConfig(epochs=100, batch_size=8, log_interval=2)
SHORT = TrainConfig(epochs=2, batch_size=64, log_interval=2)
DIVERGING = TrainConfig(epochs=100, batch_size=8, learning_rate=10.0, momentum=0.99)


def run(config=TUTORIAL, accuracies=(), losses=(), run_id="a", **changes) -> RunState:
    """How a page sees a run after evaluations with these accuracies, the loss falling with them,
    and logged losses; a second each."""
    tests = [
        EvalEvent(examples_seen=60_000 * n, loss=1.1 - accuracy, accuracy=accuracy, seconds=n)
        for n, accuracy in enumerate(accuracies)
    ]
    steps = [StepEvent(examples_seen=n, loss=loss, seconds=0) for n, loss in enumerate(losses)]
    state = RunState(
        run_id=run_id,
        about=About(name="One", created=1.0, config=config, device="cpu", train_size=60_000),
        touched=1.0,
        status="finished",
        sentence="",
        history=History(steps, tests, []),
        examples_seen=60_000 * max(len(tests) - 1, 0),
    )
    return replace(state, **changes)


def load(dataset: str) -> tuple[Split, Split]:
    """The small digits, whatever the dataset; a function that can be pickled."""
    return TRAIN, TEST


def load_none(dataset: str) -> tuple[Split, Split]:
    raise DataError("MNIST is not on this machine.")


def load_broken(dataset: str) -> tuple[Split, Split]:
    raise ZeroDivisionError("a fault of our own")


def load_for_ever(dataset: str) -> tuple[Split, Split]:
    """Digits that are still being made when nobody wants them any more."""
    time.sleep(600)
    return TRAIN, TEST


def until(condition: Callable[[], object], apart: float = 0.01) -> None:
    """Wait for it, asking every `apart` seconds: long, for a worker beside busy others."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(apart)


def patiently(ask: Callable[[], Any]) -> Any:
    """What a busy server answers in the end: what was begun is found by who asks again."""
    found = []

    def is_answered() -> bool:
        with suppress(BusyError):
            found.append(ask())
        return bool(found)

    until(is_answered)
    return found[0]


def ended(scheduler: Scheduler, visitor: str, run_id: str) -> RunState:
    until(lambda: not scheduler.look(visitor, run_id).active)
    return scheduler.look(visitor, run_id)


def finished(scheduler: Scheduler, visitor: str, config: TrainConfig = SHORT, **more) -> str:
    """The id of a run that has been trained to its end."""
    run_id = scheduler.start(visitor, config, **more)
    assert ended(scheduler, visitor, run_id).status == "finished"
    return run_id


def under_way(scheduler: Scheduler, visitor: str, run_id: str) -> None:
    until(lambda: len(scheduler.look(visitor, run_id).history.steps) >= 3)


def pause(scheduler: Scheduler, visitor: str, run_id: str) -> None:
    scheduler.set_pace(visitor, run_id, "pause")
    until(lambda: scheduler.look(visitor, run_id).status == "paused")


def saved(scheduler: Scheduler, visitor: str, run_id: str) -> Checkpoint:
    return Checkpoint.load(scheduler.checkpoint_file(visitor, run_id))


def uninterrupted(config: TrainConfig, device: str = "cpu") -> Checkpoint:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    trainer = Trainer(config, device)
    for _ in trainer.batches(TRAIN, TEST):
        pass
    torch.set_num_threads(before)
    return trainer.checkpoint()


def assert_same_result(one: Checkpoint, other: Checkpoint) -> None:
    """To the last bit."""
    assert one.batches_done == other.batches_done
    for name, tensor in other.model.items():
        assert torch.equal(one.model[name], tensor), name
    for index, state in other.optimizer["state"].items():
        mine = one.optimizer["state"][index]["momentum_buffer"]
        assert torch.equal(mine, state["momentum_buffer"])
    assert [(e.examples_seen, e.loss) for e in one.history.steps] == [
        (e.examples_seen, e.loss) for e in other.history.steps
    ]


def write_pair(checkpoint: Checkpoint, *files: Path) -> None:
    """The tutorial's two files of a run."""
    for file, content in zip(files, tutorial_pair(checkpoint).values(), strict=True):
        file.write_bytes(content)
