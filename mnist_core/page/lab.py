"""What the page is over: the folders of a server, its visitors' runs, and the weights that read.

Everything is made when it is first used, so that the first page need not wait for torch, and that
to build a page touches no disk.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr

from .. import config, places
from ..errors import DrawingError
from ..runs import zero_gpu
from ..runs.sandbox import Sandbox
from .parts import i18n
from .words import Words

if TYPE_CHECKING:
    from ..digits.photo import Prepared
    from ..numpy_network import Reader
    from ..runs.download import MnistDownload
    from ..runs.drive import Load
    from ..runs.scheduler import Scheduler
    from ..runs.workers import Workers
    from .own import OwnDrawings

T = TypeVar("T")

SHIPPED = {"tutorial": "Tutorial, shipped", "modern": "Modern, shipped"}
"""What the page calls the weights that come with it, by recipe."""

Choices = list[tuple[Any, str]]
"""Of a dropdown: what is shown, and its value."""

NOTHING = (i18n("nothing"), "")

_DEAR = "This picture takes too long or too much memory to open; use a smaller PNG or JPEG file."


class Lab:
    """A server's data folder and runs folder, and what is in them."""

    def __init__(self, data_dir: Path, runs_dir: Path) -> None:
        """Where these cannot be written to, a temporary folder is used."""
        self._wanted = data_dir, runs_dir
        self._lock, self._made = threading.RLock(), dict[str, Any]()

    @property
    def data_dir(self) -> Path:
        return self._once("data", lambda: places.writable(self._wanted[0]))

    @property
    def runs_dir(self) -> Path:
        return self._once("runs", lambda: places.writable(self._wanted[1]))

    @property
    def is_kept(self) -> bool:
        """Whether the runs outlive the server."""
        return places.is_kept(self.runs_dir)

    @property
    def scheduler(self) -> Scheduler:
        return self._once("scheduler", self._open_scheduler)

    @property
    def workers(self) -> Workers:
        """Processes that train the runs, read sets of digits and judge teachings."""
        from ..runs.workers import Workers

        return self._once("workers", lambda: Workers(keep=places.slots()))

    @property
    def load(self) -> Load:
        """(train, test) of a dataset by its name."""
        from ..digits.datasets import load

        return self._once("load", lambda: partial(load, folder=self.data_dir))

    @property
    def sandbox(self) -> Sandbox:
        """Opens strangers' files."""
        return self._once("sandbox", Sandbox)

    def open_picture(self, file: str | bytes) -> Prepared:
        """A stranger's picture by its path or its content. Raises DrawingError and BusyError."""
        from ..digits import photo

        return self.sandbox(photo.prepare_file, DrawingError(_DEAR), file)

    @property
    def own(self) -> OwnDrawings:
        """Visitors' own drawings while they are used."""
        from .own import OwnDrawings

        return self._once("own", OwnDrawings)

    @property
    def download(self) -> MnistDownload:
        from ..runs.download import MnistDownload

        return self._once("download", lambda: MnistDownload(self.data_dir))

    def find(self, say: Words, name: object) -> tuple[str, Path]:
        """Weights by a choice of them: what they are called, and where. Raises ConfigError."""
        if name in config.SHIPPED:
            return say(SHIPPED[str(name)]), places.shipped_weights(str(name))
        token, _, run_id = str(name).partition("/")
        run = self.scheduler.look(token, run_id)
        return run.about.name, self.scheduler.checkpoint_file(token, run_id)

    def reader(self, name: object) -> Reader:
        """The network that a choice of weights stands for. Raises MnistError when there is none."""
        from .. import reading

        return reading.reader(self.find(Words(), name)[1])

    def weights(self, token: str | None) -> Choices:
        """The shipped weights and a visitor's runs.

        A run is named by its visitor's token and its id, so that its owner alone can find it.
        """
        runs = self.scheduler.runs(token) if token else []
        own = [(run.about.name, f"{token}/{run.run_id}") for run in runs if run.history.evaluations]
        return [*shipped(), *own]

    def close(self) -> None:
        """Stop every run and wait until each has saved."""
        with self._lock:
            parts = ("scheduler", "workers", "cluster", "sandbox")
            closing = [self._made.get(name) for name in parts]
        for part in closing:
            if part is not None:
                part.close()

    def _open_scheduler(self) -> Scheduler:
        import torch

        from ..runs.scheduler import Limits, Scheduler
        from ..runs.uploads import load_uploaded

        atexit.register(self.close)  # where no program closes it
        slots = places.slots()
        self.workers.warm()
        lenders: Any = {"cpu": self.workers.lend}
        if address := places.cluster():
            from ..runs.cluster import Cluster

            cluster = self._made["cluster"] = Cluster(address)
            slots, lenders["cpu"] = places.slots(cluster.cores), cluster.lend
        if torch.cuda.is_available():
            on_zero = gr.utils.is_zero_gpu_space()
            lenders["cuda"] = (
                zero_gpu.lend if on_zero else partial(self.workers.lend, device="cuda")
            )
        open_files = partial(load_uploaded, self.sandbox)
        return Scheduler(self.runs_dir, self.load, Limits(slots=slots), lenders, open_files)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]


def shipped() -> Choices:
    """The weights that come with the project."""
    return [(i18n(SHIPPED[name]), name) for name in config.SHIPPED]


def offered(choices: Choices, chosen: str) -> Any:
    """New choices; the value is set only if it is gone, since it may have changed meanwhile."""
    values = [value for _, value in choices]
    if chosen in values:
        return gr.update(choices=choices)
    return gr.update(choices=choices, value=values[0])
