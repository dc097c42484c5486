"""One table in every form that people keep tables in, and rows that are none, by their lines."""

import bz2
import gzip
import json
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest

from fathom.build.kinds.detection import find_kind
from fathom.data.tables.fit import TableOptions
from fathom.data.tables.form import find_form, read_rows
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import read_table
from fathom.errors import FathomError, UsageError
from fathom.inference.rows import predict_rows
from fathom.settings.settings import Settings

TASK = TableOptions(task="regression")
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"x": RNG.normal(size=30).round(3), "c": ["a", 'b "q"', "d\ne"] * 10, "y": range(30)})
CSV = FRAME.to_csv(index=False).encode()
RECORDS = FRAME.to_dict("records")


class Recorder:
    """A model that keeps the cells it is asked about."""

    class_names = ()

    def __init__(self, data):
        self.table, self.seen = data.layer.description, []

    def outputs(self, cells):
        self.seen.append(cells)
        return np.zeros((len(cells), 1))


def write_all(folder):
    for name, content in {
        "t.csv.gz": gzip.compress(CSV),
        "t.csv.bz2": bz2.compress(CSV),
        "t.csv.xz": lzma.compress(CSV),
        "t.tab": CSV.replace(b",", b"\t"),
        "t.jsonl": "\n".join(map(json.dumps, RECORDS)).encode(),
        "t.ndjson.gz": gzip.compress("\n".join(map(json.dumps, RECORDS)).encode()),
        "t.json": json.dumps(RECORDS).encode(),
        "page.json": json.dumps({"count": 30, "rows": RECORDS}).encode(),
        "columns.json": FRAME.to_json().encode(),
    }.items():
        (folder / name).write_bytes(content)
    for name in ("t.csv.zip", "t.zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("inside/t.csv", CSV)
            archive.writestr("__MACOSX/inside/._t.csv", b"x")


def test_a_table_is_the_same_in_every_form(tmp_path):
    write_all(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        settings = Settings({"data": {"name": str(path), "options": {"target": "y"}}})
        assert find_kind(settings).name == "tables", path
        pd.testing.assert_frame_equal(read_table(path).frame, FRAME, obj=path.name)
        data = TableData.read(path, target="y", options=TASK)
        model = Recorder(data)
        _, rows = predict_rows(model, [path])
        assert [row["error"] for row in rows] == [""] * 30
        np.testing.assert_array_equal(data.layer.encode(np.concatenate(model.seen)).numpy(), data.X.numpy())


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "csv.zst"])
def test_forms_that_need_a_library(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
        FRAME.to_parquet(path)
    elif ending == "xlsx":
        pytest.importorskip("openpyxl")
        with pd.ExcelWriter(path) as writer:
            FRAME.to_excel(writer, index=False, sheet_name="rows")
            FRAME.to_excel(writer, sheet_name="more")
    else:
        path.write_bytes(pytest.importorskip("zstandard").compress(CSV))
    table = read_table(path)
    pd.testing.assert_frame_equal(table.frame, FRAME)
    assert any("of 2 sheets the first one, rows, is read" in note for note in table.notes) == (ending == "xlsx")


def test_a_library_that_is_missing_is_one_line(tmp_path, monkeypatch):
    for name, library in (("t.parquet", "pyarrow"), ("t.xlsx", "openpyxl"), ("t.csv.zst", "zstandard")):
        for blocked in (library, "compression"):
            monkeypatch.setitem(__import__("sys").modules, blocked, None)
        (tmp_path / name).write_bytes(b"PAR1")
        with pytest.raises(FathomError, match=f"needs {library}: pip install {library}"):
            read_table(tmp_path / name)


def test_json_that_is_no_table_is_one_line(tmp_path):
    path = tmp_path / "t.jsonl"
    for text, message in (
        ('{"a": 1}\n{"a": \n', "line 2: not JSON"),
        ('{"a": 1}\n[1, 2]\n', "line 2: not an object"),
        ("[" * 100_000, "nested too deeply|not JSON"),
    ):
        path.write_text(text)
        with pytest.raises(FathomError, match=message):
            read_table(path)
    path = tmp_path / "t.json"
    for text in ("[1, 2]", "[]", '{"a": 1}'):
        path.write_text(text)
        with pytest.raises(FathomError, match="array of objects"):
            read_table(path)
    path.write_text('[{"a": {"b": 1, "c": true}, "d": [1, 2]}, {"a": {"b": 2.0}, "e": null}, {"d": "x"}]')
    assert read_table(path).frame.to_csv(index=False) == 'a.b,a.c,d,e\n1.0,True,"[""1"", ""2""]",\n2.0,,,\n,,x,\n'


def test_an_archive_of_several_files_names_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with pytest.raises(UsageError, match=r"one file is needed in it, and it has 2: a\.csv, b\.csv; unpack it"):
        read_table(tmp_path / "t.zip")


def problems(path):
    """What training says of a file's rows, and what prediction says of each."""
    with pytest.raises(FathomError) as error:
        read_table(path)
    model = Recorder(TableData.read(path.with_name("good.csv"), target="y", options=TASK))
    _, rows = predict_rows(model, [path])
    return str(error.value), [row["error"] for row in rows]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1.5,a", "2 cells instead of 3"),
        ("1.5,a,3,4", "4 cells instead of 3"),
        ('1.5,"a,3', "a quote is opened and not closed"),
        ('1.5,a,"3', "a quote is opened and not closed"),
    ],
)
def test_a_row_that_is_none_is_named_by_its_line(tmp_path, row, problem):
    (tmp_path / "good.csv").write_bytes(CSV)
    lines = ["x,c,y", *(f"{i},a,{i}" for i in range(20))]
    path = tmp_path / "bad.csv"
    path.write_text("\n".join([*lines[:5], "", row, *lines[5:], '1,"b",2', ""]))
    told, errors = problems(path)
    assert told == f"{path}: line 7: {problem}"
    assert errors == [""] * 4 + [f"line 7: {problem}"] + [""] * 17


