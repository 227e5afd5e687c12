"""What strangers send to harm a server, while somebody draws: for `load.py --hostile`.

Each attack is sent as fast as the server takes it, by `Visitor`s of its own, bounded in number.
Who draws is a process: among the attackers' threads they would wait for Python's lock.
"""

from __future__ import annotations

import base64
import io
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from hostile import hostile_checkpoints
from PIL import Image
from servers import Server
from visiting import Visitor, multipart

from mnist_core.runs.sandbox import IDLE_SECONDS as SANDBOX_IDLE_SECONDS

WORDS = [["a" * 40_000, *"b" * 19_999]]
MANY, PICTURES = 180, 10
ALONE_SECONDS = 20


def attacks(server: Server) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each attack with its name."""
    for name, content in hostile_checkpoints().items():
        yield f"checkpoint: {name}", lambda content=content: _send_file(server, content)
    strokes = {"strokes": WORDS, "weights": "modern"}
    yield "strokes of words", lambda: _ask(server, "read_drawing", strokes)
    yield "40 MB of JSON", lambda: _send_json(server, b"[" + b"[]," * 13_333_333 + b"[]]")
    for name, content in _vast_pictures():
        send = lambda _, content=content: _send_picture(server, content)  # noqa: E731
        yield f"{PICTURES} pictures of 50 megapixels, {name}", lambda s=send: _at_once(s, PICTURES)
    yield f"{MANY} pages", lambda: _at_once(lambda _: Visitor(server), MANY)
    look = {"image": _digit(0), "weights": "modern"}
    yield (
        f"{MANY} pages and looks inside",
        lambda: _at_once(lambda _: _ask(server, "look_inside", look), MANY),
    )
    page = Visitor(server).page
    yield (
        f"{MANY} looks inside, each another",
        lambda: _at_once(
            lambda n: Visitor(server, page).ask_component(
                "look_inside", {"image": _digit(n), "weights": "modern"}
            ),
            MANY,
        ),
    )


def under_attack(server: Server, memory: Callable[[], float]) -> dict[str, Any]:
    """Send each attack in turn while one visitor draws, and print how long they wait.

    `memory` gives the megabytes of the server and all that it has started.
    """
    ours, theirs = multiprocessing.Pipe()
    fork = multiprocessing.get_context("fork")
    drawing = fork.Process(target=_draw, args=(server, theirs), daemon=True)
    drawing.start()
    at_rest, most = _at_rest(memory), 0.0
    _arrived(ours)
    time.sleep(ALONE_SECONDS)
    alone = _arrived(ours)
    waits: list[float] = []
    for name, attack in attacks(server):
        time.sleep(1)  # what it took to make the attack is none of the server's
        _arrived(ours)
        start, highest = time.monotonic(), 0.0
        thread = threading.Thread(target=attack)
        thread.start()
        while thread.is_alive():
            highest = max(highest, memory())
            thread.join(0.02)
        time.sleep(0.3)  # who draws asks ten times a second
        during = _arrived(ours)
        waits += during
        longest = max(during, default=0.0)
        print(f"{name:45} {time.monotonic() - start:6.1f} s  {longest:7.0f} ms  "
              f"{highest - at_rest:+6.0f} MB")  # fmt: skip
        most = max(most, highest)
    time.sleep(SANDBOX_IDLE_SECONDS + 5)
    assert drawing.is_alive()
    drawing.kill()
    return {
        **_told("alone", alone),
        **_told("attacked", waits),
        "memory_mb_at_rest": round(at_rest),
        "memory_mb_most": round(most - at_rest),
        "memory_mb_afterwards": round(memory() - at_rest),
    }


def _told(when: str, times: list[float]) -> dict[str, float]:
    return {
        f"{when}_requests": len(times),
        f"{when}_p50_ms": round(float(np.percentile(times, 50)), 1),
        f"{when}_p95_ms": round(float(np.percentile(times, 95)), 1),
        f"{when}_longest_ms": round(max(times), 1),
    }


def _at_rest(memory: Callable[[], float]) -> float:
    """When the server has loaded what reads and trains, and takes no more."""
    taken, before = memory(), -1.0
    while taken > before + 1:
        time.sleep(ALONE_SECONDS)
        taken, before = memory(), taken
    return taken


def _draw(server: Server, waits: Connection) -> None:
    visitor = Visitor(server)
    drawn = {"strokes": [[[0.25, 0.2], [0.72, 0.18], [0.45, 0.86]]], "weights": "modern"}
    while True:
        time.sleep(0.1)
        start = time.monotonic()
        status, _ = visitor.ask_component("read_drawing", drawn)
        assert status == 200
        waits.send(1000 * (time.monotonic() - start))


def _arrived(waits: Connection) -> list[float]:
    """Milliseconds that they have waited since it was last asked."""
    arrived = []
    while waits.poll():
        arrived.append(waits.recv())
    return arrived


def _send_file(server: Server, content: bytes) -> None:
    Visitor(server).send_file(content)


def _ask(server: Server, function: str, data: Any) -> None:
    Visitor(server).ask_component(function, data)


def _send_json(server: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    with suppress(OSError):  # refused before all was sent
        Visitor(server).ask("/gradio_api/component_server/", body, headers)


def _send_picture(server: Server, content: bytes) -> None:
    visitor = Visitor(server)
    pad = next(
        c["id"]
        for c in visitor.page["components"]
        if "read_file" in c["props"].get("server_fns", ())
    )
    fields = {"session_hash": "x", "component_id": pad, "fn_name": "read_file", "weights": "modern"}
    visitor.ask("/gradio_api/component_server/", *multipart([("p", content)], fields.items()))


def _at_once(task: Callable[[int], object], count: int) -> None:
    threads = [threading.Thread(target=task, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _vast_pictures() -> Iterator[tuple[str, bytes]]:
    white = Image.new("RGB", (7000, 7000), (255, 255, 255))
    clear = Image.new("RGBA", white.size)
    noise = np.random.default_rng(0).integers(0, 60, (7000, 7000), np.uint8)
    for name, picture, kind, options in (
        ("png", white, "PNG", {}),
        ("clear png", clear, "PNG", {}),
        ("webp", white, "WEBP", {"lossless": True}),
        ("progressive jpeg", white, "JPEG", {"progressive": True, "subsampling": 0}),
        ("noisy jpeg", Image.fromarray(noise), "JPEG", {"quality": 80}),
    ):
        file = io.BytesIO()
        picture.save(file, kind, **options)
        yield f"{name}, {len(file.getvalue()) / 1e6:.1f} MB", file.getvalue()


def _digit(number: int) -> str:
    inked = 28 * 14 - number
    return base64.b64encode(bytes(784 - inked) + bytes([255]) * inked).decode()
