"""Strangers at the server's doors: each gets a sentence, the server lives, nothing is lost."""

import asyncio
import http.client
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile import repeated_tuple
from pictures import png_header
from servers import PATIENCE_SECONDS
from visiting import DRAWINGS, Visitor, multipart

from mnist_core.errors import CheckpointError
from mnist_core.page.limits import OneAtATime
from mnist_core.page.parts import UNANSWERED
from mnist_core.places import shipped_weights

ROOT = Path(__file__).parent.parent
WEIGHTS = shipped_weights("tutorial")


@pytest.fixture(scope="module")
def own_server(start_server):
    """A server whose log may fill with what it was asked."""
    return start_server()


@pytest.fixture
def visitor(own_server):
    """A visitor; at the test's end the server must still read a drawing."""
    visitor = Visitor(own_server)
    yield visitor
    status, text = visitor.ask_component(
        "read_drawing", {"strokes": DRAWINGS[7], "weights": "modern"}
    )
    assert (status, json.loads(text)["digit"]) == (200, 7)


def assert_tells_nothing(visitor, text):
    for secret in ("Traceback", 'File "', ROOT, visitor.server.runs_dir.parent, sys.prefix):
        assert str(secret) not in text, text[-500:]


BAD = [None, "x", 7, -1, [], {}, 1e300, True, ["a"], "../../etc/passwd", [[[{}]]]]


@pytest.mark.parametrize("function", ["read_drawing", "read_file", "look_inside", "draw_example"])
def test_the_pads_functions_answer_anything_with_a_sentence(visitor, function):
    wrong = [*BAD, {"weights": "modern"}, {"strokes": DRAWINGS[7]}]
    wrong += [{"weights": bad, "strokes": DRAWINGS[7], "image": "AAAA"} for bad in BAD]
    for data in wrong:
        status, text = visitor.ask_component(function, data)
        assert_tells_nothing(visitor, text)
        assert status == 200 or len(json.loads(text)["detail"]) > 20, (data, text)


@pytest.mark.parametrize(
    "change",
    [{"component_id": -1}, {"component_id": 99999}, {"component_id": None}, {"component_id": [1]},
     {"fn_name": "__init__"}, {"fn_name": "nothing"}, {"fn_name": None}, {"component_id": 0}],
)  # fmt: skip
def test_no_other_function_and_no_other_component_is_reached(visitor, change):
    body = {"session_hash": "x", "component_id": 1, "fn_name": "postprocess", "data": []}
    status, text = visitor.ask("/gradio_api/component_server/", {**body, **change})
    assert status >= 400
    assert len(json.loads(text)["detail"]) > 15
    assert_tells_nothing(visitor, text)


FILE = {"_type": "gradio.FileData"}
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "route", ["component_server/", "run/predict", "call/read_strokes", "queue/join"]
)
@pytest.mark.parametrize(
    "body",
    [b"", b"{]", b"\xff\xfe", DEEP, b'{"session_hash":"x","fn_index":1,"component_id":7,"data":'
     + DEEP + b"}", b'{"data":' + DEEP + b"}"],
    ids=["empty", "broken", "no text", "deep", "deep data", "only deep data"],
)  # fmt: skip
def test_what_is_no_json_is_refused(visitor, route, body):
    status, text = visitor.ask(f"/gradio_api/{route}", body, {"Content-Type": "application/json"})
    assert 400 <= status < 500
    assert_tells_nothing(visitor, text)


@pytest.mark.parametrize("sent", [[], [DRAWINGS[7]], [{"path": "/etc/passwd", "meta": FILE}]])
def test_what_gradio_itself_refuses_is_a_sentence_too(visitor, sent):
    _, text = visitor.ask("/gradio_api/call/read_strokes", {"data": sent})
    event = json.loads(text)["event_id"]
    status, text = visitor.ask(f"/gradio_api/call/read_strokes/{event}")
    assert (status, UNANSWERED in text) == (200, True)
    assert_tells_nothing(visitor, text)


def test_every_event_of_the_page_survives_values_of_any_type(visitor):
    events = {d["api_name"]: len(d["inputs"]) for d in visitor.page["dependencies"]}
    for name, count in events.items():
        if name.startswith("fetch"):  # downloads
            continue
        for bad in (None, {}, "../../etc/passwd"):
            for values in ([bad] * 99, [visitor.token, *[bad] * count][:count]):
                event = {"index": bad, "page": bad, "action": bad, "show": bad}
                _, text = visitor.call(name, values, event)
                assert_tells_nothing(visitor, text)
                assert "<script" not in text


@pytest.mark.parametrize(
    "asked",
    [None, 5, "x", [], {}, {"page": None},
     {"page": ["../..", None, 3], "drawing": 5, "marks": [], "points": {}},
     {"page": [None, {"run_id": []}, {}], "drawing": None, "marks": {}, "points": {}}],
)  # fmt: skip
def test_a_look_that_the_page_does_not_ask_for_gets_a_sentence(visitor, asked):
    status, text = visitor.ask_component("look", asked)
    assert status == 500
    assert len(json.loads(text)["detail"]) > 20
    assert_tells_nothing(visitor, text)


