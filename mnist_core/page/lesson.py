"""How it works, as something to do: what its questions are answered with is computed when asked.

Most is computed in the browser on what `lesson` brings; here is what needs a network that trains.
Each figure is of the trainer that trains the runs, on the digits that are there. The words are in
`templates/lesson.html` and `static/lesson.js`.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import places
from ..checkpoint import Checkpoint
from ..config import TUTORIAL
from ..digits.split import Split, normalize
from ..errors import ConfigError
from ..evaluation import evaluate
from ..models import Net
from ..training import Trainer
from .bounded import bounded
from .parts import encode_pixels, render
from .words import Words

STEPS = 100
"""Of the short runs that are shown."""
TESTED = 1_000
SIZES = {30: 60, 100: 60, 1_000: 12}
"""How many digits are learned by heart, and for how many epochs."""
WEIGHT = 3, 7
"""Of the last layer, which is followed alone: towards the digit 3, from the seventh feature."""
REACH, POINTS = 6.0, 241
"""How far the weight goes to either side, and in how many places the loss is computed."""

TASKS = (
    ("tab=train&train=tutorial*epochs-1", "First epoch",
     "predict the accuracy after one epoch, train, and find the moment that it passes 90 %."),
    ("tab=train&train=own*epochs-1*learning_rate-0.3", "Too long a step",
     "find the largest learning rate that still learns; compare with your neighbour."),
    ("tab=train&train=tutorial*epochs-1*seed-7", "The same seed",
     "train twice with seed 7 and once with your own: which runs are equal, and to which digit?"),
    ("tab=test&weights=tutorial", "Where it is wrong",
     "name the two digits that are confused most, and draw one that is misread."),
    ("tab=train&train=own*epochs-2*batch_size-512", "Fewer, larger steps",
     "with batches of 512, find a learning rate that makes up for the missing steps."),
)  # fmt: skip
"""(what a link to it says, what it is called, what is to be done)."""


def lesson(say: Words, train: Split) -> str:
    """The questions, and what the browser answers some of them with."""
    shipped = Checkpoint.load(places.shipped_weights("tutorial")).model
    kernels = shipped["conv1.weight"].flatten(1)  # f32 [10,25]
    numbers = {"weights": kernels.tolist(), "bias": shipped["conv1.bias"].tolist()}
    return render(
        "lesson.html",
        say,
        kernels=json.dumps(numbers),
        count=len(kernels),
        digit=encode_pixels(train.images[0].numpy()),
        sizes=SIZES,
        tasks=[(link, say(title), say(task)) for link, title, task in TASKS],
    )


def answer(question: Any, train: Split, test: Split) -> dict[str, Any]:
    """What a question of the lesson is answered with. Raises ConfigError for one that is not asked.

    Takes up to some seconds the first time.
    """
    match question:
        case {"what": "gradient"}:
            return _along_a_weight(train)
        case {"what": "overfit", "digits": int(digits)} if digits in SIZES:
            return _by_heart(digits, train, test)
        case {"what": "resume"}:
            return _resuming(train)
    raise ConfigError("There is no such question.")


@bounded(keep=4)
def _along_a_weight(train: Split) -> dict[str, Any]:
    """The loss on 64 digits over one weight of the last layer, after a few steps."""
    model, (digit, feature) = _trained(train).model, WEIGHT
    assert isinstance(model, Net)
    given: list[Tensor] = []
    model.fc2.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    with torch.no_grad():
        outputs = model.eval()(normalize(train.images[:64]))  # f32 [64,10]
        start = float(model.fc2.weight[digit, feature])
        weights = torch.linspace(start - REACH, start + REACH, POINTS)
        along = outputs.repeat(POINTS, 1, 1)  # only one of the outputs follows the weight
        along[:, :, digit] += (weights[:, None] - start) * given[0][:, feature]
        losses = [float(F.cross_entropy(each, train.labels[:64])) for each in along]
    return {"start": start, "weights": weights.tolist(), "losses": losses}


@bounded(keep=8)
def _by_heart(digits: int, train: Split, test: Split) -> dict[str, Any]:
    """Accuracy on the digits that it is trained on, and on others, after each few epochs."""
    part = Split(train.images[:digits], train.labels[:digits])
    test = Split(test.images[:TESTED], test.labels[:TESTED])
    settings = replace(TUTORIAL, epochs=SIZES[digits], batch_size=10, learning_rate=0.02)
    trainer, every = Trainer(settings), max(1, SIZES[digits] // 12)
    points = []
    for event in trainer.events(part, part):
        epoch = len(trainer.history.evaluations) - 1
        if event is trainer.history.evaluations[-1] and epoch % every == 0:
            known = trainer.history.evaluations[-1].accuracy
            points.append([epoch, known, evaluate(trainer.model, test).accuracy])
    return {"digits": digits, "tested": len(test), "points": points}


@bounded(keep=4)
def _resuming(train: Split) -> dict[str, Any]:
    """In how many weights a run, stopped half way and resumed, differs from a straight one; and how
    many a step of an optimizer over the old network changes in the loaded one."""
    (part, few), straight = _part(train), _trained(train)
    stopped = Trainer(straight.config)
    list(islice(stopped.batches(part, few), STEPS // 2))
    saved = stopped.checkpoint().to_bytes()
    resumed = Trainer.resume(Checkpoint.from_bytes(saved))
    list(resumed.batches(part, few))
    return {
        "kilobytes": round(len(saved) / 1000),
        "count": sum(weights.numel() for weights in straight.model.parameters()),
        "differing": _differing(straight.model, resumed.model),
        "changed": _changed_by_a_stale_step(resumed.model, train),
    }


def _part(train: Split) -> tuple[Split, Split]:
    """The digits of STEPS steps, and a few in place of test digits, which cost time."""
    count = STEPS * TUTORIAL.batch_size
    few = Split(train.images[:64], train.labels[:64])
    return Split(train.images[:count], train.labels[:count]), few


def _trained(train: Split) -> Trainer:
    """A network after STEPS steps."""
    trainer = Trainer(replace(TUTORIAL, epochs=1))
    list(trainer.batches(*_part(train)))
    return trainer


def _changed_by_a_stale_step(old: nn.Module, train: Split) -> int:
    """How many weights of a loaded network change when its optimizer is over the old one's."""
    saved, loaded = deepcopy(old), deepcopy(old)
    optimizer = torch.optim.SGD(old.parameters(), TUTORIAL.learning_rate, TUTORIAL.momentum)
    F.nll_loss(loaded(normalize(train.images[:64])), train.labels[:64]).backward()
    optimizer.step()
    return _differing(loaded, saved)


def _differing(model: nn.Module, other: nn.Module) -> int:
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    return sum(int((ours != theirs).sum()) for ours, theirs in pairs)
