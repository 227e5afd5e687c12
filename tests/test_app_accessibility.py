"""No tab has a barrier that axe-core (Deque) calls serious; what cannot be seen can be operated."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from visiting import DRAWINGS, draw, expect_read, open_settings

SCREENS = {"phone": (360, 740), "wall": (1440, 900)}


@pytest.fixture(params=SCREENS)
def visit(request, open_page, mnist_dir):
    """`visit(scheme)`: a new visitor's page on a small or a large screen, light or dark."""
    width, height = SCREENS[request.param]
    return lambda scheme: open_page(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        has_touch=request.param == "phone",
    )


def barriers(page) -> list[str]:
    """What axe finds, and what is wider than the screen."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_has_a_serious_barrier_or_is_wider_than_the_screen(visit, scheme):
    page = visit(scheme)
    draw(page, DRAWINGS[4])
    expect_read(page, 4)
    if page.viewport_size["width"] < 1024:
        page.get_by_text("Look inside").click()
    page.get_by_role("application").first.focus()
    expect(page.locator(".inside-grid").first).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("tab", name="Train").click()
    page.locator(".run-sentence").wait_for()
    open_settings(page)
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".lesson")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("tab", name="Test digits").click()
    page.locator(".digit-cell").first.click()
    expect(page.locator(".digit-detail .digit-stages")).to_be_visible()
    assert barriers(page) == []
