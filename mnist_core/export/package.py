"""A network as a few files that need nothing of this project: weights, layers, card, reader.

`config.json` lists what the network does, in order, each as a function of torch and its arguments,
of which a word is the name of a tensor in `model.safetensors`; `load.py` follows it. The list is
found by running the network and watching (`inspection.chain`), so it is that of the network.

But: a network that is no chain of layers has no such list.
"""

from __future__ import annotations

import io
import json
import zipfile
from operator import methodcaller
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ..checkpoint import Checkpoint, write_atomically
from ..digits.own import NO_DIGIT
from ..digits.split import MEAN, STD, normalize
from ..evaluation import DIGIT
from ..inspection import chain
from .card import model_card
from .figures import Figures


def package(checkpoint: Checkpoint, figures: Figures, name: str) -> dict[str, bytes]:
    """The files' contents by name; `name` is what the model card calls the network."""
    network = checkpoint.network()
    weights = {name: tensor for name, tensor in network.state_dict().items() if tensor.ndim}
    config = {
        "layers": layers(network),
        "labels": [*map(str, range(10)), NO_DIGIT][: checkpoint.config.outputs],
        "mean": MEAN,
        "std": STD,
        "is_digit_from": DIGIT,
        "trained": checkpoint.config.to_dict(),
    }
    return {
        "README.md": model_card(checkpoint, figures, name).encode(),
        "config.json": json.dumps(config, indent=1).encode(),
        "load.py": Path(__file__).with_name("load.py").read_bytes(),
        "model.safetensors": save(weights, {"format": "pt"}),
    }


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Raises CheckpointError when a file cannot be written."""
    for name, content in files.items():
        write_atomically(folder / name, methodcaller("write", content))


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files.items():
            archive.writestr(name, file)
    return content.getvalue()


def layers(network: nn.Module) -> list[list[Any]]:
    """What the network does with a digit, as `config.json` has it. Raises ValueError where it is
    no chain."""
    names = {id(tensor): name for name, tensor in network.state_dict(keep_vars=True).items()}
    return [
        [done.name, *(names[id(x)] if isinstance(x, Tensor) else x for x in done.arguments[1:])]
        for done in chain(network, normalize(torch.zeros(1, 28, 28, dtype=torch.uint8)))
    ]
