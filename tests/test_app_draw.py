"""The Draw tab in a real browser."""

from __future__ import annotations

import re

import pytest
from pictures import sideways_seven
from playwright.sync_api import Page, expect
from scribbles import LETTERS, line
from visiting import (
    DRAWINGS,
    choose_weights,
    draw,
    draw_and_wait,
    expect_read,
)

PICTURE = {"name": "seven.jpg", "mimeType": "image/jpeg", "buffer": sideways_seven()}


def _beside(*digits):
    """Digits of DRAWINGS from left to right."""
    size = 0.9 / len(digits)
    return [[[0.05 + size * (place + x), 0.3 + size * y] for x, y in stroke]
            for place, digit in enumerate(digits) for stroke in DRAWINGS[digit]]  # fmt: skip


def _expect_blank(page: Page) -> None:
    expect(page.locator(".pad-hint")).to_be_visible()
    expect(page.locator(".pad-digit:visible")).to_have_count(0)
    expect(page.locator(".pad .bar-first")).to_have_count(0)
    assert _bars(page) == [0] * 10


def _bars(page: Page) -> list[float]:
    """The lengths that the ten bars are set to, 0..1."""
    return page.locator(".pad .bar b").evaluate_all(
        "all => all.map(bar => +bar.style.getPropertyValue('--share'))"
    )


def _ink(page: Page) -> int:
    """How many pixels of the 28×28 that the network saw are not black."""
    return page.locator(".pad-image").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, 28, 28)"
        ".data.filter((value, i) => i % 4 == 0 && value).length"
    )


def test_the_page_has_three_tabs_names_the_weights_and_does_not_say_that_it_forgets(page):
    names = [tab.inner_text() for tab in page.get_by_role("tab").all()]
    assert names == ["Draw", "Train", "Test digits"]
    expect(page.get_by_label("Weights that read")).to_have_value(re.compile(", shipped"))
    expect(page.get_by_text("Your browser keeps nothing")).to_be_hidden()


def test_a_blank_pad_has_no_answer_and_empty_bars_and_stays_blank_where_motion_is_unwanted(page):
    _expect_blank(page)
    page.wait_for_timeout(2500)  # in which a pale hand would have begun to write
    _expect_blank(page)
    assert _ink(page) == 0
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


@pytest.mark.parametrize("digit", DRAWINGS)
def test_a_digit_drawn_with_the_mouse_is_read(page, digit):
    draw(page, DRAWINGS[digit])
    expect_read(page, digit)
    expect(page.locator(".pad-label")).to_have_text("This is an" if digit == 8 else "This is a")
    assert sum(_bars(page)) == pytest.approx(1, abs=1e-3)
    assert _ink(page) > 20


def test_the_bars_move_while_the_pen_is_down(page):
    draw(page, DRAWINGS[1], lift=False)
    expect_read(page, 1)
    before = page.locator(".pad .bars").inner_text()
    box = page.locator(".pad-canvas").bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.3 * box["height"], steps=30)
    expect(page.locator(".pad .bars")).not_to_have_text(before, use_inner_text=True)
    page.mouse.up()


def test_clear_and_escape_and_undo_and_control_z(page):
    draw_and_wait(page, DRAWINGS[4])
    both = page.locator(".pad-image").evaluate("c => c.toDataURL()")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function(
        "both => document.querySelector('.pad-image').toDataURL() !== both", arg=both
    )
    assert _ink(page) > 20
    page.keyboard.press("Control+z")
    _expect_blank(page)
    draw(page, DRAWINGS[0])
    expect_read(page, 0)
    page.get_by_role("button", name="Clear").click()
    _expect_blank(page)
    draw(page, DRAWINGS[7])
    expect_read(page, 7)
    page.keyboard.press("Escape")
    _expect_blank(page)
    page.wait_for_timeout(300)
    _expect_blank(page)  # a late answer does not come back


def test_a_finger_draws_on_a_phone_and_the_page_fits_it(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.screenshot()  # a finger meets what is shown, and that may be a frame behind
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
    expect_read(page, 7)
    assert page.evaluate("scrollY") == 0, "the finger scrolled the page"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.locator(".pad-tools button, .pad-picture, .pad-digits button").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 44).length"
    )
    assert small == 0, "targets for a finger are at least 44 px high"


def test_an_example_is_written_and_read_by_keyboard_alone_at_once_where_motion_is_unwanted(page):
    page.get_by_role("button", name="Example").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pad-digit:visible")).to_have_text(re.compile(r"\d"))
    expect(page.locator(".pad-hint")).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="Read as")).to_have_text(
        re.compile(r"Read as \d, \d+\.\d %")
    )
    transition = page.locator(".pad .bar b").first.evaluate(
        "bar => getComputedStyle(bar).transitionDuration"
    )
    assert transition == "0s"


