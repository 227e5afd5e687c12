"""Files as `torch.save` writes them for plain containers of tensors, and the refusal of all others.

torch reads far more than that. With `weights_only` it runs no code, yet files of some hundred bytes
have made it, or zipfile, take gigabytes or minutes: entries that unpack, a directory that another
parser does not see, values that are dear to make or to hash. So before it opens a file, this module
holds it against what is written for a checkpoint: entries stored one after the other, and a small
pickle that makes nothing but dicts, lists, tuples, numbers, names and tensors. That takes no more
time and memory than reading the file.

But: whether the content is a checkpoint is another question (`checkpoint`).

Formats: PKWARE, APPNOTE.TXT 6.3.10, section 4.3; Python's pickletools.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import CheckpointError

MAX_BYTES = 16 * 2**20
"""A larger file is refused unread; a real checkpoint has a few MB at most."""

_MAX_PICKLE, _MAX_TUPLES = 2**16, 2_000
"""A checkpoint's pickle has 5 kB with 200 tuples; nested, each is a call when they are hashed."""

_GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int",
                                          "Short", "Char", "Byte", "Bool")),
}  # fmt: skip
_OPCODES = {
    "PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1",
    "BINFLOAT", "BINUNICODE", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND",
    "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINPUT", "LONG_BINPUT",
    "BINGET", "LONG_BINGET", "GLOBAL", "REDUCE", "BUILD", "BINPERSID",
}  # fmt: skip


def load(path: Path) -> Any:
    """What is in a file of tensors and plain containers, on the CPU.

    Raises CheckpointError when there is no such file, or it is not one that torch writes for them.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError(
                "{file} is larger than {megabytes} MB, which no checkpoint here is.",
                file=path.name,
                megabytes=MAX_BYTES >> 20,
            )
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError("There is no checkpoint {file}.", file=path.name) from error
    except OSError as error:
        raise CheckpointError(_BROKEN, file=path.name) from error
    refuse_unlike_ours(content, path.name)
    try:
        value = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        # A few stored bytes can claim to be a tensor of any shape.
        size = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(value))
    except Exception as error:  # broken bytes can be stumbled over in any way
        raise CheckpointError(_BROKEN, file=path.name) from error
    if size > MAX_BYTES:
        raise CheckpointError("{file} unpacks to more than a checkpoint holds.", file=path.name)
    return value


def refuse_unlike_ours(content: bytes, name: str) -> None:
    """Raise CheckpointError, which calls the file `name`, unless these bytes are as `torch.save`
    writes plain containers of tensors: cheap, and enough for none of the tricks above to work."""
    try:
        (pickled,) = [part for entry, part in _entries(content) if entry.lower().endswith(".pkl")]
    except (ValueError, struct.error) as error:
        raise CheckpointError(_BROKEN, file=name) from error
    try:
        _check_pickle(bytes(pickled))
    except Exception as error:  # pickletools, too, stumbles over broken bytes in any way
        raise CheckpointError(
            "{file} is not a checkpoint, or holds more than tensors and plain values,"
            " which is refused because it could run code.",
            file=name,
        ) from error


_BROKEN = "{file} cannot be read as a checkpoint: it is cut short or another kind of file."

_LOCAL, _CENTRAL, _END = "<4s5H3L2H", "<4s6H3L5H2L", "<4s4H2LH"
_END_64, _LOCATOR_64, _DESCRIPTOR_BYTES = "<4sQ2H2L4Q", "<4sLQL", 16


def _entries(content: bytes) -> Iterator[tuple[str, memoryview]]:
    """Name and content of a zip file's entries, if they are stored, and lie one after the other
    with nothing before, between or behind them but their one directory. Raises ValueError."""
    view, end = memoryview(content), len(content) - struct.calcsize(_END)
    mark, *_, count, size, start, comment = struct.unpack_from(_END, content, max(end, 0))
    directory_end = end
    locator = end - struct.calcsize(_LOCATOR_64)
    if locator >= 0 and content[locator : locator + 4] == b"PK\x06\x07":
        _, _, directory_end, _ = struct.unpack_from(_LOCATOR_64, content, locator)
        fields = struct.unpack_from(_END_64, content, directory_end)
        _check(fields[0] == b"PK\x06\x06" and fields[-3:] == (count, size, start))
        _check(directory_end + struct.calcsize(_END_64) == locator)
    _check(mark == b"PK\x05\x06" and comment == 0 and start + size == directory_end)
    place, names = 0, set[bytes]()
    for _ in range(count):
        entry = struct.unpack_from(_CENTRAL, content, start)
        mark, _, _, flags, method, _, _, _, packed, unpacked, name_size, extra, remark = entry[:13]
        name = content[start + 46 : start + 46 + name_size]
        _check(mark == b"PK\x01\x02" and method == 0 and packed == unpacked and remark == 0)
        _check(flags & ~0x808 == 0 and entry[-1] == place and name not in names)
        names.add(name)
        start += struct.calcsize(_CENTRAL) + name_size + extra
        local = struct.unpack_from(_LOCAL, content, place)
        head = place + struct.calcsize(_LOCAL)
        _check(local[0] == b"PK\x03\x04" and local[3] == 0 and local[-2] == name_size)
        _check(content[head : head + name_size] == name)
        data = head + name_size + local[-1]
        yield name.decode(), view[data : data + packed]
        place = data + packed + (_DESCRIPTOR_BYTES if flags & 8 else 0)
    _check(start == directory_end and place == directory_end - size)


def _check_pickle(pickled: bytes) -> None:
    """Raises ValueError for a pickle that makes more than plain containers of tensors, or refers
    back to more than names: a tuple of twice a tuple of twice a tuple … takes for ever to hash."""
    _check(len(pickled) <= _MAX_PICKLE)
    made, names, tuples = "", set[Any](), 0
    for opcode, value, _ in pickletools.genops(pickled):
        _check(opcode.name in _OPCODES and (opcode.name != "GLOBAL" or value in _GLOBALS))
        if opcode.name in ("BINPUT", "LONG_BINPUT"):
            (names.add if made in ("BINUNICODE", "GLOBAL") else names.discard)(value)
            continue
        _check(opcode.name not in ("BINGET", "LONG_BINGET") or value in names)
        tuples += opcode.name.startswith("TUPLE")
        made = opcode.name
    _check(tuples <= _MAX_TUPLES)


def _check(holds: bool) -> None:
    if not holds:
        raise ValueError("this is nothing that torch.save writes for a checkpoint")


def _tensors(value: Any) -> Iterator[Tensor]:
    """Those in plain containers."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)
