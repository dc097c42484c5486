"""A table as a data module: task, splits, statistics, mistakes in a table."""

import numpy as np
import pandas as pd
import pytest
import torch

from fathom.data.tables.fit import TableOptions
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import read_table
from fathom.data.tables.target import find_target
from fathom.errors import FathomError, UsageError


def make_frame(n=200, seed=0):
    rng = np.random.default_rng(seed)
    a, c = rng.normal(10, 3, n), rng.choice(["x", "y", "z"], n)
    return pd.DataFrame(
        {"a": a, "c": c, "price": 100 + 5 * a + (c == "x"), "sort": np.where(rng.random(n) < 0.25, "rare", "common")}
    )


@pytest.fixture
def write(tmp_path):
    def write(frame, name="t.csv"):
        frame.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["b", "a", "b", "a"], "classification", ("a", "b")),
        ([10, 9, 10, 9], "classification", ("9", "10")),
        ([True, False, True, True], "classification", ("False", "True")),
        ([1.5, 2.0, 2.5, 1.0], "regression", ()),
        (list(range(30)), "regression", ()),
        ([1.0, None, 2.0, 1.0], "classification", ("1", "2")),
    ],
)
def test_the_task_is_told_from_the_target(values, task, classes, write):
    target = find_target(read_table(write(pd.DataFrame({"x": 1, "y": values}))), "y")
    assert (target.task, target.class_names) == (task, classes)


def test_the_task_can_be_forced(write):
    table = read_table(write(pd.DataFrame({"x": 1, "y": [3, 4, 5, 3]})))
    assert find_target(table, "y", "regression").task == "regression"
    assert find_target(table, "y").class_names == ("3", "4", "5")


def test_parts_are_disjoint_stratified_and_depend_on_the_seed(write):
    path = write(make_frame())
    data = TableData.read(path, target="sort", seed=3)
    parts = [data.train_index, data.val_index, data.test_index]
    assert sorted(torch.cat(parts).tolist()) == list(range(200))
    assert [len(part) for part in parts] == [162, 18, 20]
    shares = [float((data.y[part] == 1).float().mean()) for part in parts]
    assert max(shares) - min(shares) < 0.06
    assert torch.equal(TableData.read(path, target="sort", seed=3).test_index, data.test_index)
    assert not torch.equal(TableData.read(path, target="sort", seed=4).test_index, data.test_index)


def test_statistics_know_nothing_of_validation_and_test_rows(write):
    frame = make_frame()
    data = TableData.read(write(frame), target="price")
    held_out = torch.cat([data.val_index, data.test_index]).numpy()
    spoilt = frame.copy()
    spoilt.loc[held_out, ["a", "price"]] = 1e6
    spoilt.loc[held_out, "c"] = "elsewhere"
    other = TableData.read(write(spoilt, "s.csv"), target="price")
    assert other.layer.describe()["columns"] == data.layer.describe()["columns"]
    for name, buffer in data.layer.named_buffers():
        assert torch.equal(other.layer.get_buffer(name), buffer), name
    assert torch.equal(other.scale.mean, data.scale.mean)
    assert torch.equal(other.X[data.train_index], data.X[data.train_index])


def test_targets_are_scaled_and_come_back(write):
    frame = make_frame()
    for log in (False, True):
        data = TableData.read(write(frame), target="price", options=TableOptions(log_target=log))
        y = data.y[data.train_index]
        assert abs(float(y.mean())) < 1e-5
        assert abs(float(y.std(correction=0)) - 1) < 1e-5
        np.testing.assert_allclose(data.scale(data.y)[:, 0], frame["price"], rtol=1e-5)


