"""What a column of a table holds, found out from all its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fathom.data.tables.cells import BOOLEANS, distinct, to_days, to_numbers
from fathom.data.tables.column import Kind

if TYPE_CHECKING:
    import pandas as pd

_DATE_FORMATS = (
    "ISO8601",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_NUMBERS = 0.9  # share of cells that must be numbers for the others to count as missing ones
_DATES = 0.95  # share of cells that must be dates in one format
_DATE_LENGTHS = (6, 40)  # letters: from 1/2/34 to a full one with a time zone
_LOOKED_INTO = 2000  # different texts tried as dates


def find_kind(cells: pd.Series, as_category: bool = False) -> tuple[Kind, str]:
    """Return what a column holds, and of dates in which format."""
    if as_category:
        return "category", ""
    if cells.dtype.kind == "b":
        return "boolean", ""
    if cells.dtype.kind in "iuf":
        return "number", ""
    texts, counts = distinct(cells)
    if len(texts) <= 2 * len(BOOLEANS) and all(text.lower() in BOOLEANS for text in texts):
        return "boolean", ""
    if np.isfinite(to_numbers(texts)) @ counts >= _NUMBERS * counts.sum():
        return "number", ""
    form = _find_date_format(texts)
    return ("date", form) if form else ("category", "")


def _find_date_format(texts: Sequence[str]) -> str:
    """Find the format that reads nearly all texts; an empty text if there is none."""
    sample = texts[:_LOOKED_INTO]
    if not sample or sum(map(_may_be_date, sample)) < _DATES * len(sample):
        return ""
    best, most = "", _DATES
    for format in _DATE_FORMATS:
        share = float(np.isfinite(to_days(sample, format)).mean())
        if share == 1.0:
            return format
        if share >= most and not best:
            best, most = format, share
    return best


def _may_be_date(text: str) -> bool:
    shortest, longest = _DATE_LENGTHS
    return shortest <= len(text) <= longest and any(letter.isdigit() for letter in text)
