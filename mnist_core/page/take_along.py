"""A run as a package for other programs: to download, or on the Hub from a Space.

Where the page is a Space with `hf_oauth`, one signs in and publishes with a press; elsewhere the
command is told that does it.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import gradio as gr

from .. import places
from ..errors import BusyError, CheckpointError, ConfigError
from .bounded import bounded
from .lab import Lab
from .parts import QUEUED, handler, i18n
from .words import Words

if TYPE_CHECKING:
    from .networks import Network

_PATIENCE_SECONDS = 20.0
_COMMAND = (
    "To publish a run on the Hugging Face Hub, download its package below Your runs, unpack it,"
    " and let the Hub's own client send it: `hf auth login`, then `hf upload YOU/NAME FOLDER`."
)


def package_of(lab: Lab, visitor: str, run_id: str) -> dict[str, bytes]:
    """The files of a visitor's run, measured on its test digits. Raises MnistError; BusyError
    while it is being measured."""
    from .networks import network_at

    file = lab.scheduler.checkpoint_file(visitor, run_id)
    if not file.is_file():
        raise CheckpointError("The run has not begun, so there is nothing to download yet.")
    name = lab.scheduler.look(visitor, run_id).about.name
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return _package(network_at(file), file, name, lab.data_dir)
        except BusyError:  # which says how far it is; a press should be enough where it can be
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def publishing(lab: Lab, visitor: gr.BrowserState, choice: gr.BrowserState) -> None:
    """Lay out and wire what publishes the run that is shown."""

    def publish(say: Words, visitor: str, kept: Any, token: gr.OAuthToken | None) -> str:
        from ..export import hub
        from .run_view import Choice, shown_run

        if token is None:
            raise ConfigError("Sign in with Hugging Face first.")
        run = shown_run(lab.scheduler.runs(visitor), Choice.of(kept))
        if run is None:
            raise ConfigError("There is no run to publish yet: train one.")
        name = "-".join(["mnist", *re.findall("[A-Za-z0-9]+", run.about.name)]).lower()
        address = hub.publish(package_of(lab, visitor, run.run_id), name, token.token)
        return say("Published: {address}", address=address)

    with gr.Accordion(i18n("Publish a run"), open=False):
        if places.publishes():
            with gr.Row():
                gr.LoginButton(size="sm", scale=0, min_width=220)
                button = gr.Button(
                    i18n("Publish the run shown on the Hub"), size="sm", scale=0, min_width=260
                )
            said = gr.Markdown()
            button.click(handler(publish), [visitor, choice], said, **QUEUED)
        else:
            gr.Markdown(i18n(_COMMAND))
        if places.space():
            gr.DuplicateButton(cast(str, i18n("Duplicate this Space")))


@bounded(keep=4)
def _package(network: Network, file: Path, name: str, data_dir: Path) -> dict[str, bytes]:
    """Worked out once for the same weights under the same name."""
    from ..digits.datasets import measured_on
    from ..export.figures import Figures
    from ..export.package import package
    from .networks import checkpoint_at, digits_of, readings_of

    checkpoint = checkpoint_at(file)
    test = digits_of(f"{measured_on(checkpoint.config.dataset)} test", data_dir)
    letters = digits_of("letters test", data_dir)
    read = [readings_of(network, split) for split in (test, letters)]
    return package(checkpoint, Figures(evaluation=read[0], letters=read[1]), name)
