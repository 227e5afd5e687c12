"""The training loop: a generator of events that can be left, saved and resumed at any batch.

A run's result is decided by its config, its data, the device and the thread count. The order of
batches is a function of (seed, epoch), so the place in the data is one integer; dropout and
distortion draw from the run's own generator, whose state is part of the checkpoint. Whenever the
generator has yielded, `checkpoint()` is complete: a run resumed from it goes on as if it had never
stopped, to the last bit on the same device with the same number of threads.

The loop does no printing, drawing, saving or waiting: that is for what consumes the events.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .checkpoint import Checkpoint
from .config import NONE, TrainConfig
from .digits.augment import distort
from .digits.datasets import has_own, with_own
from .digits.split import Split, batches, in_turn, normalize
from .errors import ConfigError, TrainingError
from .evaluation import evaluate
from .history import MAX_LOGGED, EvalEvent, Event, History, StepEvent
from .inspection import class_means
from .models import build, draw_dropout_from, initialize

NONE_WEIGHT = 0.2
"""Of the loss on what is no digit beside the digits' own: more costs unusual hands."""

FADING = 0.5
"""The last share of a run, in which digits are distorted less and less: in the end it sees them as
they are, as it will when it reads (He et al. 2019, arXiv 1909.09148)."""


class Trainer:
    """One run: a network, its optimizer, its place in the data and its history."""

    def __init__(self, config: TrainConfig, device: str = "cpu") -> None:
        """A run before its first step, on "auto", "cpu" or "cuda" (ConfigError if absent)."""
        self.config = config
        self.device = torch.device(choose_device(device))
        self.history = History()
        self.batches_done = 0
        self.class_means: Tensor | None = None
        self.own: Split | None = None
        self._resumed = False
        # The weights are drawn on the CPU, so that a seed means the same on every device.
        self.model = build(config.network, config.outputs)
        initialize(self.model, torch.Generator().manual_seed(config.seed))
        self.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _optimizer(self.model, config)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        # It is noise that the few steps to a hand have no time to average.
        draw_dropout_from(self.model, None if has_own(config.dataset) else self.generator)
        if self.device.type == "cuda":  # or the same step would not give the same bits twice
            torch.backends.cudnn.deterministic = True

    @classmethod
    def start_from(
        cls, start: Checkpoint, config: TrainConfig, device: str = "cpu", own: Split | None = None
    ) -> Trainer:
        """A new run from the weights of another, on its visitor's `own` drawings as well.

        Its first test is the other's last. Raises ConfigError for weights of another network.
        """
        if (start.config.network, start.config.outputs) != (config.network, config.outputs):
            raise ConfigError(_OF_ANOTHER_NETWORK)
        trainer = cls(config, device)
        trainer.model.load_state_dict(start.model)
        trainer.own = own
        tested = start.history.evaluations[-1:]
        if tested and "mnist" in start.config.dataset and "mnist" in config.dataset:
            trainer.history.add(replace(tested[0], examples_seen=0, seconds=0.0))
        return trainer

    @classmethod
    def resume(
        cls,
        checkpoint: Checkpoint,
        epochs: int | None = None,
        device: str | None = None,
        mark: bool = True,
    ) -> Trainer:
        """Go on with a run, to `epochs` in all (default: as it was), on its own device or another.

        With `mark` the history shows where it went on.

        On another device the random state cannot be carried over; dropout then starts from the
        seed and the position, and the result is as good but not the same to the bit.
        Raises ConfigError for fewer epochs than are done.
        """
        trainer = cls(checkpoint.config, device or checkpoint.device)
        trainer.model.load_state_dict(checkpoint.model)
        settings = trainer.optimizer.state_dict()["param_groups"]  # the config's, not the file's
        trainer.optimizer.load_state_dict({**checkpoint.optimizer, "param_groups": settings})
        _match_layout(trainer.optimizer)
        trainer.batches_done = checkpoint.batches_done
        trainer.class_means, trainer.own = checkpoint.class_means, checkpoint.own
        trainer._resumed = mark and checkpoint.batches_done > 0
        trainer.history = checkpoint.history.copy()
        if trainer.device.type == checkpoint.device:
            trainer.generator.set_state(checkpoint.generator)
        else:
            trainer.generator.manual_seed(checkpoint.config.seed + checkpoint.batches_done)
        if epochs is not None:
            trainer.config = replace(checkpoint.config, epochs=epochs)
        return trainer

    def splits(self, load: Callable[[str], tuple[Split, Split]]) -> tuple[Split, Split]:
        """(train, test): what `load` gives for the run's data, and its own drawings.

        Raises DataError.
        """
        train, test = load(self.config.data)
        if not has_own(self.config.dataset):
            return train, test
        return with_own(self.own, train, test, self.config)

    def events(self, train: Split, test: Split) -> Iterator[Event]:
        """Train to the end: a StepEvent every `log_interval` steps, an EvalEvent before the first
        step and after each epoch. Each is already part of `history`.

        Raises TrainingError when the loss is no longer finite, ConfigError when more epochs are
        done than the config has, or when more losses would be logged than a history holds.
        """
        return (event for event in self.batches(train, test) if event is not None)

    def batches(self, train: Split, test: Split) -> Generator[Event | None, None, None]:
        """`events()` with a None after every other step, for consumers that may leave at any."""
        config = self.config
        per_epoch = math.ceil(len(train) / config.batch_size)
        if self.batches_done > config.epochs * per_epoch:
            raise ConfigError(
                "This run has already gone beyond {epochs} epochs; choose more.",
                epochs=config.epochs,
            )
        if config.epochs * per_epoch > MAX_LOGGED * config.log_interval:
            raise ConfigError(
                "This run would log more than {most:,} losses; choose a larger log interval,"
                " larger batches or fewer epochs.",
                most=MAX_LOGGED,
            )
        began = time.perf_counter() - self.history.seconds  # going on from an earlier session's
        while True:
            epoch, done = divmod(self.batches_done, per_epoch)
            seen = self.examples_seen(len(train))
            if self._resumed:
                self.history.resumes.append(seen)
                self._resumed = False
            if done == 0 and not self._has_evaluated(seen):
                if epoch == config.epochs:
                    self.class_means = class_means(self.model, train.in_epoch(0), self.device)
                yield self._record(self._evaluate(test, seen, began))
            if epoch == config.epochs:
                return
            self.class_means = None
            digits = _on(train.in_epoch(epoch), self.device)
            shuffled = batches(len(train), config.batch_size, config.seed, epoch)
            order = [index.to(self.device) for index in shuffled]
            for batch in range(done, per_epoch):
                behind = self.batches_done / (config.epochs * per_epoch)
                self._set_learning_rate(behind)
                strength = config.augmentation * min(1.0, (1 - behind) / FADING)
                loss = self._step(digits, order[batch], strength)
                self.batches_done += 1
                if batch % config.log_interval:
                    yield None
                    continue
                value = loss.item()
                if not math.isfinite(value):
                    raise TrainingError(_DIVERGED)
                seen = epoch * len(train) + batch * config.batch_size
                seconds = time.perf_counter() - began
                yield self._record(StepEvent(examples_seen=seen, loss=value, seconds=seconds))

    def examples_seen(self, count: int) -> int:
        """Training examples seen so far, in a run over a training set of `count`."""
        return examples_seen(self.batches_done, self.config.batch_size, count)

    def checkpoint(self) -> Checkpoint:
        """The run as it stands, copied. Raises TrainingError when a weight is not finite."""
        model = {name: _copy(tensor) for name, tensor in self.model.state_dict().items()}
        if not all(tensor.isfinite().all() for tensor in model.values()):
            raise TrainingError(_DIVERGED)
        return Checkpoint(
            config=self.config,
            model=model,
            optimizer=_copy(self.optimizer.state_dict()),
            generator=self.generator.get_state(),
            device=self.device.type,
            threads=torch.get_num_threads(),
            batches_done=self.batches_done,
            history=self.history.copy(),
            class_means=None if self.class_means is None else self.class_means.clone(),
            own=self.own,
        )

    def _step(self, train: Split, index: Tensor, strength: float) -> Tensor:
        """One step, distorting with that strength; the loss on its digits."""
        self.model.train()
        images = train.images.index_select(0, index)  # three times as fast as images[index]
        if self.config.nondigits:
            images = torch.cat([images, self._nondigits(train)])
        if strength:
            images = distort(images, strength, self.generator)
        outputs = self.model(normalize(images))
        loss = total = F.nll_loss(outputs[: len(index)], train.labels[index])
        if self.config.nondigits:
            total = loss - NONE_WEIGHT * outputs[len(index) :, NONE].mean()
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        return loss.detach()

    def _nondigits(self, train: Split) -> Tensor:
        """u8 [M,28,28]: those of the step at hand, as many as make up the config's share of it."""
        assert train.nondigits is not None, "this data has nothing that is no digit"
        share = self.config.nondigits
        count = round(self.config.batch_size * share / (1 - share))
        which = in_turn(len(train.nondigits), count, self.config.seed, self.batches_done)
        return train.nondigits.index_select(0, which.to(self.device))

    def _set_learning_rate(self, done: float) -> None:
        """`done` is the share of the run that lies behind, 0..1."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _course(self.config.schedule, done)

    def _evaluate(self, test: Split, seen: int, began: float) -> EvalEvent:
        result = evaluate(self.model, test, self.device)
        loss, accuracy = result.loss, result.accuracy
        seconds = time.perf_counter() - began
        return EvalEvent(examples_seen=seen, loss=loss, accuracy=accuracy, seconds=seconds)

    def _has_evaluated(self, seen: int) -> bool:
        evaluations = self.history.evaluations
        return bool(evaluations) and evaluations[-1].examples_seen == seen

    def _record(self, event: Event) -> Event:
        self.history.add(event)
        return event


def examples_seen(batches_done: int, batch_size: int, count: int) -> int:
    """Training examples seen after some batches over a training set of `count`; 0 for none."""
    epochs, batches = divmod(batches_done, math.ceil(count / batch_size) or 1)
    return epochs * count + batches * batch_size if count else 0


def choose_device(name: str) -> str:
    """Settle "auto", "cpu" or "cuda" to one of the last two; ConfigError when it is not there."""
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda, not {name}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("There is no CUDA device here; choose device cpu or auto.")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def _course(schedule: str, done: float) -> float:
    """The learning rate as a share of its peak, `done` 0..1 into the run.

    One-cycle: up by a half cosine in the first quarter, down to nearly 0 by the end (Smith and
    Topin 2017). It depends on the number of epochs: a run that is given more goes back up.
    """
    if schedule == "constant":
        return 1.0
    if done < 0.25:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * done / 0.25)) / 2
    return 1e-4 + (1 + math.cos(math.pi * (done - 0.25) / 0.75)) / 2


_OF_ANOTHER_NETWORK = "These settings are for another network than the weights to start from."
_DIVERGED = (
    "The loss is no longer a finite number, so the run cannot go on. Its last good checkpoint is"
    " kept; start again with a smaller learning rate."
)


def _optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        model.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=True,
    )


def _match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Lay loaded momentum out in memory as its parameter is: the fused step assumes that it is."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)


def _on(split: Split, device: torch.device) -> Split:
    nondigits = None if split.nondigits is None else split.nondigits.to(device)
    return Split(split.images.to(device), split.labels.to(device), nondigits=nondigits)


def _copy(state: Any) -> Any:
    """A deep copy of nested containers with every tensor on the CPU."""
    if isinstance(state, Tensor):
        return state.detach().cpu().clone(memory_format=torch.contiguous_format)
    if isinstance(state, dict):
        return {key: _copy(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_copy(value) for value in state]
    return state
