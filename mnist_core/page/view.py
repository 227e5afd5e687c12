"""What a visitor wants to look at, in the words of the page's controls: digits of a set.

No torch: the controls are made of these before it is there.
"""

from __future__ import annotations

from dataclasses import dataclass

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

    `truth` and `read_as` keep one digit, or ANY; `config.NONE` is what is no digit, and what was
    refused as none. `seed` is for the random order.
    """

    show: str = SHOWS[0]
    truth: int = ANY
    read_as: int = ANY
    order: str = ORDERS[0]
    seed: int = 0
    page: int = 0
