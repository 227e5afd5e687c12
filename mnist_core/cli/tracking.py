"""`train --trackio PROJECT`: a run's curve in Trackio, which follows runs on one's own machine.

Its dashboard is `trackio show`; TRACKIO_DIR says where it keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from ..errors import ConfigError
from ..history import EvalEvent, Event
from ..training import Trainer


@contextmanager
def tracked(project: str | None, name: str, trainer: Trainer) -> Iterator[Callable[[Event], None]]:
    """What logs an event to a project, as the run `name`, which goes on if it is there.

    Raises ConfigError where Trackio is not installed.
    """
    if project is None:
        yield lambda event: None
        return
    if find_spec("trackio") is None:
        raise ConfigError("--trackio needs a package that is not installed: pip install trackio")
    import trackio

    trackio.init(project=project, name=name, config=trainer.config.to_dict(), resume="allow")
    try:
        yield lambda event: trackio.log(_values(event), step=event.examples_seen)
    finally:
        trackio.finish()


def _values(event: Event) -> dict[str, float]:
    if isinstance(event, EvalEvent):
        return {"test loss": event.loss, "test accuracy": event.accuracy}
    return {"train loss": event.loss}
