"""The first screen of the Train tab, on five screens, and what one press begins there."""

import re

import pytest
from playwright.sync_api import expect
from visiting import DRAWINGS, PATIENCE, draw, expect_read

expect.set_options(timeout=60_000)

SCREENS = {
    "phone": (390, 664),
    "phone on its side": (844, 390),
    "twice enlarged": (720, 450),
    "laptop": (1280, 800),
    "wall": (1920, 1080),
}
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
    page.locator(".run-sentence").wait_for()
    page.locator(".run-noise").wait_for()
    expect(page.locator(".run-of")).to_contain_text("before it learns")
    expect(page.locator(".run-samples figure")).to_have_count(6)
    for name in [*WHOLE, ".run-loss .run-plot"]:
        for box in [part.bounding_box() for part in page.locator(name).all()]:
            assert 0 <= box["x"] < box["x"] + box["width"] <= width + 1, name
            seen = box["height"] if name in WHOLE else 50  # of the curve, its beginning
            assert 0 <= box["y"] < box["y"] + seen <= height, name
    assert page.evaluate("document.documentElement.scrollWidth") <= width


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
    expect(said).to_have_text("You expect: it learns nothing.", timeout=PATIENCE)
    expect(page.locator(".run-legend")).to_contain_text("as shipped")
    expect(page.locator(".run-legend")).to_contain_text("Break it 1")
    expect(page.locator(".run-of")).to_contain_text("at this moment", timeout=PATIENCE)
    expect(said).to_contain_text(
        re.compile("You expected.*It learned nothing: .* the tutorial’s 94"), timeout=PATIENCE
    )
    page.locator(".run-next").get_by_role("button", name="Draw with it").click()
    expect(page.locator(".pad-canvas")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".page-weights input")).to_have_value("Break it 1")
    page.get_by_role("tab", name="Train").click()
    stop = page.locator("[data-action=stop]")
    if stop.count():
        stop.click()


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
    expect(said).to_contain_text("You expect", timeout=PATIENCE)
    expect(said).to_contain_text(
        re.compile("You expected: it reads my hand.*MNIST: 9.* before, 9.* now"), timeout=PATIENCE
    )
    expect(page.locator(".run-legend")).not_to_contain_text("as shipped")


FRAMES = """() => {
  window.painted = 0;
  const scale = CanvasRenderingContext2D.prototype.scale;
  CanvasRenderingContext2D.prototype.scale = function (...by) {
    if (this.canvas.className === "cloud") window.painted += 1;
    return scale.apply(this, by);
  };
}"""


def test_the_cloud_moves_while_a_run_trains_and_on_the_test_digits_too(open_page, mnist_dir):
    page = open_page(reduced_motion="no-preference", viewport={"width": 1280, "height": 800})
    page.evaluate(FRAMES)
    draw(page, DRAWINGS[4])
    page.get_by_role("tab", name="Train").click()
    page.locator("[data-action=train]").click()
    expect(page.locator(".run-of")).to_contain_text("at this moment", timeout=PATIENCE)
    assert frames_a_second(page) >= 5
    page.get_by_role("tab", name="Test digits").click()
    expect(page.locator(".digit-summary")).to_contain_text("right", timeout=PATIENCE)
    page.get_by_label("Weights that read").click()
    page.get_by_role("option", name="Tutorial 1").click()
    expect(page.locator(".digit-cloud-at")).to_contain_text("As it trains", timeout=PATIENCE)
    assert frames_a_second(page) >= 5
    page.get_by_role("tab", name="Train").click()
    page.locator("[data-action=stop]").click()
    expect(page.locator("[data-action=train]")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(2000)
    before = page.evaluate("window.painted")
    page.wait_for_timeout(1000)
    assert page.evaluate("window.painted") == before, "it rests when the run does"


def frames_a_second(page) -> float:
    return page.evaluate("""async () => {
      const [before, start] = [window.painted, performance.now()];
      await new Promise((resolve) => setTimeout(resolve, 4000));
      return (1000 * (window.painted - before)) / (performance.now() - start);
    }""")


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
