"""Units, codes, marks of one's own, free text: what a column is, told and the same in training and prediction."""

import numpy as np
import pandas as pd
import pytest

from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import Marks, read_table
from fathom.data.tables.written_numbers import read_number
from fathom.errors import FathomError, UsageError
from fathom.inference.rows import UnknownCategories, predict_rows

RNG = np.random.default_rng(0)
Y = RNG.normal(size=200).round(3)


class Recorder:
    """A model that keeps the cells it is asked about."""

    class_names = ()

    def __init__(self, data):
        self.table, self.seen = data.layer.description, []

    def outputs(self, cells):
        self.seen.append(cells)
        return np.zeros((len(cells), 1))


def read(folder, cells, name="x", marks=Marks(), **options):  # noqa: B008
    pd.DataFrame({name: cells, "z": Y[: len(cells)], "y": Y[: len(cells)]}).to_csv(folder / "t.csv", index=False)
    return TableData.read(folder / "t.csv", target="y", marks=marks, options=TableOptions(**options))


def predicted_cells(data, path):
    model = Recorder(data)
    errors = [row["error"] for row in predict_rows(model, [path])[1]]
    return np.concatenate(model.seen) if model.seen else None, errors


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("($1,203.40)", ".", (-1203.40, "$")),
        ("56.7M", ".", (56.7e6, "")),
        ("€1.5bn", ".", (1.5e9, "€")),
        ("USD 5", ".", (5, "$")),
        ("5 kg", ".", (5, "kg")),
        ("1 234,5", ",", (1234.5, "")),
        ("12%", ".", (12, "%")),
        ("12 m2", ".", (12, "m2")),
        ("1,10,100", ".", (110_100, "")),
        ("0 100", ".", (100, "")),
        ("5-", ".", (-5, "")),
        ("\u22123", ".", (-3, "")),
        ("3万", ".", (30_000, "")),
        *((text, ".", None) for text in ("1-2", "A4", "2020-01-01", "12:30", "3.4.5", "18-24", "(-5)", "$5 kg", "3/4")),
    ],
)
def test_numbers_with_units(text, decimal, number):
    found = read_number(text, decimal)
    assert (found and (float(found[0]), found[1])) == number


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("{} kg", "in kg"),
        ("USD {:,.2f}", "in $"),
        ("{:.1f}M", "as"),
        ("{}%", "in %"),
        ("({})", "as -"),
        ("{} doors", "in doors"),
    ],
)
def test_a_column_of_numbers_with_a_unit_is_numbers_and_told(tmp_path, form, told):
    values = RNG.integers(1, 3000, 200)
    data = read(tmp_path, [form.format(value) for value in values])
    column = data.layer.columns[0]
    assert column.kind == "number"
    (note,) = [note for note in data.notes if "written as text" in note]
    assert told in note
    factor = {"{:.1f}M": 1e6, "({})": -1}.get(form, 1)
    cells, errors = predicted_cells(data, tmp_path / "t.csv")
    np.testing.assert_allclose(cells[:, 0], values * factor)
    assert errors == [""] * 200
    (tmp_path / "new.csv").write_text(f'x,z\n"{form.format(7)}",1\n7,1\n7 oz,1\n')
    cells, errors = predicted_cells(data, tmp_path / "new.csv")
    np.testing.assert_allclose(cells[:, 0], [7 * factor, 7])
    assert errors[2].startswith("x: '7 oz' is not a number")


