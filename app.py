"""The page: three tabs over mnist_core, and the only module that knows gradio.

Handlers translate between components and the core; there are no pixels and no losses here.
Nothing is kept at module level: `build` makes the page for the folders it is given.
"""

from __future__ import annotations

import os

# Two threads spinning against each other cost more than they save; must be set before torch loads.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from pathlib import Path

import gradio as gr

from mnist_core import config

STATIC = Path(__file__).parent / "mnist_core" / "static"


def build(data_dir: Path, runs_dir: Path) -> gr.Blocks:
    """The page over one data folder and one runs folder."""
    with gr.Blocks(title="MNIST lab") as page:
        gr.Markdown("# MNIST lab")
        with gr.Tab("Draw", id="draw"):
            _draw_tab()
        with gr.Tab("Train", id="train"):
            _train_tab(data_dir, runs_dir)
        with gr.Tab("Test digits", id="test"):
            _test_tab(data_dir)
    return page


def _draw_tab() -> None:
    """The pad, what it reads, and what the network sees."""


def _train_tab(data_dir: Path, runs_dir: Path) -> None:
    """Recipe, controls, live curve, runs."""


def _test_tab(data_dir: Path) -> None:
    """Test digits with truth and prediction."""


def launch(page: gr.Blocks, **options: object) -> None:
    """Serve the page; everything that gradio takes at launch is set here, once."""
    page.launch(css=(STATIC / "page.css").read_text(), run_history=False, **options)


if __name__ == "__main__":
    launch(build(config.data_dir(), config.runs_dir()))
