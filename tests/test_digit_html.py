"""The HTML and PNG of digits and results, read back as a browser would."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mnist_core.page import digit_html
from mnist_core.page.gallery import Answer
from mnist_core.page.parts import ACTIVATIONS, ink, render, signed
from mnist_core.page.view import ANY, View
from mnist_core.page.words import Words

SAY = Words()


class Elements(HTMLParser):
    """Every start tag with its attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.all if name == tag]


def png(html: str) -> Image.Image:
    """The first picture in the HTML, as RGBA."""
    data = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", html).group(1)
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")


def digits(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def grid(images, numbers, truths, *reads, page=0, pages=1, count=0) -> str:
    """A page of digits; `reads` is what each network read, one sequence for each."""
    return render(
        "digit_grid.html",
        SAY,
        digits=[
            Answer(number, truth, read, (False,) * len(read), any(digit != truth for digit in read))
            for number, truth, *read in zip(numbers, truths, *reads, strict=True)
        ],
        sprite=digit_html.sprite(images),
        columns=digit_html.COLUMNS,
        page=page,
        pages=pages,
        count=count,
        of_digits=True,
    )


def matrices(names, counts, agreement=None, truth=ANY, read_as=ANY) -> str:
    rows = [(t, row.tolist(), int(row.sum()), int(row[t]), 0) for t, row in enumerate(counts)]
    worst = int((counts - np.diag(counts.diagonal())).max())
    matrix = {"rows": rows, "worst": worst, "refuses": False}
    return render(
        "digit_matrices.html",
        SAY,
        matrices=[(name, matrix) for name in names],
        agreement=agreement,
        view=View(truth=truth, read_as=read_as),
    )


def test_the_sprite_holds_every_digit_pixel_by_pixel():
    images = digits(23)
    sprite = png(grid(images, range(23), [0] * 23, [0] * 23))
    assert sprite.size == (280, 84)
    alpha = np.asarray(sprite)[:, :, 3]
    for place, image in enumerate(images):
        y, x = place // 10 * 28, place % 10 * 28
        assert (alpha[y : y + 28, x : x + 28] == image).all()
    assert not np.asarray(sprite)[:, :, :3].any()


def test_each_digit_is_a_button_that_says_what_it_is():
    wrong, right, *_ = Elements(grid(digits(2), [7, 247], [4, 1], [2, 1])).named("button")
    assert wrong["data-i"] == "7"
    assert wrong["aria-label"] == "Number 7: a 4, read as 2, wrong"
    assert right["aria-label"] == "Number 247: a 1, read as 1"


def test_a_mistake_is_marked_by_more_than_colour():
    right, wrong = (grid(digits(1), [0], [4], [read]) for read in (4, 2))
    assert "✗" in wrong
    assert "digit-wrong" in wrong
    assert "✗" not in right
    assert "digit-wrong" not in right


def test_of_two_networks_both_readings_show_and_one_mistake_marks():
    html = grid(digits(1), [0], [4], [4], [9])
    assert "4 → 4 | 9" in html
    assert "read as 4 and 9, wrong" in html


def test_sprite_positions_name_the_right_digit():
    """Percentages place a sprite so that 0 % is its first and 100 % its last row or column."""
    spans = Elements(grid(digits(100), range(100), [0] * 100, [0] * 100)).named("span")
    styles = [span["style"] for span in spans if span.get("class") == "digit-sprite"]
    assert "background-position:0.0000% 0.0000%" in styles[0]
    assert "background-position:100.0000% 0.0000%" in styles[9]
    assert "background-position:0.0000% 100.0000%" in styles[90]
    assert "background-position:55.5556% 33.3333%" in styles[35]


def test_an_empty_page_is_a_sentence():
    assert "None is like that." in grid(digits(0), [], [], [])


def test_the_confusion_matrix_has_its_counts_in_cells_that_are_buttons():
    counts = np.diag(np.full(10, 90)).astype(np.int64)
    counts[4, 9], counts[4, 4] = 10, 80
    buttons = Elements(matrices(["Mine"], counts, None, 4, 9)).named("button")
    cells = {(b["data-truth"], b["data-read"]): b for b in buttons}
    assert len(cells) == 120
    assert cells["4", "9"]["aria-label"] == "10 of the 4s read as 9"
    assert cells["4", "9"]["aria-pressed"] == "true"
    assert "disabled" in cells["4", "8"]
    assert cells["4", str(ANY)]["aria-label"] == "All 4s"
    html = matrices(["Mine"], counts)
    assert html.count("100.0 %") == 9
    assert html.count("88.9 %") == 1  # 80 of 90


def test_a_digit_that_does_not_occur_has_no_share():
    counts = np.zeros((10, 10), np.int64)
    assert matrices(["Mine"], counts).count("–") == 10


def test_ink_runs_from_invisible_to_full():
    alpha = np.asarray(png(ink(np.array([[0.0, 1.0], [2.0, 4.0]]))))[:, :, 3]
    assert alpha.tolist() == [[0, 64], [128, 255]]


def test_what_units_answer_runs_from_the_paper_over_blue_to_dark_and_in_the_dark_to_pale():
    """As seen on the paper, light and dark, where the browser inverts it and turns its hue round:
    each amount stands out from the paper a little more than the one before it."""
    levels = np.arange(256.0)[None]
    *colours, alpha = np.moveaxis(np.asarray(png(ink(levels, ACTIVATIONS)))[0] / 255.0, -1, 0)
    bright = [0.213, 0.715, 0.072]
    inverted = [1 - colour for colour in colours]
    turned = 2 * sum(w * c for w, c in zip(bright, inverted, strict=True))
    dark = [(turned - colour).clip(0, 1) for colour in inverted]
    for seen, paper, way in ((colours, 0.97, -1), (dark, 0.09, 1)):
        light = sum(w * c for w, c in zip(bright, seen, strict=True)) * alpha + paper * (1 - alpha)
        assert (way * np.diff(light) >= 0).all()
        assert abs(light[0] - paper) < 0.04, "nothing is the paper's"
        assert abs(light[-1] - paper) > 0.7
    assert colours[2][90] - colours[0][90] > 0.7, "blue between"


def test_signed_values_are_orange_above_zero_and_blue_below():
    pixels = np.asarray(png(signed(np.array([[-1.0, 0.0, 1.0]]))))[0]
    blue, nothing, orange = pixels.tolist()
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    assert nothing[3] == 0
    assert min(blue[3], orange[3]) > 250


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.zeros((3, 3), np.uint8)])
def test_nothing_at_all_is_invisible(values):
    assert not np.asarray(png(ink(values)))[:, :, 3].any()
    assert not np.asarray(png(signed(values)))[:, :, 3].any()