@pytest.mark.parametrize(("form", "unit"), [("{} kg", "kg"), ("${:,}", "$"), ("{:.1f}M", ""), ("{}%", "%")])
def test_a_target_with_a_unit_is_a_number(tmp_path, form, unit):
    values = RNG.permutation(3000)[:100] + 5
    frame = pd.DataFrame({"x": Y[:100], "y": [form.format(value) for value in values]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.iloc[:40].to_csv(tmp_path / "u.csv", index=False)
    data = TableData.read(tmp_path / "t.csv", target="y", test=tmp_path / "u.csv")
    assert data.task == "regression"
    assert not unit or f"in {unit}" in data.target.reason
    factor = 1e6 if form.endswith("M") else 1
    np.testing.assert_allclose(data.truth("test")[:, 0], values[:40] * factor)


def test_a_column_with_several_units_is_told_and_left(tmp_path):
    data = read(tmp_path, [f"{i % 40} {'kg' if i % 3 else 'g'}" for i in range(200)])
    assert data.layer.columns[0].kind == "category"
    assert any(
        "x: numbers with several units (g in 67, kg in 133 cells) are not read as numbers" in n for n in data.notes
    )
    assert read(tmp_path, [f"{i % 9}{'AB'[i % 2]}" for i in range(200)]).layer.columns[0].kind == "category"
    read(tmp_path, [f"{i % 40} kg" for i in range(200)])
    pd.DataFrame({"x": ["5 g", "6 g"], "z": [1, 2], "y": [1.5, 2.5]}).to_csv(tmp_path / "u.csv", index=False)
    with pytest.raises(FathomError, match=r"u\.csv: x is written in g, in t\.csv in kg"):
        TableData.read(tmp_path / "t.csv", target="y", test=tmp_path / "u.csv")


def test_decimal_commas_of_one_column(tmp_path):
    data = read(tmp_path, [f"{i // 10} {i:03},{i % 10}" for i in range(200)])
    cells, errors = predicted_cells(data, tmp_path / "t.csv")
    np.testing.assert_allclose(cells[:, 0], [1000 * (i // 10) + i + i % 10 / 10 for i in range(200)])
    assert errors == [""] * 200


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("zip", [f"{i % 30:05}" for i in range(200)]),
        ("area", [None if i % 9 == 0 else f"{i % 30:03}" for i in range(200)]),
        ("Zip Code", [90000 + i % 30 for i in range(200)]),
        ("store_id", [1 + i % 30 for i in range(200)]),
        ("邮编", [200000 + i % 30 for i in range(200)]),
    ],
)
def test_codes_are_categories_and_told(tmp_path, name, cells):
    data = read(tmp_path, cells, name)
    column = data.layer.columns[0]
    assert column.kind == "category"
    assert set(column.values) <= {str(cell) for cell in cells}
    assert any(f"data.options.numbers=[{name}]" in note for note in data.notes)
    read_back, errors = predicted_cells(data, tmp_path / "t.csv")
    assert errors == [""] * 200
    assert len(np.unique(read_back[:, 0])) == len(set(cells))
    assert read(tmp_path, cells, name, numbers=(name,)).layer.columns[0].kind == "number"


def test_numbers_that_are_no_codes_stay_numbers(tmp_path):
    for name, cells in (("x", [f"{i % 30 / 8:06.3f}" for i in range(200)]), ("id_rate", [i % 30 for i in range(200)])):
        assert read(tmp_path, cells, name).layer.columns[0].kind == "number"


def test_however_many_marks_stand_among_numbers_rows_of_the_training_file_are_predicted(tmp_path):
    data = read(tmp_path, [f"about {i}" if i % 19 == 0 else i / 7 for i in range(2000)][:200] + [])
    assert not data.layer.columns[0].any_mark
    cells = [f"about {i}" if i % 12 == 0 else i / 7 for i in range(700)]
    pd.DataFrame({"x": cells, "y": RNG.normal(size=700)}).to_csv(tmp_path / "t.csv", index=False)
    data = TableData.read(tmp_path / "t.csv", target="y")
    assert data.layer.columns[0].any_mark
    assert predicted_cells(data, tmp_path / "t.csv")[1] == [""] * 700


def test_marks_of_ones_own(tmp_path):
    cells = ["-999" if i % 10 == 0 else "-999.0" if i % 10 == 1 else f"{i / 8}" for i in range(200)]
    data = read(tmp_path, cells, marks=Marks(("-999", "unknown")))
    column = data.layer.columns[0]
    assert column.low >= 0
    assert column.missing == sum(cells[i].startswith("-999") for i in data.train_index.tolist())
    read_back, errors = predicted_cells(data, tmp_path / "t.csv")
    assert errors == [""] * 200
    np.testing.assert_array_equal(np.isnan(read_back[:, 0]), [cell.startswith("-999") for cell in cells])


def test_a_number_that_may_stand_for_missing_cells_is_told(tmp_path):
    data = read(tmp_path, [-999 if i % 10 == 0 else i % 37 / 8 for i in range(200)])
    count = int((np.arange(200)[data.train_index.numpy()] % 10 == 0).sum())
    assert (
        f"x: -999 stands in {count} training cells, far from all others; if it means missing, --missing=-999"
        in data.notes
    )
    for cells in ([99 if i % 10 == 0 else i % 80 for i in range(200)], [-999] + [i / 8 for i in range(199)]):
        assert not any("far from all others" in note for note in read(tmp_path, cells).notes)


def test_na_may_be_a_value(tmp_path):
    cells = [("NA", "DE", "FR")[i % 3] for i in range(200)]
    assert set(read(tmp_path, cells).layer.columns[0].values) == {"DE", "FR"}
    data = read(tmp_path, cells, marks=Marks((), ("NA",)))
    assert set(data.layer.columns[0].values) == {"NA", "DE", "FR"}
    read_back, _ = predicted_cells(data, tmp_path / "t.csv")
    assert read_back[0, 0] >= 2
    assert read_table(tmp_path / "t.csv", target="x", marks=Marks((), ("NA",))).frame["x"].tolist() == cells


def test_free_text_is_left_out_and_told(tmp_path):
    words = np.array(["good", "bad", "very", "food", "staff", "again", "never", "room"])
    texts = [" ".join(RNG.choice(words, 9)) for _ in range(120)]
    cells = [texts[i % 120] for i in range(200)]
    data = read(tmp_path, cells)
    assert {column.name: column.is_id for column in data.layer.left_out} == {"x": False}
    assert any("x: left out, free text; data.options.keep=[x]" in note for note in data.notes)
    assert read(tmp_path, cells, keep=("x",)).layer.columns[0].kind == "category"


def test_unknown_categories_are_counted_and_named(tmp_path):
    data = read(tmp_path, [("Ulm", "Jena")[i % 2] for i in range(200)])
    (tmp_path / "new.csv").write_text("x,z\nUlm,1\nRome,1\nRome,1\nParis,1\n,1\n")
    unknown = UnknownCategories()
    _, rows = predict_rows(Recorder(data), [tmp_path / "new.csv"], unknown=unknown)
    list(rows)
    (finding,) = unknown.findings()
    assert finding.message == "x: 3 of 5 rows with a category that the model does not know ('Rome', 'Paris')"


def test_an_encoding_that_was_given_holds_for_prediction(tmp_path):
    text = "город,y\n" + "".join(f"{('Москва', 'Тверь', 'Омск')[i % 3]},{i % 7}\n" for i in range(60))
    (tmp_path / "t.csv").write_bytes(text.encode("cp1251"))
    table = read_table(tmp_path / "t.csv", encoding="cp1251")
    data = TableData(table, target="y", options=TableOptions(task="regression"))
    read_back, errors = predicted_cells(data, tmp_path / "t.csv")
    assert errors == [""] * 60
    assert len(np.unique(read_back[:, 0])) == 3


def test_options_that_make_no_sense(tmp_path):
    with pytest.raises(UsageError, match=r"column in data\.options\.numbers"):
        read(tmp_path, list(range(50)), numbers=("w",))