def test_comment_lines_are_passed_over_and_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "# written 2020\n# by hand, in Ulm, in May\n#x,y\n" + "#00ff00,1\n#0000ff,2\n" * 20 + "# checked\n#0,3\n"
    )
    table = read_table(path)
    assert table.frame["#x"].tolist() == ["#00ff00", "#0000ff"] * 20 + ["#0"]
    assert any("3 comment lines passed over (line 1, 2, 44)" in note for note in table.notes)


def test_a_first_line_without_numbers_may_be_a_row(tmp_path):
    path = tmp_path / "t.data"
    cells = [("e", "x", "b"), ("p", "y", "b"), ("e", "y", "w"), ("p", "x", "w")]
    path.write_text("".join(f"{','.join(cells[i % 4])}\n" for i in range(40)))
    table = read_table(path)
    assert (len(table.frame), table.form.has_header) == (40, False)
    assert any("data.options.header=true" in note for note in table.notes)
    assert read_table(path, header=True).form.has_header
    path.write_text("a,b,c\n" + "".join(f"{','.join(cells[i % 4])}\n" for i in range(40)))
    assert find_form(path).has_header


def test_row_names_without_a_name_and_separators_at_the_end(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text('"x" "y"\n' + '"1" 5 "a b"\n"2"  6 "b"\n' * 9)  # R's write.table
    table = read_table(path)
    assert (table.form.names, table.form.is_indexed) == (("column_1", "x", "y"), True)
    assert table.frame.iloc[0].tolist() == [1, 5, "a b"]
    with path.open() as file:
        assert next(read_rows(file, table.form)).cells == ["1", "5", "a b"]
    for text in ("x,y,\n1,2\n3,4\n", "x,y\n1,2,\n3,4,\n", "x,y\n1,2\n" + "3,4\n" * 20 + "3,4,\n"):
        path.write_text(text)
        frame = read_table(path).frame
        assert frame.iloc[:2].to_dict("list") == {"x": [1, 3], "y": [2, 4]}, text


def test_the_separator_that_a_file_for_excel_names(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("sep=;\nx;y\n1;2\n3;4\n")
    assert read_table(path).frame.to_dict("list") == {"x": [1, 3], "y": [2, 4]}
    with path.open(newline="") as file:
        assert [row.cells for row in read_rows(file, find_form(path, target="x"))] == [["1", "2"], ["3", "4"]]


def test_a_data_frame_is_read_as_its_file_would_be(tmp_path):
    frame = FRAME.assign(when=pd.date_range("2020-01-01", periods=30), kind=FRAME["c"].astype("category"))
    frame.loc[3, "x"] = np.nan
    data = TableData.from_frame(frame, target="y", test=frame, options=TASK)
    assert [(column.name, column.kind) for column in data.layer.columns] == [
        ("x", "number"),
        ("c", "category"),
        ("when", "date"),
        ("kind", "category"),
    ]
    frame.to_csv(tmp_path / "t.csv", index=False)
    same = TableData.read(tmp_path / "t.csv", target="y", test=tmp_path / "t.csv", options=TASK)
    assert data.X.equal(same.X)
    model = Recorder(data)
    _, rows = predict_rows(model, [frame])
    assert [row["error"] for row in rows] == [""] * 30
    assert data.layer.encode(np.concatenate(model.seen)).equal(data.X[30:])


ROWS = [f"{i},{i % 3},{i / 7:.3f}" for i in range(30)]


@pytest.mark.parametrize(
    ("above", "lines"),
    [
        (['"Data Source","Indicators",', "", '"Last Updated Date","2024-03-28",', ""], 4),  # the World Bank's
        (["Sales of the year"], 1),
        (["Station: Wien", "Units: metric, and so on, for, all", ""], 3),
        (["Report,,", "Made 2024-01-01,,", ",,"], 3),  # of a spreadsheet
    ],
)
def test_titles_above_the_header_are_passed_over(tmp_path, above, lines):
    path = tmp_path / "t.csv"
    path.write_text("\n".join([*above, "x,z,y", *ROWS]))
    table = read_table(path, target="y")
    assert list(table.frame.columns) == ["x", "z", "y"]
    assert table.frame.x.tolist() == list(range(30))
    assert any(f"{lines} line" in note and "skip_lines=0" in note for note in table.notes)
    with path.open() as file:
        assert [row.cells[0] for row in read_rows(file, find_form(path, target="x"))] == [str(i) for i in range(30)]
    assert read_table(path, target="y", skip=lines).frame.equals(table.frame)
    if len(above[0].split(",")) == 3:  # of the width of a row: an ordinary table, to look at
        assert list(read_table(path, skip=0).frame.columns) != ["x", "z", "y"]
        return
    with pytest.raises(FathomError):
        read_table(path, target="y", skip=0)


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1,2\n3,4\n5,6\n",
        "a b\n1 2 3\n4 5 6\n7 8 9\n",  # R's write.table
        "name,,\nada,1,2\nbob,3,4\neve,5,6\n",
        "a,b,c\n1,,\n,2,\n,,3\n",
        "only\none\ncolumn\n",
    ],
)
def test_no_titles(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    assert find_form(tmp_path / "t.csv").skip == 0


def test_notes_below_the_rows_are_passed_over_and_cut_rows_are_not(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["x,z,y", *ROWS, "", "Source: office", "Note: preliminary", ""]))
    table = read_table(path)
    assert len(table.frame) == 30
    assert any("2 lines of text below the rows passed over (line 33 …)" in note for note in table.notes)
    for cut in ("7", "New York", "male"):
        path.write_text("\n".join(["x,z,y", *ROWS, cut]))
        with pytest.raises(FathomError, match="line 32: 1 cell instead of 3"):
            read_table(path)
    path.write_text("\n".join(["x,z,y", *["1,2,3,4"] * 2, *["1,2"] * 40]))
    with pytest.raises(FathomError, match=r"skip_lines=N"):
        read_table(path)
