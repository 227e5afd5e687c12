"""What a visitor wants to look at, in the words of the page's controls: digits of a set, runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ANY = -1
"""In place of a digit: whichever."""

SHOWS = ("mistakes", "unsure", "all")
COMPARISONS = ("only first right", "only second right", "both wrong", "read differently")
"""What can be shown of one network's readings, and what of two networks'."""

ORDERS = ("worst first", "least sure first", "highest loss first", "as in the set", "random")
"""Worst first: mistakes by falling confidence, then what was right by rising confidence."""

PER_PAGE = 100


@dataclass(frozen=True)
class View:
    """A choice of digits, their order, and which page of them (0 is the first).

    `truth` and `read_as` keep one digit, or ANY; `seed` is for the random order.
    """

    show: str = SHOWS[0]
    truth: int = ANY
    read_as: int = ANY
    order: str = ORDERS[0]
    seed: int = 0
    page: int = 0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was pressed or changed: its `data-action`, `data-run` and value."""

    action: str
    run_id: str = ""
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a page shows: the run chosen, when (as `Jobs.now`), and those drawn beside it."""

    run_id: str = ""
    at: float = 0.0
    overlaid: tuple[str, ...] = ()

    @classmethod
    def of(cls, kept: Any) -> Choice:
        """From what the browser kept of `asdict(choice)`; the usual choice if it kept nothing."""
        try:
            overlaid = tuple(map(str, kept["overlaid"]))
            return cls(run_id=str(kept["run_id"]), at=float(kept["at"]), overlaid=overlaid)
        except (KeyError, TypeError, ValueError):
            return cls()
