"""`train`: a new run, or on with one, saved as it goes and when it is stopped."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from .. import places
from ..checkpoint import Checkpoint
from ..config import RECIPES, SETTINGS, TrainConfig, teaching
from ..digits import datasets, split
from ..errors import ConfigError
from ..history import EvalEvent, StepEvent
from ..runs.drive import Control, Progress, Wish, drive
from ..runs.folder import Saver
from ..runs.record import write_record
from ..training import Trainer
from .console import (
    CHECKPOINT,
    RECORD,
    checkpoint_file,
    own_dataset,
    progress_bar,
    quoted,
    with_mnist,
)
from .tracking import tracked


def train(options: argparse.Namespace) -> int:
    trainer, folder = _resumed(options) if options.resume else _fresh(options)
    data_dir = with_mnist(trainer.config.dataset, options)
    with progress_bar("Synthetic digits", options.quiet) as made:
        splits = trainer.splits(partial(datasets.load, folder=data_dir, progress=made))
    saver = Saver(folder / CHECKPOINT)
    say: Callable[[str], object] = len if options.quiet else tqdm.write
    tracking = tracked(options.trackio, folder.name, trainer)
    with _stop_signal() as stopped, tracking as log:

        def control() -> Wish:
            return "stop" if stopped else "checkpoint" if saver.is_due else "continue"

        saver.save(trainer.checkpoint())
        say(f"{_summary(trainer)}, in {folder}")
        for progress in _watched(trainer, splits, control, options.quiet):
            for event in progress.events:
                log(event)
                if isinstance(event, EvalEvent):
                    say(_epoch_line(trainer.config, event, progress.train_size))
            if progress.checkpoint is not None:
                saver.keep(progress.checkpoint, progress.examples_seen, progress.ends_epoch)
        saver.save(trainer.checkpoint())
        write_record(folder / RECORD, trainer)
    if stopped:
        command = f"python -m mnist_core train --resume {quoted(folder)}"
        print(f"Stopped and saved. Go on with: {command}", file=sys.stderr)
        return 130
    return 0


def _fresh(options: argparse.Namespace) -> tuple[Trainer, Path]:
    given, device, own = _given(options), options.device or "auto", None
    if options.dataset:
        given["dataset"], own = own_dataset(options.dataset)
    if options.start_from:
        start = Checkpoint.load(checkpoint_file(options.start_from))
        recipe = RECIPES[options.recipe] if options.recipe else teaching(start.config)
        trainer = Trainer.start_from(start, replace(recipe, **given), device, own)
    else:
        recipe = RECIPES[options.recipe or "tutorial"]
        trainer = Trainer(replace(recipe, **given), device)
        trainer.own = own
    torch.set_num_threads(options.threads or torch.get_num_threads())
    folder = options.out or places.runs_dir() / f"{recipe.recipe}-seed-{trainer.config.seed}"
    if (folder / CHECKPOINT).exists():
        raise ConfigError(
            f"{folder} already holds a run. Go on with it by --resume {quoted(folder)}, or choose"
            " another folder by --out."
        )
    return trainer, folder


def _resumed(options: argparse.Namespace) -> tuple[Trainer, Path]:
    file = checkpoint_file(options.resume)
    checkpoint = Checkpoint.load(file)
    given = _given(options) | ({"recipe": options.recipe} if options.recipe else {})
    for name in given.keys() - {"epochs"}:
        if given[name] != getattr(checkpoint.config, name):
            raise ConfigError(
                f"{name.replace('_', ' ')} is {getattr(checkpoint.config, name)} in this run and"
                " cannot be changed now; only the number of epochs can."
            )
    is_run = file.name == CHECKPOINT  # of any other file, the folder may hold others too
    folder = options.out or (file.parent if is_run else places.runs_dir() / file.stem)
    if folder != file.parent and (folder / CHECKPOINT).exists():
        raise ConfigError(f"{folder} already holds another run; choose another --out.")
    # The same number of threads adds up in the same order, so the result is the same to the bit.
    torch.set_num_threads(options.threads or checkpoint.threads)
    return Trainer.resume(checkpoint, given.get("epochs"), options.device), folder


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were set by a flag."""
    return {name: value for name in SETTINGS if (value := getattr(options, name)) is not None}


def _watched(
    trainer: Trainer, splits: tuple[split.Split, split.Split], control: Control, quiet: bool
) -> Iterator[Progress]:
    """The run's progress, passed through a progress bar in units of training images."""
    count = len(splits[0])
    with tqdm(total=trainer.config.epochs * count, initial=trainer.examples_seen(count),
              unit=" images", unit_scale=True, disable=quiet, mininterval=0.5,
              dynamic_ncols=True) as bar:  # fmt: skip
        for progress in drive(trainer, *splits, control):
            bar.update(progress.examples_seen - bar.n)
            for event in progress.events:
                if isinstance(event, StepEvent):
                    bar.set_postfix(loss=f"{event.loss:.3f}", refresh=False)
            yield progress


@contextmanager
def _stop_signal() -> Iterator[list[int]]:
    """A list that Ctrl-C or a request to end fills, so that no batch and no save, however often
    they come, is left half done."""
    received: list[int] = []
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, lambda number, _: received.append(number)) for name in names]
    try:
        yield received
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def _summary(trainer: Trainer) -> str:
    run = trainer.config
    settings = " ".join(f"{name.replace('_', ' ')} {getattr(run, name)}" for name in SETTINGS)
    return f"{run.recipe}: {settings}, {trainer.device}, {torch.get_num_threads()} threads"


def _epoch_line(settings: TrainConfig, event: EvalEvent, count: int) -> str:
    return (
        f"epoch {event.examples_seen // count}/{settings.epochs}  test loss {event.loss:.4f}"
        f"  accuracy {event.accuracy:.2%}  {event.seconds:.1f} s"
    )
