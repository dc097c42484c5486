"""Predictions in the form of a sample submission, against the predictions themselves."""

import numpy as np
import pytest

from fathom.errors import FathomError, UsageError
from fathom.inference.ranking import most_probable
from fathom.inference.rows import predict_rows
from fathom.inference.submission import SAMPLE_ID, fill_sample, read_sample

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
IDS = ["17", "4", "9.0"]


class Classes:
    multilabel = False

    def __init__(self, *names):
        self.class_names = names


def predicted(names, ids=IDS):
    rows = list(most_probable(P[:, : len(names)], names, len(names)))
    return [row | {SAMPLE_ID: name} for row, name in zip(rows, ids, strict=True)]


def sample(folder, text):
    (folder / "sample.csv").write_text(text)
    return read_sample(folder / "sample.csv")


def fill(folder, text, names, rows=None):
    filled, note = fill_sample(sample(folder, text), predicted(names) if rows is None else rows, Classes(*names), "y")
    return [{key: value for key, value in row.items() if key != "error"} for row in filled], note


def test_labels_in_the_order_and_spelling_of_the_sample(tmp_path):
    filled, note = fill(tmp_path, "Id,kind\n4,a\n9,a\n17,a\n", ("a", "b", "c"))
    assert filled == [{"Id": "4", "kind": "b"}, {"Id": "9", "kind": "c"}, {"Id": "17", "kind": "a"}]
    assert note == "kind: labels, as in the sample"
    filled, _ = fill(tmp_path, "Id,kind\n17,0\n4,0\n9,1\n", ("0.0", "1.0"))
    assert [row["kind"] for row in filled] == ["0", "1", "0"]


def test_probabilities_where_the_sample_has_them(tmp_path):
    filled, note = fill(tmp_path, "Id,kind\n17,0.5\n4,0.5\n9,0.5\n", ("no", "yes"))
    assert [row["kind"] for row in filled] == [0.2, 0.6, 0.2]
    assert "probabilities of yes" in note
    filled, _ = fill(tmp_path, "Id,Class_b,Class_c,Class_a\n17,0,0,1\n4,0,0,1\n9,0,0,1\n", ("a", "b", "c"))
    assert [tuple(row.values())[1:] for row in filled] == [tuple(p[[1, 2, 0]]) for p in P]
    with pytest.raises(UsageError, match=r"1 column \(x\) that no class"):
        fill(tmp_path, "Id,a,x\n17,0,0\n4,0,0\n9,0,0\n", ("a", "b", "c"))
    with pytest.raises(UsageError, match="3 classes need a column"):
        fill(tmp_path, "Id,kind\n17,0.5\n4,0.5\n9,0.5\n", ("a", "b", "c"))


def test_ids_that_do_not_match_are_named(tmp_path):
    with pytest.raises(FathomError, match=r"2 ids \(5, 6\) without a sample"):
        fill(tmp_path, "Id,kind\n17,a\n5,a\n6,a\n", ("a", "b", "c"))
    _, note = fill(tmp_path, "Id,kind\n17,a\n", ("a", "b", "c"))
    assert "2 further samples (4, 9) not in sample.csv" in note
    with pytest.raises(UsageError, match="the id '4' stands twice in the samples"):
        fill(tmp_path, "Id,kind\n17,a\n", ("a", "b", "c"), predicted(("a", "b", "c"), ["4", "4", "5"]))
    with pytest.raises(UsageError, match="the id '4' stands twice"):
        fill(tmp_path, "Id,kind\n4,a\n4,a\n", ("a", "b", "c"))
    failed = [*predicted(("a", "b"))[:2], {SAMPLE_ID: "9", "error": "x: 'large' is not a number"}]
    with pytest.raises(FathomError, match="no prediction for 9: x: 'large' is not a number"):
        fill(tmp_path, "Id,kind\n17,a\n4,b\n9,a\n", ("a", "b"), failed)


def test_images_by_their_names_and_rows_by_their_numbers(tmp_path):
    rows = [row | {"file": f"test/{name}.jpg"} for row, name in zip(predicted(("a", "b")), "xyz", strict=True)]
    rows = [{key: value for key, value in row.items() if key != SAMPLE_ID} for row in rows]
    for text in ("image,kind\nz.jpg,a\nx.jpg,b\n", "image,kind\nz,a\nx,b\n"):
        assert [row["kind"] for row in fill(tmp_path, text, ("a", "b"), rows)[0]] == ["a", "a"]
    rows = [{"row": i + 1, "y": i * 1.5, "error": ""} for i in range(3)]
    for first in (0, 1):
        text = "n,price\n" + "".join(f"{first + i},0\n" for i in (2, 0, 1))
        assert [row["price"] for row in fill(tmp_path, text, (), rows)[0]] == [3.0, 0.0, 1.5]
    with pytest.raises(UsageError, match="none of the test file"):
        fill(tmp_path, "n,price\n7,0\n", (), rows)


@pytest.mark.slow
def test_a_competition(fathom, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=150).round(3)
    rows = [f"{i},{a},{'TRUE' if a > 0 else 'FALSE'}\n" for i, a in enumerate(x)]
    (tmp_path / "train.csv").write_text("PassengerId,x,Survived\n" + "".join(rows[:100]))
    (tmp_path / "test.csv").write_text(
        "PassengerId,x\n" + "".join(row.rsplit(",", 1)[0] + "\n" for row in reversed(rows[100:]))
    )
    (tmp_path / "sample.csv").write_text("PassengerId,Survived\n" + "".join(f"{i},FALSE\n" for i in range(100, 150)))
    train = ("train", "softmax", "--data", "train.csv", "--target", "Survived", "--epochs", 30, "--lr", 0.1)
    assert fathom(*train).code == 0
    result = fathom("predict", "last", "test.csv", "--submission", "sample.csv", "--out", "mine.csv")
    assert result.code == 0, result.err
    assert "50 rows of sample.csv filled in mine.csv" in result.err
    lines = (tmp_path / "mine.csv").read_text().splitlines()
    assert lines[0] == "PassengerId,Survived"
    assert [line.split(",")[0] for line in lines[1:]] == [str(i) for i in range(100, 150)]
    truth = [row.strip().rsplit(",", 1)[1] for row in rows[100:]]
    assert np.mean([line.split(",")[1] == label for line, label in zip(lines[1:], truth, strict=True)]) > 0.9
    assert fathom("predict", "last", "test.csv", "--submission", "sample.csv", "--top", 2).code == 2


@pytest.fixture
def fathom(tmp_path, monkeypatch):
    """Run ``fathom …`` in an empty folder."""
    import contextlib
    import io
    from types import SimpleNamespace

    from fathom.cli.main import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(argument) for argument in arguments])
        return SimpleNamespace(code=code, out=out.getvalue(), err=err.getvalue())

    return run


def test_the_id_column_goes_along(tmp_path):
    from fathom.data.tables.column import Column
    from fathom.data.tables.fit import TableDescription

    class Model:
        class_names, table = (), TableDescription("y", (Column("x", "number"),))

        def outputs(self, cells):
            return cells

    (tmp_path / "t.csv").write_text("name,x\nu,1\nv,2\n")
    columns, rows = predict_rows(Model(), [tmp_path / "t.csv"], id_column="name")
    assert SAMPLE_ID not in columns
    assert [(row[SAMPLE_ID], row["y"]) for row in rows] == [("u", 1.0), ("v", 2.0)]
