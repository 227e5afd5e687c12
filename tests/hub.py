"""A stand-in for the Hugging Face Hub: as much of its API as deploying and publishing call.

That is logging in, creating a Space or a model repository, checking the README's front matter,
listing what is there and uploading. Like the Hub, it begins a Space with a commit of its own and
refuses a commit with raw binary content: binaries come by Git LFS. It keeps the latest files only,
and knows neither xet storage nor branches, history or rights.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

TOKEN = "hf_standin"
FIRST_COMMIT = {".gitattributes": b"*.pt filter=lfs\n", "README.md": b"---\nsdk: gradio\n---\n"}
COLORS = "red|yellow|green|blue|indigo|purple|pink|gray"
FRONT_MATTER = {
    "title": r".+",
    "emoji": r"\S+",
    "colorFrom": COLORS,
    "colorTo": COLORS,
    "sdk": "gradio",
    "sdk_version": r"\d+\.\d+\.\d+",
    "python_version": r"3\.\d+(\.\d+)?",  # as a string: 3.10 without quotes is the number 3.1
    "app_file": r"\S+\.py",
    "short_description": r".{1,60}",
}

MODEL = {"license": r"[\w.-]+"}


class Refused(Exception):
    """What the Hub would refuse: the status and the object it would answer."""


class Hub(ThreadingHTTPServer):
    """Serves on a free port of this machine; `spaces` holds the files of each Space by its name,
    `models` those of each model repository."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.spaces: dict[str, dict[str, bytes]] = {}
        self.models: dict[str, dict[str, bytes]] = {}
        self.hardware: dict[str, str] = {}
        self.objects: dict[str, bytes] = {}  # uploaded by Git LFS, by SHA-256


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield hub
        hub.shutdown()


def environment(url: str) -> dict[str, str]:
    """This process's own, for a client of that Hub alone.

    By itself the client sends binaries to the Hub's xet storage, for which no stand-in is short. So
    it takes the older way of the same files, Git LFS.
    """
    foreign = re.compile("HF_|.*_PROXY$", re.IGNORECASE)
    ours = {name: value for name, value in os.environ.items() if not foreign.match(name)}
    return ours | {"HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1"}


def device_code(hub: Hub, body: bytes) -> Any:
    return {"device_code": "d", "user_code": "u", "verification_uri": hub.url, "interval": 0}


def access_token(hub: Hub, body: bytes) -> Any:
    return {"access_token": TOKEN}  # the user has agreed in the browser meanwhile


def whoami(hub: Hub, body: bytes) -> Any:
    return {"name": "YOU", "type": "user", "orgs": []}


def create(hub: Hub, body: bytes) -> Any:
    wanted = json.loads(body)
    name = f"{wanted['organization']}/{wanted['name']}"
    is_space = wanted.get("type") == "space"
    answer = {"url": f"{hub.url}/spaces/{name}" if is_space else f"{hub.url}/{name}"}
    there = hub.spaces if is_space else hub.models
    if name in there:
        raise Refused(409, {"error": "You already created this repo", **answer})
    there[name] = dict(FIRST_COMMIT) if is_space else {}
    if is_space:
        hub.hardware[name] = wanted["hardware"]
    return answer


def validate(hub: Hub, body: bytes) -> Any:
    asked = json.loads(body)
    found = re.match(r"---\n(.*?)\n---\n", asked["content"], re.DOTALL)
    given = yaml.safe_load(found[1]) if found else {}
    errors = [
        {"message": f"{key} is {given.get(key)!r}"}
        for key, pattern in (FRONT_MATTER if asked["repoType"] == "space" else MODEL).items()
        if not (isinstance(given.get(key), str) and re.fullmatch(pattern, given[key]))
    ]
    if errors:
        raise Refused(400, {"error": "Invalid metadata in README.md", "errors": errors})
    return {"errors": [], "warnings": []}


def tree(hub: Hub, body: bytes, space: str) -> Any:
    return [
        {"type": "file", "path": path, "size": len(content), "oid": path}
        for path, content in hub.spaces[space].items()
    ]


def preupload(hub: Hub, body: bytes, kind: str, name: str) -> Any:
    """Which files come inside the commit, and which by Git LFS."""
    modes = [
        (file["path"], "lfs" if _is_binary(base64.b64decode(file["sample"])) else "regular")
        for file in json.loads(body)["files"]
    ]
    return {"files": [{"path": p, "uploadMode": m, "shouldIgnore": False} for p, m in modes]}


def lfs_batch(hub: Hub, body: bytes) -> Any:
    """Where to upload each object that is not there yet."""
    return {
        "objects": [
            wanted | {"actions": {"upload": {"href": f"{hub.url}/lfs/{wanted['oid']}"}}}
            if wanted["oid"] not in hub.objects
            else wanted
            for wanted in json.loads(body)["objects"]
        ]
    }


def lfs_upload(hub: Hub, body: bytes, oid: str) -> Any:
    if hashlib.sha256(body).hexdigest() != oid:
        raise Refused(400, {"error": "The content is another than its SHA-256 says"})
    hub.objects[oid] = body
    return {}


def commit(hub: Hub, body: bytes, kind: str, name: str) -> Any:
    there = hub.spaces if kind == "spaces" else hub.models
    files = dict(there[name])
    for key, value in (json.loads(line).values() for line in body.splitlines()):
        if key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
            if _is_binary(files[value["path"]]):
                error = "Your push was rejected because it contains binary files."
                raise Refused(400, {"error": error})
        elif key == "lfsFile":
            files[value["path"]] = hub.objects[value["oid"]]
        elif key == "deletedFile":
            del files[value["path"]]
    there[name] = files
    address = f"{hub.url}/spaces/{name}" if kind == "spaces" else f"{hub.url}/{name}"
    return {"commitOid": "0" * 40, "commitUrl": f"{address}/commit/{'0' * 40}"}


def _is_binary(content: bytes) -> bool:
    """As git tells it: a zero byte near the beginning."""
    return b"\0" in content[:8000]


_SPACE = r"/api/spaces/(\w+/[\w-]+)"
_REPOSITORY = r"/api/(spaces|models)/(\w+/[\w-]+)"
_ROUTES: dict[str, Callable[..., Any]] = {
    r"POST /oauth/device": device_code,
    r"POST /oauth/token": access_token,
    r"GET /api/whoami-v2": whoami,
    r"POST /api/repos/create": create,
    r"POST /api/validate-yaml": validate,
    rf"GET {_SPACE}/tree/main\?.*": tree,
    rf"POST {_REPOSITORY}/preupload/main": preupload,
    r"POST /.+\.git/info/lfs/objects/batch": lfs_batch,
    r"PUT /lfs/(\w+)": lfs_upload,
    rf"POST {_REPOSITORY}/commit/main": commit,
}


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        try:
            status, answer = 200, self._answer(body)
        except Refused as refused:
            status, answer = refused.args
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST

    def _answer(self, body: bytes) -> Any:
        if "/api/" in self.path and self.headers["Authorization"] != f"Bearer {TOKEN}":
            raise Refused(401, {"error": "Invalid username or password."})
        for route, answer in _ROUTES.items():
            if found := re.fullmatch(route, f"{self.command} {self.path}"):
                return answer(self.server, body, *found.groups())
        raise Refused(404, {"error": f"The stand-in has no {self.command} {self.path}"})

    def log_message(self, *_: object) -> None:
        pass
