"""The one download of MNIST that a server makes, when a visitor asks for it."""

from __future__ import annotations

import threading
from pathlib import Path

from ..digits.mnist import fetch_mnist, fetched_share
from ..errors import Message, MnistError


class MnistDownload:
    """Into one folder, on a thread of its own; visitors who ask meanwhile wait for the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: Message | None = None
        """What went wrong last time."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def share(self) -> float:
        """0..1, how much has arrived."""
        return fetched_share(self.folder)

    def start(self) -> None:
        """Begin, unless it is going on."""
        with self._lock:
            if not self.running:
                self.error = None
                self._thread = threading.Thread(target=self._fetch, daemon=True)
                self._thread.start()

    def _fetch(self) -> None:
        try:
            fetch_mnist(self.folder)
        except MnistError as error:
            self.error = error.message
