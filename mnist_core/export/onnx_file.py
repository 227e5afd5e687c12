"""A network as ONNX: images, normalized, f32 [N,1,28,28] → log-probabilities f32 [N,10 or 11]."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ..checkpoint import Checkpoint, write_atomically
from ..errors import ConfigError

_NEEDED = ("onnx", "onnxscript")


def export_onnx(checkpoint: Checkpoint, path: Path) -> None:
    """Write it. Raises ConfigError where onnx and onnxscript are missing, and CheckpointError when
    the file cannot be written."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            "ONNX needs packages that are not installed: pip install {missing}",
            missing=" ".join(missing),
        )
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "network.onnx"
        torch.onnx.export(
            checkpoint.network(),
            (torch.zeros(2, 1, 28, 28),),
            whole,
            dynamo=True,
            dynamic_shapes=({0: "N"},),
            input_names=["images"],
            output_names=["log_probabilities"],
            external_data=False,
            verbose=False,
        )
        content = whole.read_bytes()
    write_atomically(path, lambda file: file.write(content))
