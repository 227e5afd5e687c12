"""The command line: train, evaluate, predict, export. The only module that prints.

Exit codes: 0 done; 1 some files could not be read (`predict`); 2 to 7 an error of errors.py, one
line on stderr; 130 interrupted, after saving. Flags that mirror a setting take their default and
range from config.TrainConfig.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from . import config, data, drawing, strokes
from .checkpoint import Checkpoint, Saver, export_tutorial, write_atomically
from .config import RECIPES, TrainConfig
from .errors import ConfigError, DrawingError, MnistError
from .evaluation import BATCH, classify, evaluate
from .history import EvalEvent, StepEvent
from .snapshots import Snapshots
from .training import Trainer

SETTINGS = ("epochs", "batch_size", "learning_rate", "momentum", "schedule", "weight_decay",
            "augmentation", "seed", "log_interval", "dataset", "network")  # fmt: skip
"""The fields of TrainConfig that are flags of `train`."""

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except MnistError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of a pipe has left
        sys.stderr.close()
        return 1


def train(options: argparse.Namespace) -> int:
    """Train a new run or go on with one, saving as it goes."""
    trainer, folder = _resumed(options) if options.resume else _fresh(options)
    splits = _data(trainer.config.dataset, options)
    saver, snapshots = Saver(folder / CHECKPOINT), Snapshots(folder / CHECKPOINT)
    saver.save(trainer.checkpoint())
    say = _silent if options.quiet else tqdm.write
    say(f"{_summary(trainer)} → {folder}")
    with _stop_signal() as stopped:
        for event in _watched(trainer, splits, options.quiet):
            if isinstance(event, EvalEvent):
                say(_epoch_line(trainer.config, event, len(splits[0])))
            if event is not None:
                seen = trainer.examples_seen(len(splits[0]))
                if saver.is_due:
                    saver.save(trainer.checkpoint())
                if snapshots.is_due(seen, isinstance(event, EvalEvent)):
                    snapshots.keep(seen, trainer.checkpoint().model)
            if stopped:
                break
    saver.save(trainer.checkpoint())
    _write_history(folder / HISTORY, trainer)
    if stopped:
        command = f"python -m mnist_core train --resume {shlex.quote(str(folder))}"
        print(f"Stopped and saved. Go on with: {command}", file=sys.stderr)
        return 130
    return 0


def evaluate_command(options: argparse.Namespace) -> int:
    """Measure a checkpoint on a test set."""
    checkpoint = _checkpoint(options)
    _, test = _data(options.dataset or checkpoint.config.dataset, options)
    result = evaluate(checkpoint.network(), test)
    if options.json:
        print(
            json.dumps(
                {
                    "loss": result.loss,
                    "accuracy": result.accuracy,
                    "count": len(test),
                    "per_class_accuracy": result.per_class_accuracy,
                    "confusion": result.confusion.tolist(),
                }
            )
        )
        return 0
    right = int(result.confusion.diagonal().sum())
    print(f"{result.accuracy:.2%} ({right:,} of {len(test):,}), loss {result.loss:.4f}")
    for digit, accuracy in enumerate(result.per_class_accuracy):
        print(f"  {digit}  {accuracy:.1%}")
    return 0


def predict(options: argparse.Namespace) -> int:
    """Read pictures and files of strokes."""
    network = _checkpoint(options).network()
    failed = False
    drawings = _drawings(options.files)
    while part := list(islice(drawings, BATCH)):
        images = [image for _, image in part if isinstance(image, np.ndarray)]
        answers = iter(
            classify(network, torch.from_numpy(np.stack(images))).tolist() if images else ()
        )
        for name, image in part:
            if isinstance(image, np.ndarray):
                answer = next(answers)
                row = {"file": name, "digit": answer.index(max(answer)), "probabilities": answer}
            else:
                failed, row = True, {"file": name, "error": image}
            print(json.dumps(row, ensure_ascii=False) if options.json else _sentence(row))
    return 1 if failed else 0


def export(options: argparse.Namespace) -> int:
    """Write the tutorial's two files."""
    export_tutorial(Checkpoint.load(_checkpoint_file(options.run_file)),
                    options.model, options.optimizer)  # fmt: skip
    return 0


