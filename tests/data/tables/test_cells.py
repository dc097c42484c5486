"""The numbers that stand for cells, as pandas has read them and as they are written in a file."""

import numpy as np
import pandas as pd
import pytest

from fathom.data.tables.cells import canonical, distinct, read_cells, read_texts
from fathom.data.tables.column import Column


def test_numbers_with_texts_among_them_and_infinities():
    values = read_cells(pd.Series(["1", " 2.5 ", "n.a.", None, "-3e2"]), Column("x", "number"))
    np.testing.assert_array_equal(values, [1, 2.5, np.nan, np.nan, -300])
    np.testing.assert_array_equal(
        read_cells(pd.Series([1.0, np.inf, -np.inf]), Column("x", "number")), [1, np.nan, np.nan]
    )


def test_booleans_and_dates():
    np.testing.assert_array_equal(
        read_cells(pd.Series(["Yes", "no", None, "1"]), Column("x", "boolean")), [1, 0, np.nan, 1]
    )
    np.testing.assert_array_equal(read_cells(pd.Series([True, False]), Column("x", "boolean")), [1, 0])
    days = read_cells(
        pd.Series(["1970-01-02", "1969-12-31T12:00:00", None, "soon"]), Column("x", "date", format="ISO8601")
    )
    np.testing.assert_array_equal(days, [1, -0.5, np.nan, np.nan])


def test_categories_have_codes_for_missing_and_unknown():
    values = read_cells(pd.Series(["b", None, "c", "a", " b"]), Column("x", "category", values=("b", "a")))
    np.testing.assert_array_equal(values, [2, 0, 1, 3, 2])


@pytest.mark.parametrize(("value", "text"), [(20, "20"), (20.0, "20"), (0.5, "0.5"), (" x ", "x"), (True, "True")])
def test_a_number_names_the_same_category_however_it_is_stored(value, text):
    assert canonical(value) == text


def test_categories_that_differ_by_blanks_around_them_are_one():
    texts, counts = distinct(pd.Series(["a", " a", "b", None, "a "]))
    assert texts == ["a", "b"]
    assert counts.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("column", "texts", "numbers", "invalid"),
    [
        (Column("x", "number"), ["1", " 2.5 ", "$ 1,234", "n.a.", "NA ", "x5"], [1, 2.5, 1234] + [np.nan] * 3, [5]),
        (Column("x", "number"), ["inf", "-Infinity", "1e999"], [np.nan] * 3, []),
        (Column("x", "number", marks=("gone",)), ["gone ", "none", "lost"], [np.nan] * 3, [2]),
        (Column("x", "boolean"), ["Yes", "no", "0", "maybe", "NA"], [1, 0, 0, np.nan, np.nan], [3]),
        (Column("x", "date", format="ISO8601"), ["1970-01-02", "soon", ""], [1, np.nan, np.nan], [1]),
        (Column("x", "category", values=("b", "20")), ["b ", "20", "20.0", " NA", "c"], [2, 3, 1, 0, 1], []),
        (Column("x", "category", "number", values=("20", "0.5")), ["2e1", "20.0", ".5", "inf"], [2, 2, 3, 0], []),
        (Column("x", "category", "integer", values=("7",)), ["007", "7", "8", "x"], [2, 2, 1, 1], []),
        (Column("x", "category", "boolean", values=("True",)), ["true", "TRUE", "False"], [2, 2, 1], []),
        (Column("x", "category", is_rewritten=True, values=("1234.50",)), ["1,234.50", "1234.5"], [2, 1], []),
    ],
)
def test_texts_in_a_file(column, texts, numbers, invalid):
    read, is_invalid = read_texts(texts, column)
    np.testing.assert_array_equal(read, numbers)
    assert np.flatnonzero(is_invalid).tolist() == invalid


def test_codes_are_no_numbers():
    """A code that is not known is not another one whose number it shares."""
    column = Column("zip", "category", values=("20849", "2134"))
    np.testing.assert_array_equal(read_texts(["20849-6303", "20849", "02134", "2134.0"], column)[0], [1, 2, 1, 1])


def test_large_whole_numbers_are_rounded_alike():
    texts = ["9007199254740993", "9007199254740995", "3"]
    whole = pd.Series([int(text) for text in texts])
    np.testing.assert_array_equal(
        read_texts(texts, Column("x", "number", "integer"))[0], read_cells(whole, Column("x", "number", "integer"))
    )


def test_decimal_commas():
    read, is_invalid = read_texts(["1.234,5", "0,5", "7"], Column("x", "number"), ",")
    np.testing.assert_array_equal(read, [1234.5, 0.5, 7])
    assert not is_invalid.any()
