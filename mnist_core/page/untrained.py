"""What Train begins with: the tutorial's network before its first step, until there is a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from torch import Tensor

from .. import places
from ..config import TUTORIAL
from ..digits.split import Split
from ..errors import MnistError
from ..evaluation import classify
from ..history import History
from ..runs.cloud import Cloud
from ..runs.drive import samples_of
from ..runs.folder import About
from ..runs.live import LiveTest
from ..runs.run_state import RunState
from .networks import Network, network_at
from .run_advice import shipped_history


def untrained(load_test: Callable[[], Split], drawing: Tensor) -> RunState:
    """As a run that has taken no step, with a drawing u8 [28,28] read; without test digits as long
    as `load_test` raises a DataError."""
    network = network_at(places.shipped_weights("tutorial"), 0)
    start = RunState(
        run_id="",
        about=About(name="", created=0.0, config=TUTORIAL, device="cpu"),
        touched=0.0,
        status="stopped",
        sentence="",
        history=History(evaluations=shipped_history().evaluations[:1]),
        reading=classify(network.model, drawing[None])[0],
        filters=next(w for w in network.model.parameters() if w.ndim == 4).detach(),
    )
    with suppress(MnistError):
        samples, readings, cloud = _read(network, load_test())
        return replace(start, samples=samples, readings=readings, cloud=cloud)
    return start


@lru_cache(maxsize=1)
def _read(network: Network, test: Split) -> tuple[Split, Tensor, Cloud]:
    samples = samples_of(test)
    return samples, classify(network.model, samples.images), LiveTest(test).cloud(network.model)
