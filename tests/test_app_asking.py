"""How the pad asks the server: seldom enough, again where there is no answer, and not for ever."""

from pictures import sideways_seven
from playwright.sync_api import expect
from training_runs import until
from visiting import DRAWINGS, allow, draw, expect_read, reload

PICTURE = {"name": "seven.jpg", "mimeType": "image/jpeg", "buffer": sideways_seven()}


def test_at_most_ten_requests_a_second_and_one_at_a_time(page):
    """By a clock that goes on when it is told to."""
    page.clock.install()
    reload(page)
    expect(page.locator(".inside-column canvas")).to_have_count(7)
    page.locator(".pad-inside summary").click()  # its maps are asked for apart
    expect(page.locator(".pad-inside")).not_to_have_attribute("open", "")
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 60)
    asked, box = [], page.locator(".pad-canvas").bounding_box()
    page.route("**/component_server/**", lambda route: asked.append(route))

    def move(x, y):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])

    def expect_asked(times):
        until(lambda: page.evaluate("true") and len(asked) >= times)
        assert len(asked) == times

    def answer():
        with page.expect_response("**/component_server/**") as answered:
            asked[-1].continue_()
        shown = "image => localStorage.getItem('mnist-lab-drawing') === image"
        page.wait_for_function(shown, arg=answered.value.json()["image"])

    move(0.2, 0.2)
    page.mouse.down()
    move(0.8, 0.3)
    expect_asked(1)  # at once
    move(0.2, 0.5)
    page.clock.run_for(5000)
    move(0.7, 0.6)
    expect_asked(1)  # it is not answered yet
    answer()
    for number in (2, 3, 4):
        expect_asked(number)
        move(0.2, 0.6 + 0.05 * number)
        answer()
        page.clock.run_for(99)
        move(0.8, 0.6 + 0.05 * number)
        expect_asked(number)
        page.clock.run_for(1)


def test_a_server_that_is_gone_is_said_to_be_and_asked_again(open_page):
    page = open_page()
    allow(page, "Failed to load resource")
    page.route("**/component_server/**", lambda route: route.abort())
    draw(page, DRAWINGS[7])
    expect(page.locator(".pad-remark")).to_contain_text("does not answer")
    page.unroute("**/component_server/**")
    expect_read(page, 7)
    expect(page.locator(".pad-remark")).to_have_text("")


def test_a_picture_that_a_proxy_refuses_is_not_sent_for_ever(page):
    allow(page, "Failed to load resource")
    sent = []

    def refuse(route):
        sent.extend([1] if b"read_file" in route.request.post_data_buffer else [])
        route.fulfill(status=413)

    page.route("**/component_server/**", refuse)
    page.get_by_label("Picture of a digit or a number").set_input_files(PICTURE)
    expect(page.locator(".pad-remark")).to_contain_text("does not get through")
    refused = len(sent)
    page.wait_for_timeout(3000)  # longer than from one try to the next
    assert 1 < len(sent) == refused
    page.unroute("**/component_server/**")
    draw(page, DRAWINGS[1])
    expect_read(page, 1)
