"""The Train tab in a real browser, on real MNIST: runs that are left, found again and compared."""

import base64
import json
import re
import zipfile
from pathlib import Path

import pytest
import torch
from hostile import WEIGHTS, hostile_checkpoints, saved, with_part
from playwright.sync_api import expect
from visiting import allow, expect_toast, open_settings, press, stop

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import TrainConfig
from mnist_core.digits import datasets
from mnist_core.training import Trainer

STEPS = ("convolution", "pooling", "softmax", "gradient", "overfit", "resume", "bugs")
QUICK = {"Epochs": 2, "Batch size": 500, "Log interval": 5}


@pytest.fixture(scope="module")
def lab(start_server, mnist_dir):
    """A server of our own with two training slots."""
    return start_server(mnist_dir, MNIST_SLOTS="2", OMP_NUM_THREADS="1")


@pytest.fixture
def visit(open_page, lab):
    """`visit()`: a new visitor's page of `lab`, on the Train tab."""

    def visit(url=lab.url, **context):
        page = open_page(url=url, **context)
        page.get_by_role("tab", name="Train").click()
        expect(sentence(page)).not_to_be_empty()
        return page

    return visit


def sentence(page):
    return page.locator(".run-sentence")


def settle(page, **settings):
    open_settings(page)
    for label, value in {**QUICK, **settings}.items():
        page.get_by_label(label, exact=True).fill(str(value))
        page.get_by_label(label, exact=True).press("Tab")


def upload_file(page, file):
    with page.expect_file_chooser() as chooser:
        press(page, "Upload a checkpoint, or model.pth and optimizer.pth")
    chooser.value.set_files(file)


def trains(page):
    expect(sentence(page)).to_contain_text("images/s")


def checkpoint_of(page, server):
    """Of the run that is shown."""
    run_id = page.locator(".run-controls [data-run]").first.get_attribute("data-run")
    (file,) = server.runs_dir.glob(f"*/{run_id}/checkpoint.pt")
    return file


def updated(page):
    """Until what is shown of the runs has been brought up to date, twice at least."""
    for _ in range(3):
        with page.expect_response(lambda answer: '"look"' in (answer.request.post_data or "")):
            pass


def test_a_run_is_watched_left_found_again_stopped_and_resumed_bit_for_bit(
    visit, lab, mnist_dir, one_thread
):
    """It is paused while it is looked at and left, so that it does not end before it is stopped."""
    page = visit()
    expect(page.locator(".run-legend")).to_contain_text("as shipped")
    settle(page)
    press(page, "Train")
    trains(page)
    press(page, "Pause")
    expect(sentence(page)).to_contain_text("paused")
    expect(page.locator(".run-samples figure")).to_have_count(6)
    expect(page.locator(".run-reading")).to_contain_text("An example")
    drawing = base64.b64encode(datasets.load("mnist", mnist_dir)[1].images[3].numpy().tobytes())
    page.evaluate("text => localStorage.setItem('mnist-lab-drawing', text)", drawing.decode())
    expect(page.locator(".run-reading")).to_contain_text("Your drawing")
    expect(page.locator(".run-reading .run-first")).to_have_count(1)
    before = sentence(page).inner_text()
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(sentence(page)).to_have_text(before)
    expect(page.locator(".run-line").first).to_be_attached()
    press(page, "Go on")
    trains(page)
    stop(page)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_focused()  # Stop was

    file = checkpoint_of(page, lab)
    assert 0 < Checkpoint.load(file).batches_done < 240
    press(page, "Resume")
    expect(sentence(page)).to_contain_text("after 2 epochs")
    expect(page.locator(".run-controls")).to_contain_text("Resume to 7")
    page.get_by_label("Weights that read").click()
    expect(page.get_by_role("option", name="My own 1")).to_be_visible()

    resumed = Checkpoint.load(file)
    assert len(resumed.history.resumes) == 1
    straight = Trainer(TrainConfig(recipe="own", epochs=2, batch_size=500, log_interval=5))
    for _ in straight.batches(*datasets.load("mnist", mnist_dir)):
        pass
    for name, tensor in straight.checkpoint().model.items():
        assert torch.equal(tensor, resumed.model[name]), name
    assert [e.loss for e in straight.history.steps] == [e.loss for e in resumed.history.steps]


