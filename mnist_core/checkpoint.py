"""A run in one file: everything needed to go on with it exactly, and to know what it is.

A file is written beside its target and moved over it, so a crash, a full disk or a `kill -9`
leaves the last whole checkpoint. It is read by `torch_file`, which builds tensors and plain
containers alone, and then held against a fresh network of the same settings: names, shapes, types
and finiteness must match, or nothing is taken from it. What a checkpoint does not need is dropped.

The tutorial keeps two files instead, `model.pth` and `optimizer.pth`; `tutorial_pair` and
`load_tutorial` make and read these.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn

from . import torch_file
from .config import MOST_THREADS, NONE, TUTORIAL, TrainConfig
from .digits.own import MOST
from .digits.split import Split
from .errors import CheckpointError, ConfigError, Message
from .history import History
from .models import build, last_layer

FORMAT = 2

THE_CHECKPOINT = Message("The checkpoint")

_UNFIT = (ConfigError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
          RuntimeError)  # fmt: skip
"""What checking hostile content raises; torch's own complaints are RuntimeErrors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A training run at one moment; every tensor is a copy, on the CPU.

    `optimizer` is the optimizer's own `state_dict()`, `generator` u8 the state of the generator
    behind dropout, on `device` ("cpu" or "cuda"). `batches_done` counts steps from the start of
    the run, which with the config's seed fixes the place in the data. `class_means` f32 [10,F] are
    those of `inspection`, None while the run is under way. `own` are labelled drawings to train on.
    """

    config: TrainConfig
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    generator: Tensor
    device: str
    threads: int
    batches_done: int
    history: History
    class_means: Tensor | None = None
    own: Split | None = None

    @property
    def means_to_tell_by(self) -> Tensor | None:
        """The class means, where the network has no output for what is no digit."""
        return self.class_means if self.config.outputs == NONE else None

    def network(self) -> nn.Module:
        """The network with these weights, in evaluation mode, on the CPU."""
        network = build(self.config.network, self.config.outputs)
        network.load_state_dict(self.model)
        return network.eval()

    def save(self, path: Path) -> None:
        """Write atomically. Raises CheckpointError when the file cannot be written."""
        write_atomically(path, lambda file: torch.save(self.content(), file))

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        return _saved(self.content())

    def content(self) -> dict[str, Any]:
        """What a file holds: nested dicts and lists of tensors and plain values."""
        content = {
            "format": FORMAT,
            "config": self.config.to_dict(),
            "model": self.model,
            "optimizer": self.optimizer,
            "generator": self.generator,
            "device": self.device,
            "threads": self.threads,
            "batches_done": self.batches_done,
            "history": self.history.state_dict(),
            "class_means": self.class_means,
        }
        if self.own is not None:
            content["own"] = {"images": self.own.images, "labels": self.own.labels}
        return content

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read and check. Raises CheckpointError when it is not a whole, fitting checkpoint."""
        return cls.of(torch_file.load(path), path.name)

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint:
        """The inverse of `to_bytes`, for bytes that this program has made itself."""
        return cls.of(torch.load(io.BytesIO(content), weights_only=True))

    @classmethod
    def of(cls, content: Any, name: str = THE_CHECKPOINT) -> Checkpoint:
        """The inverse of `content`, checked. Raises CheckpointError, which calls it `name`."""
        if not isinstance(content, dict) or type(content.get("format")) is not int:
            raise CheckpointError(
                "{file} is not a checkpoint of this program. A tutorial's model.pth goes"
                " together with its optimizer.pth.",
                file=name,
            )
        if content["format"] != FORMAT or set(content) | {"own"} != _KEYS:
            raise CheckpointError(
                "{file} has another checkpoint format than the one this version reads"
                " ({format}). Use the version that wrote it.",
                file=name,
                format=FORMAT,
            )
        try:
            run = cls(
                config=TrainConfig.from_dict(content["config"]),
                model=_dict(content["model"]),
                optimizer=_dict(content["optimizer"]),
                generator=content["generator"],
                device=content["device"],
                threads=int(content["threads"]),
                batches_done=int(content["batches_done"]),
                history=History.from_state_dict(content["history"]),
                class_means=content["class_means"],
                own=_own(content["own"]) if "own" in content else None,
            )
            return _checked(run)
        except _UNFIT as error:
            raise CheckpointError(_UNFITTING, file=name, reason=_reason(error)) from error


