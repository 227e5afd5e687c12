"""The page: three tabs over mnist_core, and the only module that knows gradio.

Handlers translate between components and the core; there are no pixels and no losses here.
Nothing is kept at module level: `build` makes the page for the folders it is given.
"""

from __future__ import annotations

import atexit
import os

# Two threads spinning against each other cost more than they save; must be set before torch loads.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import base64
import io
from collections.abc import Callable
from dataclasses import fields
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from mnist_core import config
from mnist_core.config import TrainConfig
from mnist_core.errors import ConfigError, MnistError
from mnist_core.view import ANY, ORDERS, SHOWS, View

if TYPE_CHECKING:
    from torch.nn import Module

    from mnist_core.gallery import Gallery
    from mnist_core.jobs import Jobs
    from mnist_core.reading import Reading

STATIC = Path(__file__).parent / "mnist_core" / "static"
MAX_UPLOAD_BYTES = 20_000_000


def build(data_dir: Path, runs_dir: Path) -> gr.Blocks:
    """The page over one data folder and one runs folder."""
    from mnist_core.data import load
    from mnist_core.jobs import Jobs, Limits

    slots = int(os.environ.get("MNIST_SLOTS") or max((os.cpu_count() or 1) // 2, 1))
    jobs = Jobs(runs_dir, partial(load, folder=data_dir), Limits(slots=slots))
    atexit.register(jobs.close)
    with gr.Blocks(title="MNIST lab", delete_cache=(3600, 3600)) as page:
        # Encrypted in the browser; a secret made at start would lose it at a restart.
        visitor = gr.BrowserState(None, storage_key="mnist-lab-visitor", secret="mnist-lab")
        with gr.Row(elem_classes="page-header"):
            gr.HTML("<h1>MNIST lab</h1>", apply_default_css=False)
            weights = _weights_choice()
        with gr.Tab("Draw", id="draw"):
            _draw_tab(weights, _network)
        with gr.Tab("Train", id="train"):
            look, inputs, outputs = _train_tab(jobs, visitor)
        with gr.Tab("Test digits", id="test") as test:
            _test_tab(test, data_dir, weights, _find)
        page.load(_visitor, visitor, visitor, api_visibility="private").then(
            look, inputs, outputs, js=_WITH_DRAWING, api_visibility="private"
        )
    return page


def _visitor(token: str | None) -> str:
    """The token that the browser keeps, made at the first visit."""
    from mnist_core.runs import new_visitor

    return token or new_visitor()


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


def _find(name: object) -> tuple[str, Path]:
    """Weights by a choice of them: what they are called, and where. Raises ConfigError."""
    if not isinstance(name, str) or name not in config.SHIPPED:
        raise ConfigError("There are no weights of this name. Choose them again.")
    return f"{name.title()}, shipped", config.shipped_weights(name)


def _network(name: object) -> Module:
    """The network that a choice of weights stands for. Raises MnistError when there is none."""
    from mnist_core import reading

    return reading.network(_find(name)[1])


def _draw_tab(weights: gr.Dropdown, network: Callable[[object], Module]) -> None:
    """The pad, what it reads, and what the network sees; and the same two doors as an API."""

    def read_drawing(sent: dict) -> dict[str, Any]:
        return _shown(lambda core: core.read_strokes(network(sent["weights"]), sent["strokes"]))

    def read_file(sent: Any) -> dict[str, Any]:
        ((_, content),) = sent.files
        read = sent.data["weights"]
        return _shown(lambda core: core.read_picture(network(read), io.BytesIO(content)))

    def draw_example(digit: int) -> list[list[list[float]]]:
        from mnist_core import reading

        return reading.example(int(digit) % 10)

    def read_strokes(strokes: list[list[list[float]]]) -> dict:
        """Read one digit from pen strokes, each a list of [x, y] in the unit square, y down."""
        return _api_answer(lambda core: core.read_strokes(network(config.SHIPPED[0]), strokes))

    def read_picture(picture: str) -> dict:
        """Read one digit from a picture file."""
        return _api_answer(lambda core: core.read_picture(network(config.SHIPPED[0]), picture))

    functions = [read_drawing, read_file, draw_example]
    pad = drawing_pad(functions, weights.value)
    weights.change(None, weights, pad, js="name => name", api_visibility="private")
    gr.api(read_strokes, api_name="read_strokes", concurrency_limit=8)
    with gr.Row(visible=False):
        picture, answer = gr.File(), gr.JSON()
    gr.on([], read_picture, picture, answer, api_name="read_picture", concurrency_limit=8)


def drawing_pad(functions: list[Callable], weights: str) -> gr.HTML:
    """The pad over its three server functions: read_drawing, read_file, draw_example."""
    return gr.HTML(
        weights,
        html_template=(STATIC / "pad.html").read_text(encoding="utf-8"),
        js_on_load=(STATIC / "pad.js").read_text(encoding="utf-8"),
        server_functions=functions,
        apply_default_css=False,
        largest=MAX_UPLOAD_BYTES,
    )


def _shown(read: Callable[[Any], Reading]) -> dict[str, Any]:
    """A reading as the pad takes it; what could not be read is a remark."""
    from mnist_core import reading

    try:
        result = read(reading)
    except MnistError as error:
        return {"remark": str(error)}
    if result.image is None:
        return {"remark": result.remark}
    return {
        "digit": result.digit,
        "probabilities": result.probabilities,
        "image": base64.b64encode(result.image.tobytes()).decode(),
        "remark": result.remark,
    }


def _api_answer(read: Callable[[Any], Reading]) -> dict[str, Any]:
    """A reading as the API gives it. Raises gr.Error with the sentence when there is none."""
    from mnist_core import reading

    try:
        result = read(reading)
    except MnistError as error:
        raise gr.Error(str(error), print_exception=False) from error
    if result.image is None:
        raise gr.Error(result.remark, print_exception=False)
    return {
        "digit": result.digit,
        "probabilities": result.probabilities,
        "image": result.image.tolist(),
    }


_WITH_DRAWING = "(...v) => [...v.slice(0, -1), localStorage.getItem('mnist-lab-drawing')]"
"""Puts the digit last drawn in this browser, base64 of u8 [28,28], in place of the last input."""


def _train_tab(jobs: Jobs, visitor: gr.BrowserState) -> tuple[Callable, list, list]:
    """Recipe, controls, live curve, runs. Returns what draws it anew: function, inputs, outputs."""
    from mnist_core import run_views
    from mnist_core.run_views import Asked, Choice

    def look(token: str, choice: Any, sent: list, epochs: int, drawing: str | None) -> list:
        shown = run_views.tab(jobs, token, choice, epochs or 0, drawing)
        parts = [shown.bar, shown.watch, shown.table]
        new = [*map(hash, parts), shown.active]
        updates = zip([*parts, gr.Timer(active=shown.active)], new, sent or [None] * 4, strict=True)
        return [new, *(part if now != before else gr.skip() for part, now, before in updates)]

    def look_all(token: str, choice: Any, sent: list, epochs: int, drawing: str | None) -> list:
        return look(token, choice, [], epochs, drawing)

    @_with_sentences
    def act(event: gr.EventData, token: str, choice: Any, device: str, *values: Any) -> Any:
        asked = Asked(**event._data)
        if asked.action == "download":
            name, content = run_views.download(jobs, token, asked)
            return choice, _file(name, "application/octet-stream", content)
        wanted = run_views.settings(dict(zip(settings, values, strict=True)))
        return run_views.act(jobs, token, choice, asked, wanted, device), None

    @_with_sentences
    def upload(token: str, files: list[str]) -> Any:
        run_id = jobs.upload(token, [Path(file) for file in files])
        return Choice(run_id=run_id, at=jobs.now())

    def fill(recipe: str) -> list:
        return [getattr(config.RECIPES.get(recipe), name, gr.skip()) for name in [*settings][1:]]

    with gr.Row(elem_classes="run-settings"):
        titles = [(name.title(), name) for name in config.RECIPES]
        recipe = gr.Radio([*titles, ("My own", run_views.OWN)], value="tutorial", label="Recipe")
        basic = ("epochs", "batch_size", "learning_rate", "momentum", "seed")
        settings: dict[str, Any] = {"recipe": recipe, **{name: _setting(name) for name in basic}}
    with gr.Accordion("More settings", open=False), gr.Row(elem_classes="run-settings"):
        rest = [field.name for field in fields(TrainConfig) if field.name not in settings]
        settings |= {name: _setting(name) for name in rest}
        device = gr.Dropdown(_devices(), value="auto", label="Device", info="where it trains")
    html = partial(gr.HTML, js_on_load=_static("runs.js"), apply_default_css=False)
    bar, watch, table = html(min_height=110), html(min_height=560), html(min_height=160)
    uploaded = gr.UploadButton(
        "Upload a checkpoint, or model.pth and optimizer.pth",
        file_count="multiple",
        file_types=[".pt", ".pth"],
        size="sm",
        scale=0,
    )

    choice, sent, drawing = gr.State(Choice()), gr.State([]), gr.State(None)
    file = gr.JSON(visible=False)
    fast, slow = gr.Timer(0.4, active=False), gr.Timer(3)
    inputs = [visitor, choice, sent, settings["epochs"], drawing]
    outputs = [sent, bar, watch, table, fast]
    still: Any = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    asking: Any = {**still, "queue": True, "concurrency_limit": 16}
    fast.tick(look, inputs, outputs, js=_WITH_DRAWING, **still)
    slow.tick(look_all, inputs, outputs, js=_WITH_DRAWING, **still)
    asked = [visitor, choice, device, *settings.values()]
    for part in (bar, watch, table):
        acted = part.select(act, asked, [choice, file], **asking)
        acted.then(look, inputs, outputs, js=_WITH_DRAWING, **still)
        acted.success(None, file, js=_DOWNLOAD)
    uploaded.upload(upload, [visitor, uploaded], choice, **asking).then(
        look, inputs, outputs, js=_WITH_DRAWING, **still
    )
    recipe.input(fill, recipe, [*settings.values()][1:], **still)
    for name in {*settings} - {"recipe", "epochs", "seed", "log_interval"}:
        settings[name].input(lambda: run_views.OWN, None, recipe, **still)
    return look_all, inputs, outputs


def _setting(name: str) -> gr.Number | gr.Dropdown:
    """A field of TrainConfig to choose or type, with its range and explanation."""
    field = next(field for field in fields(TrainConfig) if field.name == name)
    common = {"label": name.replace("_", " ").capitalize(), "info": field.metadata["help"]}
    if "choices" in field.metadata:
        return gr.Dropdown(field.metadata["choices"], value=field.default, min_width=150, **common)
    return gr.Number(
        value=field.default,
        minimum=field.metadata["low"],
        maximum=field.metadata["high"],
        precision=0 if field.type == "int" else None,
        step=1 if field.type == "int" else 0.01,
        min_width=110,
        **common,
    )


def _devices() -> list[str]:
    import torch

    return ["auto", "cpu", "cuda"] if torch.cuda.is_available() else ["auto", "cpu"]


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _test_tab(
    tab: gr.Tab, data_dir: Path, weights: gr.Dropdown, find: Callable[[Any], tuple[str, Path]]
) -> None:
    """Mistakes first: digits with truth and prediction, the matrix, and one digit's inside."""

    def gallery(digits: str, name: Any, against: Any, place: int) -> Gallery:
        from mnist_core import data
        from mnist_core.gallery import Gallery, Reader

        dataset, part = digits.split()
        readers = [Reader(*find(name), place)] + ([Reader(*find(against))] if against else [])
        return Gallery(data.load(dataset, data_dir)[part == "test"], readers)

    @_with_sentences
    def choose(name: Any) -> Any:
        from mnist_core.gallery import Reader

        last = len(Reader(*find(name)).moments()) - 1
        return gr.update(maximum=max(last, 1), value=last, interactive=last > 0)

    @_with_sentences
    def look(digits: str, name: Any, against: Any, place: int, *view: Any) -> Any:
        shown, asked = gallery(digits, name, against, place), View(*view)
        return shown.summary(), shown.page(asked), shown.matrices(asked), 0

    @_with_sentences
    def turn(
        event: gr.EventData, digits: str, name: Any, against: Any, place: int, *view: Any
    ) -> Any:
        shown = gallery(digits, name, against, place)
        return shown.page(View(*view, page=event.page)), event.page

    @_with_sentences
    def look_inside(chosen: int, *readers: Any) -> Any:
        shown = gallery(*readers)
        return shown.detail(chosen), shown.network()

    @_with_sentences
    def save_page(page: int, digits: str, name: Any, against: Any, place: int, *view: Any) -> Any:
        shown = gallery(digits, name, against, place)
        return _file("digits.png", "image/png", shown.sheet(View(*view, page=page)))

    @_with_sentences
    def save_results(*readers: Any) -> Any:
        return _file("results.csv", "text/csv", gallery(*readers).csv().encode())

    def open_digit(event: gr.EventData) -> int:
        return event.index

    def pick(event: gr.EventData) -> Any:
        shown = event._data.get("show", "all")
        return shown, event._data.get("truth", ANY), event._data.get("read", ANY)

    digits_js = (STATIC / "digits.js").read_text(encoding="utf-8")
    any_digit = [("any", ANY), *((str(digit), digit) for digit in range(10))]
    parts = [(f"{shown}, {part}", f"{name} {part}")
             for name, shown in _DATASETS.items() for part in ("test", "train")]  # fmt: skip
    with gr.Row():
        show = gr.Radio([*SHOWS], value=SHOWS[0], label="Show", min_width=300)
        truth = gr.Dropdown(any_digit, value=ANY, label="Truth", filterable=False, min_width=90)
        read = gr.Dropdown(any_digit, value=ANY, label="Read as", filterable=False, min_width=90)
        order = gr.Dropdown([*ORDERS], label="Order", filterable=False, min_width=160)
        seed = gr.Number(1, label="Shuffle", precision=0, visible=False, min_width=90)
    with gr.Row():
        digits = gr.Dropdown(parts, label="Digits", filterable=False, min_width=160)
        against = gr.Dropdown(
            [("nothing", ""), *weights.choices], label="Compare with", filterable=False
        )
        time = gr.Slider(0, 1, 1, step=1, label="Time", interactive=False, min_width=300)
    summary = gr.HTML(apply_default_css=False)
    with gr.Row(elem_classes="digit-row"):
        with gr.Column():
            grid = gr.HTML(js_on_load=digits_js, apply_default_css=False)
            with gr.Row():
                png = gr.Button("This page as PNG", size="sm")
                csv = gr.Button("All results as CSV", size="sm")
        with gr.Column():
            matrices = gr.HTML(js_on_load=digits_js, apply_default_css=False)
            detail = gr.HTML(js_on_load=digits_js, apply_default_css=False)
            drawn = gr.HTML(apply_default_css=False)
    page, chosen, file = gr.State(0), gr.State(0), gr.JSON(visible="hidden")

    readers, view = [digits, weights, against, time], [show, truth, read, order, seed]
    shown = [summary, grid, matrices, page]
    still: Any = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    patient: Any = {**still, "show_progress": "minimal"}
    for event in (tab.select, weights.change):
        chain = event(choose, weights, time, **still).then(look, readers + view, shown, **patient)
        chain.then(look_inside, [chosen, *readers], [detail, drawn], **still)
    for event in (digits.input, against.input, time.release):
        chain = event(look, readers + view, shown, **patient)
        chain.then(look_inside, [chosen, *readers], [detail, drawn], **still)
    gr.on([c.input for c in view], look, readers + view, shown, **still)
    order.change(lambda order: gr.update(visible=order == "random"), order, seed, **still)
    matrices.input(pick, None, [show, truth, read], **still).then(
        look, readers + view, shown, **still
    )
    grid.submit(turn, readers + view, [grid, page], **still)
    grid.select(open_digit, None, chosen, **still).then(
        look_inside, [chosen, *readers], [detail, drawn], **still
    )
    png.click(save_page, [page, *readers, *view], file, **still).then(None, file, js=_DOWNLOAD)
    csv.click(save_results, readers, file, **still).then(None, file, js=_DOWNLOAD)


_DATASETS = {"mnist": "MNIST", "handwriting": "Synthetic handwriting"}
_DOWNLOAD = """file => {
  if (!file) return;
  const link = document.createElement("a");
  [link.download, link.href] = [file.name, file.href];
  link.click();
}"""


def _file(name: str, kind: str, content: bytes) -> dict[str, str]:
    """A file for `_DOWNLOAD`, which hands it to the browser without a copy on the server."""
    return {"name": name, "href": f"data:{kind};base64,{base64.b64encode(content).decode()}"}


def _with_sentences(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, whose MnistErrors the page shows as the sentences they are."""

    @wraps(handler)
    def handle(*values: Any) -> Any:
        try:
            return handler(*values)
        except MnistError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return handle


def launch(page: gr.Blocks, **options: Any) -> None:
    """Serve the page; everything that gradio takes at launch is set here, once."""
    page.launch(
        theme=gr.themes.Default(
            primary_hue="blue", neutral_hue="gray", font=["system-ui", "sans-serif"]
        ),
        css=(STATIC / "page.css").read_text(encoding="utf-8"),
        run_history=False,
        footer_links=["api"],
        max_file_size=MAX_UPLOAD_BYTES,
        **options,
    )


if __name__ == "__main__":
    launch(build(config.data_dir(), config.runs_dir()))