def test_a_test_file_is_the_test_part(write):
    frame = make_frame()
    path = write(frame.iloc[:150])
    data = TableData.read(path, target="price", test=write(frame.iloc[150:][["price", "sort", "c", "a"]], "test.csv"))
    np.testing.assert_allclose(data.scale(data.y[data.test_index])[:, 0], frame["price"].iloc[150:], rtol=1e-5)
    assert len(data.train_index) + len(data.val_index) == 150
    assert data.test_rows([2])[0][0] == 3
    with pytest.raises(UsageError, match=r"other\.csv: missing columns of t\.csv: a, c"):
        TableData.read(path, target="price", test=write(frame[["price", "sort"]], "other.csv"))
    strange = frame.assign(sort="strange")
    with pytest.raises(FathomError, match="the class 'strange' is not among those learned: common, rare"):
        TableData.read(path, target="sort", test=write(strange, "strange.csv"))


def test_rows_without_a_target_are_left_out_and_counted(write):
    frame = make_frame()
    frame.loc[[3, 50, 120], "price"] = [np.nan, np.inf, np.nan]
    data = TableData.read(write(frame), target="price")
    assert any("left out: 3 rows without price" in note for note in data.notes)
    rows = torch.cat([data.train_index, data.val_index, data.test_index]).tolist()
    assert sorted(rows) == [i for i in range(200) if i not in (3, 50, 120)]


def test_every_training_row_comes_once_in_an_order_that_depends_on_the_epoch(write):
    data = TableData.read(write(make_frame()), target="price", batch_size=32)
    loader = data.train_dataloader()
    passes = [torch.cat([X for X, _ in loader]) for _ in range(2)]
    assert not torch.equal(*passes)
    for seen in passes:
        assert torch.equal(seen[:, 0].sort().values, data.X[data.train_index][:, 0].sort().values)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (
            {},
            {"target": None},
            UsageError,
            "say which column of t.csv to predict: --target NAME; there are a, c,",
        ),
        ({}, {"target": "prise"}, UsageError, "no 'prise'; did you mean 'price'"),
        ({}, {"target": "price", "task": "clustering"}, UsageError, "unknown task 'clustering'"),
        ({}, {"target": "sort", "task": "regression"}, UsageError, "sort holds text such as 'common'"),
        ({}, {"target": "sort", "log_target": True}, UsageError, "--log-target is for a regression"),
        ({"price": 1.5}, {"target": "price"}, FathomError, "the target price is 1.5 in every row"),
        ({"price": np.nan}, {"target": "price"}, FathomError, "the target price is empty in every row"),
        ({"sort": "one"}, {"target": "sort"}, FathomError, "the target sort is 'one' in every row"),
        ({"sort": [f"name {i}" for i in range(200)]}, {"target": "sort"}, FathomError, "too many for classes"),
        ({"price": np.arange(-1, 199) + 0.5}, {"target": "price", "log_target": True}, UsageError, "above 0"),
        ({}, {"target": "price", "batch_size": 500}, UsageError, "batch size 500 is larger than the 162"),
        ({}, {"target": "price", "val": 1.0}, UsageError, "validation share"),
    ],
)
def test_mistakes_are_named_in_a_line(change, options, error, message, write):
    chosen = TableOptions(**{key: options[key] for key in ("task", "log_target") if key in options})
    others = {key: value for key, value in options.items() if key not in ("task", "log_target")}
    with pytest.raises(error, match=message) as caught:
        TableData.read(write(make_frame().assign(**change)), options=chosen, **others)
    assert "\n" not in str(caught.value)


def test_wide_and_short_tables(write):
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 1500))).rename(columns=lambda i: f"x{i}")
    data = TableData.read(write(wide.assign(y=range(40))), target="y")
    assert data.input_shape == (1500,)
    short = pd.DataFrame({"a": [1.5, 2, 3], "y": [1.5, 2.5, 3.5]})
    data = TableData.read(write(short), target="y")
    assert (data.num_train, data.val_dataloader(), data.test_dataloader()) == (3, None, None)
    with pytest.raises(FathomError, match="2 rows with a target: too few"):
        TableData.read(write(short.iloc[:2]), target="y")