def test_two_train_at_once_and_a_third_waits_for_its_turn(visit):
    pages = [visit() for _ in range(3)]
    for page in pages:
        settle(page, Epochs=100)
        press(page, "Train")
        expect(sentence(page)).to_contain_text(re.compile("images/s|line"))
    first, second, third = pages
    expect(sentence(third)).to_contain_text("number 1 in line")
    stop(first)
    trains(third)
    trains(second)
    expect(first.locator(".run-table tbody tr")).to_have_count(1)
    stop(second)
    stop(third)


def test_a_killed_server_loses_nothing_that_was_saved(visit, start_server, mnist_dir, tmp_path):
    environment = {"MNIST_RUNS_DIR": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    server = start_server(mnist_dir, **environment)
    page = visit(url=server.url)
    settle(page, Epochs=100)
    press(page, "Train")
    trains(page)
    expect(page.locator(".run-noise")).to_be_attached()
    browser = json.dumps(page.context.storage_state())
    allow(page, "Failed to load resource")
    allow(page, "Connection to the server was lost")
    server.process.kill()
    server.process.wait()
    expect(page.locator(".run-lost")).to_contain_text("does not answer")
    (file,) = (tmp_path / "runs").glob("*/*/checkpoint.pt")
    saved = Checkpoint.load(file)

    again = start_server(mnist_dir, **environment)
    state = json.loads(browser.replace(server.url, again.url))
    page = visit(url=again.url, storage_state=state)
    seen = f"{saved.batches_done * 500:,}"
    expect(sentence(page)).to_contain_text(f"Stopped after {seen} examples")
    press(page, "Resume")
    trains(page)
    stop(page)
    assert Checkpoint.load(file).batches_done > saved.batches_done


def downloaded(page, kind):
    """A file of the run that is shown."""
    with page.expect_download() as download:
        page.locator("[data-action=download]").select_option(kind)
    return download.value


def test_pause_steps_rename_download_and_delete(visit):
    page = visit()
    settle(page, Epochs=100)
    press(page, "Train")
    trains(page)
    name = page.get_by_label("Name of the run")
    name.fill("half a na")
    updated(page)
    expect(name).to_have_value("half a na")
    pause = page.get_by_role("button", name="Pause")
    pause.hover()
    page.mouse.down()
    updated(page)
    page.mouse.up()
    expect(sentence(page)).to_contain_text("paused")
    go_on = page.get_by_role("button", name="Go on")
    go_on.focus()
    page.keyboard.press("Enter")
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    expect(go_on).to_be_focused()
    expect(sentence(page)).to_contain_text("paused")
    said = re.search(r"([\d,]+) of [\d,]+ examples", sentence(page).inner_text())
    seen = int(said[1].replace(",", ""))
    press(page, "Batch")
    expect(sentence(page)).to_contain_text(f"{seen + 500:,} of")

    name.fill("<b>mine</b>")
    name.press("Enter")
    expect(page.locator(".run-legend")).to_contain_text("<b>mine</b>")
    name.fill("")
    name.press("Enter")  # is refused
    expect_toast(page, "1 to 40 letters")
    expect(name).to_have_value("<b>mine</b>")
    name.fill("mine too")
    press(page, "Go on")  # while the new name is on its way
    expect(page.locator(".run-legend")).to_contain_text("mine too")
    trains(page)
    name.fill("<b>mine</b>")
    press(page, "Pause")
    expect(sentence(page)).to_contain_text("paused")
    expect(page.locator(".run-legend")).to_contain_text("<b>mine</b>")
    file = downloaded(page, "checkpoint")
    assert file.suggested_filename == "b-mine-b.pt"
    Checkpoint.load(Path(file.path()))
    pair = zipfile.ZipFile(downloaded(page, "tutorial").path())
    assert pair.namelist() == ["model.pth", "optimizer.pth"]
    with page.expect_download() as download:
        page.locator("[data-action=download]").focus()
        page.keyboard.press("ArrowDown")  # opens the list, and chooses nothing
        page.keyboard.type("curve as C")
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "b-mine-b.csv"

    expect(page.locator("[data-action=delete]")).to_be_disabled()
    stop(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("[data-action=delete]").click()
    expect(page.locator(".run-table")).to_contain_text("None yet")


def test_a_duel_is_drawn_on_one_chart_and_still_is_after_a_reload(visit):
    page = visit()
    press(page, "Tutorial against Modern")
    legend = page.locator(".run-legend")
    for _ in range(2):
        expect(legend).to_contain_text("Tutorial")
        expect(legend).to_contain_text("Modern")
        page.reload()
        page.get_by_role("tab", name="Train").click()
    expect(page.locator("[data-action=overlay]:checked")).to_have_count(2)
    for name in ("Tutorial", "Modern"):
        show = page.get_by_label(f"Show {name}")
        show.check()
        stop = f"[data-action=stop][data-run='{show.get_attribute('data-run')}']"
        page.locator(stop).click()
        expect(sentence(page)).to_contain_text("Stopped after")


def test_hostile_uploads_get_a_sentence_each_and_change_nothing(visit, lab, tmp_path):
    weights = Checkpoint.load(WEIGHTS).model
    uploads = {
        "calls.pt": hostile_checkpoints()["memory by a call"],
        "bomb.pt": hostile_checkpoints()["a bomb"],
        "truncated.pt": WEIGHTS.read_bytes()[:5000],
        "nan.pt": with_part("model", {**weights, "fc2.bias": torch.full((10,), torch.nan)}),
        "other.pt": with_part("model", {"weight": torch.zeros(3)}),
        "renamed.pt": b"GIF89a and so on",
        "model.pth": saved(weights),
    }
    page = visit()
    before = {*lab.runs_dir.rglob("*")}
    for name, upload in uploads.items():
        (tmp_path / name).write_bytes(upload)
        upload_file(page, tmp_path / name)
        expect_toast(page, name)
        assert str(tmp_path) not in page.locator(".toast-body").filter(has_text=name).inner_text()
    expect(page.locator(".run-table")).to_contain_text("None yet")
    assert {*lab.runs_dir.rglob("*")} == before
    upload_file(page, WEIGHTS)
    expect(page.locator(".run-table tbody tr")).to_have_count(1)
    expect(page.locator(".run-table")).to_contain_text("8 of 8")


def test_on_a_phone_the_runs_and_their_buttons_are_as_wide_as_the_screen(visit):
    page = visit(viewport={"width": 390, "height": 664})
    upload_file(page, WEIGHTS)
    for action in ("draw", "download", "delete"):
        expect(page.locator(f".run-table [data-action={action}]")).to_be_visible()
    table = page.locator(".run-scroll")
    assert table.evaluate("box => box.scrollWidth - box.clientWidth") == 0


def test_a_diverging_run_ends_with_a_sentence(visit):
    page = visit()
    settle(page, **{"Learning rate": 10, "Weight decay": 1})  # weights grow at every step
    press(page, "Train")
    expect(sentence(page)).to_contain_text("smaller learning rate")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()


def test_a_setting_out_of_range_is_marked_as_it_is_typed_and_starts_nothing(visit):
    page = visit()
    open_settings(page)
    epochs = page.get_by_label("Epochs", exact=True)
    epochs.fill("1000000")
    expect(page.locator("#run-epochs-range")).to_have_text("A whole number from 1 to 100.")
    expect(epochs).to_have_attribute("aria-invalid", "true")
    red = page.locator("#run-epochs-range").evaluate("said => getComputedStyle(said).color")
    expect(epochs).to_have_css("color", red)
    page.locator(".run-change").click()
    press(page, "Train")
    expect(epochs).to_be_focused()
    expect(page.locator(".run-table")).to_contain_text("None yet")
    epochs.fill("5")
    expect(epochs).to_have_attribute("aria-invalid", "false")
    expect(page.locator(".run-change")).to_contain_text("Tutorial · 5 epochs · rate 0.01 · seed 1")


def test_how_it_works_is_asked_computed_and_touched(visit):
    page = visit()
    page.get_by_role("button", name="How it works").click()
    page.locator(".lesson").wait_for()
    expect(page.locator(".lesson h3").nth(1)).to_have_css("margin-top", "32px")
    for question in STEPS:
        page.locator(f"[data-ask={question}][data-right]").click()
        said = page.locator(f"[data-step={question}] .lesson-said")
        expect(said).to_contain_text(re.compile("As you expected.*\\d"))
    page.locator(".lesson-digit").focus()
    before = page.locator(".lesson-sum").inner_text()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(".lesson-sum")).not_to_have_text(before)
    page.locator(".lesson-tasks a").nth(1).click()
    expect(page.locator(".run-change")).to_contain_text("My own · 1 epoch · rate 0.3 · seed 1")
