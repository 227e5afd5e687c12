"""The Test digits tab in a real browser, on real MNIST and the shipped weights."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("mnist_dir")


@pytest.fixture
def tab(page):
    """The tab as a visitor first sees it."""
    page.get_by_role("tab", name="Test digits").click()
    expect(page.locator(".digit-cell").first).to_be_visible(timeout=60_000)
    return page


def captions(tab) -> list[str]:
    return tab.locator(".digit-cell").all_inner_texts()


def test_the_first_view_is_the_mistakes_worst_first(tab):
    expect(tab.locator(".digit-summary")).to_contain_text("of 10,000 right")
    assert len(captions(tab)) == 100
    assert all("✗" in caption for caption in captions(tab))


def test_a_cell_of_the_confusion_matrix_shows_its_digits(tab):
    cell = tab.get_by_role("button", name=re.compile("of the 4s read as 9"))
    count = int(cell.inner_text())
    cell.click()
    expect(tab.locator(".digit-pager")).to_contain_text(f"{count} digit")
    assert {re.sub(r"\s", "", caption) for caption in captions(tab)} == {"4→9✗"}
    expect(cell).to_have_attribute("aria-pressed", "true")


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
