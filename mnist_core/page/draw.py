"""The Draw tab: the pad, what it reads and what the network sees; the same two doors as an API.

The pad itself is `static/pad.html`, `pad_answer.js` and `pad.js`, over the functions given here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from .. import config, places
from ..errors import MnistError
from .lab import Lab
from .parts import ACTIVATIONS, PRIVATE, QUEUED, encode_pixels, handler, in_line, own_html
from .words import Words

if TYPE_CHECKING:
    from ..reading import Classifier, Reading

MAX_PICTURE_BYTES = 20_000_000

Strokes = list[list[list[float]]]
"""Pen strokes, each a list of [x, y] in the unit square, y down."""

_TO_TRAIN = "() => mnistLink.show('train')"

Labelled = list[dict[str, Any]]
"""Labelled drawings, as `digits.own` takes them."""


class _Answers:
    """What the pad and the API are answered. `sent` comes from anyone: the core checks it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def read_drawing(self, say: Words, sent: dict[str, Any]) -> dict[str, Any]:
        from ..reading import read_strokes

        strokes, unfinished = sent["strokes"], bool(sent.get("unfinished"))
        return self._shown(say, sent, lambda reader: read_strokes(reader, strokes, unfinished))

    def read_file(self, say: Words, sent: Any) -> dict[str, Any]:
        from ..reading import read_picture

        ((_, content),) = sent.files
        prepare = self._lab.open_picture
        return self._shown(say, sent.data, lambda reader: read_picture(reader, content, prepare))

    def keep_own(self, say: Words, sent: dict[str, Any]) -> dict[str, Any]:
        """The key of the visitor's drawings, or of those with a `key`, and how they are read."""
        from .own import told_of

        kept = self._lab.own
        try:
            own = kept.find(sent["key"]) if "key" in sent else kept.keep(sent["drawings"])
            if own is None:
                return {"unknown": True}
            return told_of(own, kept.reader(self._lab.reader(sent["weights"]), own))
        except MnistError as error:
            return {"remark": say.translated(error)}

    def read_earlier(self, say: Words, sent: dict[str, Any]) -> dict[str, str]:
        from .earlier import read_before

        try:
            checkpoint = self._lab.find(say, sent["weights"])[1]
            return {"sentence": read_before(say, checkpoint, sent["image"])}
        except MnistError:
            return {"sentence": ""}  # the verdict itself says what is wrong

    def teach(self, say: Words, event: gr.EventData, visitor: str, weights: str) -> None:
        """Begin a run that teaches the weights the visitor's drawings."""
        from ..checkpoint import Checkpoint
        from ..digits.own import own_drawings
        from ..training import Trainer

        start = Checkpoint.load(self._lab.find(say, weights)[1])
        own = own_drawings(event._data["drawings"])
        run = Trainer.start_from(start, config.teaching(start.config), own=own)
        self._lab.scheduler.start_from(visitor, run.checkpoint(), name=say("Taught mine"))

    def look_inside(self, say: Words, sent: dict[str, Any]) -> dict[str, Any]:
        """The maps; of one `pixel`, where it is named, the sum; what `mattered` for a
        digit, or what would `fool` both shipped networks."""
        from . import inside
        from .networks import network_at

        try:
            if "fool" in sent:
                shipped = [network_at(places.shipped_weights(name)) for name in config.SHIPPED]
                found = [inside.fooled(network, sent["image"]) for network in shipped]
                return {"fooled": dict(zip(config.SHIPPED, found, strict=True))}
            network, drawing = network_at(self._lab.find(say, sent["weights"])[1]), sent["image"]
            if "pixel" in sent:
                return inside.arithmetic(say, network, drawing, sent["pixel"])
            if "mattered" in sent:
                return {"mattered": inside.mattered(network, drawing, int(sent["mattered"]))}
            return inside.maps(say, network, drawing)
        except MnistError as error:
            return {"remark": say.translated(error)}

    def draw_example(self, _: Words, digit: int) -> Strokes:
        from .. import reading

        return reading.example(int(digit) % 10)

    def read_strokes(
        self, _: Words, strokes: Strokes, own: Labelled | None = None
    ) -> dict[str, Any]:
        """Read a handwritten digit or number in pen strokes.

        The answer's reading is "7", "42", or "" for no digit; probabilities are those of the digits
        0 to 9; remark is a sentence where it is unsure; image is the 28×28 that was read.

        Args:
            strokes: In the order drawn, each a list of [x, y] points in the unit square, y down.
            own: To read the same hand better, {"strokes": …, "label": 0 to 9 or "no digit"} each.
        """
        from .. import reading

        return _told(reading.read_strokes(self._taught(own), strokes), np.ndarray.tolist)

    def read_picture(self, _: Words, picture: str, own: Labelled | None = None) -> dict[str, Any]:
        """Read a handwritten digit in a picture: a PNG, JPEG, WebP, GIF, BMP or TIFF of at most
        20 MB with one digit in it, dark on light or light on dark.

        The answer's reading is "7", or "" for no digit; probabilities are those of the digits 0 to
        9; remark is a sentence where it is unsure; image is the 28×28 that was read.

        Args:
            picture: The picture's file; for an assistant, its http address or data URI.
            own: To read the same hand better, {"strokes": …, "label": 0 to 9 or "no digit"} each.
        """
        from .. import reading

        found = reading.read_picture(self._taught(own), picture, self._lab.open_picture)
        return _told(found, np.ndarray.tolist)

    def _taught(self, own: Labelled | None) -> Classifier:
        reader, kept = self._lab.reader(config.SHIPPED[0]), self._lab.own
        return reader if own is None else kept.reader(reader, kept.keep(own))

    def _shown(
        self, say: Words, sent: dict[str, Any], read: Callable[[Classifier], Reading]
    ) -> dict[str, Any]:
        """A reading as the pad takes it; what could not be read is a remark."""
        try:
            reader = self._lab.reader(sent["weights"])
            own = self._lab.own.find(sent["own"]) if sent.get("own") else None
            found = read(self._lab.own.reader(reader, own) if own else reader)
        except MnistError as error:
            return {"remark": say.translated(error)}
        if found.image is None:
            return {"remark": say.translated(found.remark)}
        return {
            **_told(found, encode_pixels),
            "unknown": bool(sent.get("own")) and own is None,
            "remark": say.translated(found.remark),
            "takes_all": reader.takes_all,
        }