@pytest.mark.parametrize(
    "event", [None, [], "x", {"action": "train", "more": 1}, {"run_id": "x"}, {}]
)
def test_an_event_that_the_page_does_not_send_gets_a_sentence(visitor, event):
    status, text = visitor.call("act", [visitor.token, None], event)
    assert status == 500
    assert len(json.loads(text)["error"]) > 20


def test_no_visitor_reaches_anothers_run_past_the_page(own_server, visitor):
    owner = visitor
    status, text = owner.send_file(WEIGHTS.read_bytes())
    assert status == 200
    run_id = json.loads(text)["data"][0]["run_id"]
    (folder,) = own_server.runs_dir.glob(f"*/{run_id}")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    stranger = Visitor(own_server)
    actions = ["stop", "resume", "delete", "run", "pause", "batch", "epoch"]
    for asked in [(action, run_id) for action in actions] + [
        ("rename", run_id, "mine"),
        *(("download", run_id, kind) for kind in ("checkpoint", "tutorial", "csv", "png")),
        ("delete", f"../{folder.parent.name}/{run_id}"),
        ("delete", str(folder)),
    ]:
        status, text = stranger.act(*asked)
        assert status == 500, asked
        assert "no such run" in json.loads(text)["error"], asked
        assert_tells_nothing(stranger, text)
    for name in (f"{stranger.token}/{run_id}", f"/{run_id}", f"{folder.parent.name}/{run_id}",
                 f"{stranger.token}/../{folder.parent.name}/{run_id}", str(folder)):  # fmt: skip
        _, text = stranger.ask_component("read_drawing", {"strokes": DRAWINGS[7], "weights": name})
        assert set(json.loads(text)) == {"remark"}, name
        assert_tells_nothing(stranger, text)
    assert run_id in owner.look(run_id)
    assert run_id not in stranger.look(run_id)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    weights = f"{owner.token}/{run_id}"
    _, text = owner.ask_component("read_drawing", {"strokes": DRAWINGS[7], "weights": weights})
    assert json.loads(text)["digit"] == 7
    status, text = owner.act("download", run_id, "checkpoint")
    assert status == 200


def test_only_the_pages_own_files_are_served(own_server, visitor):
    visitor.send_file(WEIGHTS.read_bytes())
    files = [
        "/etc/passwd",
        "/proc/self/environ",
        "app.py",
        "weights/tutorial.pt",
        str(ROOT / "app.py"),
        str(ROOT / "weights" / "tutorial.pt"),
        str(own_server.log),
        *map(str, own_server.runs_dir.glob("*/*/*")),
    ]
    routes = ["/gradio_api/file=", "/gradio_api/file/", "/file=", "/static/", "/assets/",
              "/svelte/", "/gradio_api/proxy=", "/gradio_api/stream/", "/"]  # fmt: skip
    up = "../" * 12
    for route in routes:
        for file in files:
            for path in (file, up + file, urllib.parse.quote(up + file, safe=""),
                         up.replace("/", "%2f") + file, f"/{file}", f"{file}%00.png",
                         f"file://{file}", f"x/{up}{file}"):  # fmt: skip
                status, text = visitor.ask(route + path)
                assert status >= 400, (route, path)
                shown = text.replace("\\u0000", "\x00").replace(urllib.parse.unquote(path), "")
                if urllib.parse.unquote(path) not in text:
                    assert_tells_nothing(visitor, shown)


@pytest.mark.parametrize(
    "route",
    ["/gradio_api/proxy=http://127.0.0.1:1/", "/gradio_api/file=http://127.0.0.1:1/",
     "/gradio_api/file=http://169.254.169.254/latest", "/monitoring", "/monitoring/summary",
     "/gradio_api/vibe-code", "/docs", "/gradio_api/custom_component/1/client/component/..%2fx",
     "/gradio_api/profiling/traces", "/gradio_api/run-history/records"],
)  # fmt: skip
def test_what_else_gradio_can_do_is_off(visitor, route):
    assert 400 <= visitor.ask(route)[0] < 500


@pytest.mark.parametrize(
    "name", ["../../../evil.pt", "..\\..\\evil.pt", "/etc/evil.pt", "..", "x" * 999, "", "a\x00b"]
)
def test_an_uploaded_files_name_leads_nowhere_else(own_server, visitor, name):
    status, text = visitor.ask("/gradio_api/upload", *multipart([(name, b"evil")]))
    uploads = own_server.runs_dir.parent / "uploads"
    assert status == 400 or uploads in Path(json.loads(text)[0]).resolve().parents
    assert not list(uploads.parent.glob("*evil*"))
    assert not Path("/etc/evil.pt").exists()


