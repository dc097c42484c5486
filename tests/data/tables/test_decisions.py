"""What Fathom takes a file's cells for, against what was written into them."""

import bz2
import zipfile
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import torch

from fathom.build.kinds.detection import find_kind as find_data_kind
from fathom.data.tables.fit import TableOptions
from fathom.data.tables.kinds import find_kind
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import read_table
from fathom.data.tables.target import find_target
from fathom.errors import FathomError, UsageError
from fathom.settings.settings import Settings

RNG = np.random.default_rng(0)
DAYS = [date(2019, 1, 1) + timedelta(days=37 * i) for i in range(60)]


def read(tmp_path, frame, target="y", *, index=False, **options):
    frame.to_csv(tmp_path / "t.csv", index=index)
    return TableData.read(tmp_path / "t.csv", target=target, options=TableOptions(**options))


def left_out(data):
    return {column.name: column.reason for column in data.layer.left_out}


@pytest.mark.parametrize("mark", ["..", "-", "n.a.", "#DIV/0!", "None", "--", "gone"])
def test_numbers_stay_numbers_whatever_stands_for_the_missing_ones(tmp_path, mark):
    numbers, gone = RNG.normal(10, 3, 300).round(3), RNG.random(300) < 0.3
    cells = [mark if is_gone else str(number) for number, is_gone in zip(numbers, gone, strict=True)]
    data = read(tmp_path, pd.DataFrame({"a": cells, "y": RNG.normal(size=300)}))
    (column,) = data.layer.columns
    train = data.train_index.numpy()
    assert (column.kind, column.missing) == ("number", int(gone[train].sum()))
    assert column.mean == pytest.approx(numbers[train][~gone[train]].mean())
    assert any("a: " in note and repr(mark) in note and "counted as missing" in note for note in data.notes)
    assert (
        read(tmp_path, pd.DataFrame({"a": cells, "y": numbers}), categories=("a",)).layer.columns[0].kind == "category"
    )


@pytest.mark.parametrize(
    "format",
    [
        "%d-%b-%Y",
        "%d-%b-%y",
        "%m/%d/%Y %I:%M %p",
        "%Y%m%d",
        "%d.%m.%y",
        "%Y.%m.%d",
        "%Y/%m/%d",
        "%A, %B %d, %Y",
        "%m-%d-%Y",
    ]
    + ["%a, %d %b %Y %H:%M:%S +0000", "%Y年%m月%d日", "%d/%m/%Y", "%d %B %Y", "%b %d, %Y"],
)
def test_dates_in_the_forms_people_use(tmp_path, format):
    frame = pd.DataFrame({"when": [day.strftime(format) for day in DAYS], "y": RNG.normal(size=60)})
    data = read(tmp_path, frame)
    (column,) = data.layer.columns
    train = data.train_index.tolist()
    days = [(DAYS[i] - date(1970, 1, 1)).days for i in train]
    assert (column.kind, column.low, column.high) == ("date", min(days), max(days))


def test_day_and_month_that_could_be_exchanged_are_told_and_chosen(tmp_path):
    cells = [f"{1 + i % 12}/{1 + i // 7 % 12}/2021" for i in range(90)]
    frame = pd.DataFrame({"when": cells, "y": RNG.normal(size=90)})
    data = read(tmp_path, frame)
    assert any("read as %m/%d/%Y; day and month could be exchanged" in note for note in data.notes)
    other = read(tmp_path, frame, day_first=True)
    assert other.layer.columns[0].format == "%d/%m/%Y"
    plain = read(tmp_path, pd.DataFrame({"when": [f"{1 + i % 12}/28/2021" for i in range(90)], "y": frame["y"]}))
    assert not any("exchanged" in note for note in plain.notes)
    assert find_kind(pd.Series([10, 20, 30])) == ("number", "")


