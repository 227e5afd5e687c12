"""What the commands share: a progress bar, a path as it is typed, the weights and digits meant."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from .. import config, places
from ..digits import datasets, mnist
from ..digits.own import read_own
from ..digits.split import Split
from ..errors import CheckpointError

CHECKPOINT, RECORD = "checkpoint.pt", "history.json"
_NAMED = 5  # of the latest runs, where one that is asked for is missing


def quoted(path: Path, windows: bool = os.name == "nt") -> str:
    """The path as a command line takes it."""
    return subprocess.list2cmdline([str(path)]) if windows else shlex.quote(str(path))


@contextmanager
def progress_bar(what: str, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """What moves a progress bar to a share, 0..1; the bar is there if it takes over a second."""
    form = "{desc}: {percentage:.0f} %|{bar}| {elapsed}<{remaining}"
    with tqdm(desc=what, total=1, bar_format=form, leave=False, delay=1, disable=quiet) as bar:
        yield lambda share: bar.update(share - bar.n) and None


def own_dataset(text: str) -> tuple[str, Split | None]:
    """A dataset's name; for "FILE.jsonl" or "mnist+FILE.jsonl" with the drawings in the file.

    Raises DrawingError."""
    if not text.lower().endswith(".jsonl"):
        return text, None
    mixed = text.startswith("mnist+")
    return "mnist+own" if mixed else "own", read_own(Path(text.removeprefix("mnist+")))


def with_mnist(dataset: str, options: argparse.Namespace) -> Path:
    """The data folder, MNIST fetched into it if the dataset needs it."""
    folder: Path = options.data_dir or places.data_dir()
    if datasets.needs_mnist(dataset) and not mnist.has_mnist(folder):
        print(f"Downloading MNIST into {folder}", file=sys.stderr)
        mnist.fetch_mnist(folder)
    return folder


def chosen_file(options: argparse.Namespace) -> Path:
    """The checkpoint that --checkpoint names, or the weights that come with the project."""
    return checkpoint_file(options.checkpoint or places.shipped_weights(config.SHIPPED[0]))


def checkpoint_file(run_or_file: Path) -> Path:
    """The checkpoint's file, of a run's folder or of itself. Raises CheckpointError for neither."""
    file = run_or_file / CHECKPOINT if run_or_file.is_dir() else run_or_file
    if file.exists():
        return file
    folder = places.runs_dir()
    runs = sorted(folder.rglob(CHECKPOINT), key=lambda found: -found.stat().st_mtime)[:_NAMED]
    there = (
        f"are {', '.join(quoted(found.parent) for found in runs)}" if runs else "is none: train one"
    )
    raise CheckpointError(
        f"There is no run or checkpoint {quoted(run_or_file)}; in {quoted(folder)} there {there}."
    )
