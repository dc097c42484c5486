"""From the cells of a table to numbers: the one reader, for training, prediction and exported models alike.

Every column gives one number a row: a number itself, 0 or 1 of a boolean, the days since 1970 of a date, the code of a
category; NaN (code 0 of a category) where there is none. ``TableInput`` makes of them what a network sees.

Cells come in two forms: as pandas has read a whole file (``read_cells``), or as the texts in a file, a few rows at a
time (``read_texts``). Both find the different values, bring them to the same text and look that up in ``_look_up``, so
that a row is predicted from the very numbers that it would be learned from. What is empty, one of ``MISSING``, or a
number that is not finite counts as missing in both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.data.tables.column import FIRST_CODE, MISSING_CODE, OTHER_CODE, Cells, Column
from fathom.data.tables.written_numbers import Writing, plain_number, written_number
from fathom.data.unicode_form import composed

if TYPE_CHECKING:
    import pandas as pd

# What stands for a value that is not there; pandas' own list but for "None", which is a value in many tables.
MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>")
    + ("N/A", "NA", "NULL", "NaN", "n/a", "nan", "null", "?")
)
# What people, spreadsheets and offices of statistics write for a number or a date that is not there, in small letters.
_MARKS = frozenset(
    (
        "-",
        "--",
        "---",
        "–",
        "—",
        ".",
        "..",
        "...",
        "…",
        ":",
        "*",
        "**",
        "na",
        "n.a.",
        "n.a",
        "n/a.",
        "n/d",
        "n.d.",
        "nd",
    )
    + (
        "#div/0!",
        "#n/a",
        "#value!",
        "#ref!",
        "#name?",
        "#num!",
        "#null!",
        "none",
        "missing",
        "unknown",
        "not available",
    )
)
BOOLEANS = {"true": 1.0, "yes": 1.0, "t": 1.0, "y": 1.0, "false": 0.0, "no": 0.0, "f": 0.0, "n": 0.0}
_DIGITS = {"1": 1.0, "0": 0.0}  # in a file to be predicted, whose booleans may be written otherwise
_WHOLE = re.compile(r"[+-]?[0-9]+")
_CELLS: dict[str, Cells] = {"i": "integer", "u": "integer", "f": "number", "b": "boolean"}  # by NumPy's kinds of types


def missing_texts(absent: Sequence[str] = (), present: Sequence[str] = ()) -> frozenset[str]:
    """Return the texts that stand for a missing cell in any column.

    Args:
        absent: further ones, as the user said.
        present: usual ones that are values, as the user said.
    """
    return (MISSING - set(present)) | set(absent) | {""}


def is_mark(text: str) -> bool:
    """Return whether a text is a usual mark for a number or a date that is not there."""
    return text in MISSING or text.lower() in _MARKS


def is_whole(text: str) -> bool:
    """Return whether a text is a whole number in digits."""
    return _WHOLE.fullmatch(text) is not None


def is_code(text: str) -> bool:
    """Return whether digits begin with a zero that a number would not have, as in codes: 02134."""
    return len(text) > 1 and text[0] == "0" and text.isascii() and text.isdigit()


def are_codes(texts: Sequence[str]) -> bool:
    """Return whether texts are digits throughout, some with leading zeros: codes, and no numbers."""
    return any(map(is_code, texts)) and all(text.isascii() and text.isdigit() for text in texts)


def cells_of(cells: pd.Series) -> Cells:
    """Return what pandas took the cells of a column for."""
    import pandas as pd

    if cells.dtype == object and pd.api.types.infer_dtype(cells, skipna=True) == "boolean":
        return "boolean"  # with empty cells among them
    return _CELLS.get(cells.dtype.kind, "text")


def distinct(cells: pd.Series) -> tuple[list[str], np.ndarray]:
    """Return the different values of a column as text, in the order in which they come, and how often each occurs."""
    import pandas as pd

    codes, uniques = pd.factorize(cells)
    counts: dict[str, int] = {}  # values that differ by blanks around them alone are one
    times = np.bincount(codes[codes >= 0], minlength=len(uniques)).tolist()
    for text, count in zip(map(canonical, uniques.tolist()), times, strict=True):
        counts[text] = counts.get(text, 0) + count
    return list(counts), np.array(list(counts.values()), dtype=np.int64)


def canonical(value: Any) -> str:
    """Return a cell's value as text: 20, 20.0 and "20" are the same category, "é" however it is composed too."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return composed(str(value).strip())


def read_cells(cells: pd.Series, column: Column) -> np.ndarray:
    """Return the number that stands for each cell of a column that pandas has read.

    Shape:   (N,) -> float64 (N,)
    """
    import pandas as pd

    if column.kind not in ("category", "date") and cells.dtype.kind in _CELLS:
        return _without_absent(_finite(cells.to_numpy(np.float64)), column)
    codes, uniques = pd.factorize(cells)  # every different text is read once; an empty cell has the code -1
    return _look_up([canonical(value) for value in uniques.tolist()], column)[codes]


