"""A digit's ink on a photographed page: from grey pixels to soft ink, whatever lies around it.

Paper is what a closing with a window wider than the strokes leaves (black top-hat, Serra 1982), so
shadows and side light go with it; the window grows until one part of the ink is whole in it, once
for dark ink and once for light. Long straight lines are taken out (`ruled`), but for where strokes
cross them; parts that lie along the picture's edge, hold another part in their hole, are small
beside the digit or a dash under it are left out. What was found is cut out and found once more,
larger.

But: it looks for one digit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .ruled import Mask, lined, without_lines

Grey = NDArray[np.float32]

_WINDOWS = (0.05, 0.1, 0.2, 0.4)  # of the longest side: widest strokes that are looked for
_COARSE, _FINE = 400, 160  # pixels: the picture's longest side at first, the digit's at last
_LARGEST = 800  # pixels of the picture that is cut out
_LEAST_CONTRAST = 0.08  # of the paper's brightness; fainter is blank
_AROUND = np.ones((3, 3))


@dataclass
class _Part:
    """Ink that hangs together: sizes in pixels, `at_edge` its share along the picture's edge."""

    number: int
    box: tuple[slice, slice]
    height: int
    longest: int
    widest: float
    at_edge: float
    score: float
    mass: float

    @property
    def is_level(self) -> bool:
        """Whether it is a dash: a line under a digit, or its foot or crossbar."""
        return self.height < 0.15 * self.longest

    def is_below(self, other: _Part) -> bool:
        return self.box[0].start >= other.box[0].stop


@dataclass
class _Found:
    """A digit: its parts `kept`, the largest of them `main`, and how sure it is (`score`)."""

    kept: Mask
    main: Mask
    box: tuple[int, int, int, int]
    touches: NDArray[np.bool_]
    is_whole: bool
    area: int
    longest: int
    widest: float
    score: float
    window: int = 0
    lines: int = 0
    is_light: bool = False
    ink: Grey = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def value(self) -> float:
        """How much like writing: long for its width."""
        return self.score * self.area / self.widest**2


def find_ink(grey: Grey) -> Grey | None:
    """f32 [H,W] grey in 0..1 → f32 [h,w] ink in 0..1 on 0, cut out; None where none is found."""
    scale = _COARSE / max(grey.shape)
    small = _resized(grey, [max(4, round(side * scale)) for side in grey.shape])
    sticks_out_light = float(((small - np.median(small)) ** 3).sum()) > 0
    for share in _WINDOWS:
        window, is_last = max(3, round(share * _COARSE)), share == _WINDOWS[-1]
        found = []
        for is_light in (False, True):
            digit = _strokes(1 - small if is_light else small, window, is_last)
            if digit is not None:
                digit.is_light = is_light
                likely = 1.5 if is_light == sticks_out_light else 1.0
                found.append((digit.value * likely, not is_light, digit))
        if found:
            best = max(found, key=lambda one: one[:2])[2]
            if best.is_whole:
                return _closer(grey, best, scale)
    return None


def box_of(mask: Mask) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of what is set in bool [H,W]; zeros when nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _closer(grey: Grey, found: _Found, scale: float) -> Grey:
    """The ink of what was found at `scale`, at a finer one."""
    image = 1 - grey if found.is_light else grey
    room = 0.35 * found.longest + 2
    grown = np.array(found.box) + np.array([-room, -room, room, room])
    top, left = (max(0, int(edge / scale)) for edge in grown[:2])
    bottom, right = (
        min(side, int(np.ceil(edge / scale)))
        for side, edge in zip(grey.shape, grown[2:], strict=True)
    )
    cut = image[top:bottom, left:right]
    finer = min(_FINE * scale / found.longest, _LARGEST / max(cut.shape))
    cut = _resized(cut, [max(4, round(side * finer)) for side in cut.shape])
    own = ndimage.binary_dilation(found.kept, _AROUND, 2)[
        int(top * scale) : int(np.ceil(bottom * scale)),
        int(left * scale) : int(np.ceil(right * scale)),
    ]
    times = finer / scale
    window = min(max(2.5 * found.widest * times, found.window * times), 4 * found.widest * times)
    near = _resized(own.astype(np.float32), cut.shape) > 0.5
    finely = _strokes(cut, max(3, int(window)), True, near, found.lines > 0)
    return found.ink if finely is None else finely.ink


