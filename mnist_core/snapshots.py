"""A run's weights at a few moments, kept beside its checkpoint to replay how it learned.

`checkpoint.pt` has its snapshots in the folder `checkpoint-snapshots`, one small file each, named
by the number of training examples seen. They lie ever further apart, as learning slows down: the
untrained network, then each half as far again as the one before, and every evaluation. When there
are too many, the one that is nearest to its predecessor goes.

But: no run can be resumed from these; momentum and random states are in the checkpoint alone.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoint import Checkpoint, load_network, write_atomically

MOST = 20
"""Snapshots kept of one run."""

APART = 1.5
"""How far a snapshot lies from the one before, as a ratio of examples seen."""


class Snapshots:
    """The snapshots of the run whose checkpoint is at `path`; there may be none."""

    def __init__(self, path: Path) -> None:
        self.folder = path.with_name(f"{path.stem}-snapshots")

    def moments(self) -> list[int]:
        """The numbers of training examples seen, ascending."""
        return sorted(int(file.stem) for file in self.folder.glob("[0-9]" * 10 + ".pt"))

    def is_due(self, seen: int, is_test: bool) -> bool:
        """Whether to keep the weights after `seen` examples; after a test they always are."""
        before = max((moment for moment in self.moments() if moment < seen), default=None)
        return is_test or before is None or seen >= APART * before

    def keep(self, seen: int, weights: dict[str, Tensor]) -> None:
        """Keep a network's weights. Raises CheckpointError when they cannot be written."""
        write_atomically(self._file(seen), lambda file: torch.save(weights, file))
        self._thin_out(self.moments())

    def network(self, moment: int, name: str) -> nn.Module:
        """The network called `name` as it was at one of `moments()`. Raises CheckpointError."""
        return load_network(self._file(moment), name)

    def earlier(self, saved: Checkpoint) -> list[int]:
        """The moments but for that of `saved`, the run's checkpoint."""
        moments = self.moments()
        if moments:
            last = self.network(moments[-1], saved.config.network).state_dict()
            if all(torch.equal(last[name], saved.model[name]) for name in last):
                moments.pop()
        return moments

    def _thin_out(self, moments: list[int]) -> None:
        """Down to MOST, but never the untrained, the first trained and the last."""
        while len(moments) > MOST:
            nearest = min(range(2, len(moments) - 1), key=lambda n: moments[n] / moments[n - 1])
            self._file(moments.pop(nearest)).unlink(missing_ok=True)

    def _file(self, moment: int) -> Path:
        return self.folder / f"{moment:010d}.pt"
