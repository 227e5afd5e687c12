"""Drawings in files: pictures, and lines of JSON with strokes in them.

But: does not open pictures. What is no drawing is an error in its place, so that the others are
still read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import DrawingError

Drawing = Path | list | DrawingError
"""A picture; strokes, which are not checked yet; or why there are none."""


def read_drawings(files: Iterable[Path]) -> Iterator[tuple[str, Drawing]]:
    """The pictures, and the drawings in .jsonl files of strokes, each with its name."""
    for file in files:
        if file.suffix == ".jsonl":
            yield from _lines(file)
        else:
            yield str(file), file


def _lines(file: Path) -> Iterator[tuple[str, Drawing]]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield f"{file}:{number}", _strokes(line)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        yield str(file), DrawingError(f"The file cannot be read: {reason}.")


def _strokes(line: str) -> list | DrawingError:
    try:
        strokes = json.loads(line)["strokes"]
        if isinstance(strokes, list):
            return strokes
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return DrawingError(
        "The line is not a drawing; it should be a JSON object whose strokes are [[[x, y], …], …]."
    )
