"""The page: three tabs over mnist_core, and the only module that knows gradio.

Handlers translate between components and the core; there are no pixels and no losses here.
Nothing is kept at module level: `build` makes the page for the folders it is given.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading

# One thread to a visitor: those of several would spin against each other, and waking a second one
# takes longer than it saves on one digit. Must be set before torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import base64
import io
import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from functools import partial, wraps
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import gradio as gr
import spaces  # before torch, whose CUDA it stands in for on ZeroGPU
from fastapi.responses import JSONResponse
from gradio.context import LocalContext
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware

from mnist_core import config
from mnist_core.config import TrainConfig
from mnist_core.errors import BusyError, ConfigError, MnistError
from mnist_core.view import ANY, COMPARISONS, ORDERS, SHOWS, Asked, Choice, View
from mnist_core.words import CHINESE, chinese, language, language_of, say, speaking

if TYPE_CHECKING:
    from mnist_core.chunks import Chunk, Lend, Piece
    from mnist_core.gallery import Gallery
    from mnist_core.jobs import Jobs, MnistDownload
    from mnist_core.reader import Reader
    from mnist_core.reading import Reading

STATIC = Path(__file__).parent / "mnist_core" / "static"
MAX_UPLOAD_BYTES = 20_000_000
"""Of one file."""
MAX_REQUEST_BYTES = 2 * MAX_UPLOAD_BYTES + 1_000_000
"""The tutorial's pair comes as one request; the largest drawings are smaller."""
GPU_START_SECONDS = 15
"""For a borrowed GPU to be made ready and the digits to be brought to it."""
RENEW_SECONDS = 60
"""An open page keeps its runs from stopping, on whichever tab it is; and ZeroGPU knows a visitor by
what a queued request brings, for about three minutes."""

i18n = gr.I18n()
"""Marks an English sentence for the browser to show in its language; `launch` has the Chinese."""


def main() -> None:
    """Serve the page, then load what reads and trains, while the first browser loads the page."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # a service stops so: runs are saved
    sys.setswitchinterval(0.0005)  # seconds: who draws waits less for threads that compute
    data_dir = config.writable(config.data_dir())
    runs_dir = config.writable(config.runs_dir())
    download: Any = _Later(partial(_download, data_dir))
    page = build(data_dir, runs_dir, download, config.is_kept(runs_dir))
    launch(page, prevent_thread_lock=True)
    if config.fetches_at_start():
        download.start()
    from mnist_core import reading, run_views  # noqa: F401

    page.block_thread()


def build(
    data_dir: Path, runs_dir: Path, download: MnistDownload | None = None, kept: bool = True
) -> gr.Blocks:
    """The page over one data folder and one runs folder, `kept` if it outlives the server."""
    jobs: Any = _Later(partial(_jobs, data_dir, runs_dir))
    download = download or cast(Any, _Later(partial(_download, data_dir)))
    with gr.Blocks(title="MNIST lab", delete_cache=(3600, 3600)) as page:
        # Encrypted in the browser; a secret made at start would lose it at a restart.
        visitor, choice = (
            gr.BrowserState(None, storage_key=f"mnist-lab-{name}", secret="mnist-lab")
            for name in ("visitor", "choice")
        )
        with gr.Row(elem_classes="page-header"):
            gr.HTML(f"<h1>{i18n('MNIST lab')}</h1>", apply_default_css=False)
            weights = _weights_choice()
        if not kept:
            gr.Markdown(i18n(_NOT_KEPT), elem_classes="page-note")
        with gr.Tab(i18n("Draw"), id="draw") as draw:
            _draw_tab(weights, partial(_reader, jobs))
        with gr.Tab(i18n("Train"), id="train") as train:
            _missing_mnist(train, data_dir, download)
            show_runs = _train_tab(jobs, visitor, choice, data_dir)
        with gr.Tab(i18n("Test digits"), id="test") as test:
            against = _test_tab(test, data_dir, download, weights, partial(_find, jobs))
        page.load(_visitor, visitor, visitor, api_visibility="private").then(**show_runs)
        # Neither this nor what a browser keeps may be in a tab, which is only made when opened.
        gr.Timer(RENEW_SECONDS).tick(
            partial(_renew, jobs),
            visitor,
            concurrency_limit=16,
            show_progress="hidden",
            api_visibility="private",
        )
        gr.on(
            [visitor.change, draw.select, test.select],
            partial(_offer_weights, jobs),
            [visitor, weights, against],
            [weights, against],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    return page


_NOT_KEPT = (
    "What you train here is lost when this server restarts, because its disk is not kept: download"
    " the runs that you want to keep."
)


class _Later:
    """What `make` gives, made when it is first used: the first page need not wait for torch."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._lock, self._made = make, threading.Lock(), None

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            self._made = self._made or self._make()
        return getattr(self._made, name)


