"""Numbers as people and spreadsheets write them: "1,234.50", "1.234,50", "$ 12", "7 %"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

_SIGNS = "$€£¥₹"
_PLAIN = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")  # Python's own take 2020_01 as well
_BLANKS = " \u00a0\u202f\u2009"  # plain, no-break, narrow no-break, thin


@cache
def _form(decimal: str) -> re.Pattern[str]:
    groups = f"[{re.escape(',' if decimal == '.' else '.')}'’{_BLANKS}]"
    point = re.escape(decimal)
    return re.compile(
        rf"(?P<sign>[+-]?)[{_SIGNS}]?[{_BLANKS}]?(?P<minus>-?)"
        rf"(?P<whole>\d{{1,3}}(?:{groups}\d{{3}})+|\d+|(?={point}\d))"
        rf"(?:{point}(?P<rest>\d*))?(?P<power>[eE][+-]?\d+)?[{_BLANKS}]?[{_SIGNS}%]?"
    )


def plain_number(text: str, decimal: str = ".") -> str:
    """Write a number without groups of digits, currency or percent sign, and with a decimal point.

    Text that is no number stays as it is. "7 %" becomes "7": what is learned from it is the same.

    Args:
        decimal: the decimal mark, "." or ","; the other one may stand between groups of three digits.
    """
    if decimal == "." and _is_plain(text):
        return text
    found = _form(decimal).fullmatch(text)
    if not found or (found["sign"] and found["minus"]):
        return text
    whole = re.sub(r"\D", "", found["whole"]) or "0"
    rest = f".{found['rest']}" if found["rest"] else ""
    return f"{found['sign'].replace('+', '')}{found['minus']}{whole}{rest}{found['power'] or ''}"


def has_decimal_commas(cells: Iterable[str], *, is_likely: bool) -> bool:
    """Return whether commas in these cells are decimal marks.

    Args:
        is_likely: whether "1,234" alone, which may be either, is taken for one and a bit.
    """
    with_comma = [cell for cell in cells if "," in cell]
    numbers = [cell for cell in with_comma if is_number(cell, ",")]
    if not is_likely and all(is_number(cell, ".") for cell in numbers):
        return False
    return bool(with_comma) and len(numbers) > len(with_comma) / 2


def is_number(text: str, decimal: str = ".") -> bool:
    """Return whether a text is a number, plain or as ``plain_number`` reads it."""
    return _is_plain(plain_number(text, decimal))


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None
