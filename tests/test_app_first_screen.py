"""The first screen of the Draw tab, on five screens, and what is on the pad before one draws."""

import re

import pytest
from playwright.sync_api import expect
from visiting import DRAWINGS, SCREENS, draw, draw_and_wait, expect_read, reload

SEEN = [
    "h1", "[role=tab]", ".page-weights", ".share-copy", ".pad-canvas", ".pad-digit", ".pad-share",
    ".pad-image", ".pad .bar", ".pad-tools > *",
]  # fmt: skip


@pytest.mark.parametrize("screen", SCREENS)
def test_answer_and_pad_are_in_one_glance(open_page, screen):
    width, height = SCREENS[screen]
    page = open_page(viewport={"width": width, "height": height})
    draw_and_wait(page, DRAWINGS[4])
    expect_read(page, 4) if width > 640 else expect(page.locator(".pad-digit")).to_have_text("4")
    boxes = {
        name: page.locator(name).evaluate_all("""all => all.map((one) => {
          const { left, top, right, bottom } = one.getBoundingClientRect();
          return [left, top, right, bottom];
        })""")
        for name in SEEN
    }
    for name, places in boxes.items():
        assert places, name
        for left, top, right, bottom in places:
            assert 0 <= left < right <= width + 1, name
            assert 0 <= top < bottom <= height + 1, name
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ((left, top, right, bottom),) = boxes[".pad-canvas"]
    assert right - left == pytest.approx(bottom - top, abs=2)
    assert bottom - top >= 0.48 * min(width, height), "the pad is as large as there is room"
    heads = [box[1] for box in boxes["[role=tab]"]]
    assert max(heads) < boxes["h1"][0][3], "title and tabs are on one line"
    if screen == "phone on its side":
        expect(page.locator(".pad-ask")).to_have_css("font-size", "13px")
    if screen == "phone":
        assert boxes[".pad-digit"][0][3] <= top + 8, "the verdict is above the pad"
        assert all(box[1] >= bottom for box in boxes[".pad .bar"])
        assert len({round(box[1]) for box in boxes[".pad .bar"]}) == 1, "a histogram"


@pytest.mark.parametrize("width", [360, 660, 720, 844])
@pytest.mark.parametrize("locale", ["en-US", "zh-HK"])
def test_all_tabs_are_there_on_narrow_screens(open_page, locale, width):
    page = open_page(viewport={"width": width, "height": 740}, locale=locale)
    expect(page.get_by_role("tab")).to_have_count(3)
    expect(page.get_by_role("tab").nth(2)).to_be_in_viewport()


def test_in_chinese_the_inside_is_that_of_the_weights_that_read(open_page):
    page = open_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    expect(page.get_by_role("application").first).to_be_visible()
    expect(page.locator(".pad-sum")).to_contain_text("指向某张特征图")
    expect(page.locator(".page-weights input")).to_have_value("改进版（自带）")
    assert page.evaluate("mnistLink.address().split('#')[1]") == "tab=draw&weights=modern"


def test_a_pale_hand_writes_until_the_first_touch(open_page):
    page = open_page(reduced_motion="no-preference", viewport={"width": 1280, "height": 800})
    expect(page.locator(".pad-digit:visible")).to_have_text(re.compile(r"\d"))
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()
    assert page.evaluate("localStorage.getItem('mnist-lab-drawing')") is None
    page.keyboard.press("Shift")
    expect(page.locator(".pad-hint")).to_be_visible()
    page.wait_for_timeout(2500)
    expect(page.locator(".pad-hint")).to_be_visible()


def test_the_pen_takes_the_place_of_the_pale_hand(open_page):
    page = open_page(reduced_motion="no-preference")
    expect(page.locator(".pad-hint")).to_be_hidden()
    draw(page, DRAWINGS[7])
    expect_read(page, 7)


PICTURE = """(name) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 280, height: 280 });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, 280, 280);
  context.lineWidth = 20;
  context.stroke(new Path2D("M 70 60 L 200 55 L 120 230"));
  return new Promise((resolve) => canvas.toBlob((blob) => {
    const files = new DataTransfer();
    if (name !== "text") files.items.add(new File([blob], "seven.png", { type: "image/png" }));
    const pad = document.querySelector(".pad-paper");
    const about = { bubbles: true, cancelable: true };
    if (name === "paste")
      document.body.dispatchEvent(new ClipboardEvent("paste", { ...about, clipboardData: files }));
    else pad.dispatchEvent(new DragEvent("drop", { ...about, dataTransfer: files }));
    resolve();
  }));
}"""


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted_and_survives_a_reload(page, way):
    page.evaluate(PICTURE, way)
    expect_read(page, 7)
    page.wait_for_function("sessionStorage.getItem('mnist-lab-pad')?.includes('picture')")
    page.reload()
    expect_read(page, 7)


def test_what_is_no_picture_file_is_said_to_be_none(page):
    page.evaluate(PICTURE, "text")
    expect(page.locator(".pad-remark")).to_contain_text("Only a picture in a file")


def test_a_drawing_and_the_tab_survive_a_reload(page):
    draw_and_wait(page, DRAWINGS[4])
    expect_read(page, 4)
    before = page.locator(".pad-image").evaluate("c => c.toDataURL()")
    page.get_by_role("tab", name="Train").click()
    page.reload()
    expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="Draw")).to_have_attribute("aria-selected", "true")
    expect_read(page, 4)
    assert page.locator(".pad-image").evaluate("c => c.toDataURL()") == before
    page.keyboard.press("Escape")
    reload(page)
    expect(page.locator(".pad-hint")).to_be_visible()