def _strokes(
    image: Grey, window: int, is_last: bool, own: Mask | None = None, are_lines: bool = True
) -> _Found | None:
    """Dark strokes narrower than `window` pixels, within `own` if that is given."""
    smooth = ndimage.gaussian_filter(image, 0.6)
    paper = ndimage.grey_closing(smooth, (window, window), mode="reflect")
    ink = (paper - image) / np.maximum(paper, 0.25)
    if ink.max() < _LEAST_CONTRAST:
        return None
    faint, usual = np.quantile(ink, (0.05, 0.5))
    level = float(np.median(ink[ink > 0.5 * ink.max()]))
    floor = min(max(0.02, usual + 4 * (usual - faint)), 0.5 * level)
    mask = ink > floor + 0.3 * (level - floor)
    bare, lines = without_lines(ink > floor) if are_lines else (ink > floor, 0)
    bare = bare & mask
    if own is not None:
        bare, mask = bare & own, mask & own
    found = None
    if lines:
        found = _choose(bare, mask, ink, smooth, window, is_last)
        if found is not None and lines < 3 and (found.touches & ~lined(mask & ~bare)).any():
            found = None  # the lines were the digit's own strokes
    found = found or _choose(mask, mask, ink, smooth, window, is_last)
    if found is None:
        return None
    found = _out_of_its_box(found, mask, ink, smooth, window, is_last)
    found.ink = _soft(found, ink, mask, floor)
    found.window, found.lines = window, lines
    return found


def _out_of_its_box(
    found: _Found, mask: Mask, ink: Grey, smooth: Grey, window: int, is_last: bool
) -> _Found:
    """What is inside, where four lines around it were taken for a part of it."""
    top, left, bottom, right = found.box
    within = found.kept[top:bottom, left:right]
    inner, lines = without_lines(within)
    if lines < 4 or not lined(within & ~inner).all():
        return found
    whole = np.zeros_like(mask)
    whole[top:bottom, left:right] = inner
    inside = _choose(whole, mask, ink, smooth, window, is_last)
    return inside if inside is not None and inside.longest > 0.4 * found.longest else found


def _soft(found: _Found, ink: Grey, mask: Mask, floor: float) -> Grey:
    """The ink in 0..1, with the soft rim that belongs to what was kept."""
    strong = found.main & (ink > 0.5 * ink[found.main].max())
    level = float(np.median(ink[strong]))
    floor = min(floor, 0.5 * level)
    near, dropped = ndimage.distance_transform_edt(~found.kept), mask & ~found.kept
    own = near < 3
    if dropped.any():
        own &= near <= ndimage.distance_transform_edt(~dropped)
    return np.clip((ink - floor) / (level - floor), 0, 1).astype(np.float32) * own


def _choose(
    mask: Mask, whole: Mask, ink: Grey, smooth: Grey, window: int, is_last: bool
) -> _Found | None:
    """The part of `mask` that is most like a digit, with the parts that belong to it."""
    labels, count = ndimage.label(mask, _AROUND)
    parts = _parts(labels, count, ink, is_last) if count else []
    parts.sort(key=lambda part: -part.score)
    if not parts or parts[0].score <= 0:
        return None
    chosen = parts[0]
    main = labels == chosen.number
    as_dark = _as_dark_around(main, whole, smooth, chosen.widest)
    if is_last and as_dark > 0.3:
        return None  # the corner of something dark, not a stroke
    is_narrow = chosen.widest < 0.8 * window and int(main.sum()) > 4 * chosen.widest**2
    is_whole = is_last or (is_narrow and as_dark < 0.05)
    away = ndimage.distance_transform_edt(~main)
    kept = main.copy()
    for part in parts[1:]:
        too_small = part.mass < 0.03 * chosen.mass
        if too_small or part.at_edge > 0.5 or part.longest > 1.3 * chosen.longest:
            continue
        gap = away[part.box][labels[part.box] == part.number].min()
        if part.is_level and gap > 0.04 * chosen.longest and part.is_below(chosen):
            continue  # a line under the digit
        is_tall = gap < 0.3 * chosen.longest or part.height > 0.6 * chosen.height
        if gap < 0.15 * chosen.longest or (part.score > 0 and is_tall):
            kept |= labels == part.number
    box = box_of(kept)
    edge = max(2.0, 0.015 * max(mask.shape))
    touches = np.array([box[0] < edge, box[1] < edge,
                        box[2] > mask.shape[0] - edge, box[3] > mask.shape[1] - edge])  # fmt: skip
    return _Found(kept=kept, main=main, box=box, touches=touches, is_whole=is_whole,
                  area=int(main.sum()), longest=chosen.longest, widest=chosen.widest,
                  score=chosen.score)  # fmt: skip


