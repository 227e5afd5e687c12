"""The command line: train, evaluate, predict, export. The only room that prints.

    console      a progress bar, a path as it is typed, the weights and the digits that are meant
    train        a new run, or on with one
    tracking     a run's curve in Trackio
    commands     evaluate, predict, export
    flags        the commands and their flags

Exit codes: 0 done; 1 some files could not be read (`predict`), or the system refused; 2 to 7 an
error of errors.py, one line on stderr; 130 interrupted, after saving.
"""

from __future__ import annotations

import io
import sys
from contextlib import suppress

from .. import places
from ..errors import MnistError
from .flags import parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    places.name_the_user()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a console cannot show ends no command
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parser().parse_args(arguments)
        return options.run(options)
    except MnistError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:  # while nothing is half done
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has left
        sys.stderr.close()
        return 1
    except OSError as error:  # such as a name that is too long, or a full disk behind stdout
        print(f"error: {error.strerror}", file=sys.stderr)
        if error.filename is None:  # of stdout, which is not flushed once more at the end
            with suppress(OSError):
                sys.stdout.close()
        return 1
