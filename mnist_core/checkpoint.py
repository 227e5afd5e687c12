"""A run in one file: everything needed to go on with it exactly, and to know what it is.

A file is written beside its target and moved over it, so a crash, a full disk or a `kill -9`
leaves the last whole checkpoint. It is read with `weights_only=True`, which builds tensors and
plain containers and runs no code, and then held against a fresh network of the same settings:
names, shapes, types and finiteness must match, or nothing is taken from it.

The tutorial keeps two files instead, `model.pth` and `optimizer.pth`; `export_tutorial` and
`load_tutorial` write and read that pair.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import secrets
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn

from .config import TUTORIAL, TrainConfig
from .errors import CheckpointError, ConfigError
from .history import History
from .models import build
from .words import say

FORMAT = 1
MAX_BYTES = 64 * 2**20
"""A larger file is refused unread; a real checkpoint has a few MB at most."""
_MAX_PICKLE = 2**20
"""Of the part that is no tensor's content; a real one has some thousand bytes."""

_UNFIT = (ConfigError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
          RuntimeError)  # fmt: skip
"""What checking hostile content raises; torch's own complaints are RuntimeErrors."""

_KEYS = {"format", "config", "model", "optimizer", "generator", "device", "threads",
         "batches_done", "history"}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A training run at one moment; every tensor is a copy, on the CPU.

    `optimizer` is the optimizer's own `state_dict()`, `generator` u8 the state of the generator
    behind dropout, on `device` ("cpu" or "cuda"). `batches_done` counts steps from the start of
    the run, which with the config's seed fixes the place in the data.
    """

    config: TrainConfig
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    generator: Tensor
    device: str
    threads: int
    batches_done: int
    history: History

    def network(self) -> nn.Module:
        """The network with these weights, in evaluation mode, on the CPU."""
        network = build(self.config.network)
        network.load_state_dict(self.model)
        return network.eval()

    def save(self, path: Path) -> None:
        """Write atomically. Raises CheckpointError when the file cannot be written."""
        write_atomically(path, lambda file: torch.save(self._content(), file))

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        file = io.BytesIO()
        torch.save(self._content(), file)
        return file.getvalue()

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "config": self.config.to_dict(),
            "model": self.model,
            "optimizer": self.optimizer,
            "generator": self.generator,
            "device": self.device,
            "threads": self.threads,
            "batches_done": self.batches_done,
            "history": self.history.state_dict(),
        }

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read and check. Raises CheckpointError when it is not a whole, fitting checkpoint."""
        return cls._of(_read(path), path.name)

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint:
        """The inverse of `to_bytes`, for bytes that this program has made itself."""
        return cls._of(torch.load(io.BytesIO(content), weights_only=True), say("The checkpoint"))

    @classmethod
    def _of(cls, content: Any, name: str) -> Checkpoint:
        if not isinstance(content, dict) or "format" not in content:
            raise CheckpointError(
                say(
                    "{file} is not a checkpoint of this program. A tutorial's model.pth goes"
                    " together with its optimizer.pth.",
                    file=name,
                )
            )
        if content["format"] != FORMAT or set(content) != _KEYS:
            raise CheckpointError(
                say(
                    "{file} has another checkpoint format than the one this version reads"
                    " ({format}). Use the version that wrote it.",
                    file=name,
                    format=FORMAT,
                )
            )
        try:
            return _checked(cls(**_fields(content)))
        except _UNFIT as error:
            raise CheckpointError(_does_not_fit(name, error)) from error


class Saver:
    """Writes a run's checkpoint to one file, seldom enough to cost about 1 % of the time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the last save is long enough ago: one that took t is not repeated in 100 t."""
        return time.monotonic() >= self._next

    def save(self, checkpoint: Checkpoint) -> None:
        """Save now. Raises CheckpointError as `Checkpoint.save` does."""
        start = time.monotonic()
        checkpoint.save(self.path)
        end = time.monotonic()
        self._next = end + 100 * (end - start)


