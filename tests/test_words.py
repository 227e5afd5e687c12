"""The page in two languages: the catalogue is whole, and in a browser no English is left."""

import ast
import html.parser
import importlib
import re
import string
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect
from test_app_draw import DRAWINGS, _draw, _expect_read

from mnist_core import config, inspection, run_views, view, words

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "mnist_core" / "static"
SETTINGS = fields(config.TrainConfig)
CHOICES = [choice for setting in SETTINGS for choice in setting.metadata.get("choices", ())]
VARIABLES = {
    "app: name.replace('_', ' ').capitalize()": [
        s.name.replace("_", " ").capitalize() for s in SETTINGS if s.name != "recipe"
    ],
    "app: field.metadata['help']": [s.metadata["help"] for s in SETTINGS if s.name != "recipe"],
    "app: value": [*view.SHOWS, *view.COMPARISONS, *view.ORDERS],
    "app: choice": CHOICES,
    "config: name.replace('_', ' ')": [s.name.replace("_", " ") for s in SETTINGS],
    "inspection: word": [word for word in inspection._WORDS.values() if word],
    "jobs: kind.capitalize()": ["Tutorial", "Modern", "Own", "Uploaded"],
    "pictures: what": view.COMPARISONS,
    "run_views: value": CHOICES,
    "run_views: name": list(run_views._SHORT.values()),
    "run_views: column": run_views._COLUMNS,
    "run_views: label": list(run_views._FILES.values()),
}
"""What `say` and `i18n` are called with where that is neither a literal nor a constant."""


def calls(module: str) -> Iterator[tuple[str, ast.expr]]:
    """("say" or "i18n", what is said) for each call in a module, `run(say, …)` included."""
    name = "app.py" if module == "app" else f"mnist_core/{module}.py"
    for call in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call):
            parts = [call.func, *call.args]
            for said, template in pairwise(parts):
                if isinstance(said, ast.Name) and said.id in ("say", "i18n"):
                    yield said.id, template


def templates(module: str, template: ast.expr) -> list[str]:
    """A literal, a module's constant, or the values of its constant dictionary."""
    if isinstance(template, ast.Constant):
        return [template.value]
    place = f"{module}: {ast.unparse(template)}"
    if place in VARIABLES:
        return list(VARIABLES[place])
    loaded = importlib.import_module(module if module == "app" else f"mnist_core.{module}")
    constant = template.value if isinstance(template, ast.Subscript) else template
    assert ast.unparse(constant).split(".")[-1].isupper(), f"{place} is no constant"
    value = eval(ast.unparse(constant), vars(loaded))
    return [value] if isinstance(value, str) else list(value.values())


def said_in_python(by: tuple[str, ...] = ("say", "i18n")) -> set[str]:
    modules = ["app", *(f.stem for f in (ROOT / "mnist_core").glob("*.py") if f.stem != "cli")]
    return {
        text
        for module in modules
        for said, template in calls(module)
        if said in by
        for text in templates(module, template)
    }


def said_in_scripts() -> set[str]:
    scripts = "".join(file.read_text(encoding="utf-8") for file in STATIC.glob("*.js"))
    literals = re.findall(r'\bsay\(\s*"([^"]*)"', scripts)
    # Besides: its definition, and the two calls that put pad.html into Chinese.
    assert len(literals) == len(re.findall(r"\bsay\(", scripts)) - 2
    return set(literals)


def written_in_the_pad() -> set[str]:
    found = set()

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.update(text for name, text in attributes if name in ("title", "aria-label"))

        def handle_data(self, text):
            found.update({text.strip()} if re.search("[a-z]", text) else ())

    Reader().feed((STATIC / "pad.html").read_text(encoding="utf-8"))
    return found


def placeholders(template: str) -> list[tuple]:
    return sorted(
        tuple(map(str, part[1:])) for part in string.Formatter().parse(template) if part[1]
    )


def test_every_sentence_has_a_chinese_one_and_every_chinese_one_is_said():
    said = said_in_python() | said_in_scripts() | written_in_the_pad()
    assert len(said) > 250
    assert said - set(words.chinese()) == set()
    assert set(words.chinese()) - said == set()


def test_both_languages_have_the_same_values_put_in():
    for english, chinese in words.chinese().items():
        assert placeholders(english) == placeholders(chinese), english


def test_what_the_browser_translates_has_no_values_and_nothing_breaks_an_attribute():
    assert not [text for text in said_in_python(("i18n",)) if set(text) & set('{}"')]
    assert not [text for pair in words.chinese().items() for text in pair if '"' in text]


def test_an_argument_of_every_kind_is_understood_and_a_computed_one_is_not():
    def understood(code: str) -> list[str]:
        return templates("run_views", ast.parse(code, mode="eval").body)

    assert understood("'Stop'") == ["Stop"]
    assert understood("_DUEL") == [run_views._DUEL]
    assert "My own" in understood("config.TITLES[run.recipe]")
    with pytest.raises(AssertionError, match="no constant"):
        understood("f'Stop {run}'")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("*", "en"),
        ("fr-FR,fr;q=0.9,zh;q=0.8", "en"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-TW", "zh"),
        ("zh-CN;q=1", "zh"),
        ("zh-HK,zh;q=0.9", "en"),
    ],
)
def test_the_first_language_that_a_browser_asks_for_decides(header, language):
    assert words.language_of(header) == language


def test_a_sentence_is_said_in_the_language_of_the_moment():
    assert words.say("epoch {epoch} of {epochs}", epoch=1, epochs=3) == "epoch 1 of 3"
    with words.speaking("zh"):
        assert words.say("epoch {epoch} of {epochs}", epoch=1, epochs=3) == "第 1 轮，共 3 轮"
        with words.speaking("en"):
            assert words.say("Stop") == "Stop"
    assert words.say("Stop") == "Stop"


