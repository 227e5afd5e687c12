"""What the tabs share: templates, our own HTML components, handlers in the visitor's language.

HTML is written in `templates/` (Jinja2, everything escaped) and gets values from here: `render`
gives each template `say`, whose values are escaped while markup in our own sentences is kept.

But: knows no tab, no run and no network.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, wraps
from inspect import signature
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from anyio import CapacityLimiter, to_thread
from gradio.context import LocalContext
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from numpy.typing import NDArray
from PIL import Image

from ..errors import DrawingError, MnistError
from .words import Words, chinese, language_of

STATIC, TEMPLATES = (Path(__file__).parent / name for name in ("static", "templates"))

i18n = gr.I18n()
"""Marks an English sentence of a component for the browser to show in its language."""

UNANSWERED = "This cannot be answered: reload the page, or ask for something else."

PRIVATE: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""For events that are the page's own and answer at once."""

QUEUED: dict[str, Any] = {**PRIVATE, "queue": True, "concurrency_limit": 16}
"""For those that take longer, whose errors are shown, or that set a gr.State: only of a queued
event does a state report its change, and an error become a message on the page."""

DOWNLOAD = """file => file && Object.assign(document.createElement("a"),
  { download: file.name, href: file.href }).click()"""
"""JavaScript that hands a `file_for_download` to the browser."""

INK = bytes(3 * 256), bytes(range(256))
"""A palette for amounts, 0 invisible to 255 black (RGB, alpha)."""

SIGNED = (
    b"".join(bytes((28, 126, 214) if level < 128 else (232, 89, 12)) for level in range(256)),
    bytes(min(255, abs(level - 128) * 2) for level in range(256)),
)
"""A palette for signed amounts: 0 blue, 128 invisible, 255 orange (RGB, alpha)."""


def _activations() -> tuple[bytes, bytes]:
    blue, deep = np.array((37, 99, 235)), np.array((23, 37, 84))
    amount = np.sqrt(np.arange(256) / 255)  # brings a weak one out
    alpha = (amount / 0.6).clip(0.04, 1)
    colours = blue + (amount / 0.4 - 1.5).clip(0)[:, None] * (deep - blue)
    return colours.round().astype(np.uint8).tobytes(), (255 * alpha).astype(np.uint8).tobytes()


ACTIVATIONS = _activations()
"""A palette for what a network's units answer, 0 a tile that is hardly seen on the paper, over the
page's blue to 255 dark blue (RGB, alpha); the class digit-activation turns it round in the dark."""

