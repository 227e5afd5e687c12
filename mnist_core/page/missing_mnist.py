"""While MNIST is missing: a sentence, and a button that fetches it, on the tabs that need it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..errors import Message
from .lab import Lab
from .parts import QUEUED, handler, i18n
from .words import Words

_MISSING = (
    "MNIST, the 70,000 digits that this tab is about, is not on this machine yet. It is a download"
    " of 12 MB. Without it you can draw, and train on synthetic handwriting: on the Train tab,"
    " press change, open More settings and choose it as the dataset."
)


def missing_mnist(tab: gr.Tab, lab: Lab) -> gr.State:
    """The box, in the tab that is being made.

    Returns a state that turns true when the tab is opened and MNIST is there.
    """

    @handler
    def check(say: Words) -> tuple[Any, ...]:
        from ..digits.mnist import has_mnist  # which loads torch, and so not before it is needed

        download = lab.download
        there, busy = has_mnist(lab.data_dir), download.running
        said = say.translated(download.error or Message(_MISSING))
        if busy:
            said = say("Fetching MNIST: {share:.0%}", share=download.share)
        return (
            there,
            gr.update(visible=not there),
            said,
            gr.update(interactive=not busy),
            gr.Timer(active=not there),  # somebody else may fetch it
        )

    @handler
    def fetch(say: Words) -> tuple[Any, ...]:
        lab.download.start()
        return check()

    arrived, timer = gr.State(False), gr.Timer(1, active=False)
    with gr.Column(visible=False) as box:
        sentence = gr.Markdown(i18n(_MISSING))
        button = gr.Button(i18n("Fetch MNIST"), variant="primary")
    outputs = [arrived, box, sentence, button, timer]
    gr.on([tab.select, timer.tick], check, None, outputs, **QUEUED)
    button.click(fetch, None, outputs, **QUEUED)
    return arrived
