"""The Test digits tab in a real browser, on real MNIST and the shipped weights."""

import base64
import csv
import io
import re
import time
from itertools import pairwise

import pytest
from PIL import Image
from playwright.sync_api import expect
from visiting import choose_weights

pytestmark = pytest.mark.usefixtures("mnist_dir")


@pytest.fixture
def tab(page):
    """The tab as one first sees it who reads with the tutorial's weights, which have snapshots."""
    choose_weights(page, "Tutorial, shipped")
    page.get_by_role("tab", name="Test digits").click()
    expect(page.locator(".digit-summary")).to_contain_text("Tutorial, shipped")
    expect(page.locator(".digit-cell").first).to_be_visible()
    return page


def captions(tab) -> list[str]:
    return tab.locator(".digit-cell").all_inner_texts()


def test_the_first_view_is_the_mistakes_worst_first(tab):
    expect(tab.locator(".digit-summary")).to_contain_text("of 10,000 right")
    assert len(captions(tab)) == 100
    assert all("✗" in caption for caption in captions(tab))


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_on_a_phone_digits_are_in_the_first_screen_and_each_choice_can_be_read(open_page, locale):
    page = open_page("/#tab=test", viewport={"width": 390, "height": 664}, locale=locale)
    expect(page.locator(".digit-cell").first).to_be_in_viewport(ratio=1)
    for choice in page.locator(".form:has(> .pills) input[role=combobox]:visible").all():
        assert choice.evaluate("field => field.scrollWidth <= field.clientWidth")


def test_a_cell_of_the_confusion_matrix_shows_its_digits(tab):
    cell = tab.get_by_role("button", name=re.compile("of the 4s read as 9"))
    count = int(cell.inner_text())
    cell.click()
    expect(tab.locator(".digit-pager")).to_contain_text(f"{count} digit")
    assert {re.sub(r"[\s()]", "", caption) for caption in captions(tab)} == {"4→9✗"}
    expect(cell).to_have_attribute("aria-pressed", "true")


def test_few_digits_beside_the_matrix_are_larger(open_page):
    page = open_page("/#tab=test", viewport={"width": 1440, "height": 900})
    sprites = page.locator(".digit-grid .digit-sprite")
    expect(sprites.first).to_have_css("width", "56px")
    page.get_by_role("button", name="of the 4s read as 9").click()
    expect(sprites).to_have_count(1)
    expect(sprites).to_have_css("width", "280px")


def test_a_cell_chosen_again_brings_all_digits_back(tab):
    cell = tab.get_by_role("button", name=re.compile("of the 4s read as 9"))
    cell.click()
    expect(tab.get_by_label("Truth", exact=True)).to_have_value("4")
    expect(cell).to_have_attribute("aria-pressed", "true")
    cell.click()
    expect(tab.locator(".digit-pager")).to_contain_text("10,000 digits")
    expect(cell).to_have_attribute("aria-pressed", "false")
    expect(cell).to_be_focused()
    for control in ("Truth", "Read as"):
        expect(tab.get_by_label(control, exact=True)).to_have_value("any")
    expect(tab.get_by_role("radio", name="all")).to_be_checked()


def test_a_chip_names_the_chosen_cell_and_brings_all_digits_back(tab):
    tab.get_by_role("button", name=re.compile("of the 4s read as 9")).click()
    chip = tab.get_by_role("button", name="4s read as 9: show all digits again")
    chip.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator(".digit-pager")).to_contain_text("10,000 digits")
    expect(chip).to_have_count(0)


def test_the_cloud_moves_with_the_slider_and_opens_a_digit(tab):
    cloud = tab.locator(".digit-cloud canvas")
    expect(cloud).to_be_visible()
    expect(tab.locator(".digit-counts")).to_contain_text("1,135")  # comes with the cloud
    saved = cloud.evaluate("c => c.toDataURL()")
    tab.get_by_role("slider", name="Time", exact=True).focus()
    tab.keyboard.press("Home")
    tab.wait_for_function(
        "before => document.querySelector('.digit-cloud canvas').toDataURL() !== before", arg=saved
    )
    cloud.focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator(".digit-cloud-at")).to_have_text("Number 0: it is a 7")
    tab.keyboard.press("Enter")
    expect(tab.locator(".digit-detail")).to_contain_text("Number 0: it is a 7")


def test_a_filter_and_the_pages_move_through_all_digits(tab):
    tab.get_by_role("radio", name="all").check()
    expect(tab.locator(".digit-pager")).to_contain_text("page 1 of 100")
    first = captions(tab)
    tab.get_by_role("button", name="Next page").click()
    expect(tab.locator(".digit-pager")).to_contain_text("page 2 of 100")
    assert captions(tab) != first
    tab.get_by_role("button", name="Previous page").click()
    expect(tab.locator(".digit-pager")).to_contain_text("page 1 of 100")
    assert captions(tab) == first


