"""The Train tab: settings, a visitor's runs as they learn, and how it works.

What is shown of the runs is `run_view`, what their buttons do `run_actions`; the script that asks
for it is `static/runs.js`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

import gradio as gr

from ..errors import BusyError, MnistError
from .lab import Lab
from .parts import DOWNLOAD, PRIVATE, QUEUED, file_for_download, handler, i18n, own_html, render
from .take_along import package_of, publishing
from .words import Words

_NOW = "(...page) => [[...page, Date.now()]]"
"""A value that is always a new one, so that its component looks again."""
_OPEN_DRAW = "drawn => drawn && mnistLink.show('draw')"
_LESSON = f"<p>{i18n('Getting the digits…')}</p>"


class _Answers:
    """What the tab is answered. Everything comes from a browser: the core checks it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def look(self, say: Words, asked: dict[str, Any]) -> str:
        """As JSON in one piece, which costs gradio nothing to pass on."""
        from ..config import TUTORIAL
        from ..digits.datasets import load_test
        from .mine import Mine
        from .run_settings import config_of
        from .run_view import Choice, Page, look
        from .untrained import untrained

        visitor, kept, *_ = asked["page"]
        config = TUTORIAL
        with suppress(MnistError):  # a field that is out of its range is marked
            config = config_of(asked["settings"])
        page = Page(
            visitor=visitor,
            choice=Choice.of(kept),
            epochs=round(asked["settings"].get("epochs") or 0),
            drawing=asked["drawing"],
            marks=dict(asked["marks"]),
            points=dict(asked["points"]),
            config=config,
        )
        lab = self._lab
        file_of = partial(lab.scheduler.checkpoint_file, visitor)
        own, judge = lab.own.find(asked.get("mine")), lab.workers.judge
        mine = Mine(own=own, file_of=file_of, judge=judge, load=lab.load)
        forgotten = asked.get("mine") and mine.own is None
        letters = partial(self._swallowed, visitor)
        start = partial(untrained, partial(load_test, "mnist", lab.data_dir))
        seen = look(lab.scheduler, page, say, mine, letters, start)
        return json.dumps(seen | {"forgotten": bool(forgotten)}, separators=(",", ":"))

    def _swallowed(self, visitor: str, run_id: str) -> int | None:
        from .networks import swallowed

        with suppress(MnistError):
            file = self._lab.scheduler.checkpoint_file(visitor, run_id)
            return swallowed(file, self._lab.data_dir, self._lab.workers.read)
        return None

    def act(self, say: Words, event: gr.EventData, visitor: str, kept: Any) -> Any:
        """What is chosen from now on; a file to download; weights to draw with, and whether to."""
        from .run_actions import Pressed, act, download
        from .run_view import Choice

        pressed = Pressed(**event._data)
        if pressed.action == "download":
            pack = partial(package_of, self._lab, visitor, pressed.run_id)
            name, content = download(self._lab.scheduler, visitor, pressed, pack)
            file = file_for_download(name, "application/octet-stream", content)
            return kept, file, gr.skip(), None
        if pressed.action == "draw":
            weights, wanted = self._lab.weights(visitor), f"{visitor}/{pressed.run_id}"
            self._lab.find(say, wanted)
            return kept, None, gr.update(choices=weights, value=wanted), {"drawn": True}
        chosen = act(self._lab.scheduler, visitor, Choice.of(kept), pressed, say)
        return asdict(chosen), None, gr.skip(), None

    def upload(self, say: Words, visitor: str, files: list[str]) -> Any:
        from .run_view import Choice

        scheduler = self._lab.scheduler
        run_id = scheduler.upload(visitor, [Path(file) for file in files], say("Uploaded"))
        return asdict(Choice(run_id=run_id, at=scheduler.now()))

    def teach(self, say: Words) -> str:
        from .lesson import lesson

        try:
            return lesson(say, self._lab.load("mnist")[0])
        except MnistError as error:
            return render("said.html", say, sentence=say.translated(error))

    def ask(self, _: Words, question: Any) -> dict[str, Any]:
        """What a question of the lesson is answered with; nothing while that is computed."""
        from .lesson import answer

        try:
            return answer(question, *self._lab.load("mnist"))
        except BusyError:
            return {}


def train_tab(
    lab: Lab, visitor: gr.BrowserState, choice: gr.BrowserState, weights: gr.Dropdown
) -> dict[str, Any]:
    """Lay out and wire the tab, from which one goes to draw with a run's `weights`. Returns the
    event that shows a visitor's runs."""
    answers = _Answers(lab)
    runs = own_html("runs", [handler(answers.look)], libraries=["curves", "cloud", "run_settings"])
    uploaded = gr.UploadButton(
        cast(str, i18n("Upload a checkpoint, or model.pth and optimizer.pth")),
        file_count="multiple",
        file_types=[".pt", ".pth"],
        size="sm",
        scale=0,
    )
    with gr.Accordion(i18n("How it works"), open=False) as works:
        lesson = own_html("lesson", [handler(answers.ask)], value=_LESSON, min_height=400)
    publishing(lab, visitor, choice)
    file, drawn = gr.JSON(visible="hidden"), gr.JSON(visible="hidden")

    page = [visitor, choice]
    show: dict[str, Any] = {"fn": None, "inputs": page, "outputs": runs, "js": _NOW, **PRIVATE}
    acted = runs.select(
        handler(answers.act),
        page,
        [choice, file, weights, drawn],
        trigger_mode="multiple",  # by default a press while another is answered would be lost
        **QUEUED,
    )
    acted.then(**show)
    acted.success(None, file, js=DOWNLOAD)
    acted.success(None, drawn, js=_OPEN_DRAW)
    uploaded.upload(handler(answers.upload), [visitor, uploaded], choice, **QUEUED).then(**show)
    works.expand(handler(answers.teach), None, lesson, **{**QUEUED, "concurrency_limit": 1})
    return show
