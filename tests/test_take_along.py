"""What one takes along from the page: a run's package, and how it gets to the Hub."""

import io
import zipfile
from dataclasses import replace
from functools import partial

import pytest
from digits import drawn
from playwright.sync_api import expect
from training_runs import patiently, until
from visiting import allow, expect_toast

from mnist_core.checkpoint import Checkpoint
from mnist_core.config import teaching
from mnist_core.page.lab import Lab
from mnist_core.page.networks import swallowed
from mnist_core.page.run_actions import Pressed, download
from mnist_core.page.take_along import package_of
from mnist_core.places import shipped_weights
from mnist_core.runs.folder import new_visitor
from mnist_core.training import Trainer

OAUTH = {
    "OAUTH_CLIENT_ID": "x",
    "OAUTH_CLIENT_SECRET": "y",
    "OAUTH_SCOPES": "manage-repos",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9",
}
"""What Spaces sets for a README with `hf_oauth`."""


@pytest.fixture
def lab(mnist_dir, tmp_path):
    lab = Lab(mnist_dir, tmp_path / "runs")
    yield lab
    lab.close()


def test_a_runs_package_is_a_zip_with_its_figures(lab):
    visitor = new_visitor()
    run_id = lab.scheduler.upload(visitor, [shipped_weights("tutorial")], "Mine")
    pressed = Pressed(action="download", run_id=run_id, value="package")
    pack = partial(package_of, lab, visitor, run_id)
    name, content = download(lab.scheduler, visitor, pressed, lambda: patiently(pack))
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert name == "mine-1.zip"
    assert sorted(archive.namelist()) == [
        "README.md", "config.json", "load.py", "model.safetensors",
    ]  # fmt: skip
    card = archive.read("README.md").decode()
    assert "9,828 of 10,000" in card
    assert '"name": "Mine 1"' in card
    file = lab.scheduler.checkpoint_file(visitor, run_id)
    until(lambda: swallowed(file, lab.data_dir, lab.workers.read) is not None)
    assert f"swallows {swallowed(file, lab.data_dir, lab.workers.read)} of 1,000" in card


def test_a_run_on_ones_own_drawings_alone_is_packed_too(lab, tmp_path):
    start = Checkpoint.load(shipped_weights("tutorial"))
    config = replace(teaching(start.config), dataset="own")
    run = Trainer.start_from(start, config, own=drawn(12))
    run.checkpoint().save(tmp_path / "mine.pt")
    visitor = new_visitor()
    run_id = lab.scheduler.upload(visitor, [tmp_path / "mine.pt"], "Mine")
    card = patiently(lambda: package_of(lab, visitor, run_id))["README.md"].decode()
    assert "MNIST's test digits" in card


def test_elsewhere_the_command_is_told(open_page):
    page = open_page()
    page.get_by_role("tab").nth(1).click()
    page.locator("button.label-wrap", has_text="Publish a run").click()
    expect(page.get_by_text("hf upload YOU/NAME FOLDER")).to_be_visible()
    assert page.get_by_role("button", name="Sign in with Hugging Face").count() == 0


def test_in_a_space_one_signs_in_and_can_duplicate_it(start_server, open_page):
    place = {"SYSTEM": "spaces", "SPACE_ID": "YOU/mnist-lab", "MNIST_FETCH": "0"}
    server = start_server(**place, **OAUTH)
    page = open_page(url=server.url)
    for text in ("https://huggingface.co/", "Space not found", "https://fonts."):
        allow(page, text)  # gradio's header of a Space asks the Hub about it
    page.get_by_role("tab").nth(1).click()
    page.locator("button.label-wrap", has_text="Publish a run").click()
    expect(page.get_by_role("button", name="Sign in with Hugging Face")).to_be_visible()
    expect(page.get_by_role("button", name="Duplicate this Space")).to_be_visible()
    page.get_by_role("button", name="Publish the run shown").click()
    expect_toast(page, "Sign in with Hugging Face first.")