def test_names_are_escaped():
    nasty = '<img src=x onerror="alert(1)">'
    html = matrices([nasty, "b"], np.zeros((10, 10), np.int64), [[0, 0], [0, 0]])
    assert Elements(html).named("img") == []
    assert html.count("&lt;img") == 3  # the columns and the rows of the first table, and its own


def test_the_pager_knows_its_ends():
    def buttons(page: int) -> list[tuple[str | None, bool]]:
        html = grid(digits(0), [], [], [], page=page, pages=3, count=250)
        found = Elements(html).named("button")
        return [(b["data-page"], "disabled" in b) for b in found]

    assert buttons(0) == [("-1", True), ("1", False)]
    assert buttons(1) == [("0", False), ("2", False)]
    assert buttons(2) == [("1", False), ("3", True)]


def test_the_sheet_is_a_png_of_the_digits_with_their_captions():
    images = digits(12)
    content = digit_html.sheet(images, ["4 → 2"] * 12, [True] + [False] * 11)
    sheet = np.asarray(Image.open(io.BytesIO(content)))
    assert sheet.shape == (2 * 84, 10 * 68)
    assert (sheet[6:62:2, 6:62:2] == 255 - images[0]).all()
    assert (sheet[2, 2:65] == 0).all(), "the mistake has a frame"
    assert (sheet[2, 70:130] == 255).all(), "the next digit has none"
    assert (sheet[64:84, :68] < 128).any(), "the caption is there"
