"""Training on ZeroGPU in a real browser, with the real `spaces` package and no GPU."""

import re
import sys
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect
from test_app_train import PATIENCE, press, sentence, settle
from test_jobs import until

FIRST, SECOND = "a.eyJieSI6MX0=.c", "a.eyJieSI6Mn0=.c"
"""Tokens as ZeroGPU sends them with a visitor's requests."""


@pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU forks")
def test_on_zero_gpu_a_run_uses_the_visitors_quota_and_outlives_its_end(
    start_server, open_page, mnist_dir, tmp_path
):
    log, refuse = tmp_path / "asked.log", tmp_path / "asked.refuse"
    server = start_server(mnist_dir, ["tests/on_zero_gpu.py", str(log)])
    page = open_page(url=server.url, extra_http_headers={"X-IP-Token": FIRST})

    def asked(what):
        return re.findall(rf"^/{what}\?(.*)$", unquote(log.read_text()), re.M)

    page.get_by_role("tab", name="Train").click()
    expect(page.get_by_label("CPU")).to_be_checked(timeout=PATIENCE)
    page.get_by_label("GPU").check()
    settle(page, **{"Epochs": 100, "Batch size": 64})
    press(page, "Train")
    expect(sentence(page)).to_contain_text("images/s · ", timeout=PATIENCE)
    expect(sentence(page)).to_contain_text("GPU")
    assert FIRST in asked("schedule")[0]
    assert "durationSeconds=18" in asked("schedule")[0]
    page.set_extra_http_headers({"X-IP-Token": SECOND})
    until(lambda: SECOND in asked("schedule")[-1])
    assert len(asked("release")) > 0

    refuse.touch()
    expect(sentence(page)).to_contain_text("exceeded your ZeroGPU quota", timeout=PATIENCE)
    expect(sentence(page)).to_contain_text("Choose the CPU")
    expect(sentence(page)).to_contain_text("Resume goes on exactly there")
    refuse.unlink()
    press(page, "Resume")
    expect(sentence(page)).to_contain_text("images/s", timeout=PATIENCE)
    (tmp_path / "asked.kill").touch()
    expect(sentence(page)).to_contain_text("GPU task aborted", timeout=PATIENCE)

    page.get_by_label("CPU").check()
    press(page, "Resume")
    expect(sentence(page)).to_contain_text("CPU", timeout=PATIENCE)
    press(page, "Stop")
    expect(sentence(page)).to_contain_text("Stopped after", timeout=PATIENCE)
