"""Shared fixtures: MNIST where it is, the app as its own process, a real browser.

Tests that need MNIST or a browser skip with a reason where there is none; with REQUIRE_BROWSER=1
in the environment a missing browser is a failure instead.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
from servers import PATIENCE_SECONDS, Server, StartServer, servers

hypothesis.settings.register_profile(
    "the same everywhere",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.data_too_large,
    ],
)
hypothesis.settings.load_profile("the same everywhere")

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
BROWSERS = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What draws at random draws the same, whichever tests ran before."""
    random.seed(2026)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(2026)


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Synthetic digits are kept for the session's tests and their servers, and not with the user's.

    MNIST's own folder is only read.
    """
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder with MNIST in it; skips where MNIST_DATA_DIR names none."""
    folder = os.environ.get("MNIST_DATA_DIR")
    if not folder or not _has_mnist(Path(folder)):
        pytest.skip("needs MNIST: set MNIST_DATA_DIR to a folder that has it")
    return Path(folder).resolve()


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """`start_server(data_dir=…, **environment)` → a running app; the folder is empty if not given.

    `program` starts it, app.py unless given. Each call starts another process, with a runs folder
    of its own; all end with the file of tests, since each takes a gigabyte.
    """
    with servers(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app that most tests share; it has MNIST where `mnist_dir` has."""
    folder = Path(os.environ.get("MNIST_DATA_DIR") or "none")
    with servers(tmp_path_factory) as start:
        yield start(folder.resolve() if _has_mnist(folder) else None)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes on one thread, by which results are the same to the bit."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def children() -> Callable[[], set[multiprocessing.process.BaseProcess]]:
    """`children()`: the processes that this test has started and that have not ended."""
    before = {*multiprocessing.active_children()}
    return lambda: {*multiprocessing.active_children()} - before


@pytest.fixture
def visitor() -> str:
    """A new visitor's token."""
    from mnist_core.runs.folder import new_visitor

    return new_visitor()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of runs: it stands until a test says `clock.seconds += …`."""
    from mnist_core.runs import run

    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: clock.seconds))
    return clock


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small_disk(size)`: a disk of its own, of so many bytes, for the folder `runs`."""
    disk = tmp_path / "runs"

    def mount(size: int) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
            disk.rmdir()
            pytest.skip("needs the right to mount a small disk")
        return disk

    yield mount
    if disk.exists():
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def open_scheduler(tmp_path: Path):  # type: ignore[no-untyped-def]
    """`open_scheduler(**limits)`: what a newly started server finds in one and the same folder.

    `load` and `lenders` are the scheduler's. The server before is closed first, and all in the end.
    """
    import torch
    from training_runs import load as small_digits

    from mnist_core.runs.scheduler import Limits, Scheduler

    opened, threads = [], torch.get_num_threads()

    def open_(load=small_digits, lenders=None, **limits: float) -> Scheduler:  # type: ignore[no-untyped-def]
        if opened:
            opened[-1].close()
        limits = {"slots": 1, **limits}
        opened.append(Scheduler(tmp_path / "runs", load, Limits(**limits), lenders))
        return opened[-1]

    yield open_
    if opened:
        opened[-1].close()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def browser():  # type: ignore[no-untyped-def]
    """Headless Chromium (a playwright Browser), looked for in CHROMIUM and the usual places."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        _no_browser("playwright is not installed")
    with sync_playwright() as playwright:
        path = chromium() or playwright.chromium.executable_path
        if not Path(path).exists():
            _no_browser("no Chromium found: set CHROMIUM to one")
        expect.set_options(timeout=1000 * PATIENCE_SECONDS)
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield browser
        browser.close()


LISTENING = """new MutationObserver(() => {
  for (const toast of document.querySelectorAll(".toast-body:not([data-told])")) {
    toast.dataset.told = "";
    console.error("toast: " + toast.innerText);
  }
}).observe(document, { childList: true, subtree: true });
addEventListener("beforeunload", () => console.debug("leaving"))"""
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def open_page(browser, server: Server):  # type: ignore[no-untyped-def]
    """`open_page(path="/", url=…, **context)` → a Page of a new visitor, loaded.

    `context` is what playwright's `new_context` takes: viewport, has_touch, color_scheme … Unless
    it says otherwise, motion is unwanted: nothing moves of itself then, nor writes on the pad.
    The test fails on any toast, error in the console or error of a script, unless it contains one
    of the page's texts `allowed` (see `visiting.allow`), or the page is just being left, which ends
    its requests.
    """
    pages = []

    def listen(page) -> None:  # type: ignore[no-untyped-def]
        page.allowed, page.complaints, page.is_left = [], [], False

        def complain(text: str) -> None:
            if not page.is_left:
                page.complaints.append(text)

        def hear(said) -> None:  # type: ignore[no-untyped-def]
            page.is_left |= said.type == "debug" and said.text == "leaving"
            if said.type == "error":
                complain(f"{said.text} ({said.location['url']})")

        page.on("pageerror", lambda error: complain(str(error)))
        page.on("console", hear)
        page.on("domcontentloaded", lambda: setattr(page, "is_left", False))

    def open_(path: str = "/", url: str = server.url, **context: object):  # type: ignore[no-untyped-def]
        opened = browser.new_context(**{"reduced_motion": "reduce", **context})
        opened.add_init_script(LISTENING)
        page = opened.new_page()
        listen(page)
        pages.append(page)
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.goto(url + path)
        page.get_by_role("tab").first.wait_for()
        page.locator(".pad .bar").last.wait_for(state="attached")  # its scripts have run
        page.evaluate(TWO_FRAMES)  # and it is painted
        return page

    yield open_
    for page in pages:
        page.context.close()
    for page in pages:
        said = page.complaints
        assert [text for text in said if not any(part in text for part in page.allowed)] == []


@pytest.fixture
def page(open_page):  # type: ignore[no-untyped-def]
    """A new visitor's page of the shared server, 1280 × 900."""
    return open_page(viewport={"width": 1280, "height": 900})


def _has_mnist(folder: Path) -> bool:
    return (folder / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").is_file()


def chromium() -> str | None:
    """Where a Chromium is, unless only playwright knows."""
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    return next((found for found in map(shutil.which, BROWSERS) if found), None)


def _no_browser(reason: str) -> None:
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
