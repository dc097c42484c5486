"""The language of a page: what Fathom says, looked up as it is escaped.

``chinese.json`` holds whole texts, and patterns of those with numbers in them. A text that is not there stays English.
A class of a user's that is called like one of these words, as "Loss", is translated with them.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh")
CATALOG = Path(__file__).with_name("chinese.json")
_LONGEST = 600  # characters: a text beyond that is a user's

_language: ContextVar[str] = ContextVar("language", default="en")


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Write pages in a language, "en" or "zh", within the block."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def html_language() -> str:
    """Return the language as HTML names it."""
    return "zh-CN" if _language.get() == "zh" else "en"


def translate(text: str) -> str:
    """Return a text in the language of the page."""
    if _language.get() == "en" or len(text) > _LONGEST:
        return text
    texts, patterns = _catalog()
    if text in texts:
        return texts[text]
    for pattern, form in patterns:
        if match := pattern.fullmatch(text):
            return form.format(*match.groups())
    return text


@cache
def _catalog() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    content = json.loads(CATALOG.read_text(encoding="utf-8"))
    compiled = [
        (re.compile("(.+?)".join(map(re.escape, text.split("{}"))), re.DOTALL), form)
        for text, form in content["patterns"]
    ]
    return content["texts"], compiled
