"""Visitors' own drawings while they are used: in memory, by their digest, and read by.

The browser keeps them (`static/own_store.js`) and sends them once, then only their key; when the
server has forgotten them, it asks for them again. Nothing of them is written to a disk here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ..digits.own import own_drawings
from ..digits.split import Split

if TYPE_CHECKING:
    from ..numpy_network import Reader, TaughtReader

_MOST_KEPT = 64
"""Visitors' drawings, each up to 1.5 MB."""

_MOST_BYTES = 200_000_000
"""Of what networks make of them."""


class OwnDrawings:
    """The drawings of those who are there. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock, self._teaching = threading.Lock(), threading.Lock()
        self._drawings: OrderedDict[str, Split] = OrderedDict()
        self._readers: OrderedDict[tuple[Reader, str], TaughtReader] = OrderedDict()

    def keep(self, drawings: object) -> Split:
        """Keep drawings as JSON has them, for a while, under their digest: as long as they are
        kept, the same drawings are one object. Raises DrawingError."""
        own = own_drawings(drawings)
        with self._lock:
            own = self._drawings.setdefault(own.digest, own)
            self._drawings.move_to_end(own.digest)
            while len(self._drawings) > _MOST_KEPT:
                self._drawings.popitem(last=False)
        return own

    def find(self, key: object) -> Split | None:
        """The drawings with a key; None for another, or when they are forgotten."""
        with self._lock:
            own = self._drawings.get(str(key))
            if own is not None:
                self._drawings.move_to_end(own.digest)
            return own

    def reader(self, reader: Reader, own: Split) -> TaughtReader:
        """The reader that goes by these drawings as well."""
        from ..numpy_network import TaughtReader

        name = reader, own.digest
        with self._lock:
            if name in self._readers:
                self._readers.move_to_end(name)
                return self._readers[name]
        with self._teaching:  # which takes a network a second for the most drawings
            taught = TaughtReader(reader, own)
        with self._lock:
            self._readers[name] = taught
            while sum(each.size for each in self._readers.values()) > _MOST_BYTES:
                self._readers.popitem(last=False)
        return taught


def told_of(own: Split, taught: TaughtReader) -> dict[str, Any]:
    """What the pad shows beside the drawings: which the network alone misreads, and how many are
    read right, without and with the others of them."""
    labels, (alone, others) = own.labels.numpy(), taught.readings()
    return {
        "key": own.digest,
        "misread": (alone != labels).tolist(),
        "before": int((alone == labels).sum()),
        "after": int((others == labels).sum()),
    }
