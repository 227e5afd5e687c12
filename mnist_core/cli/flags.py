"""The commands and their flags.

Flags that mirror a setting take their default and range from config.TrainConfig.
"""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeAlias

from .. import config
from ..config import MOST_THREADS, RECIPES, SETTINGS, TrainConfig
from ..errors import ConfigError
from .commands import evaluate_command, export, predict
from .train import train


def parser() -> argparse.ArgumentParser:
    """What the commands and their flags are."""
    about = "Train, measure, use and take along networks that read digits."
    program = argparse.ArgumentParser(prog="python -m mnist_core", description=about)
    commands = program.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_train, _add_evaluate, _add_predict, _add_export):
        add(commands)
    return program


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_DATASETS = "{" + ",".join(config.DATASETS) + "}"


def _add_train(commands: Commands) -> None:
    parser = commands.add_parser("train", help="train a network, or go on with a run")
    parser.set_defaults(run=train)
    parser.add_argument("--recipe", choices=RECIPES, help="default: tutorial")
    for setting in [f for f in fields(TrainConfig) if f.name in SETTINGS]:
        _add_setting(parser, setting)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"),
                        help="default: auto; on resume, the run's own")  # fmt: skip
    parser.add_argument("--threads", type=_threads,
                        help="CPU threads; default: one a core; on resume, as before")  # fmt: skip
    _add_data_dir(parser)
    parser.add_argument("--out", type=_folder, metavar="RUN_DIR",
                        help="default: a folder named after recipe and seed, or after a file that"
                             " is resumed, in runs/ or MNIST_RUNS_DIR; a resumed run's"
                             " own")  # fmt: skip
    parser.add_argument("--resume", type=Path, metavar="RUN_DIR_OR_FILE",
                        help="go on with this run; --epochs counts from its start")  # fmt: skip
    parser.add_argument("--start-from", type=Path, metavar="RUN_DIR_OR_FILE",
                        help="a new run from these weights, with settings that teach them a hand"
                             " unless others are given")  # fmt: skip
    parser.add_argument("--trackio", metavar="PROJECT",
                        help="log the curve to this project of Trackio")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_setting(parser: argparse.ArgumentParser, setting: Field[Any]) -> None:
    flag = "--" + setting.name.replace("_", "-")
    metadata = setting.metadata
    if setting.name == "dataset":
        help = metadata["help"] + "; mnist+FILE.jsonl or FILE.jsonl for your own labelled drawings"
        parser.add_argument(flag, type=_dataset, metavar=_DATASETS, help=help)
        return
    if "choices" in metadata:
        parser.add_argument(flag, choices=metadata["choices"], help=metadata["help"])
        return
    kind = int if setting.type == "int" else float
    limits = f"{metadata['low']:g} to {metadata['high']:,g}; the tutorial's: {setting.default:g}"
    parser.add_argument(flag, type=kind, metavar="N" if kind is int else "X",
                        help=f"{metadata['help']} ({limits})")  # fmt: skip


def _add_evaluate(commands: Commands) -> None:
    parser = commands.add_parser("evaluate", help="measure a checkpoint on the test set")
    parser.set_defaults(run=evaluate_command)
    _add_checkpoint(parser)
    parser.add_argument("--dataset", type=_dataset, metavar=_DATASETS,
                        help="or FILE.jsonl of drawings; default: the checkpoint's")  # fmt: skip
    _add_data_dir(parser)
    parser.add_argument("--moments", action="store_true",
                        help="measure every moment that is kept, and keep what was read for the"
                             " page, beside the checkpoint")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_predict(commands: Commands) -> None:
    parser = commands.add_parser("predict", help="read digits and numbers: pictures, or strokes")
    parser.set_defaults(run=predict)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE",
                        help='a picture, or a .jsonl with {"strokes": [[[x, y], …], …]} in each'
                             " line, in the unit square, y down")  # fmt: skip
    _add_checkpoint(parser)
    parser.add_argument("--own", type=Path, metavar="FILE",
                        help="your labelled drawings, to read by as well: a .jsonl with"
                             ' {"strokes": …, "label": 7} or "no digit" in each line')  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object per drawing")


def _add_export(commands: Commands) -> None:
    parser = commands.add_parser("export", help="write a run's network for other programs")
    parser.set_defaults(run=export)
    parser.add_argument("run_file", type=Path, metavar="RUN_DIR_OR_FILE")
    parser.add_argument("--package", type=_folder, metavar="FOLDER",
                        help="folder for its weights (safetensors), a model card with its figures,"
                             " and a program that reads pictures with it")  # fmt: skip
    parser.add_argument("--onnx", type=Path, metavar="FILE",
                        help="file for the network as ONNX; needs onnx and onnxscript")  # fmt: skip
    parser.add_argument("--model", type=Path, metavar="FILE", help="file for its weights alone")
    parser.add_argument("--optimizer", type=Path, metavar="FILE",
                        help="file for its momentum; with --model, the tutorial's two")  # fmt: skip
    _add_data_dir(parser)


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, metavar="FILE",
                        help="default: the weights that come with the project")  # fmt: skip


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="default: MNIST_DATA_DIR, or data/")


def _dataset(text: str) -> str:
    """The name of a dataset, or a file of drawings, alone or with "mnist+" before it."""
    if text not in config.DATASETS and not text.lower().endswith(".jsonl"):
        raise argparse.ArgumentTypeError(f"must be one of {_DATASETS} or FILE.jsonl, not {text}")
    return text


def _folder(text: str) -> Path:
    """A path, which need not be there. Raises ConfigError where a file is in its place."""
    if file := next((each for each in (Path(text), *Path(text).parents) if each.is_file()), None):
        raise ConfigError(f"{file} is a file, where a folder should be.")
    return Path(text)


def _threads(text: str) -> int:
    value = int(text)
    if not 1 <= value <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"must be at least 1 and at most {MOST_THREADS}")
    return value
