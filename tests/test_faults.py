"""Faults and hostile requests: each gets a sentence, the server lives, and nothing is lost."""

import functools
import http.client
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import zipfile
from pathlib import Path

import pytest
import torch
from test_drawing import png_header

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import TUTORIAL, TrainConfig, shipped_weights
from mnist_core.errors import CheckpointError, ConfigError
from mnist_core.jobs import Jobs, Limits
from mnist_core.runs import new_visitor
from mnist_core.snapshots import Snapshots
from mnist_core.view import Choice

ROOT = Path(__file__).parent.parent
SEVEN = [[[0.25, 0.2], [0.72, 0.18], [0.45, 0.86]]]
WEIGHTS = shipped_weights("tutorial")


class Visitor:
    """Somebody with a token and plain HTTP, who need not go by the page."""

    def __init__(self, server):
        self.server, self.token, self._sessions = server, new_visitor(), 0
        self.page = json.loads(self.ask("/config")[1])

    def ask(self, path, body=None, headers=None):
        """Status and text of the answer; `body` is bytes or what becomes JSON."""
        address = urllib.parse.urlsplit(self.server.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, text

    def ask_component(self, function, data):
        component = next(
            c["id"] for c in self.page["components"] if function in c["props"].get("server_fns", ())
        )
        body = {"session_hash": "x", "component_id": component, "fn_name": function}
        return self.ask("/gradio_api/component_server/", {**body, "data": data})

    def look(self, run_id=None):
        """What the Train tab shows them."""
        kept = {"run_id": run_id, "at": 1e12, "overlaid": [run_id]} if run_id else None
        asked = {"page": [self.token, kept, 3, 0], "drawing": None, "has": {}}
        status, text = self.ask_component("look", asked)
        assert status == 200
        return text

    def call(self, name, values, event=None):
        """One of the page's own events, past the page."""
        number = next(d["id"] for d in self.page["dependencies"] if d["api_name"] == name)
        self._sessions += 1
        body = {"data": values, "fn_index": number, "session_hash": f"{self.token}{self._sessions}"}
        return self.ask("/gradio_api/run/predict", {**body, "event_data": event})

    def act(self, action, run_id="", value=None):
        settings = {"recipe": "tutorial", **TUTORIAL.to_dict()}
        number = next(d for d in self.page["dependencies"] if d["api_name"] == "act")
        labels = {c["id"]: str(c["props"].get("label")) for c in self.page["components"]}
        names = [
            re.sub(r'__i18n__.*"key": "(.*)"}', r"\1", labels[n]) for n in number["inputs"][3:]
        ]
        fields = [name.lower().replace(" ", "_") for name in names]
        values = [self.token, None, "cpu", *(settings[field] for field in fields)]
        return self.call("act", values, {"action": action, "run_id": run_id, "value": value})

    def send_file(self, content, name="mine.pt"):
        status, text = self.ask("/gradio_api/upload", *multipart([(name, content)]))
        assert status == 200
        return self.upload(json.loads(text)[0], name)

    def upload(self, path, name="mine.pt"):
        file = {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
        return self.call("upload", [self.token, [file]])


def multipart(files, fields=()):
    """The body of a form and its headers."""
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields]
    parts += [
        f'name="files"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'.encode() + content
        for name, content in files
    ]
    body = b"".join(b"--XX\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
    return body + b"--XX--\r\n", {"Content-Type": "multipart/form-data; boundary=XX"}


@pytest.fixture(scope="module")
def own_server(start_server):
    """A server whose log may fill with what it was asked."""
    return start_server()


@pytest.fixture
def visitor(own_server):
    """A visitor; at the test's end the server must still read a drawing."""
    visitor = Visitor(own_server)
    yield visitor
    status, text = visitor.ask_component("read_drawing", {"strokes": SEVEN, "weights": "modern"})
    assert (status, json.loads(text)["digit"]) == (200, 7)


def assert_tells_nothing(visitor, text):
    for secret in ("Traceback", 'File "', ROOT, visitor.server.runs_dir.parent, sys.prefix):
        assert str(secret) not in text, text[-500:]


BAD = [None, "x", 7, -1, [], {}, 1e300, True, ["a"], "../../etc/passwd", [[[{}]]]]


@pytest.mark.parametrize("function", ["read_drawing", "read_file", "look_inside", "draw_example"])
def test_the_pads_functions_answer_anything_with_a_sentence(visitor, function):
    wrong = [*BAD, {"weights": "modern"}, {"strokes": SEVEN}]
    wrong += [{"weights": bad, "strokes": SEVEN, "image": "AAAA"} for bad in BAD]
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
    [None, 5, "x", [], {}, {"page": None}, {"page": ["../..", None, 3], "drawing": 5, "has": []},
     {"page": [None, {"run_id": []}, {}], "drawing": None, "has": {}}],
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
    status, text = visitor.call("act", [visitor.token, None, "cpu", "tutorial", *[1] * 11], event)
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
        _, text = stranger.ask_component("read_drawing", {"strokes": SEVEN, "weights": name})
        assert set(json.loads(text)) == {"remark"}, name
        assert_tells_nothing(stranger, text)
    assert run_id in owner.look(run_id)
    assert run_id not in stranger.look(run_id)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    weights = f"{owner.token}/{run_id}"
    _, text = owner.ask_component("read_drawing", {"strokes": SEVEN, "weights": weights})
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


def test_what_is_too_large_is_refused(visitor):
    upload, form = "/gradio_api/upload", {"Content-Type": "application/json"}
    megabytes = bytes(10**6)
    for path, body, headers in (
        (upload, *multipart([("large.pt", megabytes * 21)])),
        (upload, *multipart([(f"{n}.pt", megabytes * 14) for n in range(3)])),
        ("/gradio_api/component_server/", *multipart([("large.png", megabytes * 21)])),
        ("/gradio_api/run/read_strokes", b"[" * 42_000_000, form),
        ("/gradio_api/component_server/", b"[" * 42_000_000, form),
    ):
        status, text = visitor.ask(path, body, headers)
        assert status == 413
        assert "bytes" in text or "MB" in text
    uploads = visitor.server.runs_dir.parent / "uploads"
    assert max((file.stat().st_size for file in uploads.rglob("*")), default=0) < 21_000_000


def test_a_request_that_does_not_say_how_large_it_is_is_bounded_too(visitor):
    body, headers = multipart([(f"{n}.pt", bytes(14 * 10**6)) for n in range(3)])
    address = urllib.parse.urlsplit(visitor.server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    pieces = (body[start : start + 2**20] for start in range(0, len(body), 2**20))
    headers = {**headers, "Transfer-Encoding": "chunked"}
    connection.request("POST", "/gradio_api/upload", pieces, headers, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 400
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


def repeated_tuple(times):
    """A checkpoint of 1 kB with a key that takes 2**times steps to hash."""
    pickled = b"\x80\x02}q\x00K\x01\x85q\x01"
    for slot in range(1, times):
        pickled += b"h" + bytes([slot]) + b"\x86q" + bytes([slot + 1])
    whole, changed = io.BytesIO(), io.BytesIO()
    torch.save({}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = pickled + b"K\x01s." if name.endswith("data.pkl") else source.read(name)
            target.writestr(name, content)
    return changed.getvalue()


def saved(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def with_part(name, value):
    return saved({**torch.load(WEIGHTS, weights_only=True), name: value})


@functools.cache
def hostile_checkpoints():
    vast = torch.zeros(1).expand(10**12)
    vast_bytes = torch.zeros(1, dtype=torch.uint8).expand(10**12)
    group = {"params": vast}
    names = "x" * 10**6
    sparse = torch.sparse_coo_tensor([[9]], [1.0], (10,), check_invariants=False)
    return {
        "a key that hashes for ever": repeated_tuple(64),
        "the same before a zip file": pickle.dumps({(1,): 1}, 2) + WEIGHTS.read_bytes(),
        "a vast optimizer": with_part("optimizer", {"state": {}, "param_groups": [group]}),
        "vast weights": with_part("model", vast),
        "a vast curve": with_part("history", {"steps": vast, "evaluations": vast, "resumes": vast}),
        "a vast random state": with_part("generator", vast_bytes),
        "a sparse tensor": with_part("generator", sparse),
        "no memory behind it": with_part("generator", torch.zeros(9, device="meta")),
        "a long name": with_part("config", {**TUTORIAL.to_dict(), "recipe": names}),
        "many threads": with_part("threads", 10**9),
        "beyond any number": with_part("batches_done", 10**400),
        "an older format": saved(torch.load(WEIGHTS), _use_new_zipfile_serialization=False),
    }


@pytest.mark.parametrize(
    "name",
    ["a key that hashes for ever", "the same before a zip file", "a vast optimizer",
     "vast weights", "a vast curve", "a vast random state", "a sparse tensor",
     "no memory behind it", "a long name", "many threads", "beyond any number",
     "an older format"],
)  # fmt: skip
def test_a_hostile_checkpoint_gets_a_short_sentence_at_once(tmp_path, name):
    (tmp_path / "mine.pt").write_bytes(hostile_checkpoints()[name])
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=r"^mine\.pt .{20,400}\.$"):
        Checkpoint.load(tmp_path / "mine.pt")
    assert time.monotonic() - start < 10


def test_a_checkpoint_that_would_stop_the_server_is_refused(visitor):
    status, text = visitor.send_file(repeated_tuple(64))
    assert status == 500
    assert "mine.pt" in json.loads(text)["error"]


@pytest.mark.parametrize("field", ["epochs", "seed", "learning_rate", "recipe", "network"])
@pytest.mark.parametrize(
    "value",
    [10**400, 10**5000, "x" * 10**6, [[]] * 1000, float("nan")],
    ids=["large", "beyond printing", "long", "a list", "no number"],
)
def test_what_is_said_of_a_bad_setting_is_short(field, value):
    with pytest.raises(ConfigError, match=r"^.{10,200}$"):
        TrainConfig(**{field: value})


@pytest.mark.parametrize(
    "kept", [None, 7, "x", [], {}, {"run_id": 7, "at": "x", "overlaid": 1}, {"at": {}},
             {"run_id": "x", "at": None, "overlaid": []}],
)  # fmt: skip
def test_whatever_a_browser_kept_is_a_choice(kept):
    assert Choice.of(kept) == Choice()


def unused(dataset):
    raise AssertionError("nothing is trained here")


def upload(jobs, visitor):
    return jobs.checkpoint_file(visitor, jobs.upload(visitor, [WEIGHTS])).parent


DAMAGES = {
    "garbage": ("run.json", b"\x00\xff{"),
    "deep": ("run.json", b"[" * 9_000),
    "huge": ("run.json", b" " * 10**8),
    "a list": ("run.json", b"[1, 2]"),
    "a number for a name": ("run.json", {"name": 7}),
    "a long name": ("run.json", {"name": "x" * 9000}),
    "text for a date": ("run.json", {"created": "yesterday"}),
    "no date": ("run.json", {"created": float("nan")}),
    "text for a size": ("run.json", {"train_size": "x"}),
    "another device": ("run.json", {"device": "tpu"}),
    "settings out of range": ("run.json", {"config": {**TUTORIAL.to_dict(), "epochs": 10**9}}),
    "a folder for its description": ("run.json", None),
    "half a checkpoint": ("checkpoint.pt", WEIGHTS.read_bytes()[:90_000]),
    "a folder for a checkpoint": ("checkpoint.pt", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_harms_no_other_and_can_be_deleted(tmp_path, damage):
    jobs, visitor = Jobs(tmp_path / "runs", unused), new_visitor()
    whole, damaged = upload(jobs, visitor), upload(jobs, visitor)
    name, content = DAMAGES[damage]
    file = damaged / name
    if isinstance(content, dict):
        content = json.dumps({**json.loads(file.read_text()), **content}).encode()
    file.unlink()
    file.mkdir() if content is None else file.write_bytes(content)
    jobs = Jobs(tmp_path / "runs", unused, Limits(age_seconds=10**6))
    runs = {run.run_id: run for run in jobs.runs(visitor)}
    assert set(runs) == {whole.name, damaged.name}
    assert runs[whole.name].status == "finished"
    assert runs[damaged.name].about.name == "Damaged" or runs[damaged.name].status == "failed"
    assert str(tmp_path) not in runs[damaged.name].sentence
    jobs.delete(visitor, damaged.name)
    assert [run.run_id for run in jobs.runs(visitor)] == [whole.name]


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_deleting_and_cleaning_do_not_follow_links_out_of_the_folder(tmp_path):
    outside = tmp_path / "outside"
    (outside / "deeper").mkdir(parents=True)
    (outside / "deeper" / "precious.txt").write_text("precious")
    visitor = new_visitor()
    for age_seconds in (10**6, -1):  # deleted by the visitor, cleaned away by age
        jobs = Jobs(tmp_path / "runs", unused)
        folder = upload(jobs, visitor)
        (folder / "link").symlink_to(outside)
        (folder / "file").symlink_to(outside / "deeper" / "precious.txt")
        (folder / "gone").symlink_to(tmp_path / "nowhere")
        if age_seconds > 0:
            jobs.delete(visitor, folder.name)
        Jobs(tmp_path / "runs", unused, Limits(age_seconds=age_seconds)).runs(visitor)
        assert not folder.exists()
        assert (outside / "deeper" / "precious.txt").read_text() == "precious"


def test_a_clock_set_back_or_ahead_loses_no_run_and_keeps_their_order(tmp_path, monkeypatch):
    visitor, real = new_visitor(), time.time
    names = []
    for offset in (0, -(10**6), 10**6):
        monkeypatch.setattr(time, "time", lambda offset=offset: real() + offset)
        jobs = Jobs(tmp_path / "runs", unused)
        names.append(upload(jobs, visitor).name)
        monkeypatch.setattr(time, "time", lambda: real() + 10**9)  # and again, while it runs
        assert len(jobs.runs(visitor)) == len(names)
        assert jobs.runs(visitor)[0 if offset >= 0 else -1].run_id == names[-1]
    monkeypatch.setattr(time, "time", real)
    assert len(Jobs(tmp_path / "runs", unused).runs(visitor)) == 3


def test_other_files_among_the_snapshots_are_left_alone(tmp_path):
    folder = tmp_path / "checkpoint-snapshots"
    folder.mkdir()
    for name in ("0000000640.pt", "12 copy.pt", "1.pt", ".0000000001.pt-ab", "notes.txt"):
        (folder / name).touch()
    assert Snapshots(tmp_path / "checkpoint.pt").moments() == [640]


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


def test_a_bomb_of_brackets_on_the_command_line_is_a_sentence(tmp_path, capsys):
    from mnist_core.cli import main

    lines = [
        "[" * 10**6,
        '{"strokes": ' + "[" * 10**5 + "]" * 10**5 + "}",
        '{"strokes": [[[1e999, 0]]]}',
        '{"strokes": [[[1' + "0" * 400 + ", 0]]]}",
        "null",
        json.dumps({"strokes": SEVEN}),
    ]
    (tmp_path / "drawn.jsonl").write_text("\n".join(lines))
    assert main(["predict", "--json", str(tmp_path / "drawn.jsonl")]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row.get("digit") for row in rows] == [None] * 5 + [7]
    assert all(10 < len(row["error"]) < 200 for row in rows[:5])
