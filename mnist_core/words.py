"""The page's two languages: a sentence is written in English, and is the key to the Chinese one.

`static/zh.json` holds each English template with its Chinese one (`tests/test_words.py` sees that
none is missing). Whose language it is, is a context variable: a request's, a run's, a worker's.

But: words that a library or the operating system answers with stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

CHINESE = ("zh-CN", "zh-TW")
"""Languages of browsers that are shown Chinese: those that gradio's own part of the page knows."""

_language: ContextVar[str] = ContextVar("language", default="en")


def say(template: str, **values: object) -> str:
    """The sentence in the current language, `values` put in as by `str.format`."""
    if _language.get() == "zh":
        template = chinese().get(template, template)
    return template.format(**values)


def language() -> str:
    """The current one: "en", unless told otherwise, or "zh"."""
    return _language.get()


def speak(language: str) -> None:
    """Go on in "en" or "zh", as long as this thread, or whatever else a context is of, goes on."""
    _language.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """In "en" or "zh" until the end of the `with`, which must not hold a generator's yield."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)


def language_of(accept_language: str | None) -> str:
    """By the first language of an Accept-Language header: "zh" for `CHINESE`, otherwise "en"."""
    first = (accept_language or "").split(",")[0].split(";")[0].strip()
    return "zh" if first in CHINESE else "en"


@lru_cache(maxsize=1)
def chinese() -> dict[str, str]:
    """Chinese templates by the English ones."""
    file = Path(__file__).parent / "static" / "zh.json"
    return json.loads(file.read_text(encoding="utf-8"))
