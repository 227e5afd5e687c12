"""My digits on the Draw tab: said what it was, read so at once, kept, saved, opened, forgotten."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect
from visiting import DRAWINGS, choose_weights, draw, expect_read, reload

from mnist_core.digits.own import read_own

ODD_TWO = DRAWINGS[7]
"""A hand in which this is a 2; the shipped networks are sure that it is a 7."""

FLAGGED_ONE = [[[0.2, 0.6], [0.6, 0.15], [0.6, 0.85]]]
"""A 1 as many people write it, which the tutorial's network reads as a 4."""


def say_it_was(page: Page, label: int | str) -> None:
    page.locator(".pad-digits").get_by_role("button", name=str(label), exact=True).click()


def thumbnails(page: Page):
    return page.locator(".own-list button")


def test_what_was_corrected_is_read_so_from_then_on_and_says_why(page):
    draw(page, ODD_TWO)
    expect_read(page, 7)
    expect(page.locator(".pad-as")).to_be_hidden()
    say_it_was(page, 2)
    expect(thumbnails(page)).to_have_count(1)
    expect_read(page, 2)
    said = page.locator(".pad-digits [aria-pressed=true]")
    opacity = "button => { button.disabled = true; return getComputedStyle(button).opacity; }"
    assert said.evaluate(opacity) == "1", "what it was is seen, though it cannot be pressed"
    expect(page.locator(".pad-as")).to_be_visible()
    expect(page.locator(".own-misread.own-decides")).to_have_count(1)
    page.keyboard.press("Escape")
    draw(page, [[[x + 0.02, 0.9 * y] for x, y in stroke] for stroke in ODD_TWO])
    expect_read(page, 2)
    reload(page)
    expect(thumbnails(page)).to_have_count(1)
    page.keyboard.press("Escape")
    draw(page, ODD_TWO)
    expect_read(page, 2)
    page.get_by_label("Read by them").uncheck()
    expect_read(page, 7)
    page.get_by_label("Read by them").check()
    expect_read(page, 2)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget all").click()
    expect(thumbnails(page)).to_have_count(0)
    expect_read(page, 7)


def test_a_label_pressed_again_is_taken_back_and_another_takes_its_place(page):
    draw(page, DRAWINGS[4])
    expect_read(page, 4)
    say_it_was(page, 4)
    expect(page.locator(".own-said")).to_have_text("1 · read right 1 → 1")
    expect(page.locator(".pad-ask")).to_have_text("In my digits, below:")
    say_it_was(page, "no digit")
    expect(page.locator(".pad-label")).to_have_text("Perhaps a")
    expect(thumbnails(page)).to_have_count(1)
    say_it_was(page, "no digit")
    expect(thumbnails(page)).to_have_count(0)
    expect(page.locator(".pad-ask")).to_have_text("Right? It was a")
    expect_read(page, 4)


def test_drawings_are_saved_to_a_file_that_opens_again(page, tmp_path):
    for digit in (0, 4):
        page.keyboard.press("Escape")
        draw(page, DRAWINGS[digit])
        expect_read(page, digit)
        say_it_was(page, digit)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    file = tmp_path / "mine.jsonl"
    download.value.save_as(file)
    assert read_own(file).labels.tolist() == [0, 4]
    assert max(map(len, file.read_text().splitlines())) < 900
    page.once("dialog", lambda dialog: dialog.accept())
    thumbnails(page).first.click()
    expect(thumbnails(page)).to_have_count(1)
    page.locator(".own-file").set_input_files(file)
    expect(thumbnails(page)).to_have_count(3)
    expect(page.locator(".own-said")).to_contain_text("3 · read right 3 → 3")


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a",
        b"[]\n",
        b'{"strokes": [[[0, 0], [1, 1]]], "label": 11}',
        b'{"strokes": [[[0, 0], [1e999, 1]]], "label": 1}',
        json.dumps({"strokes": [[[0, 0], [1, 1]]], "label": 1}).encode() + b"\n{}",
        b" " * 1_000_000,
    ],
)
def test_a_file_of_something_else_is_one_sentence_and_nothing_is_taken(page, content):
    said = page.locator(".own-said")
    expect(said).to_contain_text("None yet")
    page.locator(".own-file").set_input_files(
        {"name": "x.jsonl", "mimeType": "application/jsonl", "buffer": content}
    )
    expect(said).to_contain_text("othing was taken")
    expect(thumbnails(page)).to_have_count(0)


def test_where_the_browser_keeps_nothing_they_are_there_until_it_is_closed(open_page):
    page = open_page()
    page.context.add_init_script(
        "Object.defineProperty(window, 'indexedDB', { get() { throw 0 } })"
    )
    reload(page)
    draw(page, ODD_TWO)
    expect_read(page, 7)
    say_it_was(page, 2)
    expect_read(page, 2)


def test_two_visitors_do_not_share_them(open_page):
    one, other = open_page(), open_page()
    draw(one, ODD_TWO)
    expect_read(one, 7)
    say_it_was(one, 2)
    expect_read(one, 2)
    draw(other, ODD_TWO)
    expect_read(other, 7)
    expect(thumbnails(other)).to_have_count(0)


def test_taught_weights_read_the_hand_when_the_drawings_are_forgotten(page, mnist_dir):
    """And before that, they are among the sets of Test digits; what was taught is judged, and the
    run is offered no step that would begin it without them."""
    choose_weights(page, "Tutorial, shipped")
    for drawing, read, label in ((DRAWINGS[4], 4, 4), (FLAGGED_ONE, 4, 1)):
        page.keyboard.press("Escape")
        draw(page, drawing)
        expect_read(page, read)
        say_it_was(page, label)
        expect_read(page, label)
    page.get_by_role("tab", name="Test digits").click()
    page.get_by_label("Digits", exact=True).click()
    page.get_by_role("option", name="My digits").click()
    expect(page.locator(".digit-cell")).to_have_count(1)
    page.get_by_role("tab", name="Draw").click()
    page.get_by_role("button", name="Teach it mine").click()
    expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".run-sentence")).to_contain_text("after 4 epochs")
    said = page.locator(".run-said")
    expect(said).to_contain_text("Your digits: 1 of 2 read right before, 1 now")
    expect(said).to_contain_text("MNIST: 98.28 % before, 98.")
    expect(page.get_by_role("cell", name="1 of 2")).to_be_visible()
    expect(page.locator("[data-part=next] [data-action]")).to_have_text(["Draw with it"])
    page.get_by_role("tab", name="Draw").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget all").click()
    expect_read(page, 4)
    choose_weights(page, "Taught mine 1")
    expect_read(page, 1)