def export_tutorial(checkpoint: Checkpoint, model: Path, optimizer: Path) -> None:
    """Write the tutorial's pair, as its `torch.save(….state_dict(), …)` lines would.

    Raises CheckpointError when a file cannot be written.
    """
    write_atomically(model, lambda file: torch.save(checkpoint.model, file))
    write_atomically(optimizer, lambda file: torch.save(checkpoint.optimizer, file))


def load_tutorial(model: Path, optimizer: Path) -> Checkpoint:
    """The tutorial's pair as the start of a run with empty history, at the end of no epoch.

    Learning rate and momentum are taken from the optimizer. The pair does not say how far it was
    trained, so counting starts anew. Raises CheckpointError when the two do not fit `Net`.
    """
    weights, state = _read(model), _read(optimizer)
    try:
        group = state["param_groups"][0]
        config = replace(
            TUTORIAL, learning_rate=float(group["lr"]), momentum=float(group["momentum"])
        )
        return _checked(
            Checkpoint(
                config=config,
                model=_dict(weights),
                optimizer=_dict(state),
                generator=torch.Generator().manual_seed(config.seed).get_state(),
                device="cpu",
                threads=torch.get_num_threads(),
                batches_done=0,
                history=History(),
            )
        )
    except _UNFIT as error:
        raise CheckpointError(
            say(
                "{model} and {optimizer} are not the tutorial's pair: {reason}",
                model=model.name,
                optimizer=optimizer.name,
                reason=_first_line(error),
            )
        ) from error


def load_network(path: Path, name: str) -> nn.Module:
    """The network called `name` with the weights in a file as `torch.save(model.state_dict())`
    writes it, in evaluation mode. Raises CheckpointError when they do not fit."""
    network, weights = build(name), _read(path)
    try:
        _same_layout(_dict(weights), network.state_dict())
    except _UNFIT as error:
        raise CheckpointError(_does_not_fit(path.name, error)) from error
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
        reason = error.strerror if isinstance(error, OSError) else say("the disk may be full")
        raise CheckpointError(
            say(
                "{file} could not be written: {reason}. What was saved before is unchanged.",
                file=path.name,
                reason=reason,
            )
        ) from error


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError(
                say(
                    "{file} is larger than {megabytes} MB, which no checkpoint here is.",
                    file=path.name,
                    megabytes=MAX_BYTES >> 20,
                )
            )
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            file.seek(0)
            if file.read(4) != b"PK\x03\x04":
                raise zipfile.BadZipFile("torch would read it as something else")
            entries = archive.infolist()
            pickles = [entry for entry in entries if entry.filename.lower().endswith(".pkl")]
            if (
                sum(entry.file_size for entry in entries) > MAX_BYTES
                or sum(entry.file_size for entry in pickles) > _MAX_PICKLE
            ):
                raise CheckpointError(say(_UNPACKS_TO_MORE, file=path.name))
            for entry in pickles:
                _refuse_repeats(archive.read(entry))
        content = torch.load(path, map_location="cpu", weights_only=True)
        if sum(tensor.numel() * tensor.element_size() for tensor in _tensors(content)) > MAX_BYTES:
            raise CheckpointError(say(_UNPACKS_TO_MORE, file=path.name))
        return content
    except FileNotFoundError as error:
        raise CheckpointError(say("There is no checkpoint {file}.", file=path.name)) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            say(
                "{file} is not a checkpoint, or holds more than tensors and plain values,"
                " which is refused because it could run code.",
                file=path.name,
            )
        ) from error
    except CheckpointError:
        raise
    except Exception as error:  # the unpickler can stumble over broken bytes in any way
        raise CheckpointError(
            say(
                "{file} cannot be read as a checkpoint: it is cut short or another kind of file.",
                file=path.name,
            )
        ) from error


def _refuse_repeats(pickled: bytes) -> None:
    """Refuse a pickle that refers back to more than names. Raises UnpicklingError.

    A tuple of twice a tuple of twice a tuple … is a hundred bytes, and takes for ever to hash.
    """
    made, names = "", set[Any]()
    for opcode, value, _ in pickletools.genops(pickled):
        if opcode.name in ("BINPUT", "LONG_BINPUT"):
            (names.add if made in ("BINUNICODE", "GLOBAL") else names.discard)(value)
            continue
        if opcode.name in ("BINGET", "LONG_BINGET") and value not in names:
            raise pickle.UnpicklingError("a value is used more than once")
        made = opcode.name


