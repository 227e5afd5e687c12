"""The page: three tabs over mnist_core, and the only module that knows gradio.

Handlers translate between components and the core; there are no pixels and no losses here.
Nothing is kept at module level: `build` makes the page for the folders it is given.
"""

from __future__ import annotations

import os

# Two threads spinning against each other cost more than they save; must be set before torch loads.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from mnist_core import config
from mnist_core.errors import ConfigError, MnistError
from mnist_core.view import ANY, ORDERS, SHOWS, View

if TYPE_CHECKING:
    from torch.nn import Module

    from mnist_core.gallery import Gallery

STATIC = Path(__file__).parent / "mnist_core" / "static"


def build(data_dir: Path, runs_dir: Path) -> gr.Blocks:
    """The page over one data folder and one runs folder."""
    with gr.Blocks(title="MNIST lab") as page:
        with gr.Row(elem_classes="page-header"):
            gr.HTML("<h1>MNIST lab</h1>", apply_default_css=False)
            weights = _weights_choice()
        with gr.Tab("Draw", id="draw"):
            _draw_tab()
        with gr.Tab("Train", id="train"):
            _train_tab(data_dir, runs_dir)
        with gr.Tab("Test digits", id="test") as test:
            _test_tab(test, data_dir, weights, _network)
    return page


def _weights_choice() -> gr.Dropdown:
    """Which weights read, on every tab; the value is what `_network` takes."""
    choices = [(f"{name.title()}, shipped", name) for name in config.SHIPPED]
    return gr.Dropdown(
        choices,
        value=config.SHIPPED[0],
        label="Weights that read",
        filterable=False,
        elem_classes="page-weights",
        min_width=200,
        scale=0,
    )


def _network(name: object) -> Module:
    """The network that a choice of weights stands for. Raises MnistError when there is none."""
    from mnist_core.checkpoint import Checkpoint

    if name not in config.SHIPPED:
        raise ConfigError("There are no weights of this name. Choose them again.")
    return Checkpoint.load(config.shipped_weights(str(name))).network()


def _draw_tab() -> None:
    """The pad, what it reads, and what the network sees."""


def _train_tab(data_dir: Path, runs_dir: Path) -> None:
    """Recipe, controls, live curve, runs."""


def _test_tab(
    tab: gr.Tab, data_dir: Path, weights: gr.Dropdown, network: Callable[[object], Module]
) -> None:
    """Mistakes first: digits with truth and prediction, the matrix, and one digit's inside."""

    def gallery(name: object) -> Gallery:
        from mnist_core import data
        from mnist_core.gallery import Gallery

        return Gallery(data.load("mnist", data_dir)[1], {str(name): network(name)})

    @_with_sentences
    def look(name: object, *view: Any) -> tuple[Any, ...]:
        shown, asked = gallery(name), View(*view)
        return shown.summary(), shown.page(asked), shown.matrices(asked), 0

    @_with_sentences
    def turn(event: gr.EventData, name: object, *view: Any) -> tuple[Any, ...]:
        return gallery(name).page(View(*view, page=event.page)), event.page

    def pick(event: gr.EventData) -> tuple[Any, ...]:
        return "all", event.truth, event.read

    digits_js = (STATIC / "digits.js").read_text(encoding="utf-8")
    any_digit = [("any", ANY), *((str(digit), digit) for digit in range(10))]
    with gr.Row():
        show = gr.Radio(list(SHOWS), value=SHOWS[0], label="Show", min_width=300)
        truth = gr.Dropdown(any_digit, value=ANY, label="Truth", filterable=False, min_width=90)
        read = gr.Dropdown(any_digit, value=ANY, label="Read as", filterable=False, min_width=90)
        order = gr.Dropdown(list(ORDERS), label="Order", filterable=False, min_width=160)
        seed = gr.Number(1, label="Shuffle", precision=0, visible=False, min_width=90)
    summary = gr.HTML(apply_default_css=False)
    with gr.Row(elem_classes="digit-row"):
        grid = gr.HTML(js_on_load=digits_js, apply_default_css=False)
        matrices = gr.HTML(js_on_load=digits_js, apply_default_css=False)
    page = gr.State(0)

    asked = [weights, show, truth, read, order, seed]
    shown = [summary, grid, matrices, page]
    still: Any = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    patient: Any = {**still, "show_progress": "minimal"}
    tab.select(look, asked, shown, **patient)
    weights.change(look, asked, shown, **patient)
    gr.on([c.input for c in (show, truth, read, order, seed)], look, asked, shown, **still)
    order.change(lambda order: gr.update(visible=order == "random"), order, seed, **still)
    grid.submit(turn, asked, [grid, page], **still)
    picked = matrices.input(pick, None, [show, truth, read], **still)
    picked.then(look, asked, shown, **still)


def _with_sentences(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, whose MnistErrors the page shows as the sentences they are."""

    @wraps(handler)
    def handle(*values: Any) -> Any:
        try:
            return handler(*values)
        except MnistError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return handle


def launch(page: gr.Blocks, **options: object) -> None:
    """Serve the page; everything that gradio takes at launch is set here, once."""
    page.launch(css=(STATIC / "page.css").read_text(), run_history=False, **options)


if __name__ == "__main__":
    launch(build(config.data_dir(), config.runs_dir()))
