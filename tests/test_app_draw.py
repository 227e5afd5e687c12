"""The Draw tab in a real browser, and its API."""

from __future__ import annotations

import io
import json
import math
import re
import urllib.request

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

expect.set_options(timeout=60_000)  # a slow machine is no failure


def _arc(x, y, rx, ry, start, end, count=10):
    """Points on an ellipse, degrees clockwise from the right, y down."""
    turn = [math.radians(start + (end - start) * i / count) for i in range(count + 1)]
    return [[x + rx * math.cos(t), y + ry * math.sin(t)] for t in turn]


DRAWINGS = {
    0: [_arc(0.5, 0.5, 0.22, 0.35, -90, 270)],
    1: [[[0.52, 0.15], [0.5, 0.5], [0.48, 0.85]]],
    2: [[*_arc(0.5, 0.33, 0.2, 0.18, -170, 30), [0.3, 0.85], [0.75, 0.84]]],
    3: [[*_arc(0.48, 0.32, 0.2, 0.17, -150, 90), *_arc(0.48, 0.67, 0.22, 0.18, -90, 150)]],
    4: [[[0.35, 0.15], [0.28, 0.55], [0.72, 0.53]], [[0.62, 0.2], [0.6, 0.88]]],
    7: [[[0.25, 0.2], [0.72, 0.18], [0.45, 0.86]]],
}


def _draw(page: Page, strokes, lift=True) -> None:
    """Write with the mouse, as a hand does: many small moves."""
    page.locator(".pad-canvas").scroll_into_view_if_needed()
    box = page.locator(".pad-canvas").bounding_box()
    for number, stroke in enumerate(strokes, 1):
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=3)
        if lift or number < len(strokes):
            page.mouse.up()


def _expect_read(page: Page, digit: int) -> None:
    expect(page.locator(".pad-digit:visible")).to_have_text(str(digit))
    expect(page.locator(".pad-first")).to_have_text(re.compile(rf"^{digit}\s*\d"))


def _expect_blank(page: Page) -> None:
    expect(page.locator(".pad-hint")).to_be_visible()
    expect(page.locator(".pad-digit:visible")).to_have_count(0)
    expect(page.locator(".pad-first")).to_have_count(0)
    assert _bars(page) == [0] * 10


def _bars(page: Page) -> list[float]:
    """The lengths that the ten bars are set to, 0..1."""
    return page.locator(".pad-track i").evaluate_all(
        "all => all.map(bar => +(bar.style.transform.match(/[\\d.]+/) || [0])[0])"
    )


