"""What a column of a table holds, found out from all its cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fathom.data.tables.cells import BOOLEANS, are_codes, distinct, is_mark, to_days, to_numbers
from fathom.data.tables.column import Kind

if TYPE_CHECKING:
    import pandas as pd

# in the order in which they are tried; of two that fit all the first counts (m/d before d/m unless told)
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
    "%d-%m-%Y %H:%M",
    "%Y/%m/%d %H:%M",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%Y.%m.%d",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d-%B-%Y",
    "%d %b %y",
    "%b %Y",
    "%B %Y",
    "%b-%Y",
    "%b-%y",
    "%m/%Y",
    "%Y/%m",
    "%A, %B %d, %Y",
    "%a, %d %b %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y年%m月%d日",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_COMPACT = "%Y%m%d"  # whole numbers to pandas, so they are looked for apart
_COMPACT_RANGE = (19000101, 21001231)  # 1900-01-01 to 2100-12-31
_MOST_OTHERS, _MANY = 3, 20  # different texts that are no numbers, beside so many different ones that are
_NUMBERS = 0.9  # share of cells that must be numbers for the others to count as missing ones
_DATES = 0.95  # share of cells that must be dates in one format
_DATE_LENGTHS = (6, 40)  # letters: from 1/2/34 to a full one with a time zone
_CODES_SHARE = 0.5  # of the cells: more different ones name the rows, or are quantities
_CODE_NAME = re.compile(
    r"(?i:(^|[ _.-])(zip|zip[ _-]?code|post(al)?[ _-]?code|plz|fips|naics|code|id))$|[a-z](Zip|Code|I[Dd])$|zipcode$"
    r"|邮编|邮政编码|郵遞區號|编码$|编号$|代码$"
)
_LOOKED_INTO = 2000  # different texts tried as dates


def find_kind(
    cells: pd.Series, as_category: bool = False, *, as_number: bool = False, day_first: bool = False
) -> tuple[Kind, str]:
    """Return what a column holds, and of dates in which format.

    Cells with a usual mark for what is missing do not count; nor do up to three other texts among many numbers. Digits
    with leading zeros are codes, which are categories.

    Args:
        as_category, as_number: whether the user said so.
        day_first: whether 1/2/2020 is the first of February.
    """
    if as_category:
        return "category", ""
    if as_number:
        return "number", ""
    if cells.dtype.kind == "b":
        return "boolean", ""
    if cells.dtype.kind in "iu" and _are_compact_dates(cells):
        return "date", _COMPACT
    if cells.dtype.kind in "iuf":  # pandas has read them as numbers already
        return "number", ""
    texts, counts = distinct(cells)
    # cheap first: a column of many texts holds no truth values
    if len(texts) <= 2 * len(BOOLEANS) and all(text.lower() in BOOLEANS for text in texts):
        return "boolean", ""
    present = [i for i, text in enumerate(texts) if not is_mark(text)]
    texts, counts = [texts[i] for i in present], counts[present]
    if are_codes(texts):  # leading zeros are lost in numbers
        return "category", ""
    is_read = np.isfinite(to_numbers(texts))
    if len(texts) and is_read @ counts >= _NUMBERS * counts.sum():  # @: cells, not different texts, are counted
        return "number", ""
    others = len(texts) - int(is_read.sum())
    # a few marks that are not known, among many numbers
    if others <= _MOST_OTHERS and is_read.sum() >= _MANY and is_read @ counts >= counts.sum() / 2:
        return "number", ""
    form = _find_date_format(texts, day_first)
    return ("date", form) if form else ("category", "")


def is_ambiguous(cells: pd.Series, format: str) -> bool:
    """Return whether all dates of a column can be read with day and month exchanged too."""
    swapped = format.translate(str.maketrans("dm", "md"))
    # without both day and month, or no known format once they are exchanged
    if format == swapped or not {"%d", "%m"} <= set(re.findall("%.", format)) or swapped not in _DATE_FORMATS:
        return False
    # those that the format reads at all
    texts = [text for text in distinct(cells)[0] if np.isfinite(to_days([text], format)).all()][:_LOOKED_INTO]
    return bool(np.isfinite(to_days(texts, swapped)).all())


def is_called_code(cells: pd.Series, name: str) -> bool:
    """Return whether whole numbers are codes by the name of their column, such as zip or store_id, and come again."""
    if cells.dtype.kind not in "iuf" or not _CODE_NAME.search(name):
        return False
    known = cells.dropna()
    # not one for each row: those would be quantities or keys
    return bool(len(known) and (known % 1 == 0).all() and known.nunique() <= _CODES_SHARE * len(known))


def _are_compact_dates(cells: pd.Series) -> bool:
    """Return whether all whole numbers of a column are dates such as 20240131, of several days."""
    # three days at least: two equal numbers prove nothing
    if not len(cells) or cells.min() < _COMPACT_RANGE[0] or cells.max() > _COMPACT_RANGE[1] or cells.nunique() < 3:
        return False
    texts = [str(value) for value in cells.unique().tolist()]
    return bool(np.isfinite(to_days(texts, _COMPACT)).all())


def _find_date_format(texts: Sequence[str], day_first: bool) -> str:
    """Find the format that reads nearly all texts; an empty text if there is none."""
    sample = texts[:_LOOKED_INTO]
    # cheap first: each format is tried on all of the sample
    if not sample or sum(map(_may_be_date, sample)) < _DATES * len(sample):
        return ""
    best, most = "", _DATES
    # sorted is stable: False before True, so those with the month first come last
    for format in sorted(_DATE_FORMATS, key=lambda format: day_first and format.startswith("%m")):
        share = float(np.isfinite(to_days(sample, format)).mean())
        if share == 1.0:
            return format
        if share >= most and not best:  # the first of those that read 95 %
            best, most = format, share
    return best


def _may_be_date(text: str) -> bool:
    shortest, longest = _DATE_LENGTHS
    return shortest <= len(text) <= longest and any(letter.isdigit() for letter in text)
