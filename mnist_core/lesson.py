"""How it works: the tutorial's steps on live objects, as HTML for the page.

Every number and picture is computed when it is asked for, by the trainer that trains the runs, on
the first digits of the training set.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import inspection, pictures, plots
from .checkpoint import Checkpoint
from .config import TUTORIAL
from .data import MEAN, STD, Split, batches, normalize
from .training import Trainer
from .words import say

STEPS = 100
"""Of the short run that is shown."""
TESTED = 1_000


def lesson(train: Split, test: Split) -> str:
    """Five steps, from a batch of `train` to a run that is resumed. Takes about two seconds."""
    config = replace(TUTORIAL, epochs=1)
    first = next(batches(len(train), config.batch_size, config.seed, 0))
    part = Split(
        train.images[: STEPS * config.batch_size], train.labels[: STEPS * config.batch_size]
    )
    test = Split(test.images[:TESTED], test.labels[:TESTED])
    straight = Trainer.fresh(config)
    list(straight.batches(part, test))
    sections = [
        (say("A batch"), _batch(train, first)),
        (say("The network"), _network(Trainer.fresh(config).model, train.images[0])),
        (
            say("A step"),
            _step(Trainer.fresh(config), Split(train.images[first], train.labels[first])),
        ),
        (say("The curve"), _curve(straight)),
        (say("Resuming"), _resuming(straight, part, test)),
    ]
    items = "".join(f"<li><h3>{title}</h3>{content}</li>" for title, content in sections)
    return f'<ol class="lesson">{items}</ol>'


def _batch(train: Split, first: Tensor) -> str:
    rows = train.images[first].view(4, -1, 28, 28).permute(0, 2, 1, 3).reshape(4 * 28, -1)
    pixels = train.images.float().div_(255)
    return (
        pictures.ink(rows.numpy(), say("The first 64 digits"))
        + _paragraph(
            say(
                "The network trains on 64 digits at a time, in an order that follows from the seed."
                " These are the first 64."
            )
        )
        + _paragraph(
            say(
                "It gets (x / 255 − {mean}) / {deviation} for a pixel x of 0 to 255: numbers around"
                " 0, about 1 in size, from which a network learns fastest. The two constants are"
                " the mean and the standard deviation of all training pixels; measured on the"
                " digits here: {measured_mean:.4f} and {measured_deviation:.4f}.",
                mean=MEAN,
                deviation=STD,
                measured_mean=pixels.mean(),
                measured_deviation=pixels.std(),
            )
        )
    )


def _network(model: nn.Module, digit: Tensor) -> str:
    return _paragraph(
        say(
            "Two convolutions look for short pieces of pen stroke, each at every place of the"
            " digit; pooling keeps the strongest of four neighbours. Two linear layers weigh what"
            " was found."
        )
    ) + pictures.network(inspection.stages(model, digit))


def _step(trainer: Trainer, batch: Split) -> str:
    before = _loss(trainer.model, batch)
    list(trainer.batches(batch, batch))  # an epoch of one batch
    after = _loss(trainer.model, batch)
    return _paragraph(
        say(
            "The loss is the negative logarithm of the probability that the network gave to the"
            " right digit. Untrained it can only guess, which costs ln 10 = {guess:.3f}; on these"
            " 64 digits it is {before:.3f}. A step moves every weight a little against its"
            " gradient: learning rate {learning_rate:g} times the gradient, plus {momentum:g} of"
            " the step before, the momentum. After one step the loss on the same digits is"
            " {after:.3f}.",
            guess=math.log(10),
            before=before,
            learning_rate=trainer.config.learning_rate,
            momentum=trainer.config.momentum,
            after=after,
        )
    )


def _curve(trainer: Trainer) -> str:
    accuracy = trainer.history.evaluations[-1].accuracy
    curve = plots.Curve(name=say("{count} steps", count=STEPS), history=trainer.history)
    return _paragraph(
        say(
            "{steps} steps, {digits:,} digits. The line is the loss on the batch just trained on,"
            " with dropout, so it jumps; the points are the loss on test digits, which the network"
            " never trains on. Of {tested:,} test digits it now reads {percent:.1f} % right.",
            steps=STEPS,
            digits=STEPS * trainer.config.batch_size,
            tested=TESTED,
            percent=100 * accuracy,
        )
    ) + plots.curves_html([curve])


def _resuming(straight: Trainer, train: Split, test: Split) -> str:
    stopped = Trainer.fresh(straight.config)
    list(islice(stopped.batches(train, test), STEPS // 2))
    saved = stopped.checkpoint().to_bytes()
    resumed = Trainer.resume(Checkpoint.from_bytes(saved))
    list(resumed.batches(train, test))
    same = _differing(straight.model, resumed.model) == 0
    count = sum(weights.numel() for weights in straight.model.parameters())
    return _paragraph(
        say(
            "The same run was stopped half way, saved in a checkpoint of {kilobytes:.0f} kB, loaded"
            " and trained to its end. Its {count:,} weights are {same}, because a checkpoint holds"
            " the weights, the momentum, the place in the order of the digits and the state of the"
            " random numbers.",
            kilobytes=len(saved) / 1000,
            count=count,
            same=say("the same to the last bit") if same else say("not the same"),
        )
    ) + _paragraph(
        say(
            "The tutorial saves only the first two, and then resumes the wrong pair: it makes a new"
            " optimizer over the weights of the <i>old</i> network. Done so here, one step changes"
            " {changed:,} of the {count:,} loaded weights. Its curve goes on falling all the same,"
            " because its training function still uses the old network.",
            changed=_changed_by_a_stale_step(resumed.model, train),
            count=count,
        )
    )


def _paragraph(text: str) -> str:
    return f"<p>{text}</p>"


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


@torch.no_grad()
def _loss(model: nn.Module, batch: Split) -> float:
    """Mean over the batch, without dropout."""
    model.eval()
    return float(F.nll_loss(model(normalize(batch.images)), batch.labels))
