"""How the page starts and stops: cheaply, on odd machines, as Spaces starts it, in a notebook."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect
from servers import PATIENCE_SECONDS, free_port
from training_runs import until
from visiting import Visitor, allow, open_settings

from mnist_core.checkpoint import Checkpoint
from mnist_core.digits.mnist import _FILES
from mnist_core.page import environment

ROOT = Path(__file__).parent.parent
OPENED = """
import json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
{imports}
heavy = [name for name in ("gradio", "torch", "torchvision", "matplotlib") if name in sys.modules]
print(json.dumps([heavy, [file for file in opened if file.startswith(sys.argv[1])]]))
"""


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("imports", "heavy"),
    [("import app; app.demo", ["gradio"]),
     ("import runpy; runpy.run_path('app.py', run_name='__mp_main__')", [])],
    ids=["the page", "a worker"],
)  # fmt: skip
def test_the_first_page_needs_neither_torch_nor_the_digits_and_a_worker_no_page(
    tmp_path, imports, heavy
):
    data = tmp_path / "data"
    (data / "MNIST" / "raw").mkdir(parents=True)
    for name in _FILES:
        (data / "MNIST" / "raw" / name).touch()
    folders = {"MNIST_DATA_DIR": str(data), "MNIST_RUNS_DIR": str(tmp_path / "runs")}
    done = python(OPENED.format(imports=imports), str(data), **folders)
    assert json.loads(done.stdout.splitlines()[-1]) == [heavy, []], done.stderr
    assert not (tmp_path / "runs").exists()


NOTEBOOK = """
import threading, urllib.request
def cell():
    import app
    from mnist_core.page.shell import MAX_WAITING
    _, url, _ = app.demo.launch(prevent_thread_lock=True, quiet=True)
    assert app.demo._queue.max_size == MAX_WAITING
    print("run-curves" in urllib.request.urlopen(url + "config").read().decode())
    app.demo.close(verbose=False)
