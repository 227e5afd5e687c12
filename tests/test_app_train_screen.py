"""The first screen of the Train tab, on five screens, and what one press begins there."""

import re

import pytest
from playwright.sync_api import expect
from visiting import DRAWINGS, SCREENS, choose_weights, draw, expect_read, stop

WHOLE = [
    ".run-reading img", ".run-bars", ".run-big", ".run-controls .run-button", ".run-change",
    ".run-sentence",
]  # fmt: skip


@pytest.mark.parametrize("screen", SCREENS)
def test_drawing_number_button_and_the_beginning_of_the_curve_are_in_one_glance(
    open_page, mnist_dir, screen
):
    width, height = SCREENS[screen]
    page = open_page("/#tab=train", viewport={"width": width, "height": height})
    page.locator(".run-noise").wait_for()
    expect(page.locator(".run-of")).to_contain_text("before it learns")
    expect(page.locator(".run-samples figure")).to_have_count(6)
    for name in WHOLE:
        expect(page.locator(name).first).to_be_visible()
        for part in page.locator(name).all():
            expect(part).to_be_in_viewport(ratio=0.98)
    curve = page.locator(".run-loss .run-plot").bounding_box()
    assert 0 <= curve["x"] < curve["x"] + curve["width"] <= width + 1
    assert 0 <= curve["y"] < curve["y"] + 50 <= height, "its beginning is seen"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_buttons_take_the_same_room_on_a_phone_when_a_run_begins(open_page, mnist_dir):
    width, height = SCREENS["phone"]
    page = open_page("/#tab=train", viewport={"width": width, "height": height})
    page.locator(".run-noise").wait_for()
    controls = page.locator(".run-controls")
    before = controls.bounding_box()["height"]
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".run-left")).to_contain_text("left")
    assert controls.bounding_box()["height"] == before
    stop(page)


def test_an_experiment_is_one_press_a_question_and_a_sentence_on_both_curves(open_page, mnist_dir):
    page = open_page("/#tab=train", viewport={"width": 390, "height": 664})
    page.locator(".run-experiments summary", has_text="Break it").focus()
    page.keyboard.press("Enter")
    answer = page.get_by_role("button", name="It learns nothing").first
    expect(answer).to_be_visible()
    page.keyboard.press("Escape")
    expect(answer).to_be_hidden()
    page.locator(".run-experiments summary", has_text="Break it").click()
    answer.click()
    said = page.locator(".run-said")
    expect(said).to_have_text("You expect: it learns nothing.")
    for part in (said, page.locator(".run-big")):
        expect(part).to_be_in_viewport()
    expect(page.locator(".run-of")).to_contain_text("at this moment")
    expect(page.locator(".run-legend")).to_contain_text("as shipped")
    expect(page.locator(".run-legend")).to_contain_text("Break it 1")
    expect(said).to_contain_text(
        re.compile("You expected.*It learned nothing: .* the tutorial’s 94")
    )
    page.locator(".run-next").get_by_role("button", name="Draw with it").click()
    expect(page.locator(".pad-canvas")).to_be_visible()
    expect(page.locator(".page-weights input")).to_have_value("Break it 1")
    page.get_by_role("tab", name="Train").click()
    stop = page.locator("[data-action=stop]")
    if stop.count():
        stop.click()


def test_until_there_is_a_run_the_network_of_the_settings_is_shown(open_page, mnist_dir):
    page = open_page("/#tab=train", viewport={"width": 1280, "height": 800})
    filters = page.locator(".run-filters img")
    expect(filters).to_have_attribute("alt", re.compile("10 "))
    page.locator(".run-change").click()
    page.locator(".run-recipes").get_by_text("Modern").click()
    expect(filters).to_have_attribute("alt", re.compile("16 "))
    expect(page.locator(".run-of")).to_contain_text("before it learns")


def test_a_question_below_the_screen_is_gone_to_and_escape_comes_back(open_page, mnist_dir):
    page = open_page("/#tab=train", viewport={"width": 1280, "height": 720})
    for title in ("Teach it mine", "Break it"):
        experiment = page.locator(".run-experiments details", has_text=title)
        experiment.locator("summary").focus()
        page.keyboard.press("Enter")
        question = experiment.locator("div:not([hidden])")
        expect(question).to_be_focused()
        expect(question).to_be_in_viewport(ratio=0.98)
        page.keyboard.press("Escape")
        expect(question).to_be_hidden()
        expect(experiment.locator("summary")).to_be_focused()