def _fresh(options: argparse.Namespace) -> tuple[Trainer, Path]:
    recipe = RECIPES[options.recipe or "tutorial"]
    trainer = Trainer.fresh(replace(recipe, **_given(options)), options.device or "auto")
    torch.set_num_threads(options.threads or torch.get_num_threads())
    folder = options.out or config.runs_dir() / f"{recipe.recipe}-seed-{trainer.config.seed}"
    if (folder / CHECKPOINT).exists():
        raise ConfigError(
            f"{folder} already holds a run. Go on with it by --resume {folder}, or choose another"
            " folder by --out."
        )
    return trainer, folder


def _resumed(options: argparse.Namespace) -> tuple[Trainer, Path]:
    file = _checkpoint_file(options.resume)
    checkpoint = Checkpoint.load(file)
    given = _given(options) | ({"recipe": options.recipe} if options.recipe else {})
    for name in given.keys() - {"epochs"}:
        if given[name] != getattr(checkpoint.config, name):
            raise ConfigError(
                f"{name.replace('_', ' ')} is {getattr(checkpoint.config, name)} in this run and"
                " cannot be changed now; only the number of epochs can."
            )
    folder = options.out or file.parent
    if folder != file.parent and (folder / CHECKPOINT).exists():
        raise ConfigError(f"{folder} already holds another run; choose another --out.")
    # The same number of threads adds up in the same order, so the result is the same to the bit.
    torch.set_num_threads(options.threads or checkpoint.threads)
    return Trainer.resume(checkpoint, given.get("epochs"), options.device), folder


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were set by a flag."""
    return {name: value for name in SETTINGS if (value := getattr(options, name)) is not None}


def _data(dataset: str, options: argparse.Namespace) -> tuple[data.Split, data.Split]:
    folder = options.data_dir or config.data_dir()
    if data.needs_mnist(dataset) and not data.has_mnist(folder):
        print(f"Downloading MNIST into {folder} …", file=sys.stderr)
        data.fetch_mnist(folder)
    return data.load(dataset, folder)


def _watched(
    trainer: Trainer, splits: tuple[data.Split, data.Split], quiet: bool
) -> Iterator[StepEvent | EvalEvent | None]:
    """The trainer's events, passed through a progress bar in units of training images."""
    count = len(splits[0])
    with tqdm(total=trainer.config.epochs * count, initial=trainer.examples_seen(count),
              unit=" images", unit_scale=True, disable=quiet, mininterval=0.5,
              dynamic_ncols=True) as bar:  # fmt: skip
        for event in trainer.batches(*splits):
            bar.update(trainer.examples_seen(count) - bar.n)
            if isinstance(event, StepEvent):
                bar.set_postfix(loss=f"{event.loss:.3f}", refresh=False)
            yield event


@contextmanager
def _stop_signal() -> Iterator[list[int]]:
    """A list that Ctrl-C or a request to end fills, so that a batch is never left half done."""
    received: list[int] = []
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, lambda number, _: received.append(number)) for name in names]
    try:
        yield received
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def _summary(trainer: Trainer) -> str:
    settings = trainer.config
    changed = " ".join(f"{name.replace('_', ' ')} {getattr(settings, name)}" for name in SETTINGS)
    return f"{settings.recipe}: {changed}, {trainer.device}, {torch.get_num_threads()} threads"


def _epoch_line(settings: TrainConfig, event: EvalEvent, count: int) -> str:
    return (
        f"epoch {event.examples_seen // count}/{settings.epochs}  test loss {event.loss:.4f}"
        f"  accuracy {event.accuracy:.2%}  {event.seconds:.1f} s"
    )


def _write_history(path: Path, trainer: Trainer) -> None:
    """The run as JSON for other programs: what made it, on what, and its curve."""
    last = trainer.history.evaluations[-1] if trainer.history.evaluations else None
    content = {
        "command": _command(trainer.config),
        "config": trainer.config.to_dict(),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "test_accuracy": last and last.accuracy,
        "test_loss": last and last.loss,
        "training_seconds": trainer.history.seconds,
        "device": trainer.device.type,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "history": trainer.history.columns(),
    }
    text = json.dumps(content, allow_nan=False)
    write_atomically(path, lambda file: file.write(text.encode()))


def _command(settings: TrainConfig) -> str:
    """The command that trains such a run from its start, folders left to their defaults."""
    recipe = RECIPES.get(settings.recipe, TrainConfig())
    flags = [
        f"--{name.replace('_', '-')} {getattr(settings, name)}"
        for name in SETTINGS
        if getattr(settings, name) != getattr(recipe, name)
    ]
    return " ".join(["python -m mnist_core train", f"--recipe {settings.recipe}", *flags])


