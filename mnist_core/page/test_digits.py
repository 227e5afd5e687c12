"""The Test digits tab: mistakes first; digits with truth and reading, the matrix, one's inside.

The controls say which digits are wanted; `static/digits.js` sends what they say, and where the
visitor is among the digits, to the one function `look`, which answers with the parts that the page
does not have yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from zlib import crc32

import gradio as gr

from ..config import NONE
from ..errors import BusyError, ConfigError, MnistError
from .lab import NOTHING, Lab
from .missing_mnist import missing_mnist
from .parts import PRIVATE, handler, i18n, own_html
from .view import ANY, COMPARISONS, ORDERS, SHOWS, View
from .words import Words

_DIGITS = {
    "mnist test": "MNIST, test",
    "mnist train": "MNIST, training",
    "handwriting test": "Synthetic handwriting",
    "own": "My digits",
    "nondigits test": "No digits",
}
_SYNTHETIC = ("handwriting test", "own", "nondigits test")
"""Those of them for which MNIST is not needed."""
_STORY = """\
MNIST is 60,000 digits to train on and 10,000 to test on, made by Yann LeCun, Corinna Cortes and
Christopher Burges from two collections of the US National Institute of Standards and Technology:
half of each was written by employees of the Census Bureau, half by high-school students. Each digit
was scaled to fit 20×20 pixels and placed in 28×28 with its centre of mass in the middle. Nobody who
wrote for one of the two sets wrote for the other.

