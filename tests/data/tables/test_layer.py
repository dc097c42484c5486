"""What a network sees of a table, against pandas and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from fathom.data.tables.fit import TableOptions, fit_columns
from fathom.data.tables.layer import TableInput, read_layer
from fathom.errors import FathomError, UsageError

FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.0, np.nan, 4.0, 5.0, 60.0],
        "colour": ["red", "blue", "red", None, "blue", "green"],
        "new": [True, False, True, True, False, True],
        "when": ["2024-01-01", "2024-03-01", "2024-01-01", "2023-12-31", "2024-02-02", "2024-02-03"],
        "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    }
)
TRAIN = np.arange(5)


def build(frame=FRAME, train=TRAIN, **choices):
    fitted = fit_columns(frame, "y", train, TableOptions(**choices))
    layer = TableInput(fitted.columns, fitted.left_out, "y")
    layer.fit(fitted, train)
    return layer, fitted


def see(layer, fitted):
    with torch.no_grad():
        return layer(layer.encode(fitted.raw)).numpy()


def test_numbers_are_filled_and_scaled_by_the_training_part_alone():
    layer, fitted = build()
    filled = FRAME[["size"]].fillna(FRAME["size"][TRAIN].mean())
    scaler = StandardScaler().fit(filled.iloc[TRAIN])
    seen = see(layer, fitted)
    np.testing.assert_allclose(seen[:, 0], scaler.transform(filled)[:, 0], rtol=1e-6)
    names = [column.name for column in layer.columns]
    assert names == ["size", "colour", "new", "when"]
    flags = seen[:, layer.num_dense - 1]
    np.testing.assert_array_equal(flags, FRAME["size"].isna())


def test_the_median_is_another_filling():
    layer, fitted = build(fill="median")
    missing = FRAME["size"].isna()
    median = FRAME["size"][TRAIN].median()
    values = FRAME["size"][TRAIN].fillna(median)
    expected = (median - values.mean()) / values.std(ddof=0)
    np.testing.assert_allclose(see(layer, fitted)[missing, 0], expected, rtol=1e-6)


def test_one_hot_is_that_of_pandas_with_missing_and_unknown_of_their_own():
    layer, fitted = build()
    one_hot = see(layer, fitted)[:, layer.num_dense :]
    # "green" stands outside the training split: unknown, and as nothing unknown was seen there, all zero
    known = FRAME["colour"].where(FRAME["colour"] != "green")
    expected = pd.get_dummies(known, dtype=float)[["blue", "red"]].to_numpy()
    np.testing.assert_array_equal(one_hot[:, 2:], expected)
    np.testing.assert_array_equal(one_hot[:, 0], FRAME["colour"].isna())
    np.testing.assert_array_equal(one_hot[:, 1], 0)


def test_rare_categories_teach_what_an_unknown_one_means():
    frame = pd.DataFrame({"c": ["a", "a", "b", "b", "rare", "new"], "y": range(6)})
    layer, fitted = build(frame)
    (column,) = layer.columns
    assert (column.values, column.rare) == (("a", "b"), 1)
    np.testing.assert_array_equal(see(layer, fitted)[:, 1], [0, 0, 0, 0, 1, 1])


def test_many_categories_get_an_embedding_and_an_unseen_one_nothing():
    frame = pd.DataFrame({"c": [f"v{i % 30}" for i in range(60)] + ["new", None], "y": range(62)})
    layer, fitted = build(frame, np.arange(60), one_hot_max=20)
    (column,) = layer.columns
    assert column.width == round(1.6 * 30**0.56)
    seen = see(layer, fitted)
    assert seen.shape == (62, column.width)
    np.testing.assert_array_equal(seen[60:], 0)
    np.testing.assert_array_equal(seen[:30], seen[30:60])
    assert len(np.unique(seen[:30], axis=0)) == 30
    assert sum(p.requires_grad for p in layer.parameters()) == 1


def test_dates_become_time_and_phases():
    layer, fitted = build()
    seen = see(layer, fitted)
    days = (pd.to_datetime(FRAME["when"]) - pd.Timestamp(0)).dt.days.to_numpy()
    scaled = (days - days[TRAIN].mean()) / days[TRAIN].std()
    np.testing.assert_allclose(seen[:, 2], scaled, atol=1e-4)  # the mean, 19,755 days, is kept as float32
    for column, period, wave in ((3, 365.2425, np.sin), (4, 7, np.sin), (5, 365.2425, np.cos), (6, 7, np.cos)):
        np.testing.assert_allclose(seen[:, column], wave(2 * np.pi * days / period), atol=1e-6)


def test_a_layer_rebuilt_from_its_description_and_buffers_is_the_same():
    layer, fitted = build()
    again = read_layer({**layer.describe()})
    again.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(see(again, fitted), see(layer, fitted))


@pytest.mark.parametrize(
    ("column", "choices", "reason"),
    [
        ([None] * 30, {}, "every cell is empty"),
        ([7] * 30, {}, "every cell is 7"),
        (["x"] * 30, {}, "every cell is x"),
        (list(range(100, 130)), {}, "it numbers the rows"),
        ([f"row {i}" for i in range(30)], {}, "nearly every row has another text"),
        ([f"{i / 7}" for i in range(30)], {"drop": ("x",)}, "as asked"),
    ],
)
def test_columns_that_teach_nothing_are_left_out_with_the_reason(column, choices, reason):
    frame = pd.DataFrame({"x": column, "z": np.linspace(0, 1, 30), "y": range(30)})
    layer, _ = build(frame, np.arange(30), **choices)
    assert [c.name for c in layer.columns] == ["z"]
    (left_out,) = layer.left_out
    assert left_out.name == "x"
    assert left_out.reason.startswith(reason)


def test_an_identifier_can_be_kept_and_a_number_be_a_category():
    frame = pd.DataFrame({"x": range(30), "k": [1, 2, 3] * 10, "y": range(30)})
    layer, _ = build(frame, np.arange(30), keep=("x",), categories=("k",))
    assert [(c.name, c.kind, c.values) for c in layer.columns] == [
        ("x", "number", ()),
        ("k", "category", ("1", "2", "3")),
    ]


def test_wrong_choices_are_named():
    with pytest.raises(UsageError, match=r"data\.options\.drop 'sise'; did you mean 'size'"):
        build(drop=("sise",))
    with pytest.raises(UsageError, match="unknown fill 'meen'; did you mean 'mean'"):
        build(fill="meen")
    with pytest.raises(FathomError, match="no column is left to learn from"):
        build(FRAME[["size", "y"]], drop=("size",))