def test_a_picture_is_read_the_right_way_up(page):
    page.get_by_label("Picture of a digit or a number").set_input_files(PICTURE)
    expect_read(page, 7)
    draw(page, DRAWINGS[1])  # the pen takes the picture's place
    expect_read(page, 1)


def test_a_file_that_is_no_picture_is_said_to_be_none(page):
    page.get_by_label("Picture of a digit or a number").set_input_files(
        {**PICTURE, "buffer": b"not a picture"}
    )
    expect(page.locator(".pad-remark")).not_to_be_empty()
    expect(page.locator(".pad-digit:visible")).to_have_count(0)


def test_a_slip_of_the_pen_is_too_small(page):
    draw(page, [[[0.5, 0.5], [0.51, 0.51]]])
    expect(page.locator(".pad-remark")).to_contain_text("Too small")


def _place_of_bars(page: Page) -> dict:
    """Where they are once all of the page has come."""
    expect(page.locator(".inside-column canvas")).to_have_count(7)
    expect(page.locator(".own-said")).not_to_be_empty()
    return page.locator(".bars").bounding_box()


def test_a_number_has_its_digits_to_choose_from_and_nothing_jumps(page):
    bars = _place_of_bars(page)
    draw(page, _beside(4, 2))
    digits = page.get_by_role("group", name="The number").get_by_role("button")
    expect(digits).to_have_text(["4", "2"])
    expect(digits.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".bar-first")).to_have_text(re.compile(r"^2\s*\d"))
    assert page.locator(".bars").bounding_box() == bars
    seen = page.locator(".pad-image").evaluate("c => c.toDataURL()")
    digits.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".bar-first")).to_have_text(re.compile(r"^4\s*\d"))
    expect(digits.first).to_be_focused()
    assert page.locator(".pad-image").evaluate("c => c.toDataURL()") != seen
    expect(page.get_by_role("status").filter(has_text="42")).to_have_text("Read as the number 42.")
    page.keyboard.press("Escape")
    _expect_blank(page)
    expect(digits).to_have_count(0)


def test_a_letter_is_greyed_and_why_is_said(page):
    bars = _place_of_bars(page)
    draw(page, LETTERS["H"])
    expect(page.locator(".pad-remark")).to_contain_text("Looks like nothing I was taught")
    expect(page.locator(".pad-answer.pad-unsure")).to_be_visible()
    page.locator(".pad-why summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pad-is-digit")).to_have_text(re.compile(r"here, \d+\.\d % that it is a"))
    assert page.locator(".bars").bounding_box() == bars
    expect(page.get_by_role("status").filter(has_text="nothing")).to_have_count(1)
    draw(page, LETTERS["H"][:1], lift=False)  # a stroke under way is not judged
    expect(page.locator(".pad-remark")).to_have_text("")
    page.mouse.up()


def test_a_crossed_seven_is_never_shown_as_several_while_it_is_drawn(page):
    page.evaluate(
        """() => {
          window.most = 0;
          const group = document.querySelector(".pad-number");
          new MutationObserver(() => (window.most = Math.max(window.most, group.children.length)))
            .observe(group, { childList: true });
        }"""
    )
    for stroke in [*DRAWINGS[7], line((0.35, 0.5), (0.72, 0.48), between=20)]:
        draw_and_wait(page, [stroke])
    expect_read(page, 7)
    assert page.evaluate("most") == 0


def _lit(page: Page) -> str:
    return page.locator(".inside-column canvas").nth(2).evaluate("c => c.toDataURL()")


def test_the_inside_is_lit_as_one_draws_and_follows_the_weights(page):
    maps = page.locator(".inside-column canvas")
    expect(maps).to_have_count(7)
    dark = _lit(page)
    draw(page, DRAWINGS[4], lift=False)
    page.wait_for_function("([before]) => document.querySelectorAll('.inside-column canvas')[2]"
                           ".toDataURL() !== before", arg=[dark])  # fmt: skip
    page.mouse.up()
    expect_read(page, 4)
    strong = maps.nth(2).evaluate(
        """c => { const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          return [...data.keys()].filter(i => i % 4 === 0 && data[i + 3] === 255)
            .map(i => data[i + 2] - data[i]); }"""
    )
    assert min(strong) > 50, "the strongest are blue, not grey"
    choose_weights(page, "Tutorial")
    expect(maps).to_have_count(5)
    expect(page.get_by_role("application", name="conv2: 20 maps")).to_be_visible()
    expect(page.get_by_role("application", name="fc2: 10 values")).to_be_visible()


