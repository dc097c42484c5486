"""Rows are predicted from the very cells that they are learned from."""

import csv
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import Marks, read_table
from fathom.data.tables.target import read_numbers
from fathom.errors import FathomError, UsageError
from fathom.inference.rows import predict_rows
from fathom.inference.run_models import RunTableModel
from fathom.inference.submission import SAMPLE_ID
from fathom.module import Regressor

MARKS = ("", "NA", "nan", "?", "NA ", " null", "-", "n/a")
INFINITE = ("inf", "-inf", "Infinity", "1e999")
ROWS = 24
KINDS = ("number", "whole", "category", "code", "boolean", "truth", "date", "day", "unit", "money", "zip")


def _number(decimal: str) -> st.SearchStrategy[str]:
    def write(value: float, form: str) -> str:
        text = format(value, form)
        if decimal == "," and "," in text:  # groups of digits
            return text.translate(str.maketrans(",.", ".,"))
        return text.replace(".", decimal)

    values = st.floats(-1e6, 1e6) | st.floats(-1e15, 1e15)
    forms = st.sampled_from(("", ".2f", ".1f", "e", ",.2f", ".17g"))
    return st.builds(write, values, forms) | st.integers(-(10**6), 10**6).map(str) | st.integers(0, 2**63).map(str)


def _cells(kind: str, decimal: str) -> st.SearchStrategy[str]:
    return {
        "number": _number(decimal),
        "whole": st.integers(-5, 5).map(str),
        "category": st.sampled_from(("red", "Red", " red", "blue ", "20", "20.0", "1e3", "x,y", 'a "b"', "true")),
        "code": st.sampled_from(("20849-6303", "20849", "02134", "2134", "2134.0", "1_000", "12-34")),
        "boolean": st.sampled_from(("True", "False", "TRUE", "true", "yes", "No", "f")),
        "truth": st.sampled_from(("True", "False", "TRUE", "false")),
        "date": st.dates().map(lambda day: day.isoformat()),
        "unit": st.builds(lambda n, unit: f"{n}{unit}", st.integers(-99, 99), st.sampled_from((" kg", "kg", ""))),
        "money": st.sampled_from(("($1,203.40)", "$5", "-$7", "12", "$1.5M", "5-", "USD 5")),
        "zip": st.sampled_from(("02134", "90210", "00501", "2134")),
        "day": st.dates().map(lambda day: f"{day.day}.{day.month}.{day.year:04}"),
    }[kind]


@st.composite
def tables(draw) -> tuple[list[list[str]], str, tuple[str, ...]]:
    """Draw columns of cells, the separator, and which of them are asked for as categories."""
    decimal = draw(st.sampled_from((".", ",")))
    kinds = draw(
        st.lists(
            st.sampled_from(KINDS),
            min_size=1,
            max_size=4,
        )
    )
    columns = []
    for kind in kinds:
        strange = st.sampled_from(MARKS + (INFINITE if kind in ("number", "whole", "category") else ()))
        rare = draw(st.integers(0, 3))
        cells = st.one_of(*[_cells(kind, decimal)] * 9, *([strange] * rare))
        columns.append(draw(st.lists(cells, min_size=ROWS, max_size=ROWS)))
    chosen = tuple(f"x{i}" for i in range(len(columns)) if draw(st.booleans()))
    return columns, ";" if decimal == "," else draw(st.sampled_from(",;\t")), chosen


def write(path: Path, columns: list[list[str]], separator: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow([*(f"x{i}" for i in range(len(columns))), "key", "y"])
        writer.writerows([*cells, f"k{n % 3}", n % 7] for n, cells in enumerate(zip(*columns, strict=True)))


@settings(max_examples=30, deadline=None)
@given(tables())
@example(([["inf"] * 3 + ["1.5"] * 21], ",", ()))
@example(([["1"] * 10 + ["NA "] * 4 + ["2"] * 10], ",", ()))
@example(([["20849-6303"] * 2 + ["20849", "02134", "2134.0"] + ["2134"] * 19], ",", ()))
@example(([["1.5", "2", "1e999"] * 8], ";", ("x0",)))
@example(([["true", "FALSE", "True"] * 8], ";", ("x0",)))
@example(([["1,234.50", "7", "x", "1,234.50"] * 6], ";", ()))
@example(([["9007199254740993", "2.5", "1"] * 8], ",", ()))
@example(([["5 kg", "6 kg", "7", "-999"] * 6], ",", ()))
@example(([["1 234,5", "2,5", "77"] * 8], ",", ()))
def test_training_rows_are_predicted_from_the_cells_they_were_learned_from(table):
    columns, separator, chosen = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.csv")
        write(path, columns, separator)
        try:
            options = TableOptions(task="regression", categories=chosen)
            data = TableData.read(path, target="y", options=options, val=0.2, marks=Marks(("-999", "x,y"), ("NA",)))
        except (FathomError, UsageError) as error:
            assume("column" not in str(error))
            raise
        everything = np.concatenate([data.splits[name].index for name in ("train", "val", "test")])
        assert sorted(everything.tolist()) == list(range(ROWS))
        net = torch.nn.Linear(data.preprocess().num_features, 1)
        module = Regressor(net, preprocess=data.preprocess(), target=data.target_scale()).eval()
        model = RunTableModel(module, {"class_names": []}, "cpu")
        _, rows = predict_rows(model, [path])
        rows = list(rows)
        assert [row["error"] for row in rows] == [""] * ROWS
        assert not math.isinf(float(data.X.abs().max()))
        with torch.inference_mode():
            expected = module.predict_step(data.X)[:, 0].tolist()  # what the module gives for the rows it learned from
        assert [row["y"] for row in rows] == [float(f"{value:.{data.layer.digits}g}") for value in expected]
        _, again = predict_rows(model, [path], id_column="y")  # as ``fathom eval`` reads a file: with the truth
        again = list(again)
        assert [row["y"] for row in again] == [row["y"] for row in rows]
        assert [float(row[SAMPLE_ID]) for row in again] == [n % 7 for n in range(ROWS)]


@settings(max_examples=15, deadline=None)
@given(st.data(), st.sampled_from(("number", "whole", "unit", "money")), st.sampled_from((".", ",")))
def test_a_target_is_evaluated_by_the_numbers_it_was_learned_by(draw, kind, decimal):
    cells = st.one_of(*[_cells(kind, decimal)] * 5, st.sampled_from(MARKS))
    texts = draw.draw(st.lists(cells, min_size=ROWS, max_size=ROWS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=";").writerows([["x", "y"], *([n, text] for n, text in enumerate(texts))])
        try:
            data = TableData.read(path, target="y", options=TableOptions(task="regression", keep=("x",)), val=0.2)
        except (FathomError, UsageError) as error:
            assume("a regression needs numbers" not in str(error) and "nothing to learn" not in str(error))
            assume("too few" not in str(error))
            raise
        found = {
            n: value
            for name in data.splits
            for n, value in zip(data.places[name], data.truth(name)[:, 0].tolist(), strict=True)
        }
        truth = read_numbers(texts, read_table(path, target="y").form.decimal)
        assert {n: value for n, value in enumerate(truth.tolist()) if not math.isnan(value)} == found