def test_the_keyboard_moves_among_the_digits_and_turns_pages(tab):
    cells = tab.locator(".digit-cell")
    cells.first.focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    expect(cells.nth(2)).to_be_focused()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowLeft")
    expect(cells.nth(1)).to_be_focused()
    tab.keyboard.press("PageDown")
    expect(tab.locator(".digit-pager")).to_contain_text("page 2")
    expect(cells.first).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator(".digit-pager")).to_contain_text("page 1")


def test_a_digit_opens_with_its_probabilities_and_the_inside_of_the_network(tab):
    worst = tab.locator(".digit-cell").first
    truth, read = re.findall(r"\d", worst.inner_text())
    number = int(worst.get_attribute("data-i"))
    worst.click()
    detail = tab.locator(".digit-detail")
    expect(detail).to_contain_text(f"Number {number:,}: it is a {truth}")
    expect(detail).to_contain_text(f"read as {read}")
    expect(detail.locator(".bar")).to_have_count(10)
    expect(detail.get_by_alt_text("10 filters")).to_be_visible()
    expect(detail.get_by_alt_text("10 maps")).to_be_visible()
    expect(detail.get_by_alt_text("20 maps")).to_be_visible()
    expect(detail.get_by_alt_text("What mattered")).to_be_visible()
    expect(worst).to_have_attribute("aria-pressed", "true")


def test_the_slider_replays_the_run_over_the_matrix_and_the_digit(tab):
    tab.locator(".digit-cell").first.click()
    expect(tab.locator(".digit-detail")).to_be_visible()
    now = tab.locator(".digit-matrix").inner_text()
    filters = tab.get_by_alt_text("10 filters").get_attribute("src")
    slider = tab.get_by_role("slider", name="Time", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "as saved")
    slider.focus()
    tab.keyboard.press("Home")
    expect(tab.locator(".digit-time output")).to_contain_text("untrained")
    expect(tab.locator(".digit-summary")).to_contain_text("untrained")
    expect(tab.locator(".digit-matrix")).not_to_have_text(now, use_inner_text=True)
    expect(tab.get_by_alt_text("10 filters")).not_to_have_attribute("src", filters)


def test_after_other_weights_the_slider_is_theirs_as_saved(tab):
    tab.get_by_role("slider", name="Time", exact=True).focus()
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator(".digit-summary")).to_contain_text("after 64 examples")
    choose_weights(tab, "Modern, shipped")
    expect(tab.locator(".digit-summary")).to_contain_text("Modern, shipped:")
    expect(tab.locator(".digit-time output")).to_contain_text("as saved")
    assert (
        tab.locator(".digit-marks i").count()
        == int(tab.get_by_role("slider", name="Time", exact=True).get_attribute("max")) + 1
    )