_SCRIPTS = ("answer", "inside", "sum", "fool", "arrive", "earlier")


def draw_tab(weights: gr.Dropdown, lab: Lab, visitor: gr.BrowserState) -> None:
    """Lay out and wire the tab; `weights` is the choice of those that read."""
    answers = _Answers(lab)
    functions = [
        handler(answers.read_drawing),
        handler(answers.read_file),
        in_line(handler(answers.look_inside)),
        handler(answers.read_earlier),
        handler(answers.draw_example),
        handler(answers.keep_own),
    ]
    pad = own_html(
        "pad",
        functions,
        weights.value,
        libraries=[f"pad_{name}" for name in _SCRIPTS] + ["own_digits"],
        largest=MAX_PICTURE_BYTES,
        activations=_palette(),
    )
    weights.change(None, weights, pad, js="name => name", **PRIVATE)
    taught = pad.select(handler(answers.teach), [visitor, weights], None, **QUEUED)
    taught.success(None, None, None, js=_TO_TRAIN, **PRIVATE)
    gr.api(handler(answers.read_strokes), api_name="read_strokes", concurrency_limit=8)
    with gr.Row(visible=False):
        picture, own, answer = gr.File(), gr.JSON(), gr.JSON()
    # What gradio says of JSON is no schema, and an assistant refuses it.
    own.api_info = lambda: {"type": "array", "items": {"type": "object"}}  # type: ignore[method-assign]
    read_picture = handler(answers.read_picture)
    gr.on([], read_picture, [picture, own], answer, api_name="read_picture", concurrency_limit=8)


def _told(found: Reading, shown: Callable[[Any], object]) -> dict[str, Any]:
    """A reading with its images as `shown` makes them. Raises DrawingError for none."""
    return {
        **found.to_dict(),
        "image": shown(found.image),
        "digits": [{**vars(each), "image": shown(each.image)} for each in found.digits],
    }


def _palette() -> str:
    """`parts.ACTIVATIONS` as base64 of u8 [256,4], RGBA."""
    colours, alpha = (np.frombuffer(part, np.uint8).reshape(256, -1) for part in ACTIVATIONS)
    return encode_pixels(np.hstack([colours, alpha]))
