"""What columns hold, told from their cells."""

import pandas as pd
import pytest

from fathom.data.tables.kinds import find_kind


@pytest.mark.parametrize(
    ("cells", "kind", "format"),
    [
        ([1, 2, 3], "number", ""),
        ([1.5, None, 3], "number", ""),
        ([True, False], "boolean", ""),
        (["yes", "No", None], "boolean", ""),
        (["1"] * 9 + ["-"], "number", ""),
        (["1"] * 8 + ["-", "x"], "category", ""),
        (["2020-01-31", "2020-02-01"], "date", "ISO8601"),
        (["2020-01-31 12:30:00", "2020-02-01 00:00:00"], "date", "ISO8601"),
        (["1/31/2020", "12/1/2020"], "date", "%m/%d/%Y"),
        (["31/1/2020", "12/1/2020"], "date", "%d/%m/%Y"),
        (["31.1.2020", "12.1.2020"], "date", "%d.%m.%Y"),
        (["31 Jan 2020", "12 Feb 2020"], "date", "%d %b %Y"),
        (["red", "green"], "category", ""),
        (["A1", "B2"], "category", ""),
    ],
)
def test_kinds(cells, kind, format):
    assert find_kind(pd.Series(cells)) == (kind, format)


def test_numbers_may_be_declared_categories():
    assert find_kind(pd.Series([1, 2]), as_category=True) == ("category", "")