def test_what_names_the_rows_is_left_out(tmp_path):
    rows = RNG.permutation(600)[:200]
    frame = pd.DataFrame({"x": RNG.normal(size=200), "y": rows // 200 * 1.5}, index=rows)
    frame["customer_id"] = RNG.permutation(10_000)[:200]
    data = read(tmp_path, frame, index=True)
    assert set(left_out(data)) == {"column_1", "customer_id"}
    assert any(
        "column_1: left out, an index without a name" in note and "keep=[column_1]" in note for note in data.notes
    )
    kept = read(tmp_path, frame, index=True, keep=("column_1", "customer_id"))
    assert [column.name for column in kept.layer.columns] == ["column_1", "x", "customer_id"]


def test_an_id_that_begins_anew_in_the_test_file_is_one(tmp_path):
    for name, n in (("a.csv", 100), ("b.csv", 50)):
        frame = pd.DataFrame({"Id": range(1, n + 1), "x": RNG.normal(size=n), "y": RNG.normal(size=n)})
        frame.to_csv(tmp_path / name, index=False)
    data = TableData.read(tmp_path / "a.csv", test=tmp_path / "b.csv", target="y")
    assert left_out(data) == {"Id": "it numbers the rows"}


def test_as_many_prices_as_rows_are_a_regression(tmp_path):
    pd.DataFrame({"x": range(16), "price": RNG.permutation(1000)[:16]}).to_csv(tmp_path / "t.csv", index=False)
    assert find_target(read_table(tmp_path / "t.csv"), "price").task == "regression"
    assert find_target(read_table(tmp_path / "t.csv"), "price", "classification").task == "classification"


def test_years_are_names(tmp_path):
    text = "country,1960,1961,2011\n" + "".join(f"{'ABC'[i % 3]},{i / 7:.2f},{i},{-i}\n" for i in range(30))
    (tmp_path / "t.csv").write_text(text)
    table = read_table(tmp_path / "t.csv")
    assert list(table.frame.columns) == ["country", "1960", "1961", "2011"]
    assert "years" in table.notes[0]
    assert next(iter(read_table(tmp_path / "t.csv", header=False).frame.columns)) == "column_1"
    (tmp_path / "t.csv").write_text("a,1960,7\n" + "b,1,8\n" * 30)
    assert read_table(tmp_path / "t.csv").form.has_header is False
    assert read_table(tmp_path / "t.csv", target="1960").form.has_header is True


@pytest.mark.parametrize(
    ("encoding", "cities", "shown"),
    [
        ("gb18030", ["北京", "上海", "广州"], "gb18030"),
        ("big5", ["臺北", "高雄", "新竹"], "Big5"),
        ("latin-1", ["Köln", "Zürich", "Orléans"], "Latin-1"),
    ],
)
def test_the_encoding_is_found_in_the_whole_file_or_given(tmp_path, encoding, cities, shown):
    target = {"gb18030": "价格", "big5": "價格", "latin-1": "Größe"}[encoding]
    path = tmp_path / "t.csv"
    for head in ("", "Ulm,1\n" * 60_000):
        text = f"city,{'y' if head else target}\n{head}" + "".join(f"{cities[i % 3]},{i}\n" for i in range(99))
        path.write_bytes(text.encode(encoding))
        table = read_table(path)
        assert sorted(set(table.frame["city"]) - {"Ulm"}) == sorted(cities)
        assert table.frame.columns[1] == ("y" if head else target)
        assert any(shown in note for note in table.notes)
    assert read_table(path, encoding=encoding).notes == ()
    with pytest.raises(UsageError, match="unknown encoding"):
        read_table(path, encoding="klingon")
    with pytest.raises(UsageError, match="not written in utf-8"):
        read_table(path, encoding="utf-8")


def test_a_target_makes_a_table_of_any_ending(tmp_path):
    text = "x,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(50))
    (tmp_path / "t.csv.bz2").write_bytes(bz2.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("t.csv", text)
    for name in ("t.data", "t.txt", "t.tab"):
        (tmp_path / name).write_text(text)
    for name in ("t.data", "t.txt", "t.tab", "t.csv.bz2", "t.csv.zip"):
        path = tmp_path / name
        kind = find_data_kind(Settings({"data": {"name": str(path), "options": {"target": "y"}}}))
        assert kind.name == "tables"
        assert read_table(path).frame["y"].tolist() == [i * 0.5 for i in range(50)]


@pytest.mark.parametrize("number", ["1e300", "-1e39"])
def test_a_number_beyond_float32_names_its_column(tmp_path, number):
    cells = [number, *map(str, RNG.normal(size=99))]
    with pytest.raises(FathomError, match=r"wide: -?1e\+\d+ is too large .* data.options.drop=\[wide\]"):
        read(tmp_path, pd.DataFrame({"wide": cells, "x": range(5, 105), "y": RNG.normal(size=100)}))


def test_a_column_without_a_value_to_learn_from_is_left_out(tmp_path):
    """All of its values stand in the test rows: a mean of nothing would make every row missing."""
    cells = ["n.a.", ".."] * 20 + [f"{i}.5" for i in range(20)]
    splits = ["train"] * 40 + ["test"] * 20
    rows = [f"{cell},{i},{split},{i}" for i, (cell, split) in enumerate(zip(cells, splits, strict=True))]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,x,split,y", *rows]))
    data = TableData.read(path, target="y", val=0, options=TableOptions(numbers=("a",), keep=("x",)))
    assert [column.name for column in data.layer.columns] == ["x"]
    assert any(note.startswith("a: left out, no cell in the training split is a number") for note in data.notes)
    assert torch.isfinite(data.X).all()