def test_pages_are_made_one_after_the_other_while_others_are_answered():
    making, most, done = set(), [], []

    async def app(scope, receive, send):
        making.add(scope["name"])
        most.append(len([name for name in making if name != "drawing"]))
        await asyncio.sleep(0.05)
        making.discard(scope["name"])
        await send({"type": "http.response.start"})
        await asyncio.sleep(0 if scope["name"] == "drawing" else 1)  # received slowly
        done.append(scope["name"])

    async def ask(*asked):
        async def send(message):
            pass

        server = OneAtATime(app)
        names = ("name", "method", "path")
        await asyncio.gather(*(server(dict(zip(names, one, strict=True)), None, send)
                               for one in asked))  # fmt: skip

    pages = [(f"page {n}", "GET", "/sub/" if n % 2 else "/sub/config") for n in range(8)]
    with ThreadPoolExecutor() as thread:  # a browser of another test has a loop running in this one
        everything = ask(*pages, ("drawing", "POST", "/gradio_api/component_server/"))
        thread.submit(asyncio.run, everything).result()
    assert max(most) == 1
    assert done == ["drawing", *(name for name, *_ in pages)]


def test_what_is_too_large_is_refused(visitor):
    upload, form = "/gradio_api/upload", {"Content-Type": "application/json"}
    megabytes = bytes(10**6)
    for path, body, headers in (
        (upload, *multipart([("large.pt", megabytes * 21)])),
        (upload, *multipart([(f"{n}.pt", megabytes * 14) for n in range(3)])),
        ("/gradio_api/component_server/", *multipart([("large.png", megabytes * 21)])),
        ("/gradio_api/run/read_strokes", b"[" * 1_100_000, form),
        ("/gradio_api/component_server/", b"[" * 1_100_000, form),
        ("/gradio_api/queue/join", b"[" * 42_000_000, form),
        ("/gradio_api/call/read_strokes", b"[" * 42_000_000, {}),
    ):
        status, text = visitor.ask(path, body, headers)
        assert status == 413
        assert "bytes" in text or "MB" in text
    uploads = visitor.server.runs_dir.parent / "uploads"
    assert max((file.stat().st_size for file in uploads.rglob("*")), default=0) < 21_000_000


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [("upload", *multipart([(f"{n}.pt", bytes(14 * 10**6)) for n in range(3)])),
     ("component_server/", b"[" * 4_000_000, {"Content-Type": "application/json"})],
    ids=["files", "JSON"],
)  # fmt: skip
def test_a_request_that_does_not_say_how_large_it_is_is_bounded_too(visitor, path, body, headers):
    address = urllib.parse.urlsplit(visitor.server.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=PATIENCE_SECONDS)
    pieces = (body[start : start + 2**20] for start in range(0, len(body), 2**20))
    headers = {**headers, "Transfer-Encoding": "chunked"}
    connection.request("POST", f"/gradio_api/{path}", pieces, headers, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"too large" in answer.read()
    connection.close()


def test_a_picture_of_20000_by_20000_is_refused_unread(visitor):
    pad = next(c["id"] for c in visitor.page["components"] if c["props"].get("server_fns"))
    fields = {"session_hash": "x", "component_id": pad, "fn_name": "read_file", "weights": "modern"}
    body, headers = multipart([("large.png", png_header(20_000, 20_000))], fields.items())
    status, text = visitor.ask("/gradio_api/component_server/", body, headers)
    assert (status, "too large" in json.loads(text)["remark"]) == (200, True)


def test_only_what_was_uploaded_can_become_a_run(own_server, visitor):
    Visitor(own_server).send_file(WEIGHTS.read_bytes())
    for path in ("/etc/passwd", str(WEIGHTS), "weights/tutorial.pt", "/dev/zero", "x" * 5000,
                 *map(str, own_server.runs_dir.glob("*/*/checkpoint.pt")), "http://127.0.0.1:1/x",
                 str(own_server.runs_dir.parent / "uploads" / "none.pt"), "file:///etc/passwd",
                 str(own_server.runs_dir.parent / "uploads" / ".." / "log.txt")):  # fmt: skip
        status, text = visitor.upload(path)
        assert status == 500, path
        assert_tells_nothing(visitor, text)
    assert "None yet" in visitor.look()


def test_a_checkpoint_that_would_stop_the_server_is_refused(visitor):
    status, text = visitor.send_file(repeated_tuple(64))
    assert status == 500
    assert "mine.pt" in json.loads(text)["error"]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from mnist_core.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_disk_that_takes_no_more_is_one_line_and_leaves_nothing(tmp_path):
    before = shutil.copy(WEIGHTS, tmp_path / "model.pth").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "export", str(WEIGHTS),
         "--model", str(tmp_path / "model.pth"), "--optimizer", str(tmp_path / "optimizer.pth")],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == CheckpointError.exit_code
    assert done.stderr.startswith("error: model.pth could not be written")
    assert done.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model.pth"]
    assert (tmp_path / "model.pth").read_bytes() == before
