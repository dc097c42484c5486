"""What a column of a table holds, found out from its cells, and the number that stands for each cell.

Every column gives one number a row: a number itself, 0 or 1 of a boolean, the days since 1970 of a date, the code of a
category; NaN (code 0 of a category) where the cell is empty. ``TableInput`` makes of them what a network sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from fathom.data.tables.written_numbers import plain_number

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "boolean", "date", "category"]

MISSING_CODE, OTHER_CODE, FIRST_CODE = 0, 1, 2
WORDS = {"true": 1.0, "yes": 1.0, "t": 1.0, "y": 1.0, "false": 0.0, "no": 0.0, "f": 0.0, "n": 0.0}
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
_DATES = 0.95
_LOOKED_INTO = 2000  # different texts tried as dates


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column that the network sees.

    Attributes:
        missing: empty cells in the training split; with any, "is missing" is an input of its own.
        values: of a category, what is known from the training split, the commonest first.
        rare: rows of the training split whose category is too rare to be known; they stand for all unknown ones.
        width: numbers in the embedding of a category; 0 is one-hot.
        marks: texts that stand for missing cells among numbers or dates.
        format: of a date.
        has_time: whether a date has a time of day.
        low, mean, high: over the training split.
    """

    name: str
    kind: Kind
    missing: int = 0
    values: tuple[str, ...] = ()
    rare: int = 0
    width: int = 0
    marks: tuple[str, ...] = ()
    format: str = ""
    has_time: bool = False
    low: float | None = None
    mean: float | None = None
    high: float | None = None


def find_kind(cells: pd.Series, as_category: bool = False) -> tuple[Kind, str]:
    """Return what a column holds, and of dates in which format."""
    if as_category:
        return "category", ""
    if cells.dtype.kind == "b":
        return "boolean", ""
    if cells.dtype.kind in "iuf":
        return "number", ""
    texts, counts = distinct(cells)
    if len(texts) <= 2 * len(WORDS) and all(text.lower() in WORDS for text in texts):
        return "boolean", ""
    if np.isfinite(to_numbers(texts)) @ counts >= _NUMBERS * counts.sum():
        return "number", ""
    form = _find_date_format(texts)
    return ("date", form) if form else ("category", "")


def distinct(cells: pd.Series) -> tuple[list[str], np.ndarray]:
    """Return the different values of a column as text, in the order in which they come, and how often each occurs."""
    import pandas as pd

    codes, uniques = pd.factorize(cells)
    return [canonical(value) for value in uniques.tolist()], np.bincount(codes[codes >= 0], minlength=len(uniques))


def canonical(value: Any) -> str:
    """Return a cell's value as text: 20, 20.0 and "20" are the same category."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def to_numbers(texts: Sequence[str]) -> np.ndarray:
    """Read texts as numbers; what is none, or not finite, becomes NaN.

    Shape:   (N,) -> float64 (N,)
    """
    import pandas as pd

    values = pd.to_numeric(pd.Series(list(texts), dtype=object), errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def measure(cells: pd.Series, kind: Kind, format: str = "", values: Sequence[str] = ()) -> np.ndarray:
    """Return the number that stands for each cell.

    Shape:   (N,) -> float64 (N,)
    """
    import pandas as pd

    if kind != "category" and cells.dtype.kind in "biuf":
        numbers = cells.to_numpy(np.float64)
        return numbers if np.isfinite(numbers).all() else np.where(np.isfinite(numbers), numbers, np.nan)
    codes, uniques = pd.factorize(cells)  # every different text is read once; an empty cell has the code -1
    texts = [canonical(value) for value in uniques.tolist()]
    if kind == "category":
        known = {value: code for code, value in enumerate(values, FIRST_CODE)}
        lookup = np.array([*(known.get(text, OTHER_CODE) for text in texts), MISSING_CODE], np.float64)
    else:
        lookup = np.append(_read_texts(texts, kind, format), np.nan)
    return lookup[codes]


def _read_texts(texts: Sequence[str], kind: Kind, format: str) -> np.ndarray:
    if kind == "number":
        values = to_numbers(texts)
        unread = np.flatnonzero(np.isnan(values)).tolist()  # nearly all are read at once
        values[unread] = to_numbers([plain_number(texts[i]) for i in unread])
        return values
    if kind == "boolean":
        return np.array([_read_boolean(text) for text in texts], np.float64)
    return to_days(texts, format)


def _read_boolean(text: str) -> float:
    return WORDS.get(text.lower(), {"1": 1.0, "0": 0.0}.get(text, np.nan))


def to_days(texts: Sequence[str], format: str) -> np.ndarray:
    """Read dates as days since 1970; what is none becomes NaN.

    Shape:   (N,) -> float64 (N,)
    """
    import pandas as pd

    moments = pd.to_datetime(pd.Series(list(texts), dtype=object), format=format, errors="coerce", utc=True)
    days = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    return days.to_numpy(np.float64)


def _find_date_format(texts: Sequence[str]) -> str:
    """Find the format that reads nearly all texts; an empty text if there is none."""
    sample = texts[:_LOOKED_INTO]
    if not sample or sum(6 <= len(t) <= 40 and any(c.isdigit() for c in t) for t in sample) < _DATES * len(sample):
        return ""
    best, most = "", _DATES
    for format in _DATE_FORMATS:
        share = float(np.isfinite(to_days(sample, format)).mean())
        if share == 1.0:
            return format
        if share >= most and not best:
            best, most = format, share
    return best
