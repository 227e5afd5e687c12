"""Train, keep, resume and use small networks that read handwritten digits.

    errors, places, config, models     what everything else is made of
    digits/                            ink and data: pen or picture → 28×28, datasets
    history, torch_file, checkpoint    what happened in a run, and one file that holds it
    inspection, fooling, evaluation    what a network does with one digit, and how well it reads
    training                           the loop: a generator of events
    numpy_network, grouping, reading   one digit fast, and from a drawing to a digit or a number
    runs/                              a server's runs: folders, the driver, workers, the line
    export/                            a network for other programs: a package, ONNX
    page/                              the browser's page, in two languages
    cli/                               the command line; app.py, outside, is the page as a program

Each imports only what stands before it; within a room there is no circle. Three flows pass through:

    Train   TrainConfig → Trainer.events() → runs.drive → History → curve; checkpoint → resume
    Draw    pen strokes → digits.strokes, picture → digits.photo; both → u8 [28,28] → reading
    Test    Split → evaluate → accuracy, confusion, every digit's probabilities

From code: `from mnist_core import read, train`, which are those of export/functions.py. Importing
the package does nothing: no I/O, no torch; the two functions load it when they are asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .export.functions import read, train

__all__ = ["read", "train"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from .export import functions

    return getattr(functions, name)