def _jobs(data_dir: Path, runs_dir: Path) -> Jobs:
    import torch

    from mnist_core.data import load
    from mnist_core.jobs import Jobs, Limits
    from mnist_core.workers import Workers

    slots = int(os.environ.get("MNIST_SLOTS") or max((os.cpu_count() or 1) // 2, 1))
    workers = Workers(keep=slots)
    workers.warm()
    lenders: dict[str, Lend] = {"cpu": workers.lend}
    if torch.cuda.is_available():
        on_zero = gr.utils.is_zero_gpu_space()
        lenders["cuda"] = _lend_gpu if on_zero else partial(workers.lend, device="cuda")
    jobs = Jobs(runs_dir, partial(load, folder=data_dir), Limits(slots=slots), lenders)
    atexit.register(workers.close)
    atexit.register(jobs.close)  # which comes first
    return jobs


@spaces.GPU(duration=lambda chunk: round(chunk.seconds) + GPU_START_SECONDS)
def _train_on_gpu(chunk: Chunk) -> Generator[Piece, None, None]:
    """A chunk on ZeroGPU, in a forked process that only pickled values leave or enter."""
    from mnist_core import chunks

    yield from chunks.train(chunk, device="cuda")


def _lend_gpu(chunk: Chunk, wanted: Callable[[], bool]) -> Generator[Piece, None, None]:
    """A chunk on ZeroGPU, as `chunks.Lend` says; its refusals are a BusyError."""
    from mnist_core import chunks

    try:
        with closing(_train_on_gpu(chunks.bounded(chunk))) as pieces:
            for piece in pieces:
                yield piece
                if not wanted():
                    return
    except gr.Error as error:
        reason = str(error.message).strip().rstrip(".")
        raise BusyError(
            say("No GPU is to be had: {reason}. Choose the CPU to go on without.", reason=reason)
        ) from error


def _download(data_dir: Path) -> MnistDownload:
    from mnist_core.jobs import MnistDownload

    return MnistDownload(data_dir)


def _visitor(token: Any) -> str:
    """The token that the browser keeps, made at the first visit."""
    from mnist_core.runs import is_visitor, new_visitor

    return token if is_visitor(token) else new_visitor()


def _weights_choice() -> gr.Dropdown:
    """Which weights read, on every tab; the value is what `_find` takes."""
    return gr.Dropdown(
        _shipped(),
        value=config.SHIPPED[0],
        label=i18n("Weights that read"),
        filterable=False,
        elem_classes="page-weights",
        min_width=200,
        scale=0,
    )


def _shipped() -> list[tuple[Any, str]]:
    return [(i18n(_SHIPPED[name]), name) for name in config.SHIPPED]


_SHIPPED = {"tutorial": "Tutorial, shipped", "modern": "Modern, shipped"}


def _spoken(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, in its visitor's language; the page shows MnistErrors as they are."""

    @wraps(handler)
    def handle(*values: Any) -> Any:
        request = LocalContext.request.get(None)
        accepted = None if request is None else request.headers.get("accept-language")
        with speaking(language_of(accepted)):
            try:
                return handler(*values)
            except gr.Error:
                raise
            except MnistError as error:
                raise gr.Error(str(error), print_exception=False) from error
            except Exception as error:
                logging.getLogger(__name__).exception("%s", handler.__name__)
                raise gr.Error(say(_UNANSWERED), print_exception=False) from error

    return handle


@_spoken
def _renew(jobs: Jobs, token: str | None) -> None:
    if token:
        jobs.renew(token)


@_spoken
def _offer_weights(jobs: Jobs, token: str | None, *chosen: str) -> list[Any]:
    """The shipped weights and the visitor's runs, for dropdowns with their present values.

    A run is named by its visitor's token and its id, so that it can be found by its owner alone.
    """
    runs = jobs.runs(token) if token else []
    own = [(run.about.name, f"{token}/{run.run_id}") for run in runs if run.accuracy is not None]
    offers = [[*_shipped(), *own], [_NOTHING, *_shipped(), *own]]
    return [_offered(*offer) for offer in zip(offers, chosen, strict=True)]


def _offered(choices: list[tuple[Any, str]], chosen: str) -> Any:
    """New choices; the value is set only if it is gone, since it may have changed meanwhile."""
    values = [value for _, value in choices]
    return gr.update(choices=choices, **({} if chosen in values else {"value": values[0]}))


def _find(jobs: Jobs, name: Any) -> tuple[str, Path]:
    """Weights by a choice of them: what they are called, and where. Raises ConfigError."""
    if name in config.SHIPPED:
        return say(_SHIPPED[name]), config.shipped_weights(name)
    token, _, run_id = str(name).partition("/")
    return jobs.look(token, run_id).about.name, jobs.checkpoint_file(token, run_id)


def _reader(jobs: Jobs, name: Any) -> Reader:
    """The network that a choice of weights stands for. Raises MnistError when there is none."""
    from mnist_core import reading

    return reading.reader(_find(jobs, name)[1])


_NOTHING = (i18n("nothing"), "")


def _draw_tab(weights: gr.Dropdown, reader: Callable[[object], Reader]) -> None:
    """The pad, what it reads, and what the network sees; and the same two doors as an API."""

    @_spoken
    def read_drawing(sent: dict) -> dict[str, Any]:
        return _shown(lambda core: core.read_strokes(reader(sent["weights"]), sent["strokes"]))

    @_spoken
    def read_file(sent: Any) -> dict[str, Any]:
        ((_, content),) = sent.files
        read = sent.data["weights"]
        return _shown(lambda core: core.read_picture(reader(read), io.BytesIO(content)))

    @_spoken
    def look_inside(sent: dict) -> str:
        from mnist_core import gallery

        try:
            return gallery.look_into(reader(sent["weights"]).network, sent["image"])
        except MnistError as error:
            return escape(str(error))

    def draw_example(digit: int) -> list[list[list[float]]]:
        from mnist_core import reading

        return reading.example(int(digit) % 10)

    @_spoken
    def read_strokes(strokes: list[list[list[float]]]) -> dict:
        """Read one digit from pen strokes, each a list of [x, y] in the unit square, y down."""
        return _api_answer(lambda core: core.read_strokes(reader(config.SHIPPED[0]), strokes))

    @_spoken
    def read_picture(picture: str) -> dict:
        """Read one digit from a picture file."""
        return _api_answer(lambda core: core.read_picture(reader(config.SHIPPED[0]), picture))

    functions = [read_drawing, read_file, look_inside, draw_example]
    pad = drawing_pad(functions, weights.value)
    weights.change(None, weights, pad, js="name => name", api_visibility="private")
    gr.api(read_strokes, api_name="read_strokes", concurrency_limit=8)
    with gr.Row(visible=False):
        picture, answer = gr.File(), gr.JSON()
    gr.on([], read_picture, picture, answer, api_name="read_picture", concurrency_limit=8)


def drawing_pad(functions: list[Callable], weights: str) -> gr.HTML:
    """The pad over its server functions: read_drawing, read_file, look_inside, draw_example."""
    return _own_html("pad", functions, weights, largest=MAX_UPLOAD_BYTES)


def _own_html(name: str, functions: list[Callable], value: Any = None, **props: Any) -> gr.HTML:
    """The component of static/`name`.html and .js, over functions that its script calls."""
    html, script = _static(f"{name}.html"), _static("own.js") + _static(f"{name}.js")
    return gr.HTML(
        value,
        html_template=html,
        js_on_load=script,
        server_functions=functions,
        chinese={english: said for english, said in chinese().items() if english in html + script},
        apply_default_css=False,
        **props,
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


def _train_tab(
    jobs: Jobs, visitor: gr.BrowserState, choice: gr.BrowserState, data_dir: Path
) -> dict[str, Any]:
    """Recipe, controls, live curve, runs. Returns the event that shows a visitor's runs."""

    @_spoken
    def look(asked: dict) -> dict[str, Any]:
        from mnist_core import run_views

        token, kept, epochs, *_ = asked["page"]
        tab = run_views.tab(jobs, token, Choice.of(kept), round(epochs or 0), asked["drawing"])
        return tab.news(asked["has"])

    @_spoken
    def act(event: gr.EventData, token: str, kept: Any, device: str, *values: Any) -> Any:
        from mnist_core import run_views

        asked = Asked(**event._data)
        if asked.action == "download":
            name, content = run_views.download(jobs, token, asked)
            return kept, _file(name, "application/octet-stream", content)
        wanted = dict(zip(settings, values, strict=True))
        chosen = run_views.act(jobs, token, Choice.of(kept), asked, wanted, device)
        return asdict(chosen), None

    @_spoken
    def upload(token: str, files: list[str]) -> Any:
        run_id = jobs.upload(token, [Path(file) for file in files])
        return asdict(Choice(run_id=run_id, at=jobs.now()))

    @_spoken
    def teach() -> str:
        from mnist_core import data
        from mnist_core.lesson import lesson

        try:
            return lesson(*data.load("mnist", data_dir))
        except MnistError as error:
            return escape(str(error))

    def fill(recipe: str) -> list:
        return [getattr(config.RECIPES.get(recipe), name, gr.skip()) for name in [*settings][1:]]

    with gr.Row(elem_classes="run-settings"):
        recipe = gr.Radio(
            [(i18n(config.TITLES[name]), name) for name in config.TITLES],
            value="tutorial",
            label=i18n("Recipe"),
            min_width=320,
        )
        basic = ("epochs", "batch_size", "learning_rate", "momentum", "seed")
        settings: dict[str, Any] = {"recipe": recipe, **{name: _setting(name) for name in basic}}
        device = gr.Radio(
            [("CPU", "cpu"), ("GPU", "cuda")], value="cpu", label=i18n("Train on"), visible=False
        )
    with gr.Accordion(i18n("More settings"), open=False), gr.Row(elem_classes="run-settings"):
        rest = [field.name for field in fields(TrainConfig) if field.name not in settings]
        settings |= {name: _setting(name) for name in rest}
    runs = _own_html("runs", [look])
    uploaded = gr.UploadButton(
        i18n("Upload a checkpoint, or model.pth and optimizer.pth"),
        file_count="multiple",
        file_types=[".pt", ".pth"],
        size="sm",
        scale=0,
    )

    with gr.Accordion(i18n("How it works"), open=False) as works:
        lesson = gr.HTML(_LESSON, apply_default_css=False, min_height=400)

    file = gr.JSON(visible="hidden")
    still: Any = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    asking: Any = {**still, "queue": True, "concurrency_limit": 16}
    page = [visitor, choice, settings["epochs"]]
    show: Any = {"fn": None, "inputs": page, "outputs": runs, "js": _NOW, **still}
    settings["epochs"].change(**show)
    acted = runs.select(
        act,
        [visitor, choice, device, *settings.values()],
        [choice, file],
        trigger_mode="multiple",  # by default a press while another is answered would be lost
        **asking,
    )
    acted.then(**show)
    acted.success(None, file, js=_DOWNLOAD)
    gr.on(None, _offer_gpu, None, device, **still)  # as the page loads
    uploaded.upload(upload, [visitor, uploaded], choice, **asking).then(**show)
    works.expand(teach, None, lesson, **{**asking, "concurrency_limit": 1})
    recipe.input(fill, recipe, [*settings.values()][1:], **still)
    for name in {*settings} - {"recipe", "epochs", "seed", "log_interval"}:
        settings[name].input(lambda: config.OWN, None, recipe, **still)
    return show


def _setting(name: str) -> gr.Number | gr.Dropdown:
    """A field of TrainConfig to choose or type, with its explanation.

    TrainConfig holds it to its range: a gr.Number would do so in English.
    """
    field = next(field for field in fields(TrainConfig) if field.name == name)
    label = i18n(name.replace("_", " ").capitalize())
    common: Any = {"label": label, "info": i18n(field.metadata["help"])}
    if "choices" in field.metadata:
        choices = [(i18n(choice), choice) for choice in field.metadata["choices"]]
        return gr.Dropdown(choices, value=field.default, min_width=150, **common)
    return gr.Number(
        value=field.default,
        precision=0 if field.type == "int" else None,
        step=1 if field.type == "int" else 0.01,
        min_width=110,
        **common,
    )


def _offer_gpu() -> Any:
    """Shown where there is a GPU, and chosen unless it costs the visitor's quota."""
    import torch

    if not torch.cuda.is_available():
        return gr.skip()
    if gr.utils.is_zero_gpu_space():
        return gr.update(visible=True, info=i18n("the GPU takes of your ZeroGPU quota"))
    return gr.update(visible=True, value="cuda")


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _test_tab(
    tab: gr.Tab,
    data_dir: Path,
    download: MnistDownload,
    weights: gr.Dropdown,
    find: Callable[[Any], tuple[str, Path]],
) -> gr.Dropdown:
    """Mistakes first: digits with truth and prediction, the matrix, and one digit's inside.

    Returns the choice of weights to compare with.
    """

    def gallery(reader: Any, against: Any, place: int) -> Gallery:
        from mnist_core import data
        from mnist_core.gallery import Gallery, Weights

        if reader is None:  # the page was closed meanwhile, and its states with it
            raise ConfigError(say("These digits are no longer open here; reload the page."))
        name, digits = reader
        readers = [Weights(*find(name), place)] + ([Weights(*find(against))] if against else [])
        return Gallery(data.load_shown(digits, data_dir), readers)

    def settle(arrived: bool, name: Any, digits: str) -> Any:
        there = arrived or not digits.startswith("mnist")
        return gr.update(visible=there), (name, digits) if there else gr.skip()

    @_spoken
    def choose(reader: Any) -> Any:
        from mnist_core.gallery import Weights

        if reader is None:  # the page was closed meanwhile, and its states with it
            return gr.skip()
        last = len(Weights(*find(reader[0])).moments()) - 1
        return gr.update(maximum=max(last, 1), value=last, visible=last > 0)

    def offer(against: Any) -> Any:
        shows = (*SHOWS, *(COMPARISONS if against else ()))
        return gr.update(choices=_named(shows), value=SHOWS[0])

    @_spoken
    def look(chosen: Any, *asked: Any) -> Any:
        shown, view = gallery(*asked[:3]), View(*asked[3:])
        return shown.summary(), shown.page(view, chosen), shown.matrices(view), 0

    @_spoken
    def look_inside(chosen: Any, drawing: Any, *asked: Any) -> Any:
        shown = gallery(*asked)
        return shown.detail(chosen, *drawing or ()), shown.network(), shown.about()

    def open_digit(event: gr.EventData) -> Any:
        return event.index, None

    @_spoken
    def open_drawing(drawing: list[str | None]) -> Any:
        if drawing == [None]:
            gr.Info(say("There is no drawing yet: draw a digit on the Draw tab first."))
        return None, drawing

    @_spoken
    def turn(event: gr.EventData, chosen: Any, *asked: Any) -> Any:
        return gallery(*asked[:3]).page(View(*asked[3:], page=event.page), chosen), event.page

    @_spoken
    def save_page(page: int, *asked: Any) -> Any:
        content = gallery(*asked[:3]).sheet(View(*asked[3:], page=page))
        return _file("digits.png", "image/png", content)

    @_spoken
    def save_results(*asked: Any) -> Any:
        return _file("results.csv", "text/csv", gallery(*asked).csv().encode())

    @_spoken
    def pick(event: gr.EventData) -> Any:
        asked = event._data
        return asked.get("show", "all"), asked.get("truth", ANY), asked.get("read", ANY)

    any_digit = [(i18n("any"), ANY), *((str(digit), digit) for digit in range(10))]
    html = partial(gr.HTML, js_on_load=_static("digits.js"), apply_default_css=False)
    choice = partial(gr.Dropdown, filterable=False, min_width=120)
    with gr.Row():
        digits = choice(_DIGITS, label=i18n("Digits"))
        against = choice([_NOTHING, *_shipped()], value="", label=i18n("Compare with"))
        show = gr.Radio(_named(SHOWS), value=SHOWS[0], label=i18n("Show"), min_width=320)
        truth = choice(any_digit, value=ANY, label=i18n("Truth"))
        read = choice(any_digit, value=ANY, label=i18n("Read as"))
        order = choice(_named(ORDERS), label=i18n("Order"), min_width=180)
        seed = gr.Number(1, label=i18n("Shuffle"), precision=0, visible=False, min_width=80)
    arrived = _missing_mnist(tab, data_dir, download)
    with gr.Column(visible=False) as content:
        summary = html()
        with gr.Row():
            time = gr.Slider(
                0, 1, 1, step=1, label=i18n("Time"), elem_classes="digit-time", min_width=240
            )
            own = gr.Button(i18n("Read my drawing"), scale=0, min_width=170, size="md")
        with gr.Row(elem_classes="digit-row"):
            with gr.Column():
                grid = html(_READING)
                with gr.Row():
                    png = gr.Button(i18n("This page as PNG"), size="sm")
                    csv = gr.Button(i18n("All results as CSV"), size="sm")
            with gr.Column():
                matrices = html()
        detail, drawn, about = html(), html(), html()
        gr.Markdown(i18n(_STORY))
    page, reader, file = gr.State(0), gr.State(None), gr.JSON(visible="hidden")
    chosen, drawing = gr.State(None), gr.JSON(visible="hidden")

    readers, view = [reader, against, time], [show, truth, read, order, seed]
    asked, shown = [chosen, *readers, *view], [summary, grid, matrices, page]
    # By default a change made while another is under way would be dropped: hence always_last.
    # Only a queued event makes the states that it sets report their change, and shows an error.
    still: Any = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    noted: Any = {**still, "queue": True, "concurrency_limit": None}
    patient: Any = {**noted, "show_progress": "minimal"}
    inner: Any = {"fn": look_inside, "inputs": [chosen, drawing, *readers], **noted}
    inner["outputs"] = [detail, drawn, about]
    digits.input(lambda: (None, None, _READING), None, [chosen, drawing, grid], **still)
    gr.on(
        [arrived.change, weights.change, digits.input],
        settle,
        [arrived, weights, digits],
        [content, reader],
        trigger_mode="always_last",
        **noted,
    )
    chosen_reader = reader.change(choose, reader, time, trigger_mode="always_last", **noted)
    chosen_reader.then(look, asked, shown, **patient).then(**inner)
    against.input(offer, against, show, **still).then(look, asked, shown, **patient).then(**inner)
    time.input(look, asked, shown, trigger_mode="always_last", **patient).then(**inner)
    gr.on([part.input for part in view], look, asked, shown, trigger_mode="always_last", **noted)
    order.change(lambda order: gr.update(visible=order == "random"), order, seed, **still)
    matrices.input(pick, None, [show, truth, read], **still).then(look, asked, shown, **noted)
    grid.submit(turn, asked, [grid, page], **noted)
    grid.select(open_digit, None, [chosen, drawing], **still).then(**inner)
    own.click(open_drawing, drawing, [chosen, drawing], js=_MY_DRAWING, **still).then(**inner)
    png.click(save_page, [page, *readers, *view], file, **noted).then(None, file, js=_DOWNLOAD)
    csv.click(save_results, readers, file, **noted).then(None, file, js=_DOWNLOAD)
    return against


def _missing_mnist(tab: gr.Tab, data_dir: Path, download: MnistDownload) -> gr.State:
    """While MNIST is missing: a sentence and a button that fetches it.

    Returns a state that turns true when the tab is opened and MNIST is there.
    """

    @_spoken
    def check() -> Any:
        from mnist_core.data import has_mnist

        there, busy = has_mnist(data_dir), download.running
        said = download.error.get(language(), say(_MISSING))
        if busy:
            said = say("Fetching MNIST: {share:.0%}", share=download.share)
        return (
            there,
            gr.update(visible=not there),
            said,
            gr.update(interactive=not busy),
            gr.Timer(active=not there),  # somebody else may fetch it
        )

    @_spoken
    def fetch() -> Any:
        download.start()
        return check()

    arrived, timer = gr.State(False), gr.Timer(1, active=False)
    with gr.Column(visible=False) as box:
        sentence, button = (
            gr.Markdown(i18n(_MISSING)),
            gr.Button(i18n("Fetch MNIST"), variant="primary"),
        )
    outputs = [arrived, box, sentence, button, timer]
    # Queued, because only then does the state report its change.
    quiet: Any = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    gr.on([tab.select, timer.tick], check, None, outputs, **quiet)
    button.click(fetch, None, outputs, **quiet)
    return arrived


_NOW = "(...page) => [[...page, Date.now()]]"
"""A value that is always a new one, so that its component looks again."""
_MISSING = (
    "MNIST, the 70,000 digits that this tab is about, is not on this machine yet. It is a download"
    " of 12 MB. Without it you can draw, and train on synthetic handwriting: under More settings on"
    " the Train tab, choose it as the dataset."
)
_MY_DRAWING = """() => {
  const drawing = localStorage.getItem("mnist-lab-drawing");
  document.querySelector('.digit-cell[aria-pressed="true"]')?.setAttribute("aria-pressed", "false");
  if (drawing) document.body.dataset.digitOpened = "";
  return [[drawing]];
}"""
_DIGITS = [
    (i18n("MNIST, test"), "mnist test"),
    (i18n("MNIST, training"), "mnist train"),
    (i18n("Synthetic handwriting"), "handwriting test"),
]
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
_LESSON = f"<p>{i18n('Training a small network to show what happens…')}</p>"
_READING = f'<p class="digit-hint">{i18n("Reading the digits…")}</p>'
_DOWNLOAD = """file => {
  if (!file) return;
  const link = document.createElement("a");
  [link.download, link.href] = [file.name, file.href];
  link.click();
}"""


def _file(name: str, kind: str, content: bytes) -> dict[str, str]:
    """A file for `_DOWNLOAD`, which hands it to the browser without a copy on the server."""
    return {"name": name, "href": f"data:{kind};base64,{base64.b64encode(content).decode()}"}


def _named(values: Sequence[str]) -> list[tuple[Any, str]]:
    """Choices whose values are English words, under these words in the visitor's language."""
    return [(i18n(value), value) for value in values]


_UNANSWERED = "This cannot be answered: reload the page, or ask for something else."
_TOO_LARGE = f"This is too large; at most {MAX_REQUEST_BYTES // 10**6} MB can be sent at a time."


def _unanswered(request: Any, error: Exception) -> JSONResponse:
    """To requests that the page does not make, on which gradio's routes or ours have stumbled."""
    return JSONResponse({"detail": _UNANSWERED}, status_code=500)


class _BoundedRequests:
    """ASGI middleware: refuses requests of more than MAX_REQUEST_BYTES.

    Gradio bounds a file, but neither their number nor anything that is no file.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        seen = 0

        async def receive_bounded() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_REQUEST_BYTES:
                raise MultiPartException(_TOO_LARGE)  # on which gradio deletes what has arrived
            return message

        declared = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if declared.isdigit() and int(declared[:20]) > MAX_REQUEST_BYTES:
            refusal = JSONResponse({"detail": _TOO_LARGE}, status_code=413)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive_bounded, send)


def launch(page: gr.Blocks, **options: Any) -> None:
    """Serve the page; everything that gradio takes at launch is set here, once."""
    marked = {english: said for english, said in chinese().items() if "{" not in english}
    with speaking("zh"):  # gradio says this in English to everybody
        place = say("In queue: {position} of {size}", position="{position}", size="{size}")
    marked["status.queue_position"] = place
    page.launch(
        theme=_theme(),
        css=_static("page.css"),
        i18n=gr.I18n(**dict.fromkeys(CHINESE, marked)),
        run_history=False,
        footer_links=["api"],
        max_file_size=MAX_UPLOAD_BYTES,
        ssr_mode=False,
        enable_monitoring=False,
        app_kwargs={
            "exception_handlers": {Exception: _unanswered},
            "middleware": [Middleware(_BoundedRequests)],
        },
        **options,
    )


def _theme() -> gr.themes.Base:
    """Gradio's own, one accent colour, dark enough everywhere to be read (WCAG AA)."""
    return gr.themes.Default(
        primary_hue="blue", neutral_hue="gray", font=["system-ui", "sans-serif"]
    ).set(
        color_accent="*primary_600",
        body_text_color_subdued="*neutral_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )


if __name__ == "__main__":
    main()
