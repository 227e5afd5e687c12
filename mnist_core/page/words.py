"""The page's two languages: a sentence is written in English, and is the key to the Chinese one.

`static/zh.json` holds each English template with its Chinese one (`tests/test_words.py` sees that
none is missing). A `Words` is one language; each request gets its own (`parts.handler`), and hands
it on to whatever makes sentences for it.

But: words that a library or the operating system answers with stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from ..errors import Message, MnistError

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Words:
    """The sentences of one language. `say = Words("zh")`, then `say("Stop")`."""

    language: Language = "en"

    def __call__(self, template: str, /, **values: object) -> str:
        """The sentence with its values put in as by `str.format`; messages are translated too."""
        return self.template(template).format(**self.values(values))

    def template(self, english: str) -> str:
        return chinese().get(english, english) if self.language == "zh" else english

    def values(self, values: Mapping[str, object]) -> dict[str, object]:
        """The values of a template, those translated that are sentences themselves."""
        return {
            name: self.translated(value) if isinstance(value, Message | MnistError) else value
            for name, value in values.items()
        }

    def translated(self, message: str | MnistError) -> str:
        """A sentence of the core, or an error's; a str that is no Message stays as it is."""
        if isinstance(message, MnistError):
            message = message.message
        if not isinstance(message, Message):
            return message
        if not message.values:  # such a template is taken as it stands
            return self.template(message.template)
        return self(message.template, **message.values)


def language_of(accept_language: str | None) -> Language:
    """By the first in an Accept-Language header: "zh" for every kind of Chinese, otherwise "en"."""
    first = (accept_language or "").split(",")[0].split(";")[0].strip().lower()
    return "zh" if first.split("-")[0] == "zh" else "en"


@lru_cache(maxsize=1)
def chinese() -> dict[str, str]:
    """Chinese templates by the English ones."""
    file = Path(__file__).parent / "static" / "zh.json"
    return json.loads(file.read_text(encoding="utf-8"))
