"""The page where a browser refuses to keep anything: in another site's frame, or everywhere."""

import http.server
import json
import threading
from contextlib import contextmanager

import pytest
from conftest import BROWSER_FLAGS, LISTENING, chromium
from playwright.sync_api import expect
from servers import PATIENCE_SECONDS
from visiting import ARRIVED, DRAWINGS, draw, expect_read, stop

REFUSALS = {
    "third party": {"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}},
    "everything": {"profile": {"default_content_setting_values": {"cookies": 2}}},
}


@contextmanager
def another_site(frame_url):
    """The address of a page, at another host, that shows ours in a frame."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{frame_url}" width=1200 height=2000>'.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{site.server_port}/"
        finally:
            site.shutdown()


@pytest.mark.parametrize(("refused", "framed"), [("third party", True), ("everything", False)])
def test_everything_works_for_as_long_as_the_page_is_open_and_says_so(
    browser, server, tmp_path, refused, framed
):
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(REFUSALS[refused]))
    errors = []
    with another_site(server.url) as site, browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=chromium(), args=BROWSER_FLAGS,
        viewport={"width": 1250, "height": 2050},
    ) as context:  # fmt: skip
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        context.add_init_script(LISTENING)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(site if framed else server.url)
        ours = page.frame_locator("iframe") if framed else page
        expect(ours.get_by_text("Your browser keeps nothing")).to_be_visible()
        ours.locator(ARRIVED[0]).wait_for()
        draw(page, DRAWINGS[7], ours)
        expect_read(ours, 7)
        ours.get_by_role("group", name="The digit it really was").get_by_text("7").click()
        expect(ours.locator(".own-said")).to_have_text("1 · read right 1 → 1")
        ours.get_by_role("tab", name="Train").click()
        expect(ours.locator(".run-reading")).to_contain_text("Your drawing")
        ours.get_by_role("button", name="Train", exact=True).click()
        stop(page, ours)
        ours.locator("[data-action=delete]").click()
        expect(ours.locator(".run-table")).to_contain_text("None yet")
    assert not errors
