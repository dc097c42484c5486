"""Rows that are validated by the member that is kept from them."""

import numpy as np
import pytest
import torch

from fathom.data.splits.division import Division
from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData


def table(path, groups=False, splits=False):
    rng = np.random.default_rng(0)
    lines = ["x,z,group,day,split,label"]
    for row in range(60):
        label = "ab"[row % 3 == 0]
        split = ("train", "val", "test")[row % 6 % 3] if splits else ""
        lines.append(f"{rng.normal():.4f},{rng.normal():.4f},g{row % 20},{2000 + row}-01-01,{split},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path, parts=4, val=0.1, **options):
    options = TableOptions(drop=("day", "split"), **options)
    return TableData.read(path, target="label", val=Division(val, parts=parts), options=options)


def test_every_training_row_is_in_one_part_and_validated(tmp_path):
    data = read(table(tmp_path / "t.csv"))
    part = data.X[:, -1]
    assert list(data.splits) == ["train", "test"]
    sizes = torch.bincount(part[data.train_index].long(), minlength=4)
    assert sizes.sum() == data.num_train
    assert sizes.max() - sizes.min() <= 2  # each class is dealt by itself
    assert (part[data.test_index] == -1).all()
    X, y = zip(*data.val_dataloader(), strict=True)
    assert torch.equal(torch.cat(X), data.X[data.train_index])
    assert torch.equal(torch.cat(y), data.y[data.train_index])
    assert any("each of the 4 members" in note for note in data.notes)


def test_a_group_is_in_one_part(tmp_path):
    data = read(table(tmp_path / "t.csv"), group_column="group")
    groups = np.array([f"g{row % 20}" for row in range(60)])
    index = data.train_index.numpy()
    for group in np.unique(groups[index]):
        assert len(data.X[index][groups[index] == group, -1].unique()) == 1


@pytest.mark.parametrize("case", ["times", "own", "none"])
def test_what_has_a_validation_split_of_its_own_keeps_it(tmp_path, case):
    path = table(tmp_path / "t.csv", splits=case == "own")
    if case == "own":
        data = TableData.read(
            path, target="label", val=Division(0.1, parts=4), options=TableOptions(split_column="split")
        )
        assert len(data.splits["val"]) == 20
    elif case == "times":
        data = TableData.read(path, target="label", val=Division(0.1, parts=4), options=TableOptions(time_column="day"))
        assert len(data.splits["val"]) > 0
    else:
        data = read(path, val=0)
        assert "val" not in data.splits
    assert data.layer.parts == 0
    assert data.X.shape[1] == data.layer.num_cells


def test_new_rows_are_in_no_part(tmp_path):
    data = read(table(tmp_path / "t.csv"))
    assert (data.layer.encode(data.test_cells())[:, -1] == -1).all()
    assert data.train_rows().shape == (data.num_train, data.layer.num_cells)
