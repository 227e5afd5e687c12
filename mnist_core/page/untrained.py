"""What Train begins with, until there is a run: the network of its settings before a step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from torch import Tensor

from ..config import TUTORIAL, TrainConfig
from ..digits.split import Split
from ..errors import MnistError
from ..evaluation import classify
from ..history import History, LiveReading
from ..runs.cloud import Cloud
from ..runs.drive import samples_of
from ..runs.folder import About
from ..runs.live import LiveTest
from ..runs.run_state import RunState
from ..training import Trainer
from .run_advice import shipped_history


def untrained(load_test: Callable[[], Split], drawing: Tensor, config: TrainConfig) -> RunState:
    """As a run of `config` that has taken no step, with a drawing u8 [28,28] read; without test
    digits as long as `load_test` raises a DataError."""
    network, nondigits, seed = config.network, config.nondigits, config.seed
    trainer = _begun(replace(TUTORIAL, network=network, nondigits=nondigits, seed=seed))
    is_shipped = trainer.config == TUTORIAL
    start = RunState(
        run_id="",
        about=About(name="", created=0.0, config=config, device="cpu"),
        touched=0.0,
        status="stopped",
        sentence="",
        history=History(evaluations=shipped_history().evaluations[:1] if is_shipped else []),
        reading=classify(trainer.model, drawing[None])[0],
        filters=next(w for w in trainer.model.parameters() if w.ndim == 4).detach(),
    )
    with suppress(MnistError):
        samples, readings, live, cloud = _read(trainer, load_test())
        return replace(start, samples=samples, readings=readings, live=[live], cloud=cloud)
    return start


@lru_cache(maxsize=8)
def _begun(config: TrainConfig) -> Trainer:
    return Trainer(config)


@lru_cache(maxsize=8)
def _read(trainer: Trainer, test: Split) -> tuple[Split, Tensor, LiveReading, Cloud]:
    samples, found = samples_of(test), LiveTest(test).read(trainer, 0)
    assert found is not None
    return samples, classify(trainer.model, samples.images), *found