_KEYS = {"format", *(field.name for field in fields(Checkpoint))}


def load_files(files: Sequence[Path]) -> Checkpoint:
    """A checkpoint, or the tutorial's two files. Raises CheckpointError for anything else."""
    if len(files) not in (1, 2):
        raise CheckpointError(
            "Choose one checkpoint, or the tutorial's model.pth and optimizer.pth together."
        )
    return Checkpoint.load(files[0]) if len(files) == 1 else load_tutorial(*files)


def tutorial_pair(checkpoint: Checkpoint) -> dict[str, bytes]:
    """The tutorial's two files by name, as its `torch.save(….state_dict(), …)` lines write them."""
    return {"model.pth": _saved(checkpoint.model), "optimizer.pth": _saved(checkpoint.optimizer)}


def load_tutorial(first: Path, second: Path) -> Checkpoint:
    """The tutorial's pair, in either order, as the start of a run with empty history.

    Learning rate and momentum are taken from the optimizer. The pair does not say how far it was
    trained, so counting starts anew. Raises CheckpointError when the two do not fit `Net`.
    """
    pair = [(path, torch_file.load(path)) for path in (first, second)]
    try:
        pair.sort(key=lambda part: "param_groups" in _dict(part[1]))
        (_, weights), (_, state) = pair
        if "param_groups" in weights or "param_groups" not in state:
            raise ValueError(Message("one must hold weights, the other an optimizer's state."))
        (group,) = state["param_groups"]
        if "momentum" not in group:
            raise ValueError(Message("the optimizer is not SGD."))
        config = replace(
            TUTORIAL, learning_rate=float(group["lr"]), momentum=float(group["momentum"])
        )
        return _checked(
            Checkpoint(
                config=config,
                model=weights,
                optimizer=state,
                generator=torch.Generator().manual_seed(config.seed).get_state(),
                device="cpu",
                threads=torch.get_num_threads(),
                batches_done=0,
                history=History(),
            )
        )
    except _UNFIT as error:
        raise CheckpointError(
            "{model} and {optimizer} are not the tutorial's pair: {reason}",
            model=pair[0][0].name,
            optimizer=pair[1][0].name,
            reason=_reason(error),
        ) from error