Sources: [LeCun, Bottou, Bengio and Haffner 1998](https://doi.org/10.1109/5.726791);
[Yadav and Bottou 2019](https://arxiv.org/abs/1905.10498). Synthetic handwriting was written by this
program, not by people.
"""
_ASKED = """(weights, digits, against, show, truth, read_as, order, seed) => [{
  weights, digits, against, view: { show, truth, read_as, order, seed }, time: Date.now() }]"""
"""What the controls say; always a new value, so that the page looks again."""


def answer(lab: Lab, say: Words, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The `parts` that are asked for by name, without those that the page `has`, and their marks.

    "time" is the moments of the run and the place among them, "cloud" is `cloud.shown`'s, "sheet"
    and "csv" are files, all else is HTML. `waiting`, a sentence, and the `share` that is done if it
    is known, instead where it is not there yet; or an `error`.
    """
    try:
        makers = _makers(lab, say, asked)
        marks = {
            name: crc32(f"{asked['digits']} {asked.get('mine')} {makers[name]}".encode())
            for name in asked["parts"]
        }
        new = [name for name, mark in marks.items() if asked["has"].get(name) != mark]
        return {"parts": {name: makers[name]() for name in new}, "marks": marks}
    except BusyError as error:
        return {"waiting": say.translated(error), "share": error.message.values.get("share")}
    except MnistError as error:
        return {"error": say.translated(error)}


def test_tab(tab: gr.Tab, lab: Lab, weights: gr.Dropdown) -> gr.Dropdown:
    """The controls and what they show. Returns the choice of weights to compare with."""

    @handler
    def look(say: Words, asked: dict[str, Any]) -> dict[str, Any]:
        return answer(lab, say, asked)

    @handler
    def watch(_: Words, asked: dict[str, Any]) -> dict[str, Any] | None:
        from .cloud import live

        return live(lab.scheduler, asked["weights"], asked["own"])

    def pick(event: gr.EventData) -> tuple[Any, ...]:
        asked = event._data
        chosen = asked.get("show", "all"), asked.get("truth", ANY), asked.get("read", ANY)
        return (*chosen, asked.get("digits") or gr.skip())

    def offer(against: str) -> Any:
        shows = (*SHOWS, *(COMPARISONS if against else ()))
        return gr.update(choices=_named(shows), value=SHOWS[0])

    any_digit: list[Any] = [(i18n("any"), ANY), *((str(digit), digit) for digit in range(10))]
    any_digit.append((i18n("no digit"), NONE))
    choice = partial(gr.Dropdown, filterable=False, min_width=120)
    with gr.Row():
        digits = choice(
            [(i18n(label), name) for name, label in _DIGITS.items()],
            label=i18n("Digits"),
            min_width=170,
        )
        against = choice([NOTHING], value="", label=i18n("Compare with"), min_width=200)
        show = gr.Radio(
            _named(SHOWS), value=SHOWS[0], label=i18n("Show"), min_width=320, elem_classes="pills"
        )
        truth = choice(any_digit, value=ANY, label=i18n("Truth"))
        read = choice(any_digit, value=ANY, label=i18n("Read as"))
        order = choice(_named(ORDERS), label=i18n("Order"), min_width=200)
        seed = gr.Number(1, label=i18n("Shuffle"), precision=0, visible=False, min_width=80)
    arrived = missing_mnist(tab, lab)
    with gr.Column(visible=False) as content:
        shown = own_html("digits", [look, watch], libraries=["cloud", "digits_cloud"])
        gr.Markdown(i18n(_STORY))

    view: list[Any] = [show, truth, read, order, seed]
    inputs = [weights, digits, against, *view]
    ask: dict[str, Any] = {"fn": None, "inputs": inputs, "outputs": shown, "js": _ASKED, **PRIVATE}
    fit: dict[str, Any] = {"fn": _uncover, "inputs": [arrived, digits, truth]}
    fit |= {"outputs": [content, truth], **PRIVATE}
    gr.on([arrived.change, digits.input], **fit).then(**ask)
    gr.on([tab.select, weights.change, *(part.input for part in view)], **ask)
    against.input(offer, against, show, **PRIVATE).then(**ask)
    shown.input(pick, None, [show, truth, read, digits], **PRIVATE).then(**fit).then(**ask)
    order.change(lambda order: gr.update(visible=order == "random"), order, seed, **PRIVATE)
    return against


def _uncover(arrived: bool, digits: str, truth: int) -> tuple[Any, Any]:
    """The digits, where they are there; and no truth that none of them has."""
    fits = truth == ANY or (truth == NONE) == (digits == "nondigits test")
    shown = gr.update(visible=arrived or not digits.startswith("mnist"))
    return shown, gr.skip() if fits else ANY


def _makers(lab: Lab, say: Words, asked: Mapping[str, Any]) -> dict[str, partial[Any]]:
    """What makes each part. A part is the same as long as what makes it is."""
    # Loads torch, for which no page waits.
    from . import cloud
    from .gallery import Gallery
    from .networks import checkpoint_at, digits_of, moments, network_at, own_digits

    if asked["digits"] not in _DIGITS:
        raise ConfigError("There are no such digits.")
    name, checkpoint = lab.find(say, asked["weights"])
    kept = moments(checkpoint)
    moment = asked["moment"] if asked["moment"] in kept else None
    begun = say("before it was taught") if checkpoint_at(checkpoint).own else say("untrained")
    times = [
        *((n, say("after {count:,} examples", count=n) if n else begun) for n in kept),
        (None, say("as saved")),
    ]
    if moment is not None:
        name = say("{name}, {moment}", name=name, moment=dict(times)[moment])
    networks = [(name, network_at(checkpoint, moment))]
    if asked["against"]:
        other, checkpoint = lab.find(say, asked["against"])
        networks.append((other, network_at(checkpoint)))
    if asked["digits"] != "own":
        split = digits_of(asked["digits"], lab.data_dir)
    else:  # of which nothing is kept here
        split = own_digits(lab.own.find(asked.get("mine")))
        networks = [(name, replace(network, readings=None)) for name, network in networks]
    is_compared = asked.get("own") and asked["digits"] not in _SYNTHETIC
    training = digits_of("mnist train", lab.data_dir) if is_compared else None
    gallery = Gallery(say, tuple(networks), split, lab.workers.read, training)
    if {*asked["parts"]} - {"time"}:
        gallery.readings()  # at first and alone: what else is made need not wait for it

    view = View(**asked["view"], page=int(asked["page"]))
    view = replace(view, seed=int(view.seed or 0) % 2**32)
    return {
        "time": partial(dict, times=times, place=[n for n, _ in times].index(moment)),
        "summary": partial(Gallery.summary, gallery),
        "page": partial(Gallery.page, gallery, view),
        "matrices": partial(Gallery.matrices, gallery, replace(view, order="", seed=0, page=0)),
        "detail": partial(Gallery.detail, gallery, asked["chosen"], asked["drawing"]),
        "cloud": partial(cloud.shown, gallery, asked.get("own")),
        "network": partial(Gallery.network, gallery),
        "counts": partial(Gallery.counts, gallery),
        "sheet": partial(Gallery.sheet, gallery, view),
        "csv": partial(Gallery.csv, gallery),
    }


def _named(values: Sequence[str]) -> list[tuple[Any, str]]:
    """Choices whose values are English words, under these words in the visitor's language."""
    return [(i18n(value), value) for value in values]
