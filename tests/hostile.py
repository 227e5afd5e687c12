"""Checkpoints made to harm whoever opens them, with their kind as a name; harmless to hold."""

from __future__ import annotations

import functools
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mnist_core.config import TUTORIAL
from mnist_core.places import shipped_weights

WEIGHTS = shipped_weights("tutorial")
EMPTY = b"\x80\x02}."
"""A pickled empty dict."""


def saved(content: Any, **options: Any) -> bytes:
    """What `torch.save` writes."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def with_part(name: str, value: Any) -> bytes:
    """The tutorial's shipped weights with one part replaced."""
    return saved({**torch.load(WEIGHTS, weights_only=True), name: value})


def rewritten(
    change: Callable[[str, bytes], bytes],
    content: bytes | None = None,
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """A saved file whose entries `change` gives a new content."""
    source, target = io.BytesIO(content or saved({})), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target.getvalue()


def with_pickle(pickled: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """A saved file whose pickle is another."""
    return rewritten(lambda name, old: pickled if name.endswith(".pkl") else old, method=method)


def repeated_tuple(times: int) -> bytes:
    """A key that takes 2**times steps to hash, in 1 kB."""
    pickled = b"\x80\x02}q\x00K\x01\x85q\x01"
    for slot in range(1, times):
        pickled += b"h" + bytes([slot]) + b"\x86q" + bytes([slot + 1])
    return with_pickle(pickled + b"K\x01s.")


def called(name: str, *arguments: Any) -> bytes:
    """A pickle that calls a function of builtins or codecs."""
    packed = b"".join(pickle.dumps(value, 2)[2:-1] for value in arguments)
    return b"\x80\x02c" + name.replace(".", "\n").encode() + b"\n(" + packed + b"tR."


def two_directories() -> bytes:
    """A whole file behind the entries of another, each with a directory of its own."""
    first, second = repeated_tuple(64), with_pickle(EMPTY)
    return first[: first.rfind(b"PK\x05\x06")] + second


def understated(method: int) -> bytes:
    """A pickle of 16 MB, packed, which says that it unpacks to 100 bytes."""
    size = 1 << 24
    content = with_pickle(EMPTY + bytes(size - len(EMPTY)), method)
    return content.replace(struct.pack("<L", size), struct.pack("<L", 100))


def moved(content: bytes, place: str) -> bytes:
    """A file with a stranger's bytes before, between or behind its entries."""
    start = struct.unpack("<L", content[-6:-2])[0]
    parts = {"before": 0, "between": content.find(b"PK\x03\x04", 4), "behind": start}
    at = parts[place]
    return content[:at] + b"another file" + content[at:]


@functools.cache
def hostile_checkpoints() -> dict[str, bytes]:
    """By what is wrong with them."""

    def vast(dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(1, dtype=dtype).expand(10**12)

    whole = rewritten(lambda _, old: old, WEIGHTS.read_bytes())
    many = {"steps": torch.zeros(0, 3, dtype=torch.float64),
            "evaluations": torch.zeros(100_000, 4, dtype=torch.float64),
            "resumes": torch.zeros(0, dtype=torch.int64)}  # fmt: skip
    letters = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(3_000))
    sparse = torch.sparse_coo_tensor([[9]], [1.0], (10,))
    return {
        "a key that hashes for ever": repeated_tuple(64),
        "a nest of tuples": with_pickle(b"\x80\x02}K\x01" + b"\x85" * 60_000 + b"K\x01s."),
        "a large pickle": with_pickle(b"\x80\x02" + b"]" * 10**6 + b"."),
        "memory by a call": with_pickle(called("__builtin__.bytearray", 3 * 10**9)),
        "a slow codec": with_pickle(called("_codecs.encode", letters, "punycode")),
        "two directories": two_directories(),
        "the same before a zip file": pickle.dumps({(1,): 1}, 2) + WEIGHTS.read_bytes(),
        "bytes before": moved(whole, "before"),
        "bytes between": moved(whole, "between"),
        "bytes behind": moved(whole, "behind"),
        "a remark": whole[:-2] + b"\x04\x00more",
        "deflated": understated(zipfile.ZIP_DEFLATED),
        "bz2": understated(zipfile.ZIP_BZIP2),
        "lzma": understated(zipfile.ZIP_LZMA),
        "a bomb": with_pickle(bytes(1 << 26), zipfile.ZIP_DEFLATED),
        "a second pickle": rewritten(
            lambda name, old: old, saved({}).replace(b"byteorder", b"other.pkl")
        ),
        "an understated tensor": rewritten(
            lambda name, old: old[:4] if name.endswith("data/0") else old, WEIGHTS.read_bytes()
        ),
        "a vast optimizer": with_part(
            "optimizer", {"state": {}, "param_groups": [{"params": vast()}]}
        ),
        "vast weights": with_part("model", vast()),
        "a vast format": with_part("format", vast()),
        "a vast curve": with_part("history", {**many, "steps": vast(torch.float64)}),
        "a long curve": with_part("history", many),
        "a vast random state": with_part("generator", vast(torch.uint8)),
        "another device's random state": with_part("device", "cuda"),
        "a sparse tensor": with_part("generator", sparse),
        "no memory behind it": with_part("generator", torch.zeros(9, device="meta")),
        "a long name": with_part("config", {**TUTORIAL.to_dict(), "recipe": "x" * 10**6}),
        "many threads": with_part("threads", 4000),
        "beyond any number": with_part("batches_done", 10**400),
        "an older format": saved(torch.load(WEIGHTS), _use_new_zipfile_serialization=False),
    }
