"""The smallest change of a digit that makes a network read another one.

Steps towards the nearest border between two digits, as if the network were linear, kept within
0..255; then back as far as it goes. Moosavi-Dezfooli, Fawzi and Frossard, "DeepFool" (2016).

But: the smallest that is found so, not the smallest there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .digits.split import STD, normalize
from .models import given_a_digit

STEPS = 30
"""At most, towards the border; most drawings need fewer than ten."""

BEYOND = 1.05
"""Each step is so much longer than the border seems far: the network is not linear."""

TRIES = 24
"""Places on the way back that are tried at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """A changed digit, u8 [28,28]; `read` as which digit, with a probability; what it was before.

    `ink` is the sum of all changes as a share of the digit's ink, `most` that of a pixel, 0..255.
    """

    image: Tensor
    before: int
    read: int
    probability: float
    ink: float
    most: int


def smallest_change(model: nn.Module, image: Tensor) -> Change | None:
    """For `model`, of u8 [28,28]; None when none is found, as for a blank one."""
    model.eval()
    original = image.float()
    before = int(_scores(model, original[None])[0].argmax())
    changed = original
    for _ in range(STEPS):
        changed = _stepped(model, changed, before)
        if int(_scores(model, changed.round()[None])[0].argmax()) != before:
            return _nearest(model, original, changed, before) if image.any() else None
    return None


def _stepped(model: nn.Module, image: Tensor, before: int) -> Tensor:
    """f32 [28,28], one step on, towards the digit whose border seems nearest."""
    copies = normalize(image.repeat(10, 1, 1)).requires_grad_()
    scores = given_a_digit(model(copies))
    (slopes,) = torch.autograd.grad(scores.diagonal().sum(), copies)  # [10,1,28,28], one a digit
    ways = (slopes - slopes[before])[:, 0] / (255 * STD)
    gaps = (scores[0, before] - scores[0]).detach()
    lengths = ways.flatten(1).norm(dim=1).clamp(min=1e-9)
    far = gaps / lengths
    far[before] = torch.inf
    nearest = int(far.argmin())
    way = ways[nearest] / lengths[nearest]
    return (image + (BEYOND * far[nearest] + 0.5) * way).clamp(0, 255)


def _nearest(model: nn.Module, original: Tensor, changed: Tensor, before: int) -> Change:
    """The first image on the way from `original` to `changed` that is read as another digit."""
    shares = torch.linspace(1 / TRIES, 1, TRIES)[:, None, None]
    on_the_way = (original + shares * (changed - original)).round()
    scores = _scores(model, on_the_way)
    place = int((scores.argmax(1) != before).nonzero()[0])
    found, read = on_the_way[place], int(scores[place].argmax())
    difference = (found - original).abs()
    return Change(
        image=found.to(torch.uint8),
        before=before,
        read=read,
        probability=float(scores[place, read].exp()),
        ink=float(difference.sum() / original.sum()),
        most=int(difference.max()),
    )


@torch.no_grad()
def _scores(model: nn.Module, images: Tensor) -> Tensor:
    """f32 [B,28,28], 0..255 → log-probabilities f32 [B,10]."""
    return given_a_digit(model(normalize(images.clone())))  # which writes into floats