def test_the_heads_of_the_inside_stand_apart_and_say_what_is_shown_at_every_width(open_page):
    page = open_page(viewport={"width": 390, "height": 664})
    page.locator(".pad-inside summary").click()
    second = page.locator(".inside-column p").nth(2)
    expect(second).to_have_text(re.compile(r"^conv2 \d+ of 32 · 7×7$"))
    for width in (390, 820, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            """() => { const all = [...document.querySelectorAll(".inside-column")];
              const ends = all.map(box => box.querySelector("span").getBoundingClientRect().right);
              return all.slice(1).every((box, k) => ends[k] < box.getBoundingClientRect().x); }"""
        )
    expect(second).to_have_text("conv2 32 · 7×7")


def test_the_sum_behind_a_pixel_is_written_out_by_pointer_and_by_keyboard(page):
    draw(page, DRAWINGS[4])
    expect_read(page, 4)
    second = page.get_by_role("application", name="conv2: 32 maps")
    second.hover(position={"x": 10, "y": 10})
    said = page.locator(".pad-sum [role=status]")
    expect(said).to_contain_text(re.compile(r"^conv2, map 1, pixel \d, \d: .* = .* → max pool"))
    expect(page.locator(".inside-grid")).to_have_count(6)
    assert page.locator(".pad-diagram path").count() > 5
    page.get_by_role("application", name="conv1: 16 maps").focus()
    alone = r"^conv1, map 1, pixel \d+, \d+: −?\d\.\d\d → ([^=]+)$"  # of one map, without bias
    expect(said).to_have_text(re.compile(alone))
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("conv1, map 2,")
    before = said.inner_text()
    page.keyboard.press("Shift+ArrowRight")
    expect(said).not_to_have_text(before)
    expect(page.locator(".inside-patch-frame")).to_be_visible()


def test_what_mattered_colours_the_pad_itself(page):
    draw(page, DRAWINGS[4])
    expect_read(page, 4)
    coloured = """() => { const c = document.querySelector('.pad-canvas');
      const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      return data.some((v, i) => i % 4 == 0 && data[i + 3] > 200 && v > data[i + 2] + 60); }"""
    assert not page.evaluate(coloured)
    button = page.get_by_role("button", name="What mattered")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(coloured)
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => !({coloured})()")


def test_both_shipped_networks_are_fooled_side_by_side(page):
    button = page.get_by_role("button", name="Fool it")
    expect(button).to_be_disabled()
    draw(page, DRAWINGS[4])
    expect_read(page, 4)
    button.focus()
    page.keyboard.press("Enter")
    changes = page.locator(".pad-changes figure")
    expect(changes).to_have_count(2)
    for change in changes.all():
        expect(change).to_contain_text(re.compile(r"read as 4\s*\+.*read as [^4]", re.S))
        expect(change).to_contain_text(re.compile(r"\d % of the ink, no pixel by more than \d+"))
    expect(page.locator(".pad-fooled li")).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page.locator(".pad-fooled")).to_be_hidden()


def test_two_visitors_draw_at_once_and_each_gets_their_own_answer(open_page):
    pages = {digit: open_page() for digit in (0, 7)}
    for digit, page in pages.items():
        draw(page, DRAWINGS[digit])
    for digit, page in pages.items():
        expect_read(page, digit)


def test_resizing_keeps_the_drawing(page):
    draw(page, DRAWINGS[7])
    expect_read(page, 7)
    page.set_viewport_size({"width": 500, "height": 900})
    page.wait_for_function(
        "() => { const c = document.querySelector('.pad-canvas');"
        " return c.width == Math.round(c.clientWidth * devicePixelRatio)"
        " && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v); }"
    )


def test_light_and_dark_follow_the_system(page):
    """What is on the pad and in the list below it is painted anew."""
    draw_and_wait(page, DRAWINGS[7])
    page.get_by_role("group", name="The digit it really was").get_by_text("7").click()
    page.locator(".own-list canvas").wait_for()
    for scheme, level in (("dark", 245), ("light", 33), ("dark", 245)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_function(
            """level => [".pad-canvas", ".own-list canvas"].every(name => {
              const pen = document.querySelector(name).getContext("2d");
              const { data } = pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height);
              return data.some((value, k) => k % 4 === 3 && value === 255 && data[k - 3] === level);
            })""",
            arg=level,
        )
