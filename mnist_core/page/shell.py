"""The page as a whole: its tabs, its looks, and how much of a server its visitors may use."""

from __future__ import annotations

from typing import Any

import gradio as gr

from .. import config
from .draw import MAX_PICTURE_BYTES, draw_tab
from .lab import NOTHING, Lab, offered, shipped
from .limits import app_options, tell_gradios_errors
from .missing_mnist import missing_mnist
from .parts import PRIVATE, QUEUED, handler, i18n, own_html, static
from .test_digits import test_tab
from .train import train_tab
from .words import Words, chinese

RENEW_SECONDS = 60
"""How often an open page says that it is there, on whichever tab: a run that nobody has looked at
for long stops. ZeroGPU knows a visitor by what a queued request brings, for about three minutes."""
MAX_WAITING = 100
"""Events in gradio's queue; beyond these, a visitor is told that it is full."""
MAX_SESSIONS = 500
"""Open pages whose state is kept, each up to 0.3 MB; of more, the oldest start again."""

LANGUAGES = ("zh-CN", "zh-TW")
"""Those of gradio's own part of the page that are Chinese; `static/first.js` names others so."""

STYLES = ("page", "draw", "train", "digits")
"""The files of style in `static/`."""

_NOT_KEPT = (
    "What you train here is lost when this server restarts, because its disk is not kept: download"
    " the runs that you want to keep."
)
_FORGETS = (
    "Your browser keeps nothing for this page: what you train here is found again only until you"
    " close or reload it. Download what you want to keep, or open the page in a window of its own."
)


class _Answers:
    """What the page is answered on whichever tab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def arrive(self, _: Words, token: Any) -> Any:
        """The token that the browser keeps, made at the first visit, and whether runs are lost."""
        from ..runs.folder import is_visitor, new_visitor

        known = token if is_visitor(token) else new_visitor()
        return known, gr.update(visible=not self._lab.is_kept)

    def renew(self, _: Words, token: str | None) -> None:
        if token:
            self._lab.scheduler.renew(token)

    def offer_weights(self, _: Words, token: str | None, read: str, against: str) -> Any:
        weights = self._lab.weights(token)
        return offered(weights, read), offered([NOTHING, *weights], against)


def build(lab: Lab) -> gr.Blocks:
    """The page over a server's folders. Touches no disk."""
    answers = _Answers(lab)
    with LabPage(title="MNIST lab", delete_cache=(3600, 3600)) as page:
        visitor, choice = _kept_by_the_browser("visitor"), _kept_by_the_browser("choice")
        with gr.Row(elem_classes="page-header"):
            gr.HTML(f"<h1>{i18n('MNIST lab')}</h1>", apply_default_css=False)
            weights = _weights_choice()
            _share(weights)
        not_kept = gr.Markdown(i18n(_NOT_KEPT), elem_classes="page-note", visible=False)
        gr.Markdown(i18n(_FORGETS), elem_classes=["page-note", "page-forgets"])
        with gr.Tab(i18n("Draw"), id="draw") as draw:
            draw_tab(weights, lab, visitor)
        with gr.Tab(i18n("Train"), id="train") as train:
            missing_mnist(train, lab)
            show_runs = train_tab(lab, visitor, choice, weights)
        with gr.Tab(i18n("Test digits"), id="test") as test:
            against = test_tab(test, lab, weights)
        arrived = page.load(handler(answers.arrive), visitor, [visitor, not_kept], **PRIVATE)
        arrived.then(**show_runs)
        # Neither this nor what a browser keeps may be in a tab, which is only made when opened.
        gr.Timer(RENEW_SECONDS).tick(handler(answers.renew), visitor, **QUEUED)
        gr.on(
            [visitor.change, weights.focus, draw.select, test.select],
            handler(answers.offer_weights),
            [visitor, weights, against],
            [weights, against],
            **PRIVATE,
        )
    return page


def _share(weights: gr.Dropdown) -> None:
    """The button that copies a link to what is on the page, and what opens one."""

    def read_with(event: gr.EventData) -> Any:
        named = event._data.get("weights")
        return named if named in config.SHIPPED else gr.skip()

    share = own_html("share", value=weights.value, shipped=[*config.SHIPPED], min_width=0)
    weights.change(None, weights, share, js="name => name", **PRIVATE)
    share.input(read_with, None, weights, **PRIVATE)


def _kept_by_the_browser(name: str) -> gr.BrowserState:
    # Encrypted there; a secret made at start would lose it at a restart.
    return gr.BrowserState(None, storage_key=f"mnist-lab-{name}", secret="mnist-lab")


def _weights_choice() -> gr.Dropdown:
    """Which weights read, on every tab; the value is what `Lab.find` takes."""
    return gr.Dropdown(
        shipped(),
        value=config.SHIPPED[0],
        label=i18n("Weights that read"),
        filterable=False,
        elem_classes="page-weights",
        min_width=200,
        scale=0,
    )


class LabPage(gr.Blocks):
    """Blocks that bring all that gradio takes at launch, by app.py or by `gradio app.py`."""

    def queue(self, *arguments: Any, **options: Any) -> Any:
        """As gradio calls it first of all: once more would make all routes once more, 0.1 s."""
        return super().queue(*arguments, **{"max_size": MAX_WAITING, **options})

    def launch(self, *arguments: Any, **options: Any) -> Any:
        """Serve the page, as `gr.Blocks.launch` does."""
        ours = {
            "theme": theme(),
            "css": "".join(static(f"{name}.css") for name in STYLES),
            "i18n": gr.I18n(**dict.fromkeys(LANGUAGES, _marked())),
            "run_history": False,
            "footer_links": ["api"],
            "max_file_size": MAX_PICTURE_BYTES,
            "ssr_mode": False,
            "enable_monitoring": False,
            "state_session_capacity": MAX_SESSIONS,
            "app_kwargs": app_options(),
        }
        tell_gradios_errors()
        return super().launch(*arguments, **{**ours, **options})


def _marked() -> dict[str, str]:
    """The Chinese of what `i18n` marks, and of a place in gradio's queue: it says it in English.

    Not of the weights' names: gradio looks up any text there, the pad's value too."""
    marked = {
        english: said
        for english, said in chinese().items()
        if "{" not in english and english not in config.SHIPPED
    }
    return {**marked, "status.queue_position": chinese()["In queue: {position} of {size}"]}


def theme() -> gr.themes.Base:
    """Gradio's own as ink on paper: warm greys, and the blue of a pen as the one accent colour,
    dark enough everywhere to be read (WCAG AA)."""
    return gr.themes.Default(
        primary_hue="blue", neutral_hue="stone", font=["system-ui", "sans-serif"]
    ).set(
        body_background_fill="#faf8f4",
        body_background_fill_dark="#171614",
        body_text_color="#211f1b",
        body_text_color_subdued="*neutral_500",
        block_background_fill="#fffefb",
        block_background_fill_dark="#201f1c",
        block_border_width="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        input_background_fill="#fffefb",
        button_secondary_background_fill="#fffefb",
        button_secondary_background_fill_dark="#201f1c",
        color_accent="*primary_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )
