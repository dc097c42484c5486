"""A patient, a lesion or a camera is on one side of every split: folders, label files, tables."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fathom.data.checks import DataCheck
from fathom.data.images.checks import check_images
from fathom.data.images.module import ImageData
from fathom.data.splits.division import Division
from fathom.data.splits.folds import Fold
from fathom.data.tables.checks import check_table
from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData
from fathom.errors import UsageError


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    """Write 12 patients with 3 images of each of two classes, as folders and as a label file."""
    root = tmp_path_factory.mktemp("patients")
    rng = np.random.default_rng(0)
    rows = []
    for patient in range(12):
        for label in ("benign", "malign"):
            folder = root / "images" / f"p{patient:02d}" / label
            folder.mkdir(parents=True)
            for i in range(3):
                Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{i}.png")
                rows.append((f"p{patient:02d}/{label}/{i}.png", label, f"p{patient:02d}", f"2020-01-{patient + 1:02d}"))
    frame = pd.DataFrame(rows, columns=["file", "label", "patient", "taken"])
    frame.to_csv(root / "labels.csv", index=False)
    given = np.where(frame.index % 6 == 0, "test", "train")
    frame.assign(split=given).to_csv(root / "split.csv", index=False)
    return root


def patients_of(data, split):
    return {data.paths[i].split("/")[-3] for i in data.places[split]}


def codes(found: DataCheck):
    return {finding.code: finding for finding in found.findings}


def test_folders_of_patients(patients):
    data = ImageData.from_folder(patients / "images", 8, levels="group/class")
    sides = [patients_of(data, split) for split in ("train", "val", "test")]
    assert [len(side) for side in sides] == [10, 1, 1]
    assert len(set.union(*sides)) == 12
    assert "groups: by folders, as in group/class, each on one side of a cut; train 10, test 1, val 1" in data.notes
    found = codes(check_images(data))
    assert "by whole groups (10 % each, stratified, seed 0)" in found["data.split_origins"].message
    assert "data.groups" in found


def test_names_and_columns_say_the_same(patients):
    by_name = ImageData.from_folder(patients / "images", 8, levels="*/class", group_by_name=r"p\d+")
    by_column = ImageData.from_table(patients / "labels.csv", patients / "images", 8, group_column="patient")
    for data in (by_name, by_column):
        assert not patients_of(data, "train") & (patients_of(data, "val") | patients_of(data, "test"))
    assert "groups: by column patient of labels.csv" in " ".join(by_column.notes)


def test_each_patient_is_in_one_fold(patients):
    seen = []
    for i in range(3):
        division = Division(0.1, 0, Fold(i, 3))
        data = ImageData.from_folder(patients / "images", 8, levels="group/class", val=division)
        assert not patients_of(data, "train") & patients_of(data, "test")
        seen += sorted(patients_of(data, "test"))
    assert len(seen) == len(set(seen)) == 11  # the twelfth is the test set, which is left alone


def test_the_newest_images(patients):
    data = ImageData.from_table(patients / "labels.csv", patients / "images", 8, time_column="taken")
    assert patients_of(data, "test") == {"p10", "p11"}  # 10 % begin amid p10's images, all of one day
    assert patients_of(data, "val") == {"p09"}
    assert "times: by column taken of labels.csv, test and val the newest" in data.notes
    assert "as the newest (10 % each)" in " ".join(data.notes)


def test_a_given_split_that_tears_patients_is_a_finding(patients):
    data = ImageData.from_table(patients / "split.csv", patients / "images", 8, group_column="patient")
    found = [f for f in check_images(data).findings if f.code == "data.groups_across_splits"]
    assert {finding.place for finding in found} == {"train split, test split", "test split, val split"}
    assert sum(finding.evidence["groups"] for finding in found) == 12
    assert {finding.severity for finding in found} == {"warning"}


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 8)
    days = pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.permutation(240), unit="D")
    frame = pd.DataFrame(
        {
            "person": [f"n{p}" for p in person],
            "day": days.strftime("%d.%m.%Y"),
            "x": rng.normal(size=240),
            "y": rng.normal(size=240),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv", frame


def test_groups_of_a_table(table):
    path, frame = table
    data = TableData.read(path, 16, target="y", options=TableOptions(group_column="person"))
    sides = [set(frame.person[index]) for index in data.places.values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 30
    assert [column.name for column in data.layer.columns] == ["day", "x"]
    assert any(line.startswith("person: left out, it says which rows belong together") for line in data.notes)
    assert codes(check_table(data))["data.groups"].message.endswith("train 24, val 3, test 3")
    kept = TableData.read(path, 16, target="y", options=TableOptions(group_column="person", keep=("person",)))
    assert "person" in [column.name for column in kept.layer.columns]
    for i in range(2):
        division = Division(0.1, 0, Fold(i, 2))
        folded = TableData.read(path, 16, target="y", options=TableOptions(group_column="person"), val=division)
        assert not set(frame.person[folded.places["train"]]) & set(frame.person[folded.places["test"]])


def test_the_newest_rows_of_a_table(table):
    path, frame = table
    data = TableData.read(path, 16, target="y", options=TableOptions(time_column="day"))
    days = pd.to_datetime(frame.day, dayfirst=True)
    train, val, test = (days[data.places[split]] for split in ("train", "val", "test"))
    assert train.max() < val.min() <= val.max() < test.min()
    assert (len(test), len(val)) == (24, 22)
    with pytest.raises(UsageError, match="x1"):
        TableData.read(path, 16, target="y", options=TableOptions(time_column="x1"))
    with pytest.raises(UsageError, match="--time-column person: its cells are neither dates nor numbers"):
        TableData.read(path, 16, target="y", options=TableOptions(time_column="person"))


@pytest.mark.parametrize(
    ("column", "cells", "asked"),
    [
        ("split", ("train", "dev", "Test"), None),
        ("Usage", ("Training", "PublicTest", "PrivateTest"), None),
        ("is_valid", ("False", "True", ""), "is_valid"),
        ("fold", ("TRAIN", "VALIDATE", "TEST"), None),
    ],
)
def test_a_column_of_a_table_says_the_splits(tmp_path, column, cells, asked):
    frame = pd.DataFrame({column: [cells[i % 3] for i in range(60)], "x": range(60), "y": np.arange(60) * 0.5})
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = TableData.read(tmp_path / "t.csv", target="y", options=TableOptions(split_column=asked, keep=("x",)), val=0)
    expected = {name: list(range(i, 60, 3)) for i, name in enumerate(("train", "val", "test")) if cells[i]}
    assert {name: index.tolist() for name, index in data.places.items()} == expected
    assert [c.name for c in data.layer.columns] == ["x"]
    assert any(line.startswith("splits: ") and f"from column {column}" in line for line in data.notes)


def test_columns_of_a_table_that_do_not_divide(tmp_path):
    rows = {"phase": ["design", "dev", "test"] * 20, "is_valid": [True, False] * 30, "fold": [0, 1, 2, 3, 4] * 12}
    pd.DataFrame(rows | {"y": np.arange(60) * 0.5}).to_csv(tmp_path / "t.csv", index=False)
    data = TableData.read(tmp_path / "t.csv", target="y")
    assert [c.name for c in data.layer.columns] == ["phase", "is_valid", "fold"]
    assert {line.partition(":")[0] for line in data.notes if "taken for a feature" in line} == set(rows)
    assert [len(index) for index in data.places.values()] == [49, 5, 6]
    for name, message in (("fold", "fold says '0', '1'"), ("none", None), ("phas", "did you mean 'phase'")):
        if message is None:
            TableData.read(tmp_path / "t.csv", target="y", options=TableOptions(split_column=name))
            continue
        with pytest.raises(UsageError, match=message):
            TableData.read(tmp_path / "t.csv", target="y", options=TableOptions(split_column=name))
    (tmp_path / "s.csv").write_text("x,split,y\n" + "".join(f"{i},{('train', 'test')[i % 2]},{i}\n" for i in range(30)))
    with pytest.raises(UsageError, match="--test names a file, and column split names rows for testing too"):
        TableData.read(tmp_path / "s.csv", target="y", test=tmp_path / "s.csv")
