"""Numbers as spreadsheets write them are read; what only looks like one is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import read_table
from fathom.data.tables.written_numbers import has_decimal_commas, is_number, plain_number


@pytest.mark.parametrize(
    ("text", "decimal", "plain"),
    [
        ("1,234.50", ".", "1234.50"),
        ("1,234,567", ".", "1234567"),
        ("-$1,200", ".", "-1200"),
        ("$-3", ".", "-3"),
        ("12 %", ".", "12"),
        ("1\u202f234.5 €", ".", "1234.5"),
        ("1’000", ".", "1000"),
        (".5%", ".", "0.5"),
        ("1.234,50", ",", "1234.50"),
        ("0,5", ",", "0.5"),
        ("-1,5e3", ",", "-1.5e3"),
    ],
)
def test_a_written_number_is_made_plain(text, decimal, plain):
    assert plain_number(text, decimal) == plain
    assert is_number(text, decimal)


@pytest.mark.parametrize("text", ["", "12,34", "1,2,3", "01.02.2020", "1-2", "v1", "--1", "-$-1", "1,2.5.6", "$", "A4"])
def test_other_text_stays(text):
    assert plain_number(text) == text
    assert not is_number(text)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.sampled_from(".,"))
def test_grouping_and_its_undoing_are_inverse(value, decimal):
    written = f"{value:,.3f}"
    if decimal == ",":
        written = written.translate(str.maketrans(",.", ".,"))
    assert float(plain_number(written, decimal)) == float(f"{value:.3f}")


def test_a_thousand_and_a_decimal_comma_are_told_apart():
    assert has_decimal_commas(["1,5", "2"], is_likely=False)
    assert not has_decimal_commas(["1,234", "2,345"], is_likely=False)
    assert has_decimal_commas(["1,234", "2,345"], is_likely=True)
    assert not has_decimal_commas(["1,234,567", "Smith, J"], is_likely=True)
    assert not has_decimal_commas([], is_likely=True)


def test_a_column_of_prices_is_numbers_and_one_of_names_is_not(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "price,room,y\n" + "".join(f'"${1000 + i:,}.50",{["1", "2", "A4", "B5"][i % 4]},{i % 7}\n' for i in range(60))
    )
    table = read_table(path)
    assert table.notes == (
        "numbers that are written as text are read as numbers: price ('$1,000.50' as 1000.50, in $)",
    )
    data = TableData(table, target="y", options=TableOptions(task="regression"))
    assert {column.name: column.kind for column in data.layer.columns} == {"price": "number", "room": "category"}
