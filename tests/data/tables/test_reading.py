"""How a file of rows is written is found out, and what is wrong with one is said."""

import gzip
import io

import pandas as pd
import pytest

from fathom.data.tables.form import find_form, read_rows
from fathom.data.tables.lines import open_text
from fathom.data.tables.reading import read_table
from fathom.errors import FathomError, UsageError


def write(folder, text, name="t.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "separator", "names", "first"),
    [
        ("a,b\n1,x\n2,y\n", ",", ("a", "b"), [1, "x"]),
        ("a;b\n1,5;x\n2,5;y\n", ";", ("a", "b"), [1.5, "x"]),
        ("a;b\n1.5;x, y\n2.5;y, z\n", ";", ("a", "b"), [1.5, "x, y"]),
        ("a\tb\n1\tx\n", "\t", ("a", "b"), [1, "x"]),
        ("a|b\n1|x\n", "|", ("a", "b"), [1, "x"]),
        ("a   b\n 1  x\n", " ", ("a", "b"), [1, "x"]),
        ("800\t0.3\r\n1000\t0.5\r\n", "\t", ("column_1", "column_2"), [800, 0.3]),
        ("5.1,setosa\n4.9,virginica\n", ",", ("column_1", "column_2"), [5.1, "setosa"]),
        ('a,b\n"1","x\ny, ""z"""\n', ",", ("a", "b"), [1, 'x\ny, "z"']),
        (",b\n1,x\n", ",", ("column_1", "b"), [1, "x"]),
        ("a;b;c\n1,5;x;2,5\n0,5;y;3,5\n", ";", ("a", "b", "c"), [1.5, "x", 2.5]),
        ("1,5;2;0,5\n1,25;3;0,75\n", ";", ("column_1", "column_2", "column_3"), [1.5, 2, 0.5]),
        ("1,5\t2\n1,25\t3\n", "\t", ("column_1", "column_2"), [1.5, 2]),
        ("a|b\n1,234|x\n2,345|y\n", "|", ("a", "b"), ["1234", "x"]),
        ("a;b\n1.234,5;x\n2,5;y\n", ";", ("a", "b"), ["1234.5", "x"]),
    ],
)
def test_separator_header_and_decimal_mark_are_found(text, separator, names, first, tmp_path):
    table = read_table(write(tmp_path, text))
    assert (table.form.separator, table.form.names) == (separator, names)
    assert table.frame.iloc[0].tolist() == first


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(encoding, tmp_path):
    table = read_table(write(tmp_path, "Größe,b\n1,2\n", encoding=encoding))
    assert list(table.frame.columns) == ["Größe", "b"]
    assert not table.notes


def test_other_bytes_are_read_as_latin_1_and_said_so(tmp_path):
    early = read_table(write(tmp_path, "Größe,b\n1,2\n", encoding="latin-1"))
    late = read_table(write(tmp_path, "a,b\n" + "1,x\n" * 100_000 + "1,ß\n", encoding="latin-1"))
    assert list(early.frame.columns) == ["Größe", "b"]
    assert late.frame["b"].iloc[-1] == "ß"
    assert "not in UTF-8" in early.notes[0]
    assert "not in UTF-8" in late.notes[0]


def test_a_gzipped_file_is_read_and_a_broken_one_named(tmp_path):
    content = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    (tmp_path / "t.csv.gz").write_bytes(content)
    assert len(read_table(tmp_path / "t.csv.gz").frame) == 1000
    (tmp_path / "t.csv.gz").write_bytes(content[:20])
    with pytest.raises(FathomError, match=r"t\.csv\.gz: incomplete gzip file"):
        read_table(tmp_path / "t.csv.gz")


def test_what_counts_as_missing_and_what_does_not(tmp_path):
    frame = read_table(write(tmp_path, "a,b,c\nNA,None,1\n?,x,\n,nan,2\n")).frame
    assert frame["a"].isna().all()
    assert frame["b"].isna().tolist() == [False, False, True]
    assert frame["c"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("a,b\n", "has a header but no rows"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 are both called 'a'"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 cells instead of 2"),
        ("a\0b,c\n", "binary data"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(text, message, tmp_path):
    with pytest.raises(FathomError, match=message) as error:
        read_table(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_and_a_wrong_separator(tmp_path):
    with pytest.raises(FathomError, match=r"cannot read .*t\.csv: no such file"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(UsageError, match="one character"):
        find_form(write(tmp_path, "a,b\n"), separator="::")


def test_rows_read_one_by_one_are_those_of_pandas(tmp_path):
    text = 'a,b\n1,"x, y"\n\n2,"p\nq"\n'
    path = write(tmp_path, text)
    form = find_form(path)
    with open_text(path, form.encoding) as file:
        rows = list(read_rows(file, form))
    assert [row.line for row in rows] == [2, 4]
    assert [row.cells for row in rows] == pd.read_csv(io.StringIO(text), dtype=str).to_numpy().tolist()
