"""Every sentence the core says, and every error a user can cause or meet, in one small tree.

    MnistError              exit code 1   anything below; caught once at each edge
    ├── ConfigError         2             a setting is unknown, out of range or fixed by now
    ├── DataError           3             a dataset is missing, damaged or cannot be fetched
    ├── CheckpointError     4             a checkpoint cannot be read, written or does not fit
    ├── DrawingError        5             a drawing or picture cannot be used
    ├── TrainingError       6             a run cannot go on (its loss is no longer a number)
    └── BusyError           7             no room for another run, or the run is in use
        └── LostError                     what trained a run is gone, but there may be more

A message is one sentence or two: what happened, with which value, and what to do. It is kept as an
English template and its values: the command line prints it and exits with the class's `exit_code`,
the page shows it in the visitor's language (`page/words.py`).
"""

from __future__ import annotations


class Message(str):
    """A sentence in English that keeps its template and the values put in by `str.format`.

    A value may be a Message itself, so that a reason is translated with its sentence. Without
    values the template is taken as it stands.
    """

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, /, **values: object) -> Message:
        message = super().__new__(cls, template.format(**values) if values else template)
        message.template, message.values = template, values
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, object]]:
        return (self.template,), self.values  # for pickle: it crosses from the workers


class MnistError(Exception):
    """Base of every error whose message is meant for the user."""

    exit_code = 1

    def __init__(self, message: str, /, **values: object) -> None:
        """A Message, or the template and values of one."""
        self.message = message if isinstance(message, Message) else Message(message, **values)
        super().__init__(self.message)


class ConfigError(MnistError):
    exit_code = 2


class DataError(MnistError):
    exit_code = 3


class CheckpointError(MnistError):
    exit_code = 4


class DrawingError(MnistError):
    exit_code = 5


class TrainingError(MnistError):
    exit_code = 6


class BusyError(MnistError):
    exit_code = 7


class LostError(BusyError):
    """The machine that trained a run is gone; it can go on at once on another."""
