"""Random distortions of training digits: stroke width, slant, size, turn, place, a rubber sheet.

A batch at a time, in tensors, drawing from the run's own generator, so a resumed run distorts as
the uninterrupted one would have. Elastic distortion is that of Simard, Steinkraus and Platt
(2003), on a coarse grid; thickening and filling of loops are grey morphology, for fat markers.

It mirrors nothing and turns little: a 6 must not become a 9.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

TURN = math.radians(15)
SLANT = 0.25
STRETCH = 0.13  # logarithm of the factor, for width and height each
SHIFT = 2 / 14  # of half the picture: 2 pixels
RUBBER = 0.06  # standard deviation, of half the picture, at 5 × 5 points
WIDTH = 0.6  # share of the way to one pixel more, or less, at either side of a stroke
FILLED = 0.2  # share of the digits whose narrow gaps are filled, by a random part


def distort(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """u8 [B,28,28] → f32 [B,28,28] in 0..255, each digit distorted on its own.

    `strength` 0 changes nothing, 1 is the range above. Draws from `generator`, whose device must
    be the images'.
    """
    digits = _refilled(images.unsqueeze(1).float(), strength, generator)
    places = _affine(len(digits), strength, generator) + _rubber(len(digits), strength, generator)
    return F.grid_sample(digits, places.permute(0, 2, 3, 1), align_corners=False).squeeze(1)


def _refilled(digits: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Narrow gaps filled in some, strokes thickened or thinned in all; f32 [B,1,28,28]."""
    chosen, part, width = _uniform((3, len(digits), 1, 1, 1), generator)
    fill = (chosen < 2 * FILLED - 1) * (part + 1) / 2 * min(strength, 1)
    digits = digits.lerp(_thinner(_thicker(digits)), fill)
    other = torch.where(width > 0, _thicker(digits), _thinner(digits))
    return digits.lerp(other, width.abs() * WIDTH * strength)


def _thicker(digits: Tensor) -> Tensor:
    """The largest of 3 × 3 pixels: the values of `F.max_pool2d(digits, 3, stride=1, padding=1)`,
    which takes ten times as long on one channel."""
    return _of_neighbours(torch.maximum, digits)


def _thinner(digits: Tensor) -> Tensor:
    """The smallest of 3 × 3 pixels."""
    return _of_neighbours(torch.minimum, digits)


def _of_neighbours(choose: Callable[..., Tensor], digits: Tensor) -> Tensor:
    """First along the rows and then down the columns."""
    for axis in (3, 2):
        last, result = digits.shape[axis] - 1, digits.clone()
        for to, source in ((1, 0), (0, 1)):
            part = result.narrow(axis, to, last)
            choose(part, digits.narrow(axis, source, last), out=part)
        digits = result
    return digits


def _affine(count: int, strength: float, generator: torch.Generator) -> Tensor:
    """Where each pixel is taken from, f32 [B,2,28,28], after a random turn, slant and stretch.

    As `F.affine_grid(…, align_corners=False)`, in half its time."""
    turn, slant, wide, high, right, down = _uniform((6, count), generator) * strength
    cos, sin = (turn * TURN).cos(), (turn * TURN).sin()
    wide, high, slant = (wide * STRETCH).exp(), (high * STRETCH).exp(), slant * SLANT
    rows = [
        torch.stack([cos * wide, slant * cos - sin * wide, right * SHIFT], dim=1),
        torch.stack([sin * high, slant * sin + cos * high, down * SHIFT], dim=1),
    ]
    at = (torch.arange(28, device=generator.device) + 0.5) / 14 - 1
    y, x = torch.meshgrid(at, at, indexing="ij")
    plane = torch.stack([x, y, torch.ones_like(x)]).flatten(1)
    return (torch.stack(rows, dim=1) @ plane).unflatten(2, (28, 28))


def _rubber(count: int, strength: float, generator: torch.Generator) -> Tensor:
    """Smooth random displacements f32 [B,2,28,28]."""
    knots = torch.empty(count, 2, 5, 5, device=generator.device).normal_(generator=generator)
    between = _between(5, 28, generator.device)
    return between @ (knots * RUBBER * strength) @ between.T


def _between(knots: int, points: int, device: torch.device) -> Tensor:
    """f32 [points, knots]: linear interpolation between evenly spaced knots."""
    where = torch.linspace(0, knots - 1, points, device=device)[:, None]
    return (1 - (where - torch.arange(knots, device=device)).abs()).clamp(min=0)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """f32 in -1..1."""
    return torch.empty(shape, device=generator.device).uniform_(-1, 1, generator=generator)
