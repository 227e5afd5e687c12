"""What a server refuses before gradio reads it, what it makes one after the other, and what it
answers where nothing else does.

Gradio bounds a file, but neither their number nor anything that is no file; it parses JSON of any
size where everybody waits for it; and it makes pages, 10 ms each, on the threads that answer.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import gradio as gr
from anyio import to_thread
from gradio import queueing, utils
from gradio.utils import error_payload, get_upload_folder
from starlette.datastructures import MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .draw import MAX_PICTURE_BYTES
from .parts import UNANSWERED, refusal, static

MAX_FORM_BYTES = 2 * MAX_PICTURE_BYTES + 1_000_000
"""Files come as forms: the tutorial's pair as one."""
MAX_UPLOADS_BYTES = 500_000_000
"""Of all uploaded files together, each of which is needed for a second."""
MAX_JSON_BYTES = 1_000_000
"""Of everything else; the largest drawings are smaller."""

_MADE = {"", "config", "info", "openapi.json"}
"""Last parts of the addresses of what gradio makes anew for each who asks: pages, and what is said
of them to programs."""

_TOO_LARGE = "This is too large; at most {most} MB can be sent at a time."


def app_options() -> dict[str, Any]:
    """What `launch` hands to FastAPI."""
    return {
        "exception_handlers": {Exception: _unanswered},
        "middleware": [Middleware(m) for m in (OneAtATime, BoundedRequests, FirstScript)],
    }


def tell_gradios_errors() -> None:
    """Let gradio, in this whole process, say its own errors in our sentence."""
    queueing.error_payload = utils.error_payload = _payload


def _unanswered(request: Request, error: Exception) -> JSONResponse:
    """To requests that the page does not make, on which gradio's routes or ours have stumbled."""
    return JSONResponse({"detail": UNANSWERED}, status_code=500)


def _payload(error: BaseException | None, show_error: bool) -> dict[str, Any]:
    """What gradio says of an error, also of what it stumbles over before a handler is called: too
    few values, an address that cannot be fetched."""
    is_told = error is None or isinstance(error, gr.Error)
    return error_payload(error if is_told else refusal(UNANSWERED), show_error)


class OneAtATime:
    """ASGI middleware: makes one page after the other, so that a crowd of visitors who arrive does
    not take every thread from those who draw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._lock = app, asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "GET" or scope["path"].rsplit("/", 1)[-1] not in _MADE:
            await self._app(scope, receive, send)
            return
        await self._lock.acquire()
        with ExitStack() as made:
            made.callback(self._lock.release)

            async def send_made(message: Message) -> None:
                made.close()  # the next is not kept waiting by who receives slowly
                await send(message)

            await self._app(scope, receive, send_made)


class BoundedRequests:
    """ASGI middleware: refuses requests that are too large, by what they say or by what comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        is_form = headers.get(b"content-type", b"").lower().startswith(b"multipart/")
        most = MAX_FORM_BYTES if is_form else MAX_JSON_BYTES
        refusal = JSONResponse({"detail": _TOO_LARGE.format(most=most // 10**6)}, status_code=413)
        if is_form:
            await to_thread.run_sync(make_room, Path(get_upload_folder()))
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared[:20]) > most:
            await refusal(scope, receive, send)
            return
        seen = 0

        async def receive_bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:  # on which gradio deletes what has arrived
                raise MultiPartException("too large")
            return message

        async def send_unless_refused(message: Message) -> None:
            if seen <= most:
                await send(message)

        try:
            await self._app(scope, receive_bounded, send_unless_refused)
        except Exception:
            if seen <= most:
                raise
        if seen > most:
            await refusal(scope, receive, send)


def make_room(folder: Path, most: int = MAX_UPLOADS_BYTES) -> None:
    """Remove the oldest files in `folder` until all together take at most so many bytes."""
    found = []
    for file in folder.rglob("*"):
        with suppress(OSError):  # others clean up too
            if file.is_file():
                found.append((file.stat().st_mtime, file.stat().st_size, file))
    total = sum(size for _, size, _ in found)
    for _, size, file in sorted(found):
        if total <= most:
            return
        with suppress(OSError):
            file.unlink()
        total -= size


class FirstScript:
    """ASGI middleware: puts static/first.js and link.js before every other script of a page.

    `launch(head=…)` would add it when gradio's own have chosen a language and asked for storage.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        script = "".join(map(static, ("first.js", "own_store.js", "link.js")))
        self._script = f"<head><script>{script}</script>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None

        async def send_with_script(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("content-type", "").startswith("text/html"):
                    start = message
                    return
            if start is not None and message["type"] == "http.response.body":
                message = {**message, "body": message["body"].replace(b"<head>", self._script, 1)}
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(message["body"]))
                await send(start)
                start = None
            await send(message)

        await self._app(scope, receive, send_with_script)
