"""What networks have read of sets of digits, kept in files, so that nothing is read twice.

A file holds one network's log-probabilities on one set, f16 [N,10] and, unless it takes everything
for a digit, an eleventh column, that it is none. Its name tells both by their digests: other
weights or other digits are another file, and an old one is never taken for theirs. The shipped
weights bring theirs for every moment, and as saved those of all sets that the page shows; a run's
lie beside its checkpoint, and go with it. Those of weights/modern.pt are made by

    python -m mnist_core evaluate --checkpoint weights/modern.pt --dataset mnist --moments

But: half precision keeps a probability to three digits. Which digit is the most probable, and what
is refused, is kept.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import places
from ..checkpoint import write_atomically
from ..config import NONE
from ..digits.split import Split
from ..evaluation import BATCH, DIGIT, Evaluation, outputs

MOST = 100
"""Files in a folder: the oldest go."""


@dataclass(frozen=True)
class Readings:
    """The files of the networks of one checkpoint: beside it, and in `keeping` when new."""

    beside: Path
    keeping: Path

    @classmethod
    def of(cls, checkpoint: Path) -> Readings:
        """Those that come with the project are only read; what they lack is kept in the cache."""
        beside = checkpoint.with_name(f"{checkpoint.stem}-readings")
        is_shipped = checkpoint.parent == places.shipped_weights("").parent
        return cls(beside, places.cache_dir() / "readings" if is_shipped else beside)

    def find(self, network: str, split: Split, knows_none: bool = False) -> Evaluation | None:
        """What a network, by its digest, has read of a set; None when it is not kept."""
        for folder in (self.beside, self.keeping):
            with suppress(OSError, ValueError, EOFError):
                half = np.load(folder / _name(network, split), allow_pickle=False)
                if half.dtype == np.float16 and half.shape == (len(split), NONE + knows_none):
                    kept = torch.from_numpy(half.astype(np.float32))
                    none = kept[:, NONE] if knows_none else None
                    return Evaluation(kept[:, :NONE], split.labels, none)
        return None

    def keep(self, network: str, split: Split, read: Evaluation) -> None:
        """Keep it where its run still is. Raises CheckpointError when it cannot be written."""
        if self.keeping == self.beside and not self.beside.parent.is_dir():
            return
        half = _halved(read)
        write_atomically(self.keeping / _name(network, split), lambda file: np.save(file, half))
        files = sorted(self.keeping.glob("*.npy"), key=lambda file: file.stat().st_mtime)
        for file in files[:-MOST]:
            file.unlink(missing_ok=True)


def digest_of(model: nn.Module, class_means: Tensor | None = None) -> str:
    """The same for every network with these layers and weights, and these class means to go by."""
    digest = hashlib.sha256(repr(model).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    if class_means is not None:
        digest.update(class_means.numpy().tobytes())
    return digest.hexdigest()


def read_here(
    model: nn.Module, images: Tensor, class_means: Tensor | None = None
) -> Iterator[Tensor]:
    """u8 [N,28,28] → `evaluation.outputs`, ≤ BATCH of them, part after part."""
    return (outputs(model, part, class_means=class_means) for part in images.split(BATCH))


def _name(network: str, split: Split) -> str:
    return f"{network[:20]}-{split.digest[:20]}.npy"


def _halved(read: Evaluation) -> NDArray[np.float16]:
    """Rounded, but so that no other digit becomes as probable as the most probable one, and that
    what is refused stays so, and nothing else."""
    log_probabilities = read.log_probabilities.numpy()
    half = log_probabilities.clip(min=-60_000).astype(np.float16)
    best = log_probabilities.argmax(1)[:, None]
    tied = (half >= np.take_along_axis(half, best, 1)) & (np.arange(half.shape[1]) != best)
    half[tied] = np.nextafter(half[tied], np.float16(-np.inf))
    if read.none is None:
        return half
    none = read.none.numpy().clip(min=-60_000).astype(np.float16)
    refused, limit = read.refused.numpy(), math.log(1 - DIGIT)
    ways = np.where(refused, np.float16(np.inf), np.float16(-np.inf))
    crossed = (none.astype(np.float32) > limit) != refused
    none[crossed] = np.nextafter(none, ways)[crossed]
    return np.hstack([half, none[:, None]])
