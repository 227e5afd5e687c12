"""The page in two languages: the catalogue is whole, and in a browser no English is left."""

import ast
import html.parser
import importlib
import re
import string
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from playwright.sync_api import expect
from visiting import (
    DRAWINGS,
    choose_weights,
    draw,
    expect_read,
    expect_toast,
    open_settings,
    open_tab,
    stop,
)

from mnist_core import config, errors, inspection
from mnist_core.errors import ConfigError, Message
from mnist_core.page import experiments, lesson, run_table, run_words, test_digits, view, words
from mnist_core.page.words import Words

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "mnist_core" / "page"
SILENT = ("cli", "environment", "functions", "places")
"""Modules and rooms whose sentences only a console or a program gets."""
SETTINGS = [setting for setting in fields(config.TrainConfig) if setting.name != "recipe"]
COMPUTED = [
    "recipe",
    *(s.name.replace("_", " ") for s in SETTINGS),
    *(s.name.replace("_", " ").capitalize() for s in SETTINGS),
    *(s.metadata["help"] for s in SETTINGS),
    *(choice for s in SETTINGS for choice in s.metadata.get("choices", ())),
    *(word for word in inspection._WORDS.values() if word),
    *view.SHOWS, *view.COMPARISONS, *view.ORDERS,
    *run_table.COLUMNS, *run_table._FILES.values(), *run_words._SHORT.values(),
    *(text for e in experiments.EXPERIMENTS for text in (e.title, e.question, e.why, *e.answers)),
    *(text for _, *texts in lesson.TASKS for text in texts),
    *test_digits._DIGITS.values(), "In queue: {position} of {size}",
]  # fmt: skip
"""What is said where the code has a variable in place of a sentence."""
SAYING = {"say", "i18n", "Message", *vars(errors)}


def said_in(module: Path) -> Iterator[tuple[str, str]]:
    """(what says it, the sentence) for each call with a literal or a module's constant."""
    name = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    for call in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        by, said = ast.unparse(call.func).split(".")[-1], call.args[0]
        if by not in SAYING:
            continue
        if isinstance(said, ast.Constant):
            yield by, said.value
            continue
        constant = said.value if isinstance(said, ast.Subscript) else said
        if ast.unparse(constant).split(".")[-1].isupper():
            value = eval(ast.unparse(constant), vars(importlib.import_module(name)))
            yield from (
                (by, text) for text in ([value] if isinstance(value, str) else value.values())
            )


def said_in_python() -> set[tuple[str, str]]:
    files = (ROOT / "mnist_core").rglob("*.py")
    modules = [file for file in files if not {file.stem, file.parent.name} & {*SILENT}]
    return {said for module in modules for said in said_in(module)}


def said_in_scripts_and_templates() -> set[str]:
    texts = [file.read_text(encoding="utf-8") for file in PAGE.rglob("*.js")]
    texts += [file.read_text(encoding="utf-8") for file in (PAGE / "templates").glob("*.html")]
    return {said for text in texts for _, said in re.findall(r"""\bsay\(\s*(["'])(.*?)\1""", text)}


def written_in_the_pad() -> set[str]:
    found = set()

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.update(text for name, text in attributes if name in ("title", "aria-label"))

        def handle_data(self, text):
            found.update({text.strip()} if re.search("[a-z]", text) else ())

    Reader().feed((PAGE / "static" / "pad.html").read_text(encoding="utf-8"))
    return found


def placeholders(template: str) -> list[tuple]:
    return sorted(
        tuple(map(str, part[1:])) for part in string.Formatter().parse(template) if part[1]
    )


def test_every_sentence_has_a_chinese_one_and_every_chinese_one_is_said():
    said = {sentence for _, sentence in said_in_python()} | {*COMPUTED}
    said |= said_in_scripts_and_templates() | written_in_the_pad()
    assert len(said) > 250
    assert said - set(words.chinese()) == set()
    assert set(words.chinese()) - said == set()


def test_both_languages_have_the_same_values_put_in():
    for english, chinese in words.chinese().items():
        assert placeholders(english) == placeholders(chinese), english


def test_what_the_browser_translates_has_no_values_and_nothing_breaks_an_attribute():
    assert not [text for by, text in said_in_python() if by == "i18n" and set(text) & set('{}"')]
    assert not [text for pair in words.chinese().items() for text in pair if '"' in text]


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
        ("zh", "zh"),
        ("zh-CN;q=1", "zh"),
        ("zh-HK,zh;q=0.9", "zh"),
        ("ZH-Hans-SG", "zh"),
    ],
)
def test_the_first_language_that_a_browser_asks_for_decides(header, language):
    assert words.language_of(header) == language


def test_a_sentence_is_said_in_its_language_and_so_are_the_sentences_in_it():
    assert Words()("epoch {epoch} of {epochs}", epoch=1, epochs=3) == "epoch 1 of 3"
    say = Words("zh")
    assert say("epoch {epoch} of {epochs}", epoch=1, epochs=3) == "第 1 轮，共 3 轮"
    error = ConfigError(
        "{setting} must be a whole number, not {value}.", setting=Message("epochs"), value="x"
    )
    assert say.translated(error) == "“训练轮数”必须是整数，不能是 x。"
    assert Words().translated(error) == "epochs must be a whole number, not x."
    assert say.translated("of a library") == "of a library"


# ---- in a browser ----

