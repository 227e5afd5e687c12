"""What visitors do: draw with the mouse, press what is there, or pass the page by.

The pages are those of the `open_page` fixture, which fails a test on any toast, error in the
console or error of a script that it did not ask for: `expect_toast` asks for a toast, `allow` for
whatever contains a text.
"""

import http.client
import json
import math
import re
import urllib.parse

from playwright.sync_api import Page, expect
from servers import PATIENCE_SECONDS

from mnist_core.config import TUTORIAL
from mnist_core.runs.folder import new_visitor

SCREENS = {
    "phone": (390, 664),
    "phone on its side": (844, 390),
    "twice enlarged": (720, 450),
    "laptop": (1280, 800),
    "wall": (1920, 1080),
}
TWICE_MS = 800
"""So soon after a press on Train one on Stop is taken for the second of a double click."""
ARRIVED = (".pad .bar >> nth=9", ".run-sentence", ".digit-summary")
"""What each tab has last."""


def arc(x, y, rx, ry, start, end, count=10):
    """Points on an ellipse, degrees clockwise from the right, y down."""
    turn = [math.radians(start + (end - start) * i / count) for i in range(count + 1)]
    return [[x + rx * math.cos(t), y + ry * math.sin(t)] for t in turn]


DRAWINGS = {
    0: [arc(0.5, 0.5, 0.22, 0.35, -90, 270)],
    1: [[[0.52, 0.15], [0.5, 0.5], [0.48, 0.85]]],
    2: [[*arc(0.5, 0.33, 0.2, 0.18, -170, 30), [0.3, 0.85], [0.75, 0.84]]],
    3: [[*arc(0.48, 0.32, 0.2, 0.17, -150, 90), *arc(0.48, 0.67, 0.22, 0.18, -90, 150)]],
    4: [[[0.35, 0.15], [0.28, 0.55], [0.72, 0.53]], [[0.62, 0.2], [0.6, 0.88]]],
    7: [[[0.25, 0.2], [0.72, 0.18], [0.45, 0.86]]],
    8: [arc(0.5, 0.32, 0.15, 0.16, 90, 450), arc(0.5, 0.68, 0.19, 0.2, -90, 270)],
}


def draw(page: Page, strokes, shown=None, lift=True) -> None:
    """Write with the mouse, as a hand does: many small moves. The pad may be `shown` in a frame."""
    canvas = (shown or page).locator(".pad-canvas")
    canvas.hover()  # when it has come to rest: a page still moves while it is loaded
    box = canvas.bounding_box()
    for number, stroke in enumerate(strokes, 1):
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=3)
        if lift or number < len(strokes):
            page.mouse.up()


def draw_and_wait(page: Page, strokes) -> None:
    """`draw`, until the answer to the whole drawing is shown: a part of it may look like the same
    digit."""
    before = page.evaluate("mnistLink.parts.get('drawing').put()")  # strokes with dots between
    count = len(strokes) + (before.count(".") + 1 if before else 0)

    def is_whole(answer) -> bool:
        sent = answer.request.post_data or ""
        return '"unfinished":false' in sent and len(json.loads(sent)["data"]["strokes"]) == count

    with page.expect_response(is_whole) as answer:
        draw(page, strokes)
    page.wait_for_function(
        "image => localStorage.getItem('mnist-lab-drawing') === image",
        arg=answer.value.json()["image"],
    )


def expect_read(page: Page, digit: int) -> None:
    expect(page.locator(".pad-digit:visible")).to_have_text(str(digit))
    expect(page.locator(".pad .bar-first")).to_have_text(re.compile(rf"^{digit}\s*\d"))


def expect_toast(page: Page, text: str) -> None:
    """A message is shown that has this text in it; and may be."""
    allow(page, text)
    expect(page.locator(".toast-body").filter(has_text=text)).to_be_visible()


def allow(page: Page, text: str) -> None:
    """Let toasts and errors that have this text in them be no failure of the test."""
    page.allowed.append(text)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def reload(page: Page) -> None:
    """Until its scripts have run."""
    page.reload()
    page.locator(ARRIVED[0]).wait_for(state="attached")


def choose_weights(page: Page, name: str) -> None:
    """Read with the weights of that name, from what is opened next on."""
    page.locator(".page-weights input").click()
    page.get_by_role("option", name=name).click()
    expect(page.locator(".page-weights input")).to_have_value(re.compile(name))


def stop(page: Page, shown=None) -> None:
    """Stop the run that is shown. The page may be `shown` in a frame."""
    page.wait_for_timeout(TWICE_MS)
    shown = shown or page
    shown.locator("[data-action=stop]").click()
    expect(shown.locator(".run-sentence")).to_contain_text(re.compile("Stopped after|并已保存"))


def open_tab(page: Page, place: int) -> None:
    """Open a tab by its place, and all that is folded away in it."""
    page.get_by_role("tab").nth(place).click()
    page.locator(ARRIVED[place]).wait_for()
    closed = page.locator("button.label-wrap:not(.open):visible")
    while closed.count():
        closed.first.click()


def open_settings(page: Page) -> None:
    """Unfold the settings of the Train tab, those too that few need."""
    page.locator(".run-change[aria-expanded=false]").click()
    page.locator(".run-settings summary").click()


class Visitor:
    """Somebody with a token and plain HTTP, who need not go by the page."""

    def __init__(self, server, page=None):
        """`page` is what another's page was told already."""
        self.server, self.token, self._sessions = server, new_visitor(), 0
        self.page = page or json.loads(self.ask("/config")[1])

    def ask(self, path, body=None, headers=None):
        """Status and text of the answer; `body` is bytes or what becomes JSON."""
        address = urllib.parse.urlsplit(self.server.url)
        connection = http.client.HTTPConnection(address.netloc, timeout=PATIENCE_SECONDS)
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
        page = [self.token, kept, 0]
        asked = {
            "page": page,
            "settings": TUTORIAL.to_dict(),
            "drawing": None,
            "marks": {},
            "points": {},
        }
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
        event = {"action": action, "run_id": run_id, "value": value}
        settings = {"settings": TUTORIAL.to_dict(), "device": "cpu"}
        return self.call("act", [self.token, None], {**event, **settings})

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