_templates = Environment(
    loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


def render(template: str, say: Words, /, **values: object) -> str:
    """The HTML of a file in `templates/`.

    In it `say("…{digit}…", digit=7)` escapes its values and keeps the markup of our own sentence;
    `translated(message)` is a sentence of the core; everything else is escaped as it is put in.
    """

    def say_markup(sentence: str, /, **put_in: object) -> Markup:
        return Markup(say.template(sentence)).format(**say.values(put_in))

    return _templates.get_template(template).render(
        **values, say=say_markup, translated=say.translated
    )


def static(name: str) -> str:
    """The text of a file in `static/`."""
    return (STATIC / name).read_text(encoding="utf-8")


def own_html(
    name: str,
    functions: Iterable[Callable[..., object]] = (),
    value: object = None,
    libraries: Sequence[str] = (),
    **props: Any,
) -> gr.HTML:
    """The component of static/`name`.html and .js, over functions that its script calls.

    `libraries` are scripts of static/ that it uses, without ".js"; without a .html of its own it
    shows its value.
    """
    html = static(f"{name}.html") if (STATIC / f"{name}.html").is_file() else "${value}"
    script = "".join(static(f"{part}.js") for part in ("own", *libraries, name))
    return gr.HTML(
        value,
        html_template=html,
        js_on_load=script,
        server_functions=list(functions),
        chinese={english: said for english, said in chinese().items() if english in html + script},
        apply_default_css=False,
        **props,
    )


def handler(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(say, *values)` as gradio calls it, `handle(*values)`, `say` being the visitor's.

    An MnistError is shown to them as it is, any other error as a sentence, and logged.
    """

    @wraps(function)
    def handle(*values: object) -> Any:
        request = LocalContext.request.get(None)
        say = Words(language_of(request.headers.get("accept-language") if request else None))
        try:
            return function(say, *values)
        except gr.Error:
            raise
        except MnistError as error:
            raise refusal(say.translated(error)) from error
        except Exception as error:
            logging.getLogger(__name__).exception("%s", handle.__name__)
            raise refusal(say(UNANSWERED)) from error

    # Gradio asks for parameters by the names and types that it sees here.
    said, *others = signature(function).parameters.values()
    handle.__signature__ = signature(function).replace(parameters=others)  # type: ignore[attr-defined]
    hints = getattr(function, "__annotations__", {})
    handle.__annotations__ = {name: hint for name, hint in hints.items() if name != said.name}
    return handle


def in_line(handle: Callable[..., Any]) -> Callable[..., Any]:
    """A `handler` whose calls wait for one another, in a line that holds none of the threads on
    which all others answer."""
    line = CapacityLimiter(1)

    @wraps(handle)
    async def wait(*values: object) -> Any:
        return await to_thread.run_sync(handle, *values, limiter=line)

    return wait


def refusal(sentence: str) -> gr.Error:
    """A sentence as an error to raise: gradio shows an error's text as HTML."""
    return gr.Error(str(escape(sentence)), print_exception=False)


def file_for_download(name: str, kind: str, content: bytes) -> dict[str, str]:
    """A file for `DOWNLOAD`, which keeps no copy on the server; `kind` is its MIME type."""
    return {"name": name, "href": _data_uri(kind, content)}


def decode_drawing(drawing: object) -> NDArray[np.uint8]:
    """base64 of 784 bytes → u8 [28,28], writable. Raises DrawingError for anything else."""
    try:
        if not isinstance(drawing, str) or len(drawing) > 2000:
            raise ValueError("no base64 of a drawing")
        pixels = np.frombuffer(base64.b64decode(drawing, validate=True), np.uint8)
        return pixels.reshape(28, 28).copy()
    except ValueError as error:
        raise DrawingError("The drawing cannot be read; draw it again.") from error


def encode_pixels(pixels: NDArray[np.uint8]) -> str:
    """u8 of any shape → base64 of its bytes; the inverse of `decode_drawing` for one."""
    return base64.b64encode(pixels.tobytes()).decode()


def ink(values: NDArray[Any], palette: tuple[bytes, bytes] = INK) -> str:
    """[H,W], 0 or more → a PNG as a data URI, from a palette's first colour (0) to its last (the
    largest value): invisible to full ink."""
    levels = values * (255 / max(float(values.max()), 1e-12))
    return palette_png(np.clip(levels, 0, 255).round().astype(np.uint8), palette)


def signed(values: NDArray[Any]) -> str:
    """[H,W] → a PNG as a data URI: orange above 0, blue below, strongest at the largest value."""
    levels = 128 + values * (127 / max(float(np.abs(values).max()), 1e-12))
    return palette_png(np.clip(levels, 0, 255).round().astype(np.uint8), SIGNED)


def palette_png(levels: NDArray[np.uint8], palette: tuple[bytes, bytes]) -> str:
    """u8 [H,W], indices into a palette → a PNG as a data URI, for the browser to enlarge."""
    return _png(levels.tobytes(), levels.shape[::-1], palette)


@lru_cache(maxsize=256)
def _png(levels: bytes, size: tuple[int, int], palette: tuple[bytes, bytes]) -> str:
    """Remembered: a page that watches a run is shown the same digits twice a second."""
    picture = Image.frombytes("P", size, levels)
    picture.putpalette(palette[0])
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=palette[1])
    return _data_uri("image/png", file.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