def _ink(page: Page) -> int:
    """How many pixels of the 28×28 that the network saw are not black."""
    return page.locator(".pad-image").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, 28, 28)"
        ".data.filter((value, i) => i % 4 == 0 && value).length"
    )


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A photo-like JPEG of a 7, dark on light, lying on its side as its EXIF says."""
    image = Image.new("RGB", (600, 800), (225, 220, 210))
    line = [(150, 200), (430, 190), (270, 650)]
    ImageDraw.Draw(image).line(line, fill=(40, 40, 60), width=34, joint="curve")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    file = io.BytesIO()
    image.rotate(90, expand=True).save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_the_page_has_three_tabs_and_names_the_weights(page):
    names = [tab.inner_text() for tab in page.get_by_role("tab").all()]
    assert names == ["Draw", "Train", "Test digits"]
    expect(page.get_by_label("Weights that read")).to_have_value(re.compile(", shipped"))


def test_a_blank_pad_has_no_answer_and_empty_bars(page):
    _expect_blank(page)
    assert _ink(page) == 0
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


@pytest.mark.parametrize("digit", DRAWINGS)
def test_a_digit_drawn_with_the_mouse_is_read(page, digit):
    _draw(page, DRAWINGS[digit])
    _expect_read(page, digit)
    assert sum(_bars(page)) == pytest.approx(1, abs=1e-3)
    assert _ink(page) > 20


def test_the_bars_move_while_the_pen_is_down(page):
    _draw(page, DRAWINGS[1], lift=False)
    _expect_read(page, 1)
    before = page.locator(".pad-bars").inner_text()
    box = page.locator(".pad-canvas").bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.3 * box["height"], steps=30)
    expect(page.locator(".pad-bars")).not_to_have_text(before, use_inner_text=True)
    page.mouse.up()


def test_at_most_ten_requests_a_second_and_one_at_a_time(page):
    box = page.locator(".pad-canvas").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for step in range(200):
        page.mouse.move(box["x"] + 20 + step, box["y"] + 20 + (step * 7) % 150)
    page.mouse.up()
    page.wait_for_timeout(500)
    times = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('component_server'))"
        ".map(e => [e.startTime, e.responseEnd])"
    )
    assert len(times) >= 3
    starts = [start for start, _ in times]
    ends = [end for _, end in times]
    assert np.greater_equal(starts[1:], ends[:-1]).all(), "two were under way at once"
    while_moving = starts[1:-1]  # without the page's first, and the one at pen up
    # The browser's clock jitters by some milliseconds from one request to the next, so: on average.
    assert np.ptp(while_moving) >= 95 * (len(while_moving) - 1)


def test_clear_and_escape_and_undo_and_control_z(page):
    _draw(page, DRAWINGS[4])
    _expect_read(page, 4)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".pad-digit:visible")).not_to_have_text("4")
    page.keyboard.press("Control+z")
    _expect_blank(page)
    _draw(page, DRAWINGS[0])
    _expect_read(page, 0)
    page.get_by_role("button", name="Clear").click()
    _expect_blank(page)
    _draw(page, DRAWINGS[7])
    _expect_read(page, 7)
    page.keyboard.press("Escape")
    _expect_blank(page)
    page.wait_for_timeout(300)
    _expect_blank(page)  # a late answer does not come back


def test_a_finger_draws_on_a_phone_and_the_page_fits_it(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    box = page.locator(".pad-canvas").bounding_box()
    touch = page.context.new_cdp_session(page)
    for stroke in DRAWINGS[7]:
        places = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in stroke
        ]
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": places[:1]})
        for place in places[1:]:
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    _expect_read(page, 7)
    assert page.evaluate("scrollY") == 0, "the finger scrolled the page"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.locator(".pad-tools button, .pad-picture, .pad-digits button").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 44).length"
    )
    assert small == 0, "targets for a finger are at least 44 px high"


def test_an_example_is_written_and_read_by_keyboard_alone(page):
    page.get_by_role("button", name="Example").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pad-digit:visible")).to_have_text(re.compile(r"\d"))
    expect(page.locator(".pad-hint")).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="Read as")).to_have_text(
        re.compile(r"Read as \d, \d+\.\d %")
    )


def test_an_example_appears_at_once_where_motion_is_unwanted(open_page):
    page = open_page(reduced_motion="reduce")
    page.get_by_role("button", name="Example").click()
    expect(page.locator(".pad-digit:visible")).to_have_text(re.compile(r"\d"))
    transition = page.locator(".pad-track i").first.evaluate(
        "bar => getComputedStyle(bar).transitionDuration"
    )
    assert transition == "0s"


def test_a_picture_is_read_the_right_way_up(page, picture):
    page.get_by_label("Picture of one digit").set_input_files(
        {"name": "seven.jpg", "mimeType": "image/jpeg", "buffer": picture}
    )
    _expect_read(page, 7)
    _draw(page, DRAWINGS[1])  # the pen takes the picture's place
    _expect_read(page, 1)


def test_a_file_that_is_no_picture_is_said_to_be_none(page):
    page.get_by_label("Picture of one digit").set_input_files(
        {"name": "seven.png", "mimeType": "image/png", "buffer": b"not a picture"}
    )
    expect(page.locator(".pad-remark")).not_to_be_empty()
    expect(page.locator(".pad-digit:visible")).to_have_count(0)


def test_a_slip_of_the_pen_is_too_small_and_two_digits_are_too_many(page):
    _draw(page, [[[0.5, 0.5], [0.51, 0.51]]])
    expect(page.locator(".pad-remark")).to_contain_text("Too small")
    page.keyboard.press("Escape")
    _draw(page, [[[0.25, 0.2], [0.24, 0.8]], [[0.75, 0.2], [0.76, 0.8]]])
    expect(page.locator(".pad-remark")).to_contain_text("several digits")


def test_the_tally_counts_what_the_visitor_says_and_survives_a_reload(page):
    _draw(page, DRAWINGS[1])
    _expect_read(page, 1)
    truth = page.get_by_role("group", name="The digit it really was")
    truth.get_by_role("button", name="1").click()
    expect(page.locator(".pad-tally")).to_have_text("1 of 1 right")
    truth.get_by_role("button", name="7").click()  # a change of mind, not another drawing
    expect(page.locator(".pad-tally")).to_have_text("0 of 1 right")
    page.reload()
    expect(page.locator(".pad-tally")).to_have_text("0 of 1 right")


def test_the_inside_of_the_network_on_ones_own_drawing_follows_drawing_and_weights(page):
    expect(page.locator(".pad-inside")).to_be_hidden()
    _draw(page, DRAWINGS[4])
    page.get_by_text("Look inside").click()
    maps = page.locator(".pad-maps")
    expect(maps).to_contain_text("less sure of a 4")
    assert maps.locator(".digit-stages img").count() >= 5
    before = maps.inner_html()
    page.keyboard.press("Escape")
    _draw(page, DRAWINGS[1])
    expect(maps).to_contain_text("less sure of a 1")
    assert maps.inner_html() != before
    page.get_by_label("Weights that read").click()
    page.get_by_role("option", name="Tutorial").click()
    expect(maps.get_by_role("img", name="10 filters")).to_be_visible()


def test_two_visitors_draw_at_once_and_each_gets_their_own_answer(open_page):
    pages = {digit: open_page() for digit in (0, 7)}
    for digit, page in pages.items():
        _draw(page, DRAWINGS[digit])
    for digit, page in pages.items():
        _expect_read(page, digit)


def test_resizing_keeps_the_drawing(page):
    _draw(page, DRAWINGS[7])
    _expect_read(page, 7)
    page.set_viewport_size({"width": 500, "height": 900})
    page.wait_for_function(
        "() => { const c = document.querySelector('.pad-canvas');"
        " return c.width == Math.round(c.clientWidth * devicePixelRatio)"
        " && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v); }"
    )


def test_a_server_that_is_gone_is_said_to_be_and_asked_again(open_page):
    page = open_page()
    expect(page.locator(".pad-hint")).to_be_visible()
    page.route("**/component_server/**", lambda route: route.abort())
    _draw(page, DRAWINGS[7])
    expect(page.locator(".pad-remark")).to_contain_text("does not answer")
    page.unroute("**/component_server/**")
    _expect_read(page, 7)
    expect(page.locator(".pad-remark")).to_have_text("")


def test_light_and_dark_follow_the_system(open_page):
    ink = {}
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        ink[scheme] = page.locator(".pad-canvas").evaluate("c => getComputedStyle(c).color")
    assert ink["light"] != ink["dark"]


@pytest.fixture(scope="module")
def client(server):
    """A gradio_client of the shared server."""
    gradio_client = pytest.importorskip("gradio_client")
    return gradio_client.Client(server.url, verbose=False)


@pytest.mark.parametrize("digit", DRAWINGS)
def test_the_api_reads_strokes(client, digit):
    answer = client.predict(DRAWINGS[digit], api_name="/read_strokes")
    assert answer["digit"] == digit
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-4)
    image = np.array(answer["image"])
    assert image.shape == (28, 28)
    assert 0 == image.min() < 200 < image.max() <= 255


def test_the_api_reads_a_picture(client, picture, tmp_path):
    from gradio_client import handle_file

    file = tmp_path / "seven.jpg"
    file.write_bytes(picture)
    answer = client.predict(handle_file(str(file)), api_name="/read_picture")
    assert answer["digit"] == 7
    assert np.array(answer["image"]).shape == (28, 28)


def test_a_drawing_of_ten_thousand_points_is_read(client):
    circle = _arc(0.5, 0.5, 0.3, 0.35, 0, 360, count=10_000)
    assert client.predict([circle], api_name="/read_strokes")["digit"] == 0


HOSTILE = {
    "blank": [],
    "a dot": [[[0.5, 0.5]]],
    "a number": 7,
    "text": "seven",
    "null": None,
    "an object": {"strokes": []},
    "numbers in place of strokes": [1, 2, 3],
    "points of three": [[[1, 2, 3], [4, 5, 6]]],
    "points of text": [[["1", "2"], ["3", "4"]]],
    "an empty stroke too deep": [[[[]]], [[0.1, 0.1], [0.9, 0.9]]],
    "ragged": [[[0.1, 0.2], [0.3]]],
    "not a number": [[[0.1, float("nan")], [0.3, 0.4]]],
    "infinite": [[[0.1, float("inf")], [0.3, 0.4]]],
    "huge": [[[0.1, 1e308], [0.3, -1e308]]],
    "deep": json.loads("[" * 500 + "]" * 500),
    "a million strokes": [[]] * 1_000_000,
    "a million points": [[[0.1, 0.2]] * 1_000_000],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_strokes_get_a_sentence_and_the_server_lives(client, server, name):
    with pytest.raises(Exception, match=r"^[A-Z][^\n]{10,200}[.:]?$") as caught:
        client.predict(HOSTILE[name], api_name="/read_strokes")
    assert "Traceback" not in str(caught.value)
    assert client.predict(DRAWINGS[1], api_name="/read_strokes")["digit"] == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_strokes_at_the_pads_own_door_get_a_sentence(server, name):
    reply = _ask_pad(server, "read_drawing", {"strokes": HOSTILE[name], "weights": "tutorial"})
    assert set(reply) == {"remark"}
    assert len(reply["remark"]) > 10
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "weights", [None, 7, "../../etc/passwd", "x/../..", "unknown", ["tutorial"], {}]
)
def test_weights_that_do_not_exist_get_a_sentence(server, weights):
    reply = _ask_pad(server, "read_drawing", {"strokes": DRAWINGS[1], "weights": weights})
    assert set(reply) == {"remark"}
    assert str(server.runs_dir) not in reply["remark"]


def _ask_pad(server, function: str, data) -> dict:
    """Call one of the pad's own functions past the page, as anyone on the network can."""
    with urllib.request.urlopen(f"{server.url}/config") as answer:
        components = json.load(answer)["components"]
    pad = next(c["id"] for c in components if function in c["props"].get("server_fns", []))
    body = {"session_hash": "x", "component_id": pad, "fn_name": function, "data": data}
    request = urllib.request.Request(
        f"{server.url}/gradio_api/component_server/",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