def _tensors(content: Any) -> Iterator[Tensor]:
    """Those in plain containers; a few stored bytes can claim to be a tensor of any shape."""
    if isinstance(content, Tensor):
        if content.layout != torch.strided:  # its indices may point anywhere
            raise pickle.UnpicklingError("a sparse tensor")
        yield content
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _tensors(part)


def _fields(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "config": TrainConfig.from_dict(content["config"]),
        "model": _dict(content["model"]),
        "optimizer": _dict(content["optimizer"]),
        "generator": content["generator"],
        "device": content["device"],
        "threads": int(content["threads"]),
        "batches_done": int(content["batches_done"]),
        "history": History.from_state_dict(content["history"]),
    }


def _checked(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint, when it fits its own config. Raises ValueError saying what does not."""
    network = build(checkpoint.config.network)
    _same_layout(checkpoint.model, network.state_dict())
    parameters = list(network.parameters())
    (group,) = checkpoint.optimizer["param_groups"]
    if not isinstance(group["params"], list) or group["params"] != [*range(len(parameters))]:
        raise ValueError(say(_ANOTHER_OPTIMIZER))
    for index, state in checkpoint.optimizer["state"].items():
        if index not in range(len(parameters)):
            raise ValueError(say(_ANOTHER_OPTIMIZER))
        for name, value in state.items():
            if value is not None:  # without momentum, SGD keeps None
                _same_tensor(value, parameters[index], say("the optimizer's {part}", part=name))
    generator = checkpoint.generator
    if (
        not isinstance(generator, Tensor)
        or generator.dtype != torch.uint8
        or generator.numel() > _MAX_PICKLE
    ):
        raise ValueError(say(_NO_RANDOM_STATE))
    if checkpoint.device == "cpu":
        try:
            torch.Generator().set_state(generator)
        except RuntimeError as error:
            raise ValueError(say(_NO_RANDOM_STATE)) from error
    elif checkpoint.device != "cuda":
        raise ValueError(say("its device is neither cpu nor cuda"))
    if not 0 <= checkpoint.batches_done < 2**40 or not 1 <= checkpoint.threads < 2**12:
        raise ValueError(say("its position is not one"))
    return checkpoint


_UNPACKS_TO_MORE = "{file} unpacks to more than a checkpoint holds."
_ANOTHER_OPTIMIZER = "the optimizer was made for another network"
_NO_RANDOM_STATE = "the random state is not one"


def _same_layout(state: Mapping[str, Any], expected: Mapping[str, Tensor]) -> None:
    if set(state) != set(expected):
        raise ValueError(say("the weights belong to another network"))
    for name, tensor in expected.items():
        _same_tensor(state[name], tensor, name)


def _same_tensor(value: Any, expected: Tensor, name: str) -> None:
    if not isinstance(value, Tensor) or value.shape != expected.shape:
        shape = list(expected.shape)
        raise ValueError(say("{part} is not a tensor of shape {shape}", part=name, shape=shape))
    if value.dtype != expected.dtype:
        raise ValueError(
            say(
                "{part} is {type}, not {expected}",
                part=name,
                type=value.dtype,
                expected=expected.dtype,
            )
        )
    if not value.isfinite().all():
        raise ValueError(say("{part} holds values that are not finite numbers", part=name))


def _does_not_fit(file: str, error: Exception) -> str:
    return say("{file} does not fit: {reason}", file=file, reason=_first_line(error))


def _dict(value: Any) -> dict[str, Any]:
    """A plain copy. Raises TypeError for what is none, such as a tensor of millions of pairs."""
    if not isinstance(value, dict):
        raise TypeError(f"a {type(value).__name__} stands where settings or weights should be")
    return dict(value)


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return f"{line.rstrip('.')}."