def _parts(labels: NDArray[np.int32], count: int, ink: Grey, is_last: bool) -> list[_Part]:
    """The heaviest parts; a score of 0 for what lies along the edge, crosses the picture, is a
    blob, or frames another part."""
    mass = np.bincount(labels.ravel(), ink.ravel(), count + 1)
    mass[0] = 0
    rim = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    at_rim = np.bincount(rim, minlength=count + 1)
    boxes, parts = ndimage.find_objects(labels), []
    for number in np.argsort(-mass)[: min(count, 30)]:
        box = boxes[number - 1]
        sides = [extent.stop - extent.start for extent in box]
        longest = max(sides)
        if longest < max(4, 0.015 * max(labels.shape)):
            continue
        one = np.pad(labels[box] == number, 1)
        widest = 2 * float(ndimage.distance_transform_edt(one).max()) - 1
        outline = np.count_nonzero(one[1:] != one[:-1]) + np.count_nonzero(
            one[:, 1:] != one[:, :-1]
        )
        usual = 2.54 * float(one.sum()) / max(1, outline)  # an outline of pixels is longer by 1.27
        at_edge = at_rim[number] / longest
        crosses = any(
            sides[axis] >= labels.shape[axis] - 2 and sides[1 - axis] < 0.4 * labels.shape[1 - axis]
            for axis in (0, 1)
        )
        inside = max(0.1, 1 - at_edge) if is_last else (1 - at_edge) * (at_edge < 0.5)
        is_blob = widest >= 0.6 * longest
        score = longest * inside * (not crosses) * (not is_blob) * min(1.0, 2.2 * usual / widest)
        score *= 0.5 if sides[0] < 0.15 * longest else 1  # a dash
        parts.append(_Part(number=int(number), box=box, height=sides[0], longest=longest,
                           widest=widest, at_edge=float(at_edge), score=float(score),
                           mass=float(mass[number])))  # fmt: skip
    frames = [part for part in parts if _frames_another(part, parts, labels)]
    for frame in frames:
        frame.score = frame.mass = 0.0
    return parts


def _frames_another(frame: _Part, parts: list[_Part], labels: NDArray[np.int32]) -> bool:
    """Whether another part of some size lies in its hole."""
    filled: Mask | None = None
    for part in parts:
        if not 0.25 * frame.longest < part.longest < frame.longest or part.score <= 0:
            continue
        around = zip(part.box, frame.box, strict=True)
        if all(a.start > b.start and a.stop < b.stop for a, b in around):
            if filled is None:
                filled = ndimage.binary_fill_holes(labels[frame.box] == frame.number)
            if filled[labels[frame.box] == part.number].all():
                return True
    return False


def _as_dark_around(main: Mask, whole: Mask, smooth: Grey, widest: float) -> float:
    """How much of the ring around the strokes is nearly as dark as they are, 0..1: of strokes on
    paper next to nothing, of a piece that is cut out of a band or a blot much."""
    ring = ndimage.binary_dilation(main, _AROUND, 3) & ~ndimage.binary_dilation(whole, _AROUND, 1)
    if not ring.any():
        return 0.0
    low = ndimage.minimum_filter(smooth, 9)[ring]
    high = ndimage.maximum_filter(smooth, 2 * int(widest) + 9)[ring]
    return float((smooth[ring] < low + 0.2 * (high - low) + 0.02).mean())


def _resized(image: Grey, shape: list[int] | tuple[int, ...]) -> Grey:
    picture = Image.fromarray(image.astype(np.float32))
    how = Image.Resampling.BOX if shape[0] < image.shape[0] else Image.Resampling.BILINEAR
    return np.asarray(picture.resize((shape[1], shape[0]), how))
