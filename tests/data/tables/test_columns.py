"""What columns hold, and the numbers that stand for their cells."""

import numpy as np
import pandas as pd
import pytest

from fathom.data.tables.columns import canonical, find_kind, measure


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


def test_numbers_with_texts_among_them_and_infinities():
    values = measure(pd.Series(["1", " 2.5 ", "n.a.", None, "-3e2"]), "number")
    np.testing.assert_array_equal(values, [1, 2.5, np.nan, np.nan, -300])
    np.testing.assert_array_equal(measure(pd.Series([1.0, np.inf, -np.inf]), "number"), [1, np.nan, np.nan])


def test_booleans_and_dates():
    np.testing.assert_array_equal(measure(pd.Series(["Yes", "no", None, "1"]), "boolean"), [1, 0, np.nan, 1])
    np.testing.assert_array_equal(measure(pd.Series([True, False]), "boolean"), [1, 0])
    days = measure(pd.Series(["1970-01-02", "1969-12-31T12:00:00", None, "soon"]), "date", "ISO8601")
    np.testing.assert_array_equal(days, [1, -0.5, np.nan, np.nan])


def test_categories_have_codes_for_missing_and_unknown():
    values = measure(pd.Series(["b", None, "c", "a", " b"]), "category", values=("b", "a"))
    np.testing.assert_array_equal(values, [2, 0, 1, 3, 2])


@pytest.mark.parametrize(("value", "text"), [(20, "20"), (20.0, "20"), (0.5, "0.5"), (" x ", "x"), (True, "True")])
def test_a_number_names_the_same_category_however_it_is_stored(value, text):
    assert canonical(value) == text
