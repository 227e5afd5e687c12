"""What it takes to show the first page, and how the page starts where Spaces runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mnist_core import config
from mnist_core.data import _FILES

ROOT = Path(__file__).parent.parent
BUILDS = """
import json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from pathlib import Path
import app
app.build(Path(sys.argv[1]), Path(sys.argv[2]))
heavy = [name for name in ("torch", "torchvision", "matplotlib") if name in sys.modules]
print(json.dumps([heavy, [file for file in opened if file.startswith(sys.argv[1])]]))
"""


def test_the_first_page_needs_neither_torch_nor_the_digits(tmp_path):
    data = tmp_path / "data"
    (data / "MNIST" / "raw").mkdir(parents=True)
    for name in _FILES:
        (data / "MNIST" / "raw" / name).touch()
    done = subprocess.run(
        [sys.executable, "-c", BUILDS, str(data), str(tmp_path / "runs")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]
    assert not (tmp_path / "runs").exists()


def test_a_server_that_is_told_to_stop_ends_as_it_does_by_the_keyboard(start_server):
    server = start_server()
    server.process.terminate()
    assert server.process.wait(60) == 0  # else nothing is saved, as after a kill


def test_a_folder_that_cannot_be_written_to_is_replaced_by_a_temporary_one(tmp_path):
    assert config.writable(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    other = config.writable(tmp_path / "file" / "runs")
    (other / "run").touch()
    assert tmp_path not in other.parents
    shutil.rmtree(other)


def test_a_folder_with_mnist_in_it_is_used_even_if_it_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system")

    (tmp_path / "MNIST").mkdir()
    monkeypatch.setattr(config.tempfile, "TemporaryFile", refuse)
    assert config.writable(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("environment", "fetches", "kept"),
    [
        ({}, False, True),
        ({"SPACE_ID": "a/b"}, True, False),
        ({"SPACE_ID": "a/b", "MNIST_FETCH": "0", "MNIST_RUNS_DIR": "/data/runs"}, False, True),
        ({"MNIST_FETCH": "1"}, True, True),
    ],
)
def test_spaces_fetches_mnist_unasked_and_forgets_what_is_not_on_a_volume(
    monkeypatch, environment, fetches, kept
):
    for name in ("SPACE_ID", "MNIST_FETCH", "MNIST_RUNS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert config.fetches_at_start() == fetches
    assert config.is_kept(config.runs_dir()) == kept
    assert not config.is_kept(Path("/elsewhere"))


def test_started_as_spaces_starts_it_with_nothing_to_write_to_it_works_and_says_so(
    start_server, open_page, tmp_path
):
    (tmp_path / "file").touch()
    server = start_server(
        tmp_path / "file" / "data",
        MNIST_RUNS_DIR=str(tmp_path / "file" / "runs"),
        SYSTEM="spaces",
        SPACE_ID="someone/mnist-lab",
        GRADIO_SERVER_NAME="0.0.0.0",
        https_proxy="http://127.0.0.1:1",  # no network
    )
    page = open_page(url=server.url)
    expect(page.get_by_text("lost when this server restarts")).to_be_visible()
    page.get_by_role("tab", name="Train").click()
    expect(page.get_by_text("MNIST could not be downloaded")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="More settings").click()
    page.get_by_label("Dataset").click()
    page.get_by_role("option", name="handwriting", exact=True).click()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".run-sentence")).to_contain_text("images/s", timeout=300_000)
