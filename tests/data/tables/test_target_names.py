"""Classes are called as they stand in the file, and spellings of one value are one class, which is told."""

import numpy as np
import pytest

from fathom.data.tables.checks import check_table
from fathom.data.tables.module import TableData
from fathom.errors import FathomError

X = np.random.default_rng(0).normal(size=60).round(3)


def table(path, labels, rows=60):
    text = "x,label\n" + "".join(f"{X[i % 60]},{labels[i % len(labels)]}\n" for i in range(rows))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "labels",
    [("001", "002", "010"), ("TRUE", "FALSE"), ("1.0", "2.0"), ("1", "2"), ("yes", "no"), ("+1", "-1"), ("1,000", "2")],
)
def test_classes_are_called_as_they_stand_in_the_file(tmp_path, labels):
    quoted = [f'"{label}"' if "," in label else label for label in labels]
    data = TableData.read(table(tmp_path / "t.csv", quoted), target="label", test=table(tmp_path / "u.csv", quoted))
    assert data.task == "classification"
    assert sorted(data.class_names) == sorted(labels)
    assert [row["label"] for _, row in data.test_rows(range(4))] == [labels[i % len(labels)] for i in range(4)]
    order = [data.class_names.index(labels[i % len(labels)]) for i in range(60)]
    assert data.splits["test"].labels.tolist() == order


def test_codes_with_leading_zeros_are_classes_however_many(tmp_path):
    data = TableData.read(table(tmp_path / "t.csv", [f"{i:03}" for i in range(25)], 300), target="label")
    assert (data.task, len(data.class_names)) == ("classification", 25)
    assert "leading zeros" in data.target.reason


def test_spellings_of_one_value_are_one_class_and_told(tmp_path):
    numbers = TableData.read(table(tmp_path / "t.csv", ["1", "1.0", "2", "01"]), target="label")
    assert numbers.class_names == ("1", "2")
    assert numbers.splits["train"].labels.bincount().tolist()[0] > 2 * numbers.splits["train"].labels.bincount()[1]
    truths = TableData.read(
        table(tmp_path / "u.csv", ["TRUE", "FALSE"]), target="label", test=table(tmp_path / "v.csv", ["true"])
    )
    assert truths.class_names[int(truths.splits["test"].labels[0])] == "TRUE"
    found = {finding.code: finding for finding in check_table(numbers).findings}["data.label_spellings"]
    assert found.severity == "warning"
    assert "1, 01, 1.0 are one number, and one class" in found.message
    with pytest.raises(FathomError, match="'3' is not among those learned"):
        TableData.read(tmp_path / "t.csv", target="label", test=table(tmp_path / "v.csv", ["3"]))


def test_classes_that_differ_in_case_only_are_found(tmp_path):
    data = TableData.read(table(tmp_path / "t.csv", ["Cat", "cat", "dog", "Ｆig", "Fig"]), target="label")
    assert len(data.class_names) == 5
    found = [finding for finding in check_table(data).findings if finding.code == "data.label_spellings"]
    assert {frozenset(finding.evidence.values()) for finding in found} == {
        frozenset({"Cat", "cat"}),
        frozenset({"Ｆig", "Fig"}),
    }
