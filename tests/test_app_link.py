"""The link to what is on the page: copied, opened by another visitor, refused when it is wrong."""

import pytest
from pictures import canvas, png, seven
from PIL import Image
from playwright.sync_api import expect
from training_runs import until
from visiting import ARRIVED, DRAWINGS, choose_weights, draw, draw_and_wait, expect_read, reload

WRONG = [
    "#nonsense", "#tab=nowhere", "#weights=../../x", "#drawing=A", "#drawing=AAAA_AAA", "#x=1",
    "#tab=", "#drawing=____", "#picture=AAAA", "#picture=!", "#picture=AAAA.AAAA",
]  # fmt: skip


@pytest.fixture
def copying(open_page):
    """A page that may write to the clipboard."""
    return open_page(permissions=["clipboard-read", "clipboard-write"])


def copied(page, name="Copy link") -> str:
    page.evaluate("navigator.clipboard.writeText('')")
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_text("Copied. Whoever opens it")).to_be_visible()
    until(lambda: page.evaluate("navigator.clipboard.readText()"))
    return page.evaluate("navigator.clipboard.readText()")


def expect_link(page, fragment) -> None:
    """The page's link is that, as soon as the weights that were chosen are in it."""
    page.wait_for_function("said => mnistLink.address().split('#')[1] === said", arg=fragment)
    assert copied(page).split("#")[1] == fragment


def strokes(page) -> str:
    return page.evaluate("JSON.parse(sessionStorage.getItem('mnist-lab-pad')).strokes")


def test_a_link_brings_tab_weights_and_on_request_the_drawing(copying, open_page):
    draw(copying, DRAWINGS[4])
    expect_read(copying, 4)
    choose_weights(copying, "Tutorial")
    expect_link(copying, "tab=draw&weights=tutorial")
    whole = copied(copying, "Copy it with my drawing")
    path = whole.split("/", 3)[3]
    other = open_page(f"/{path}", permissions=["clipboard-read", "clipboard-write"])
    expect_read(other, 4)
    expect(other.get_by_label("Weights that read")).to_have_value("Tutorial, shipped")
    assert strokes(other) == strokes(copying)
    copied(other)
    assert copied(other, "Copy it with my drawing") == whole


def test_escape_puts_away_what_is_said_of_a_link_before_it_clears_the_pad(copying):
    draw(copying, DRAWINGS[4])
    expect_read(copying, 4)
    copied(copying)
    copying.keyboard.press("Escape")
    expect(copying.locator(".share-said")).to_be_hidden()
    assert strokes(copying)
    copying.keyboard.press("Escape")
    expect(copying.locator(".pad-hint")).to_be_visible()


def test_a_link_to_another_tab_opens_it_and_its_reload_keeps_what_was_drawn_since(open_page):
    page = open_page("/#tab=train&drawing=D6DILQC0HCNc")
    expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Draw").click()
    expect(page.locator(".pad-hint")).to_be_hidden()
    page.keyboard.press("Escape")
    draw(page, DRAWINGS[0])
    expect_read(page, 0)
    reload(page)
    expect_read(page, 0)
    page.go_back()
    expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Draw").click()
    expect_read(page, 0)


def test_a_tab_that_cannot_be_opened_at_once_is_when_it_can(page):
    hold = """window.held = true;
    const hold = event => held && event.target.closest("[role=tab]") && event.stopPropagation();
    addEventListener("click", hold, true);"""
    address = page.url
    page.goto("about:blank")
    page.add_init_script(hold)
    page.goto(f"{address}#tab=test")
    page.get_by_role("tab").first.wait_for()
    page.locator(ARRIVED[0]).wait_for(state="attached")
    expect(page.get_by_role("tab", name="Draw")).to_have_attribute("aria-selected", "true")
    page.evaluate("() => { held = false; document.body.append(document.createElement('i')); }")
    expect(page.get_by_role("tab", name="Test")).to_have_attribute("aria-selected", "true")


def test_a_link_brings_the_moment_and_the_cell_of_the_test_digits(copying, open_page, mnist_dir):
    choose_weights(copying, "Tutorial")
    copying.get_by_role("tab", name="Test digits").click()
    copying.get_by_role("slider", name="Time", exact=True).press("Home")
    copying.get_by_role("button", name="of the 4s read as 9").click()
    expect(copying.get_by_role("button", name="4s read as 9: show all")).to_be_visible()
    fragment = "tab=test&weights=tutorial&digits=tutorial.0.4.9"
    expect_link(copying, fragment)
    other = open_page(f"/#{fragment}")
    expect(other.locator(".digit-summary")).to_contain_text("untrained")
    expect(other.get_by_role("button", name="4s read as 9: show all")).to_be_visible()


@pytest.mark.parametrize("what", ["strokes", "picture"])
def test_the_drawing_that_train_reads_as_it_learns_is_in_its_link_to_the_pixel(
    copying, open_page, what
):
    if what == "strokes":
        draw_and_wait(copying, DRAWINGS[7])
    else:
        copying.locator(".pad-file").set_input_files(
            {"name": "seven.png", "mimeType": "image/png", "buffer": png(seven(280, 20))}
        )
    expect_read(copying, 7)
    copying.get_by_role("tab", name="Train").click()
    shown = '.run-reading [alt^="Your drawing"]'
    pixels = copying.locator(shown).get_attribute("src")
    expect_link(copying, "tab=train&weights=modern")
    whole = copied(copying, "Copy it with my drawing")
    path = whole.split("/", 3)[3]
    other = open_page(f"/{path}", permissions=["clipboard-read", "clipboard-write"])
    assert other.locator(shown).get_attribute("src") == pixels
    copied(other)
    assert copied(other, "Copy it with my drawing") == whole


def test_a_number_in_a_picture_is_in_its_link_with_all_its_digits(copying, open_page):
    picture = Image.new("L", (560, 280), 255)
    for place, digit in enumerate((4, 2)):
        picture.paste(canvas(digit), (280 * place, 0))
    copying.locator(".pad-file").set_input_files(
        {"name": "42.png", "mimeType": "image/png", "buffer": png(picture)}
    )
    expect(copying.locator(".pad-number button")).to_have_text(["4", "2"])
    copied(copying)
    path = copied(copying, "Copy it with my drawing").split("/", 3)[3]
    other = open_page(f"/{path}")
    expect(other.locator(".pad-number button")).to_have_text(["4", "2"])


@pytest.mark.parametrize("fragment", WRONG)
def test_a_wrong_link_is_one_sentence_and_the_page_works(open_page, fragment):
    said = "This link says nothing that this page knows"
    page = open_page(f"/{fragment}")
    expect(page.get_by_text(said)).to_be_visible()
    draw(page, DRAWINGS[7])
    expect_read(page, 7)
    expect(page.get_by_text(said)).to_be_hidden()


def test_where_the_clipboard_is_refused_the_address_is_there_to_copy(page):
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy link", exact=True).click()
    field = page.get_by_label("Link to this page")
    expect(field).to_be_focused()
    assert field.input_value().endswith("#tab=draw&weights=modern")
