"""Pictures of digits and of results, as HTML that the page shows, and PNG that one keeps.

Pure functions of plain arrays: no torch, no gradio, no files. Pixels travel as palette PNGs of one
colour with transparency, enlarged by the browser without smoothing; all other colours are the
variables of `static/page.css`, so everything here is right in light and dark. A mistake is marked
by a cross and a frame, not by colour alone.

But: reacts to nothing itself. Buttons carry `data-` attributes; who shows them listens.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .view import ANY
from .words import say

COLUMNS = 10
"""Digits in a row of a sprite."""

_INK = bytes(3 * 256), bytes(range(256))
"""A palette for amounts, 0 invisible to 255 black (RGB, alpha)."""

_SIGNED = (
    b"".join(bytes((28, 126, 214) if level < 128 else (232, 89, 12)) for level in range(256)),
    bytes(min(255, abs(level - 128) * 2) for level in range(256)),
)
"""A palette for signed amounts: 0 blue, 128 invisible, 255 orange (RGB, alpha)."""

_WIDE = 500
"""Width of the pictures of filters and maps, in pixels of the screen."""

_CROSS = '<span class="digit-cross" aria-hidden="true">✗</span>'


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """A layer of a network with the weightless steps after it, and what it made of one digit.

    `shape` is that of its output: (channels, height, width) or (units,). `filters` f32
    [out,in,h,w] are the weights of a convolution, otherwise None. `maps` f32, (channels, height,
    width) or (units,), is its activation before it shrinks it, where it does.
    """

    name: str
    steps: tuple[str, ...]
    shape: Sequence[int]
    parameters: int
    filters: NDArray[np.float32] | None
    maps: NDArray[np.float32]


def grid(
    images: NDArray[np.uint8],
    numbers: Sequence[int],
    truths: Sequence[int],
    reads: Sequence[Sequence[int]],
    chosen: int | None = None,
) -> str:
    """u8 [N,28,28] → one button per digit, `data-i` its number in the set.

    `reads` holds what each network read, one sequence per network; a digit that any of them read
    wrongly is marked. `chosen` is the number of the digit that is open.
    """
    if not len(numbers):
        return f'<p class="digit-hint">{say("No digit is like that.")}</p>'
    cells = [
        _cell(place, len(numbers), number, truth, answers, number == chosen)
        for place, (number, truth, *answers) in enumerate(zip(numbers, truths, *reads, strict=True))
    ]
    sprite = _png(_tiled(images, COLUMNS, gap=0), _INK)
    return (
        f'<div class="digit-grid" style="--sprite:url({sprite})" role="group"'
        f' aria-label="{say("Digits")}">{"".join(cells)}</div>'
    )


def confusion(counts: NDArray[np.int64], chosen: tuple[int, int]) -> str:
    """i64 [10,10], rows truth → a table whose cells and headers are buttons.

    Buttons carry `data-truth` and `data-read` (-1: any). `chosen` is the (truth, read as) that
    the digits are filtered by. The last column is the share of each digit read right.
    """
    wrong = counts - np.diag(counts.diagonal())
    totals, worst = counts.sum(1), max(1, int(wrong.max()))
    head = "".join(f"<th scope='col'>{_filter(ANY, d, str(d), chosen)}</th>" for d in range(10))
    rows = []
    for truth in range(10):
        total = max(1, int(totals[truth]))
        cells = "".join(
            _matrix_cell(truth, read, int(counts[truth, read]), total, worst, chosen)
            for read in range(10)
        )
        share = f"{100 * counts[truth, truth] / total:.1f} %" if totals[truth] else "–"
        rows.append(
            f"<tr><th scope='row'>{_filter(truth, ANY, str(truth), chosen)}</th>{cells}"
            f'<td class="digit-share">{share}</td></tr>'
        )
    return (
        f'<table class="digit-matrix"><caption>{say(_MATRIX)}</caption><thead><tr><td></td>{head}'
        f"<th scope='col' class='digit-share'>{say('right')}</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


_MATRIX = "Rows: what the digit is. Columns: what it was read as. Choose a cell to see its digits."


def agreement(counts: NDArray[np.int64], names: Sequence[str], show: str) -> str:
    """i64 [2,2], by whether the first (row) and second (column) network were right → a table.

    Cells that one would look into are buttons with `data-show`; `show` is the one shown now.
    """
    first, second = (escape(name) for name in names)
    cells = [
        [f"{counts[0, 0]:,}", _show("only first right", counts[0, 1], show)],
        [_show("only second right", counts[1, 0], show), _show("both wrong", counts[1, 1], show)],
    ]
    columns, rows = (
        [say("{name}: right", name=name), say("{name}: wrong", name=name)]
        for name in (second, first)
    )
    head = "".join(f"<th scope='col'>{column}</th>" for column in columns)
    caption = say("Where the two agree. Choose a number to see its digits.")
    return (
        f'<table class="digit-agreement"><caption>{caption}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>"
        + "".join(
            f"<tr><th scope='row'>{row}</th><td>{left}</td><td>{right}</td></tr>"
            for row, (left, right) in zip(rows, cells, strict=True)
        )
        + "</tbody></table>"
    )


def pager(page: int, pages: int, count: int) -> str:
    """Where one is among `pages` (`page` from 0), with buttons whose `data-page` is where to go."""
    page = min(max(page, 0), pages - 1)
    back, on = (
        f'<button type="button" data-page="{target}" aria-label="{label}"'
        f"{' disabled' * (not 0 <= target < pages)}>{sign}</button>"
        for target, label, sign in (
            (page - 1, say("Previous page"), "‹"),
            (page + 1, say("Next page"), "›"),
        )
    )
    place = say("page {page:,} of {pages:,}", page=page + 1, pages=pages)
    digits = say("1 digit") if count == 1 else say("{count:,} digits", count=count)
    return (
        f'<nav class="digit-pager" aria-label="{say("Pages")}">{back}'
        f"<span>{place}</span>{on}<span>{digits}</span></nav>"
    )


def counts(numbers: Sequence[int]) -> str:
    """How often each digit occurs, as ten columns."""
    most = max(1, *numbers)
    columns = "".join(
        f'<li style="--share:{number / most:.3f}"><i></i><b>{digit}</b><span>{number:,}</span></li>'
        for digit, number in enumerate(numbers)
    )
    title = say("How often each digit occurs")
    return f'<div class="digit-counts"><p>{title}</p><ol>{columns}</ol></div>'


def network(stages: Sequence[Stage]) -> str:
    """The stages as blocks, as tall as their maps and as broad as they have channels or units."""
    blocks = [_block(say("input"), (1, 28, 28), say("28×28 pixels"), "")]
    for stage in stages:
        parameters = say("{count:,} parameters", count=stage.parameters)
        blocks.append(_block(stage.name, stage.shape, ", ".join(stage.steps), parameters))
    total = sum(stage.parameters for stage in stages)
    title = say("The network: {count:,} parameters", count=total)
    return f'<div class="digit-network"><p>{title}</p><ol>{"".join(blocks)}</ol></div>'


def inside(stages: Sequence[Stage]) -> str:
    """What each stage made of a digit: filters that look at the digit itself, maps, units."""
    return (
        f'<p class="digit-hint">{say(_INSIDE)}</p>'
        f'<ol class="digit-stages">{"".join(map(_activation, stages))}</ol>'
    )


_INSIDE = (
    "Filters: orange where ink counts for, blue where it counts against. Maps and units: the more"
    " ink, the more of what they look for was found."
)


def mattered(image: NDArray[np.uint8], values: NDArray[np.floating], read: int) -> str:
    """u8 [28,28] and f32 [28,28] from `inspection.occlusion` → the one laid over the other."""
    return (
        f'<figure class="digit-mattered"><span>{ink(image, say("The digit"))}'
        f"{signed(values, say('What mattered'))}</span><figcaption><b>{say('What mattered')}</b>"
        f"<br>{say(_MATTERED, digit=read)}</figcaption></figure>"
    )


_MATTERED = (
    "Squares of 5×5 pixels were rubbed out one by one. Orange: without this ink the network is less"
    " sure of a {digit}. Blue: without it, it would be surer."
)


def ink(values: NDArray, label: str, width: int = 0) -> str:
    """[H,W], 0 or more → a picture from invisible (0) to full ink (the largest value).

    `width` is what it may take on the screen, in pixels; 0 leaves that to the style sheet.
    """
    levels = np.clip(values * (255 / max(float(values.max()), 1e-12)), 0, 255)
    return _picture(levels, _INK, label, "digit-ink", width)


def signed(values: NDArray, label: str, width: int = 0) -> str:
    """[H,W] → a picture, as `ink`: orange above 0, blue below, strongest at the largest value."""
    levels = 128 + values * (127 / max(float(np.abs(values).max()), 1e-12))
    return _picture(levels, _SIGNED, label, "digit-signed", width)


def sheet(images: NDArray[np.uint8], captions: Sequence[str], wrong: Sequence[bool]) -> bytes:
    """u8 [N,28,28] → a PNG of the digits enlarged twice, ten to a row, each over its caption.

    Black on white, for files; mistakes are framed.
    """
    scale, margin, text = 2, 6, 16
    side = 28 * scale
    width, height = side + 2 * margin, side + 2 * margin + text
    rows = -(-len(images) // COLUMNS)
    picture = Image.new("L", (COLUMNS * width, max(1, rows) * height), 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = place % COLUMNS * width, place // COLUMNS * height
        picture.paste(
            Image.fromarray(255 - image).resize((side, side), Image.Resampling.NEAREST),
            (x + margin, y + margin),
        )
        draw.text((x + width / 2, y + side + margin + 4), caption, 0, font, anchor="mt")
        if wrong[place]:
            draw.rectangle((x + 2, y + 2, x + width - 3, y + height - 3), outline=0, width=2)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _cell(
    place: int, count: int, number: int, truth: int, answers: Sequence[int], chosen: bool
) -> str:
    wrong = any(answer != truth for answer in answers)
    read = str(answers[0])
    if len(answers) == 2:
        read = say("{first} and {second}", first=read, second=answers[1])
    label = say("Number {number}: a {truth}, read as {read}", number=number, truth=truth, read=read)
    label = say("{label}, wrong", label=label) if wrong else label
    x = place % COLUMNS / (COLUMNS - 1)
    y = place // COLUMNS / max(1, -(-count // COLUMNS) - 1)
    return (
        f'<button type="button" data-i="{number}" class="digit-cell{" digit-wrong" * wrong}"'
        f' aria-pressed="{str(chosen).lower()}"'
        f' aria-label="{label}">'
        f'<span class="digit-sprite" style="background-position:{x:.4%} {y:.4%};'
        f'background-size:{COLUMNS * 100}% auto"></span>'
        f"<span>{truth} → {' | '.join(map(str, answers))}{_CROSS * wrong}</span></button>"
    )


def _matrix_cell(
    truth: int, read: int, count: int, total: int, worst: int, chosen: tuple[int, int]
) -> str:
    right = truth == read
    share = count / total if right else count / worst
    label = say("{count} of the {truth}s read as {read}", count=count, truth=truth, read=read)
    button = _filter(truth, read, str(count or ""), chosen, label, disabled=not count)
    kind = "digit-hit" if right else "digit-miss"
    return f'<td class="{kind}" style="--share:{share:.3f}">{button}</td>'


def _filter(
    truth: int,
    read: int,
    text: str,
    chosen: tuple[int, int],
    label: str | None = None,
    disabled: bool = False,
) -> str:
    whole = (
        say("All {digit}s", digit=truth) if read == ANY else say("All read as {digit}", digit=read)
    )
    label = label or whole
    return (
        f'<button type="button" data-truth="{truth}" data-read="{read}"'
        f' aria-pressed="{str(chosen == (truth, read)).lower()}"'
        f' aria-label="{escape(label)}"{" disabled" * disabled}>{escape(text)}</button>'
    )


def _show(what: str, count: int, show: str) -> str:
    label = say("{count:,} digits: {what}", count=count, what=say(what))
    return (
        f'<button type="button" data-show="{what}" aria-pressed="{str(show == what).lower()}"'
        f' aria-label="{label}">{count:,}</button>'
    )


def _block(name: str, shape: Sequence[int], steps: str, parameters: str) -> str:
    channels = shape[0]
    height = shape[1] if len(shape) > 1 else channels
    breadth = channels if len(shape) > 1 else 1
    return (
        f'<li><i style="--tall:{height};--broad:{breadth}"></i><b>{escape(name)}</b>'
        f"<span>{escape(steps)}</span><span>{'×'.join(map(str, shape))}</span>"
        f"<span>{parameters}</span></li>"
    )


def _activation(stage: Stage) -> str:
    filters = ""
    if stage.filters is not None and stage.filters.shape[1] == 1:
        tiled = _tiled(stage.filters[:, 0], _columns(len(stage.filters)))
        label = say("{count} filters", count=len(stage.filters))
        filters = signed(tiled, label, width=_WIDE)
    count = len(stage.maps)
    if stage.maps.ndim == 3:
        kind, label = "digit-maps", say("{count} maps", count=count)
        values = _tiled(stage.maps, _columns(count), line=stage.maps.max() / 8)
    else:
        kind, label, values = "digit-units", say("{count} units", count=count), stage.maps[None]
    draw = ink if values.min() >= 0 else signed
    return (
        f'<li class="{kind}"><p><b>{escape(stage.name)}</b>'
        f" {escape(', '.join(stage.steps))} · {label}</p>"
        f"{filters}{draw(values, label, width=_WIDE)}</li>"
    )


def _columns(count: int) -> int:
    return 10 if count <= 20 else 16


def _tiled(pictures: NDArray, columns: int, gap: int = 1, line: float = 0) -> NDArray:
    """[N,H,W] → one picture, `columns` to a row, with lines of a value between them."""
    count, height, width = pictures.shape
    rows = -(-count // columns)
    framed = np.full((rows * columns, height + gap, width + gap), line, pictures.dtype)
    framed[:count, :height, :width] = pictures
    # [rows·columns,H,W] → [rows,H,columns,W] → one picture
    grid = framed.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    whole = grid.reshape(rows * (height + gap), columns * (width + gap))
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def _png(levels: NDArray[np.uint8], palette: tuple[bytes, bytes]) -> str:
    """u8 [H,W], indices into a palette → a PNG as a data URI."""
    return _png_of(levels.tobytes(), levels.shape[::-1], palette)


@lru_cache(maxsize=256)
def _png_of(levels: bytes, size: tuple[int, int], palette: tuple[bytes, bytes]) -> str:
    """Remembered: a page that watches a run is shown the same digits twice a second."""
    picture = Image.frombytes("P", size, levels)
    picture.putpalette(palette[0])
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=palette[1])
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _picture(
    levels: NDArray, palette: tuple[bytes, bytes], label: str, kind: str, width: int
) -> str:
    """[H,W], 0..255 → an <img>, enlarged to a whole multiple of its size."""
    uri = _png(levels.round().astype(np.uint8), palette)
    times = width // levels.shape[1]
    size = f' style="width:{times * levels.shape[1]}px"' if times else ""
    return f'<img class="{kind}" src="{uri}" alt="{escape(label)}"{size}>'