def load_network(path: Path, config: TrainConfig) -> nn.Module:
    """A run's network with the weights in a file as `torch.save(model.state_dict())` writes it, in
    evaluation mode. Raises CheckpointError when they do not fit."""
    network, weights = build(config.network, config.outputs), torch_file.load(path)
    try:
        _same_layout(_dict(weights), network.state_dict())
    except _UNFIT as error:
        raise CheckpointError(_UNFITTING, file=path.name, reason=_reason(error)) from error
    network.load_state_dict(weights)
    return network.eval()


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` with a new file that then takes `path`'s place, whole or not at all.

    Raises CheckpointError when the disk is full or the folder cannot be written to.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        with suppress(OSError):  # it may not even have been made
            temporary.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) else Message("the disk may be full")
        raise CheckpointError(
            "{file} could not be written: {reason}. What was saved before is unchanged.",
            file=path.name,
            reason=reason,
        ) from error


def _saved(content: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _own(content: Any) -> Split:
    """Raises as `_checked` does."""
    images, labels = content["images"], content["labels"]
    count = min(len(labels), MOST)
    _same_tensor(images, torch.empty(count, 28, 28, dtype=torch.uint8), Message("its drawings"))
    _same_tensor(labels, torch.empty(count, dtype=torch.int64), Message("their labels"))
    if not count or not ((labels >= 0) & (labels <= NONE)).all():
        raise ValueError(Message("a drawing's label is none."))
    return Split(images.clone(), labels.clone())


def _checked(checkpoint: Checkpoint) -> Checkpoint:
    """What the checkpoint's own config needs of it. Raises ValueError saying what does not fit."""
    network = build(checkpoint.config.network, checkpoint.config.outputs)
    _same_layout(checkpoint.model, network.state_dict())
    means = checkpoint.class_means
    if means is not None:
        expected = torch.empty(10, last_layer(network).in_features)
        _same_tensor(means, expected, Message("the class means"))
        means = means.detach().clone()
    optimizer = _momentum(checkpoint.optimizer, list(network.parameters()))
    if not _is_random_state(checkpoint.generator, checkpoint.device):
        raise ValueError(Message("the random state is not one."))
    if not 0 <= checkpoint.batches_done < 2**40 or not 1 <= checkpoint.threads <= MOST_THREADS:
        raise ValueError(Message("its position is not one."))
    model = {name: tensor.detach().clone() for name, tensor in checkpoint.model.items()}
    return replace(checkpoint, model=model, optimizer=optimizer, class_means=means)


def _momentum(optimizer: Mapping[str, Any], parameters: list[nn.Parameter]) -> dict[str, Any]:
    """An SGD optimizer's state without all that is not its own. Raises as `_checked` does."""
    (group,) = optimizer["param_groups"]
    if not isinstance(group["params"], list) or group["params"] != [*range(len(parameters))]:
        raise ValueError(Message(_ANOTHER_OPTIMIZER))
    state = {}
    for index, values in optimizer["state"].items():
        if index not in range(len(parameters)):
            raise ValueError(Message(_ANOTHER_OPTIMIZER))
        momentum = values.get("momentum_buffer")
        if momentum is not None:  # without momentum, SGD keeps None
            _same_tensor(momentum, parameters[index], Message("the optimizer's momentum"))
            momentum = momentum.detach().clone()
        state[index] = {"momentum_buffer": momentum}
    settings = {name: group[name] for name in _SGD if isinstance(group.get(name), _PLAIN)}
    return {"state": state, "param_groups": [settings | {"params": group["params"]}]}


_SGD = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "foreach",
        "differentiable", "fused")  # fmt: skip
_PLAIN = (bool, int, float, type(None))
_UNFITTING = "{file} does not fit: {reason}"
_ANOTHER_OPTIMIZER = "the optimizer was made for another network."
_CUDA_STATE_BYTES = 16


def _is_random_state(state: Any, device: str) -> bool:
    """Whether a generator on "cpu" or "cuda" can take it. Raises ValueError for another device."""
    if device not in ("cpu", "cuda"):
        raise ValueError(Message("its device is neither cpu nor cuda."))
    if not isinstance(state, Tensor) or state.dtype != torch.uint8:
        return False
    if device == "cuda":
        return state.shape == (_CUDA_STATE_BYTES,)
    try:
        torch.Generator().set_state(state)
    except RuntimeError:
        return False
    return True


def _same_layout(state: Mapping[str, Any], expected: Mapping[str, Tensor]) -> None:
    if set(state) != set(expected):
        raise ValueError(Message("the weights belong to another network."))
    for name, tensor in expected.items():
        _same_tensor(state[name], tensor, name)


def _same_tensor(value: Any, expected: Tensor, part: str) -> None:
    if not isinstance(value, Tensor) or value.shape != expected.shape:
        shape = list(expected.shape)
        raise ValueError(
            Message("{part} is not a tensor of shape {shape}.", part=part, shape=shape)
        )
    if value.dtype != expected.dtype:
        found, wanted = value.dtype, expected.dtype
        raise ValueError(
            Message("{part} is {type}, not {expected}.", part=part, type=found, expected=wanted)
        )
    if not value.isfinite().all():
        raise ValueError(Message("{part} holds values that are not finite numbers.", part=part))


def _dict(value: Any) -> dict[str, Any]:
    """A plain copy. Raises TypeError for what is none, such as a tensor of millions of pairs."""
    if not isinstance(value, dict):
        raise TypeError(f"a {type(value).__name__} stands where settings or weights should be")
    return dict(value)


def _reason(error: Exception) -> Message:
    """Why a content does not fit. What torch and Python say of it helps nobody who sent it."""
    if error.args and isinstance(error.args[0], Message):
        return error.args[0]
    return Message("something in it is not what a checkpoint holds there.")