def _checkpoint(options: argparse.Namespace) -> Checkpoint:
    if options.checkpoint:
        return Checkpoint.load(_checkpoint_file(options.checkpoint))
    return Checkpoint.load(config.shipped_weights(config.SHIPPED[0]))


def _checkpoint_file(run_or_file: Path) -> Path:
    return run_or_file / CHECKPOINT if run_or_file.is_dir() else run_or_file


def _drawings(files: Iterable[Path]) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each drawing's name with its u8 [28,28], or with a sentence why there is none."""
    for file in files:
        if file.suffix == ".jsonl":
            yield from _stroke_lines(file)
        else:
            yield str(file), _try(lambda file=file: drawing.prepare(drawing.open_picture(file)))


def _stroke_lines(file: Path) -> Iterator[tuple[str, np.ndarray | str]]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield f"{file}:{number}", _try(lambda line=line: _rasterize_line(line))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        yield str(file), f"The file cannot be read: {reason}."


def _rasterize_line(line: str) -> np.ndarray | None:
    try:
        drawn = json.loads(line)["strokes"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DrawingError(
            'The line is not a drawing; it should look like {"strokes": [[[x, y], …], …]}.'
        ) from error
    return strokes.rasterize(drawn)


def _try(read: Any) -> np.ndarray | str:
    try:
        image = read()
    except DrawingError as error:
        return str(error)
    return "There is no digit to be seen." if image is None else image


def _sentence(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['file']}: {row['error']}"
    return f"{row['file']}: {row['digit']} ({max(row['probabilities']):.1%})"


def _silent(_: str) -> None:
    pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mnist_core", description=__doc__.split("\n")[0]
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_train, _add_evaluate, _add_predict, _add_export):
        add(commands)
    return parser


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a network, or go on with a run")
    parser.set_defaults(run=train)
    parser.add_argument("--recipe", choices=RECIPES, help="default: tutorial")
    for f in fields(TrainConfig):
        if f.name in SETTINGS:
            _add_setting(parser, f)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"),
                        help="default: auto; on resume, the run's own")  # fmt: skip
    parser.add_argument("--threads", type=_positive,
                        help="CPU threads; default: one a core; on resume, as before")  # fmt: skip
    _add_data_dir(parser)
    parser.add_argument("--out", type=Path, metavar="RUN_DIR",
                        help="default: a folder named after recipe and seed in runs/ or"
                             " MNIST_RUNS_DIR; on resume, where the run is")  # fmt: skip
    parser.add_argument("--resume", type=Path, metavar="RUN_DIR_OR_FILE",
                        help="go on with this run; --epochs counts from its start")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_setting(parser: argparse.ArgumentParser, setting: Any) -> None:
    flag = "--" + setting.name.replace("_", "-")
    metadata = setting.metadata
    if "choices" in metadata:
        parser.add_argument(flag, choices=metadata["choices"], help=metadata["help"])
        return
    kind = {"int": int, "float": float}[setting.type]
    limits = f"{metadata['low']:g} to {metadata['high']:,g}; the tutorial's: {setting.default:g}"
    parser.add_argument(flag, type=kind, metavar="N" if kind is int else "X",
                        help=f"{metadata['help']} ({limits})")  # fmt: skip


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="measure a checkpoint on the test set")
    parser.set_defaults(run=evaluate_command)
    _add_checkpoint(parser)
    parser.add_argument("--dataset", choices=config.DATASETS, help="default: the checkpoint's own")
    _add_data_dir(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser("predict", help="read pictures of digits and files of strokes")
    parser.set_defaults(run=predict)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE",
                        help='a picture, or a .jsonl with {"strokes": [[[x, y], …], …]} in each'
                             " line, in the unit square, y down")  # fmt: skip
    _add_checkpoint(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per drawing")


def _add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="write the tutorial's model.pth and optimizer.pth")
    parser.set_defaults(run=export)
    parser.add_argument("run_file", type=Path, metavar="RUN_DIR_OR_FILE")
    parser.add_argument("--model", type=Path, required=True, help="file for the weights")
    parser.add_argument("--optimizer", type=Path, required=True, help="file for its momentum")


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, metavar="FILE",
                        help="default: the weights that come with the project")  # fmt: skip


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="default: MNIST_DATA_DIR, or data/")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