def test_teach_it_mine_says_how_to_make_digits_and_with_some_asks_trains_and_compares(
    open_page, mnist_dir
):
    page = open_page("/#tab=train", viewport={"width": 1280, "height": 800})
    experiment = page.locator(".run-experiments summary", has_text="Teach it mine")
    experiment.click()
    expect(page.get_by_text("It needs digits of yours")).to_be_visible()
    page.get_by_role("button", name="Draw some").click()
    draw(page, DRAWINGS[7])
    expect_read(page, 7)
    page.locator(".pad-digits").get_by_role("button", name="7", exact=True).click()
    page.get_by_role("tab", name="Train").click()
    experiment.click()
    expect(page.get_by_text("It needs digits of yours")).to_be_hidden()
    page.get_by_role("button", name="It reads my hand better, and others a little worse").click()
    said = page.locator(".run-said")
    expect(said).to_contain_text("You expect")
    expect(said).to_contain_text(
        re.compile("You expected: it reads my hand.*MNIST: 9.* before, 9.* now")
    )
    expect(page.locator(".run-legend")).not_to_contain_text("as shipped")


FRAMES = """() => {
  Object.assign(window, { painted: 0, inARow: 0, longest: 0, inFrame: false });
  const [frame, { scale }] = [requestAnimationFrame, CanvasRenderingContext2D.prototype];
  window.requestAnimationFrame = (callback) => frame((time) => {
    inFrame = true;
    callback(time);
    inFrame = false;
  });
  CanvasRenderingContext2D.prototype.scale = function (...by) {
    if (this.canvas.className === "cloud") {
      [painted, inARow] = [painted + 1, inFrame ? inARow + 1 : 0];
      longest = Math.max(longest, inARow);
    }
    return scale.apply(this, by);
  };
}"""
RESTS = """() => {
  if (painted !== window.seen) Object.assign(window, { seen: painted, since: performance.now() });
  return performance.now() - since > 1000;
}"""


def expect_moving(page):
    """Between two answers it is painted again and again, frame after frame."""
    page.evaluate("longest = 0")
    page.wait_for_function("longest >= 3")


def test_the_cloud_moves_while_a_run_trains_and_on_the_test_digits_too(open_page, mnist_dir):
    page = open_page(reduced_motion="no-preference", viewport={"width": 1280, "height": 800})
    page.evaluate(FRAMES)
    draw(page, DRAWINGS[4])
    page.get_by_role("tab", name="Train").click()
    page.locator("[data-action=train]").click()
    expect(page.locator(".run-of")).to_contain_text("at this moment")
    expect_moving(page)
    page.get_by_role("tab", name="Test digits").click()
    expect(page.locator(".digit-summary")).to_contain_text("right")
    choose_weights(page, "Tutorial 1")
    expect(page.locator(".digit-cloud-at")).to_contain_text("As it trains")
    expect_moving(page)
    page.get_by_role("tab", name="Train").click()
    stop(page)
    page.wait_for_function(RESTS)


def test_a_links_settings_are_those_of_the_page_that_opens_it(open_page):
    page = open_page("/#tab=train&train=own*epochs-5*learning_rate-0.03*seed-7")
    line = page.locator(".run-change")
    expect(line).to_contain_text("My own · 5 epochs · rate 0.03 · seed 7")
    assert page.evaluate("mnistLink.parts.get('train').put()") == (
        "own*epochs-5*learning_rate-0.03*seed-7"
    )
    page.reload()
    expect(line).to_contain_text("My own · 5 epochs · rate 0.03 · seed 7")


@pytest.mark.parametrize("wrong", ["own*epochs-1000", "nothing", "tutorial*epochs", "own*recipe-x"])
def test_a_link_with_wrong_settings_is_a_sentence_and_the_usual_settings(open_page, wrong):
    page = open_page(f"/#tab=train&train={wrong}")
    expect(page.get_by_text("This link says nothing")).to_be_visible()
    expect(page.locator(".run-change")).to_contain_text("Tutorial · 3 epochs · rate 0.01 · seed 1")