NAMES = ("Yann LeCun", "Corinna Cortes", "Christopher Burges", "Hugging Face Hub", "Ctrl+Z")
GRADIOS_OWN = ("Gradio footer navigation",)
ENGLISH = r"""([names, script]) => {
  const sentence = new RegExp(script, "u"), found = new Set();
  const look = (text) => {
    for (const name of names) text = text.replaceAll(name, "");
    if (sentence.test(text)) found.add(text.trim());
  };
  const shown = (part) => part.getClientRects().length && !part.closest("script, style, code");
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


def test_a_chinese_browser_is_shown_no_english_sentence(open_page, mnist_dir, tmp_path):
    page = open_page(locale="zh-CN", viewport={"width": 1440, "height": 900})
    expect(page.get_by_role("tab").first).to_have_text("手写")
    said = page.evaluate("[document.documentElement.lang, document.title]")
    assert said == ["zh-CN", "MNIST 实验室"]
    draw(page, DRAWINGS[4])
    expect_read(page, 4)
    page.get_by_role("application").first.focus()
    expect(page.locator(".inside-grid").first).to_be_visible()
    page.get_by_role("button", name="骗过它").click()
    expect(page.locator(".pad-changes figure")).to_have_count(2)
    expect(page.locator(".pad-live")).to_contain_text("识别为 4")
    assert left(page) == []
    page.keyboard.press("Escape")
    draw(page, [[[0.5, 0.5], [0.51, 0.51]]])
    expect(page.locator(".pad-remark")).to_contain_text("写大一些")

    open_tab(page, 1)
    expect(page.locator(".lesson")).to_be_visible()
    for question in ("convolution", "pooling", "softmax"):
        page.locator(f"[data-ask={question}]").first.click()
    open_settings(page)
    assert left(page) == []
    epochs = page.get_by_label("训练轮数", exact=True)
    epochs.fill("1000000")
    expect(page.locator("#run-epochs-range")).to_have_text("应为 1 到 100 的整数。")
    assert left(page) == []
    for experiment in page.locator(".run-experiments summary").all():
        experiment.click()
        assert left(page) == []
    page.keyboard.press("Escape")
    epochs.fill("100")
    page.locator("[data-action=train]").click()
    expect(page.locator(".run-sentence")).to_contain_text("每秒")
    expect(page.locator(".run-samples figure")).to_have_count(6)
    assert left(page) == []
    stop(page)
    assert left(page) == []
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"GIF89a and so on")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="上传检查点").click()
    chooser.value.set_files(broken)
    expect_toast(page, "broken.pt")
    assert left(page) == []
    page.get_by_test_id("toast-close").click()

    page.get_by_role("tab").nth(2).click()
    page.locator(".digit-cell").first.click()
    expect(page.locator(".digit-detail .digit-stages")).to_be_visible()
    assert left(page) == []
    page.get_by_label("对比").click()
    page.get_by_role("option", name="教程版（自带）").click()
    expect(page.locator(".digit-agreement")).to_be_visible()
    for dropdown in ("对比", "数字", "排序", "识别所用的权重"):
        page.get_by_role("combobox", name=dropdown, exact=True).click()
        expect(page.get_by_role("option").first).to_be_visible()
        assert left(page) == []
        page.keyboard.press("Escape")


def test_a_run_that_diverges_in_its_own_process_says_so_in_chinese(open_page, mnist_dir):
    page = open_page(locale="zh-CN")
    open_tab(page, 1)
    open_settings(page)
    page.locator(".run-settings").get_by_label("学习率", exact=True).fill("10")
    page.locator(".run-settings").get_by_label("权重衰减").fill("1")
    page.locator("[data-action=train]").click()
    expect(page.locator(".run-error")).to_contain_text("更小的学习率")


@pytest.mark.parametrize(
    ("locale", "shown"), [("zh-TW", "zh-TW"), ("zh-HK", "zh-TW"), ("zh", "zh-CN")]
)
def test_every_kind_of_chinese_browser_is_shown_chinese(open_page, locale, shown):
    page = open_page(locale=locale)
    expect(page.get_by_role("tab").first).to_have_text("手写")
    expect(page.locator(".pad-hint")).to_contain_text("在这里写一个数字，或一个多位数")
    assert page.evaluate("document.documentElement.lang") == shown
    assert left(page) == []
    page.get_by_role("tab").nth(1).click()
    expect(page.locator(".run-sentence")).to_contain_text("点")


@pytest.mark.parametrize("locale", ["en-US", "fr-FR"])
def test_any_other_language_is_english(open_page, mnist_dir, locale):
    page = open_page(locale=locale)
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("tab", name="Test digits")).to_be_visible()
    for tab in range(3):
        open_tab(page, tab)
        assert left(page, HAN) == []
        assert left(page)


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_whoever_walks_through_every_tab_and_touches_each_control_is_shown_no_error(
    open_page, mnist_dir, locale
):
    """Each time with a new page, because the first control that is touched matters: the weights
    before any tab was opened, and then one in each."""
    weights = {"en-US": "Tutorial, shipped", "zh-CN": "教程版（自带）"}[locale]
    for place in (0, 1, 2):
        page = open_page(locale=locale)
        choose_weights(page, weights)
        open_tab(page, place)
    summary = page.locator(".digit-summary")
    expect(summary).to_contain_text(weights)
    for radio in page.get_by_role("radio").all():
        radio.check()
        page.wait_for_timeout(500)  # in which it is answered
    for place in (0, 1, 2, 1, 0):
        open_tab(page, place)
    expect(page.locator(".digits")).not_to_have_class(re.compile("digit-waits"))