def read_texts(texts: Sequence[str], column: Column, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Return the number that stands for each cell as it is written in a file, and which cells are invalid.

    A cell is invalid if it is not missing and still not what the column holds: text among numbers, unless it stood
    there in training too. Of categories none is: what is not known is one of the others.

    Shape:   (N,) -> float64 (N,), bool (N,)
    Args:
        decimal: the decimal mark in the file, "." or ",".
    """
    import pandas as pd

    codes, uniques = pd.factorize(np.array([composed(text.strip()) for text in texts], dtype=object))
    written = uniques.tolist()
    missing = missing_texts(column.absent, column.present) | set(column.marks)
    is_missing = np.array([text in missing for text in written], dtype=bool)  # (U,)
    plain = [_plain(text, column, decimal) for text in written]
    numbers = _look_up(plain, column)  # (U + 1,)
    numbers[:-1][is_missing] = numbers[-1]
    is_invalid = np.zeros(len(written), dtype=bool)
    if column.kind != "category":
        is_missing |= np.array([column.kind != "boolean" and is_mark(text) for text in written], dtype=bool)
        unread = np.isnan(numbers[:-1]) & ~is_missing
        if column.any_mark:
            unread[:] = False
        if column.kind == "number" and unread.any():
            floats = _to_floats(plain)
            unread &= ~np.isinf(floats) & ~np.isin(floats, absent_numbers(column.absent))  # "inf", what overflows, −999
        is_invalid = unread
    return numbers[codes], is_invalid[codes]


def _plain(text: str, column: Column, decimal: str) -> str:
    """Return the text that a cell's value had after pandas had read it from a file."""
    if column.is_rewritten:
        return written_number(text, Writing(column.unit, column.decimal), decimal)
    if column.kind == "number":
        return plain_number(text, decimal)
    if column.kind != "category" or column.cells == "text":
        return text
    if column.cells == "boolean":
        return {"true": "True", "false": "False"}.get(text.lower(), text)
    text = plain_number(text, decimal)
    if column.cells == "integer" and _WHOLE.fullmatch(text):
        return str(int(text))
    number = float(_to_floats([text])[0])
    return "" if np.isinf(number) else text if np.isnan(number) else canonical(number)


def _look_up(texts: Sequence[str], column: Column) -> np.ndarray:
    """Return the number that stands for each text, and last the one of a missing cell.

    Shape:   (U,) -> float64 (U + 1,)
    """
    if column.kind == "category":
        known = {value: code for code, value in enumerate(column.values, FIRST_CODE)} | {"": MISSING_CODE}
        return np.array([*(known.get(text, OTHER_CODE) for text in texts), MISSING_CODE], np.float64)
    if column.kind == "boolean":
        truths = [BOOLEANS.get(text.lower(), _DIGITS.get(text, np.nan)) for text in texts]
        return np.array([*truths, np.nan], np.float64)
    if column.kind == "date":
        return np.append(to_days(texts, column.format), np.nan)
    numbers = to_numbers(texts)
    unread = np.flatnonzero(np.isnan(numbers)).tolist()  # nearly all are read at once
    numbers[unread] = to_numbers([plain_number(texts[i]) for i in unread])
    if column.cells == "integer":  # a float holds whole numbers up to 2⁵³; beyond, the nearest one
        whole = [i for i, text in enumerate(texts) if len(text) > 15 and _WHOLE.fullmatch(text)]
        numbers[whole] = [float(int(texts[i])) for i in whole]
    return np.append(_without_absent(numbers, column), np.nan)


def _without_absent(numbers: np.ndarray, column: Column) -> np.ndarray:
    """Put NaN for the numbers that stand for missing cells."""
    absent = absent_numbers(column.absent)
    return np.where(np.isin(numbers, absent), np.nan, numbers) if absent else numbers


def absent_numbers(marks: Sequence[str]) -> list[float]:
    """Return the numbers among the texts that stand for missing cells: −999, however it is written."""
    return [] if not marks else [number for number in to_numbers(list(marks)).tolist() if number == number]


def to_numbers(texts: Sequence[str]) -> np.ndarray:
    """Read texts as numbers; what is none, or not finite, becomes NaN.

    Shape:   (N,) -> float64 (N,)
    """
    return _finite(_to_floats(texts))


def _to_floats(texts: Sequence[str]) -> np.ndarray:
    """Read texts as floats, with the parser that ``pandas.read_csv`` reads them with, digit by digit.

    Shape:   (N,) -> float64 (N,), NaN for what is no number
    """
    import pandas as pd

    # Were all whole numbers they would be read as such, and a large one rounded otherwise than among floats.
    series = pd.Series([*texts, "0.5"], dtype=object)
    return pd.to_numeric(series, errors="coerce").to_numpy(np.float64)[:-1].copy()


def _finite(numbers: np.ndarray) -> np.ndarray:
    """Put NaN for what is not finite."""
    return numbers if np.isfinite(numbers).all() else np.where(np.isfinite(numbers), numbers, np.nan)


def to_days(texts: Sequence[str], format: str) -> np.ndarray:
    """Read dates as days since 1970; what is none becomes NaN.

    Shape:   (N,) -> float64 (N,)
    """
    import pandas as pd

    moments = pd.to_datetime(pd.Series(list(texts), dtype=object), format=format, errors="coerce", utc=True)
    # In seconds, which take on the unit of the moments: in nanoseconds, pandas' own, time ends in 2262.
    days = (moments - pd.Timestamp(0, tz="UTC").as_unit("s")) / pd.Timedelta(days=1).as_unit("s")
    return days.to_numpy(np.float64)
