"""Take the pictures in this folder: three tabs, three sizes, light and dark, and a moving one.

    python app.py                                   # with MNIST, in another terminal
    python docs/pictures.py http://127.0.0.1:7860

Needs playwright and a Chromium, as the tests do (tests/requirements.txt).
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from conftest import BROWSER_FLAGS, chromium  # noqa: E402

SIZES = {"": (1280, 800), "-tablet": (820, 1180), "-phone": (390, 664)}
TABS = ("draw", "train", "test-digits")
TWO = [(0.27, 0.33), (0.36, 0.2), (0.52, 0.16), (0.66, 0.24), (0.67, 0.4), (0.55, 0.57),
       (0.38, 0.72), (0.26, 0.83), (0.45, 0.81), (0.6, 0.83), (0.76, 0.8)]  # fmt: skip
MOVING = (960, 640)


def main(url: str) -> None:
    with sync_playwright() as playwright:
        path = chromium() or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        for suffix, size in SIZES.items():
            for scheme in ("light", "dark"):
                still(browser, url, size, scheme, suffix + ("-dark" if scheme == "dark" else ""))
        moving(browser, url)
        browser.close()


def opened(browser: Browser, url: str, size: tuple[int, int], scheme: str = "light") -> Page:
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(url)
    page.locator(".pad-canvas").wait_for()
    time.sleep(1)
    return page


def still(browser: Browser, url: str, size: tuple[int, int], scheme: str, suffix: str) -> None:
    page = opened(browser, url, size, scheme)
    for _ in draw(page):
        pass
    time.sleep(3)
    save(page, f"draw{suffix}")
    open_tab(page, 1)
    page.locator("[data-action=train]").first.click(timeout=60_000)
    time.sleep(8)
    save(page, f"train{suffix}")
    page.locator("[data-action=stop]").first.click(timeout=60_000)
    open_tab(page, 2)
    page.locator(".digit-cell").first.wait_for(timeout=120_000)
    time.sleep(3)
    save(page, f"test-digits{suffix}")
    page.context.close()


def moving(browser: Browser, url: str) -> None:
    page = opened(browser, url, MOVING)
    frames = [frame(page) for _ in draw(page, steps=3)]
    frames += [frame(page)] * 8
    open_tab(page, 1)
    page.locator("[data-action=train]").first.click(timeout=60_000)
    start = time.monotonic()
    while time.monotonic() - start < 12:
        frames.append(frame(page))
        time.sleep(0.3)
    page.context.close()
    pictures = [one.quantize(48, dither=Image.Dither.NONE) for one in frames]
    pictures[0].save(HERE / "lab.gif", save_all=True, append_images=pictures[1:], duration=140,
                     loop=0, optimize=True)  # fmt: skip


def draw(page: Page, steps: int = 8):  # type: ignore[no-untyped-def]
    """A two on the pad; yields after every piece of the pen's way."""
    box = page.locator(".pad-canvas").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in TWO]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=steps)
        yield
    page.mouse.up()


def open_tab(page: Page, place: int) -> None:
    page.get_by_role("tab").nth(place).click(timeout=60_000)
    time.sleep(1)


def frame(page: Page) -> Image.Image:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return picture.resize((720, 480), Image.Resampling.LANCZOS)


def save(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