def test_two_networks_are_compared_by_what_one_gets_right_and_the_other_wrong(tab):
    tab.get_by_role("slider", name="Time", exact=True).focus()
    tab.keyboard.press("Home")
    expect(tab.locator(".digit-summary")).to_contain_text("untrained")
    tab.get_by_role("combobox", name="Compare with").click()
    tab.get_by_role("option", name="Tutorial, shipped").click()
    expect(tab.locator(".digit-matrix")).to_have_count(2)
    expect(tab.locator(".pills:visible label")).to_have_count(7)
    for width in (1440, 390, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.wait_for_function(
            """() => [...document.querySelectorAll(".form > .pills label")].every(choice => {
              const [inner, outer] = [choice, choice.closest(".form")];
              const ends = [inner, outer].map(box => box.getBoundingClientRect().right);
              return ends[0] <= ends[1] && inner.clientHeight < 50;
            })"""
        )
        fits = "cells => cells.every(cell => cell.scrollWidth <= cell.clientWidth)"
        assert tab.locator(".digit-cell").evaluate_all(fits), "what both read is within its cell"
    button = tab.get_by_role("button", name=re.compile("digits: only second right"))
    count = button.inner_text()
    assert int(count.replace(",", "")) > 5_000
    button.click()
    expect(tab.locator(".digit-pager")).to_contain_text(f"{count} digits")
    for caption in captions(tab):
        truth, first, second = re.findall(r"\d", caption)
        assert first != truth == second


def test_the_page_and_all_results_can_be_kept(tab):
    with tab.expect_download() as download:
        tab.get_by_role("button", name="This page as PNG").click()
    assert Image.open(download.value.path()).size == (680, 840)
    with tab.expect_download() as download:
        tab.get_by_role("button", name="All results as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(rows) == 10_000
    right = sum(row["truth"] == row["prediction"] for row in rows)
    expect(tab.locator(".digit-summary")).to_contain_text(f"{right:,} of 10,000 right")


def test_a_file_that_takes_long_is_asked_for_again_after_a_while(tab):
    asked = []

    def answer(route):
        if '"csv"' not in (route.request.post_data or ""):
            return route.fallback()
        asked.append(time.monotonic())
        if len(asked) < 4:
            return route.fulfill(json={"waiting": "Reading the digits: 10%", "share": 0.1})
        return route.fallback()

    tab.route("**/component_server/*", answer)
    with tab.expect_download():
        tab.get_by_role("button", name="All results as CSV").click()
    assert all(later - before > 0.25 for before, later in pairwise(asked))
    assert len(asked) == 4


def test_the_visitors_own_drawing_is_read_and_looked_into(tab):
    one = bytearray(784)
    for row in range(4, 24):
        one[row * 28 + 13] = one[row * 28 + 14] = 255
    drawing = base64.b64encode(one).decode()
    tab.evaluate("drawing => localStorage.setItem('mnist-lab-drawing', drawing)", drawing)
    tab.get_by_role("button", name="Read my drawing").click()
    expect(tab.locator(".digit-detail")).to_contain_text("Your drawing")
    expect(tab.locator(".digit-detail")).to_contain_text("read as 1")
    expect(tab.locator(".digit-near .digit-sprite")).to_have_count(5)


def test_without_a_drawing_it_is_said_where_to_make_one(tab):
    tab.get_by_role("button", name="Read my drawing").click()
    expect(tab.get_by_text("There is no drawing yet")).to_be_in_viewport()


def test_a_digit_can_be_sent_to_the_pad(tab):
    tab.get_by_role("combobox", name="Order").click()
    tab.get_by_role("option", name="as in the set").click()
    tab.get_by_role("radio", name="all").check()
    tab.get_by_role("button", name="Number 0: a 7, read as 7").click()
    tab.get_by_role("button", name="To the pad").click()
    expect(tab.get_by_role("tab", name="Draw")).to_have_attribute("aria-selected", "true")
    expect(tab.locator(".pad-digit")).to_contain_text("7")


def test_of_what_is_no_digit_one_sees_what_slips_through_and_what_is_refused(tab):
    tab.get_by_role("combobox", name="Digits").click()
    tab.get_by_role("option", name="No digits").click()
    summary = tab.locator(".digit-summary")
    expect(summary).to_contain_text("of 2,000 refused")
    refused, slipped = (
        re.search(pattern, summary.inner_text())[1]
        for pattern in (r"([\d,]+) of 2,000 refused", r"([\d,]+) slip through")
    )
    expect(tab.locator(".digit-pager")).to_contain_text(f"{slipped} drawings")
    expect(tab.locator(".digit-cloud")).to_be_hidden()
    tab.get_by_role("button", name=re.compile("of what is no digit refused")).click()
    expect(tab.locator(".digit-pager")).to_contain_text(f"{refused} drawings")
    assert all(re.fullmatch(r"– → \(\d\)", caption.strip()) for caption in captions(tab))
    for control in ("Truth", "Read as"):
        expect(tab.get_by_label(control, exact=True)).to_have_value("no digit")
    address = tab.evaluate("mnistLink.address()")
    tab.locator(".digit-cell").first.click()
    expect(tab.locator(".digit-detail")).to_contain_text("refused: no digit")
    tab.goto("about:blank")
    tab.goto(address)
    chip = tab.get_by_role("button", name="No digit, refused: show all digits again")
    expect(chip).to_be_visible()
    expect(tab.locator(".digit-pager")).to_contain_text("drawings")
    tab.get_by_role("combobox", name="Digits").click()
    tab.get_by_role("option", name="MNIST, test").click()
    expect(tab.get_by_label("Truth", exact=True)).to_have_value("any")
    expect(summary).to_contain_text("refused as no digit")


def test_training_digits_can_be_looked_through_too(tab):
    tab.get_by_role("combobox", name="Digits").click()
    tab.get_by_role("option", name="MNIST, training").click()
    expect(tab.locator(".digit-summary")).to_contain_text("of 60,000 right")
    expect(tab.locator(".digit-counts")).to_contain_text("6,742")  # ones, the most frequent


def test_without_mnist_this_tab_and_train_say_so_and_offer_to_fetch_it(open_page, start_server):
    page = open_page(url=start_server().url)
    page.get_by_role("tab", name="Test digits").click()
    expect(page.get_by_text("is not on this machine yet")).to_be_visible()
    expect(page.get_by_role("button", name="Fetch MNIST")).to_be_enabled()
    expect(page.locator(".digit-cell")).to_have_count(0)
    page.get_by_role("tab", name="Train").click()
    expect(page.get_by_role("button", name="Fetch MNIST")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".run-sentence")).to_contain_text("MNIST is not on this machine")
