"""`evaluate`, `predict` and `export`: what is done with a checkpoint."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint, tutorial_pair, write_atomically
from ..digits import datasets
from ..digits.own import read_own
from ..digits.split import Split
from ..errors import ConfigError, DrawingError
from ..evaluation import Evaluation, evaluate
from ..export.figures import Figures
from ..export.onnx_file import export_onnx
from ..export.package import package, write_folder
from ..numpy_network import TaughtReader
from ..reading import read_picture, read_strokes, reader_of
from ..runs.folder import Snapshots
from ..runs.readings import Readings, digest_of
from .console import checkpoint_file, chosen_file, own_dataset, progress_bar, with_mnist


def evaluate_command(options: argparse.Namespace) -> int:
    file = chosen_file(options)
    checkpoint = Checkpoint.load(file)
    dataset, own = own_dataset(options.dataset or checkpoint.config.dataset)
    if dataset == "own":
        test = datasets.tested(own or checkpoint.own)
    else:
        data_dir = with_mnist(dataset, options)
        with progress_bar("Synthetic digits") as progress:
            test = datasets.load_test(dataset, data_dir, progress)
    with progress_bar("Reading") as progress:
        means = checkpoint.means_to_tell_by
        result = evaluate(checkpoint.network(), test, progress=progress, class_means=means)
    if options.moments:
        names = _SHOWN if datasets.needs_mnist(dataset) else ()
        others = (datasets.load_shown(name, data_dir) for name in names)
        _keep_readings(file, checkpoint, test, result, others)
    if options.json:
        print(json.dumps({
            "loss": result.loss,
            "accuracy": result.accuracy,
            "count": len(test),
            "per_class_accuracy": result.per_class_accuracy,
            "confusion": result.confusion.tolist(),
        }))  # fmt: skip
        return 0
    right = int(result.confusion.diagonal().sum())
    print(f"{result.accuracy:.2%} ({right:,} of {len(test):,}), loss {result.loss:.4f}")
    for digit, accuracy in enumerate(result.per_class_accuracy):
        print(f"  {digit}  {'–' if accuracy is None else f'{accuracy:.1%}'}")
    return 0


_SHOWN = ("mnist train", "handwriting test", "nondigits test")
"""What the page shows besides MNIST's test digits."""


def _keep_readings(
    file: Path, checkpoint: Checkpoint, test: Split, saved: Evaluation, others: Iterable[Split]
) -> None:
    """Keep beside a checkpoint what its network read of `test`, as saved and at every moment, and
    what it reads of `others`."""
    readings, snapshots = Readings.of(file), Snapshots(file)
    shutil.rmtree(readings.beside, ignore_errors=True)  # of other weights
    readings = replace(readings, keeping=readings.beside)
    network, means = checkpoint.network(), checkpoint.means_to_tell_by
    readings.keep(digest_of(network, means), test, saved)
    for other in others:
        result = evaluate(network, other, class_means=means)
        readings.keep(digest_of(network, means), other, result)
    for moment in snapshots.earlier(checkpoint):
        network = snapshots.network(moment, checkpoint.config)
        result = evaluate(network, test)
        readings.keep(digest_of(network), test, result)
        print(f"{result.accuracy:.2%} after {moment:,} examples", file=sys.stderr, flush=True)


def predict(options: argparse.Namespace) -> int:
    reader = reader_of(Checkpoint.load(chosen_file(options)))
    reads = TaughtReader(reader, read_own(options.own)) if options.own else reader
    if reader.takes_all:
        print("These weights take everything for a digit: they know nothing else.", file=sys.stderr)
    failed = False
    for name, drawn in _drawings(options.files):
        row: dict[str, Any] = {"file": name}
        try:
            if isinstance(drawn, DrawingError):
                raise drawn
            if isinstance(drawn, Path):
                row |= read_picture(reads, str(drawn)).to_dict()
            else:
                row |= read_strokes(reads, drawn).to_dict()
        except DrawingError as error:
            failed, row["error"] = True, str(error)
        print(json.dumps(row) if options.json else _sentence(row), flush=True)
    return 1 if failed else 0


def export(options: argparse.Namespace) -> int:
    if len({options.model, options.optimizer} - {None}) == 1:  # one alone, or the same twice
        raise ConfigError("The tutorial's two files go together: give --model and --optimizer.")
    if not (options.model or options.package or options.onnx):
        raise ConfigError("Nothing to write: give --package, --onnx, or --model and --optimizer.")
    checkpoint = Checkpoint.load(checkpoint_file(options.run_file))
    if options.model:
        model, optimizer = tutorial_pair(checkpoint).values()
        write_atomically(options.model, methodcaller("write", model))
        write_atomically(options.optimizer, methodcaller("write", optimizer))
    if options.onnx:
        export_onnx(checkpoint, options.onnx)
    if options.package:
        dataset = datasets.measured_on(checkpoint.config.dataset)
        data_dir = with_mnist(dataset, options)
        network, means = checkpoint.network(), checkpoint.means_to_tell_by
        shown = [datasets.load_shown(f"{digits} test", data_dir) for digits in (dataset, "letters")]
        with progress_bar("Measuring") as progress:
            told = partial(evaluate, network, progress=progress, class_means=means)
            read, letters = map(told, shown)
        figures = Figures(evaluation=read, letters=letters)
        write_folder(options.package, package(checkpoint, figures, options.package.name))
    return 0


def _drawings(files: Iterable[Path]) -> Iterator[tuple[str, Path | list[Any] | DrawingError]]:
    """What is drawn, each with its name: a picture, strokes of a .jsonl, which are not checked yet,
    or why there are none, so that the others are still read."""
    for file in files:
        if file.suffix.lower() != ".jsonl":
            yield str(file), file
            continue
        try:
            with file.open(encoding="utf-8-sig") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield f"{file}:{number}", _strokes(line)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            yield str(file), DrawingError(f"The file cannot be read: {reason}.")


def _strokes(line: str) -> list[Any] | DrawingError:
    try:
        strokes = json.loads(line)["strokes"]
        if isinstance(strokes, list):
            return strokes
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return DrawingError(
        "The line is not a drawing; it should be a JSON object whose strokes are [[[x, y], …], …]."
    )


def _sentence(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['file']}: {row['error']}"
    if not row["reading"]:
        return f"{row['file']}: no digit. {row['remark']}"
    shares = ", ".join(f"{max(each['probabilities']):.1%}" for each in row["digits"] or [row])
    return f"{row['file']}: {row['reading']} ({shares})"
