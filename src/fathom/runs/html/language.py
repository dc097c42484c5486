"""The language of a page: what Fathom says, looked up as it is escaped.

``chinese.json`` holds whole texts, patterns of those with gaps (``{}`` is any text, ``{#}`` a number), and what codes
of findings mean. A text that is not there stays English. A class of a user's that is called like one of these words, as
"Loss", is translated with them.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path

from fathom.findings import Finding

LANGUAGES = ("en", "zh")
CATALOG = Path(__file__).with_name("chinese.json")
_GAPS = {"{}": "(.+?)", "{#}": r"([\d,.]+)"}
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
    return _look_up(text)


def say_sentence(text: str) -> str:
    """Return a text that ends open, as a cause does, translated and with its full stop."""
    said = translate(text)
    stop = "" if text.endswith((".", "!", "?", "…")) else "." if said == text else "。"
    return f"{said}{stop}"


def say_finding(finding: Finding) -> str:
    """Return a finding as one text: what is so, why, what to do."""
    if _language.get() == "en":
        return finding.sentence
    parts = [say_message(finding)]
    if finding.cause:
        parts.append(f"原因：{say_sentence(finding.cause)}")
    if finding.remedy:
        parts.append(f"怎么办：{translate(finding.remedy)}")
    return "".join(parts)


def say_message(finding: Finding) -> str:
    """Return what is so, with its full stop; where that has no translation, what its code means stands before it."""
    said = say_sentence(finding.message)
    title = title_of(finding.code)
    return f"{title}：{said}" if title and translate(finding.message) == finding.message else said


def title_of(code: str) -> str:
    """Return what a code of a finding means, in Chinese; "" in English, whose messages say it, and of unknown codes."""
    return "" if _language.get() == "en" else _catalog()[2].get(code, "")


@lru_cache(maxsize=8192)
def _look_up(text: str) -> str:
    texts, patterns, _ = _catalog()
    if text in texts:
        return texts[text]
    if not any(letter.isalpha() for letter in text):
        return text
    for pattern, form in patterns:
        if match := pattern.fullmatch(text):
            # what stands in the gaps may be a text too: "3 samples"
            return form.format(*(_look_up(part) for part in match.groups()))
    return text


@cache
def _catalog() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]], dict[str, str]]:
    content = json.loads(CATALOG.read_text(encoding="utf-8"))
    compiled = [(_compile(text), form) for text, form in content["patterns"]]
    return content["texts"], compiled, content["codes"]


def _compile(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\{#?\})", text)
    return re.compile("".join(_GAPS.get(part) or re.escape(part) for part in parts), re.DOTALL)