thread = threading.Thread(target=cell)
thread.start(); thread.join()
"""


def test_a_notebook_launches_the_same_page_from_any_thread(tmp_path):
    done = python(
        NOTEBOOK, MNIST_RUNS_DIR=str(tmp_path / "runs"), MNIST_DATA_DIR=str(tmp_path / "data"),
        GRADIO_ANALYTICS_ENABLED="False", GRADIO_SERVER_PORT=str(free_port()),
    )  # fmt: skip
    assert "True" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr


def _catches(process_id: int, number: int) -> bool:
    """Whether it has a handler of its own for a signal."""
    said = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{process_id}/status").read_text(), re.M)
    return bool(int(said[1], 16) >> (number - 1) & 1)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_server_that_is_told_to_stop_before_it_has_started_ends_without_a_traceback(
    tmp_path, name
):
    program = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py")],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "GRADIO_SERVER_PORT": str(free_port())},
    )  # fmt: skip
    until(lambda: _catches(program.pid, signal.SIGTERM))
    program.send_signal(getattr(signal, name))
    output, _ = program.communicate(timeout=PATIENCE_SECONDS)
    assert (program.returncode, output) == (0, b"")


def test_a_server_that_is_told_to_stop_again_and_again_saves_its_runs_first(
    start_server, mnist_dir
):
    server = start_server(mnist_dir)
    visitor = Visitor(server)
    assert visitor.act("train")[0] == 200
    until(lambda: "images/s" in visitor.look())
    for _ in range(3):
        server.process.terminate()
        time.sleep(0.05)
    assert server.process.wait(120) == 0
    (file,) = server.runs_dir.glob("*/*/checkpoint.pt")
    assert Checkpoint.load(file).batches_done > 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "wrong",
    ["MNIST_SLOTS=two", "MNIST_SLOTS=0", "MNIST_FETCH=maybe", "GRADIO_SERVER_PORT=http",
     "GRADIO_SERVER_PORT=99999", "GRADIO_NUM_PORTS=0", "GRADIO_ROOT_PATH=lab",
     "GRADIO_DEFAULT_CONCURRENCY_LIMIT=many", "MNIST_CLUSTER=10.0.0.1"],
)  # fmt: skip
def test_a_wrong_value_in_the_environment_is_said_at_start(tmp_path, wrong):
    name, value = wrong.split("=")
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=tmp_path, env={**os.environ, name: value}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name} must be") or name in done.stderr
    assert value in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["banana://x", "::::", "http://", "socks9://127.0.0.1:1"])
def test_what_in_the_environment_would_only_be_in_the_way_is_put_aside(
    monkeypatch, tmp_path, wrong
):
    (tmp_path / "file").touch()
    in_the_way = {"ALL_PROXY": wrong, "https_proxy": wrong, "SSL_CERT_FILE": str(tmp_path / "no"),
                  "GRADIO_TEMP_DIR": str(tmp_path / "file" / "uploads")}  # fmt: skip
    others = {"http_proxy": "proxy.example:3128", "MNIST_SLOTS": "1"}
    monkeypatch.setattr(os, "environ", {**in_the_way, **others})
    environment.prepare()
    assert in_the_way.items().isdisjoint(os.environ.items())
    assert Path(os.environ["GRADIO_TEMP_DIR"]).is_dir()
    assert others.items() <= os.environ.items()


def test_proxies_that_cannot_be_used_are_not_and_uploads_need_no_folder_of_others(
    start_server, tmp_path
):
    (tmp_path / "gradio").touch()  # as little use as another user's folder
    (tmp_path / f"mnist-lab-{os.getuid() if os.name == 'posix' else 'user'}").touch()
    proxies = dict.fromkeys(("HTTP_PROXY", "https_proxy"), "http://127.0.0.1:1")
    server = start_server(
        ALL_PROXY="socks5://127.0.0.1:1", http_proxy="socks5h://127.0.0.1:1", **proxies,
        TMPDIR=str(tmp_path), TEMP=str(tmp_path), GRADIO_TEMP_DIR="",
    )  # fmt: skip
    weights = (ROOT / "weights" / "tutorial.pt").read_bytes()
    assert Visitor(server).send_file(weights)[0] == 200


def test_a_page_that_is_changed_while_it_is_served_keeps_its_runs(start_server, tmp_path):
    """As `gradio app.py` starts it, which watches the folder."""
    (tmp_path / "part.py").touch()
    watched = {"DIRS": str(tmp_path), "MODULE_NAME": "app", "DEMO_NAME": "demo",
               "DEMO_PATH": str(ROOT / "app.py"), "ENCODING": "utf-8"}  # fmt: skip
    server = start_server(**{f"GRADIO_WATCH_{name}": value for name, value in watched.items()})
    visitor = Visitor(server)
    visitor.send_file((ROOT / "weights" / "tutorial.pt").read_bytes())
    before = visitor.page["app_id"]

    def is_another():
        os.utime(tmp_path / "part.py")
        return json.loads(visitor.ask("/config")[1])["app_id"] != before

    until(is_another, apart=1)
    assert "Changes detected" in server.log.read_text()
    visitor.page = json.loads(visitor.ask("/config")[1])
    assert "Uploaded 1" in visitor.look()
    assert "Traceback" not in server.log.read_text()
    server.process.terminate()
    assert server.process.wait(60) == 0


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
    for text in ("Failed to load resource", "Space not found"):  # the Hub is not reached
        allow(page, text)
    expect(page.get_by_text("lost when this server restarts")).to_be_visible()
    page.get_by_role("tab", name="Train").click()
    expect(page.get_by_text("MNIST could not be downloaded")).to_be_visible()
    open_settings(page)
    page.get_by_label("Dataset").select_option("handwriting")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".run-sentence")).to_contain_text("images/s")