# ---- in a browser ----

NAMES = ("Yann LeCun", "Corinna Cortes", "Christopher Burges", "Ctrl+Z")
GRADIOS_OWN = ("Gradio footer navigation", "range slider for")
ENGLISH = r"""([names, script]) => {
  const sentence = new RegExp(script, "u"), found = new Set();
  const look = (text) => {
    for (const name of names) text = text.replaceAll(name, "");
    if (sentence.test(text)) found.add(text.trim());
  };
  const shown = (part) => part.getClientRects().length && !part.closest("script, style");
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode())
    if (shown(texts.currentNode.parentElement)) look(texts.currentNode.data);
  for (const name of ["title", "aria-label", "placeholder", "alt"])
    for (const part of document.querySelectorAll(`[${name}]`))
      if (shown(part)) look(part.getAttribute(name));
  for (const field of document.querySelectorAll("input[readonly]")) look(field.value);
  return [...found];
}"""
TWO_WORDS = r"[A-Za-z]{2,}[ ,:;'’]+[A-Za-z]{2,}"
HAN = r"\p{Script=Han}"


def left(page, script=TWO_WORDS) -> list[str]:
    """What is seen on the page, or read out, in English or in another script."""
    return page.evaluate(ENGLISH, [[*NAMES, *GRADIOS_OWN], script])


def open_all(page, tab: int) -> None:
    page.get_by_role("tab").nth(tab).click()
    closed = page.locator("button.label-wrap:not(.open):visible")
    while closed.count():
        closed.first.click()


def test_a_chinese_browser_is_shown_no_english_sentence(open_page, mnist_dir, tmp_path):
    page = open_page(locale="zh-CN", viewport={"width": 1440, "height": 900})
    expect(page.get_by_role("tab").first).to_have_text("手写")
    assert page.evaluate("[document.documentElement.lang, document.title]") == [
        "zh-CN",
        "MNIST 实验室",
    ]
    _draw(page, DRAWINGS[4])
    _expect_read(page, 4)
    page.locator(".pad-inside summary").click()
    expect(page.locator(".pad-maps img").first).to_be_visible()
    expect(page.locator(".pad-live")).to_contain_text("识别为 4")
    assert left(page) == []
    _draw(page, [[[0.5, 0.5], [0.51, 0.51]]])
    page.keyboard.press("Escape")
    _draw(page, [[[0.5, 0.5], [0.51, 0.51]]])
    expect(page.locator(".pad-remark")).to_contain_text("写大一些")

    open_all(page, 1)
    expect(page.locator(".lesson")).to_be_visible(timeout=120_000)
    assert left(page) == []
    epochs = page.get_by_label("训练轮数", exact=True)
    epochs.fill("1000000")
    page.locator("[data-action=train]").click()
    expect(page.locator(".toast-body")).to_contain_text("“训练轮数”必须在 1 到 100 之间")
    page.get_by_test_id("toast-close").click()
    epochs.fill("100")
    page.locator("[data-action=train]").click()
    expect(page.locator(".run-sentence")).to_contain_text("每秒", timeout=120_000)
    expect(page.locator(".run-samples figure")).to_have_count(6)
    assert left(page) == []
    page.locator("[data-action=stop]").click()
    expect(page.locator(".run-sentence")).to_contain_text("并已保存", timeout=60_000)
    assert left(page) == []
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"GIF89a and so on")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="上传检查点").click()
    chooser.value.set_files(broken)
    expect(page.locator(".toast-body")).to_contain_text("无法把 broken.pt 当作检查点读取")
    page.get_by_test_id("toast-close").click()

    page.get_by_role("tab").nth(2).click()
    page.locator(".digit-cell").first.click(timeout=120_000)
    expect(page.locator(".digit-detail .digit-stages")).to_be_visible(timeout=60_000)
    assert left(page) == []
    page.get_by_label("对比").click()
    page.get_by_role("option", name="教程版（自带）").click()
    expect(page.locator(".digit-agreement")).to_be_visible(timeout=60_000)
    for dropdown in ("对比", "数字", "排序", "识别所用的权重"):
        page.get_by_role("combobox", name=dropdown, exact=True).click()
        expect(page.get_by_role("option").first).to_be_visible()
        assert left(page) == []
        page.keyboard.press("Escape")


def test_a_run_that_diverges_in_its_own_process_says_so_in_chinese(open_page, mnist_dir):
    page = open_page(locale="zh-CN")
    open_all(page, 1)
    page.get_by_label("学习率", exact=True).fill("10")
    page.get_by_label("权重衰减", exact=True).fill("1")
    page.locator("[data-action=train]").click()
    expect(page.locator(".run-error")).to_contain_text("更小的学习率", timeout=120_000)


def test_a_browser_from_taiwan_is_shown_chinese_too(open_page):
    page = open_page(locale="zh-TW")
    expect(page.get_by_role("tab").first).to_have_text("手写")
    expect(page.locator(".pad-hint")).to_have_text("在这里写一个数字")
    assert left(page) == []


@pytest.mark.parametrize("locale", ["en-US", "fr-FR", "zh-HK"])
def test_any_other_language_is_english(open_page, mnist_dir, locale):
    page = open_page(locale=locale)
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("tab", name="Test digits")).to_be_visible()
    for tab in range(3):
        open_all(page, tab)
        if tab == 2:
            expect(page.locator(".digit-cell").first).to_be_visible(timeout=120_000)
        assert left(page, HAN) == []
        assert left(page)
