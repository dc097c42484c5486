"""Looking into a table: its columns, what is missing, what lies far out, what gives the target away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from fathom.data.checks import CheckedSplit, DataCheck, check_splits, report_torn_groups
from fathom.data.tables.column import Column
from fathom.data.tables.module import TableData
from fathom.data.tables.shift import find_shift
from fathom.findings import Finding, NotChecked
from fathom.phrases import enumerated, significant

_FAR = 10.0  # standard deviations from the mean; a normal variable never comes there
_SKEW = 1.5  # third standardised moment; an exponential variable has 2
_MISSING = 0.5  # share of the cells
_GIVES_AWAY = 0.999  # of the variation of the target
_KEY_SHARE = 0.1  # a category of more values than this share of the rows separates classes by chance
_NATURAL = 0.01  # share of the rows of a table that may be the same by chance


def check_table(data: TableData) -> DataCheck:
    """Look into the rows and columns that a network would learn from."""
    indices = (("train", data.train_index), ("val", data.val_index), ("test", data.test_index))
    digests = _digest_rows(data.X, data.y)
    found = DataCheck(
        Path(data.name).name,
        "rows",
        [
            CheckedSplit(name, len(rows), _labels_of(data, name), digests[rows.numpy()])
            for name, rows in indices
            if rows is not None
        ],
        class_names=data.class_names,
        natural_repeats=_NATURAL,
    )
    found.facts = [("task", f"{data.task} of {data.target.name} ({data.target.reason})")]
    found.facts.append(("columns used", f"{len(data.layer.columns):,}, {data.layer.num_features:,} inputs"))
    description = data.layer.describe()
    found.columns, found.left_out = list(description["columns"]), list(description["left_out"])
    spellings = [f"{data.target.name}: {line}" for line in data.target.spellings]
    for line in spellings:
        remedy = "if they are two, write them so that no spreadsheet takes them for one: a1, a01"
        place = f"column {data.target.name}"
        found.findings.append(Finding("data.label_spellings", "warning", line, remedy=remedy, place=place))
    report_torn_groups(found, data.cutter, data.places)
    told = [*spellings, *data.cutter.describe_torn(data.places)]
    codes = {"groups": "data.groups", "times": "data.times", "splits": "data.split_origins"}
    for note in data.notes:
        if not note.startswith("task: ") and note not in told:
            code = "data.left_out" if "left out" in note else codes.get(note.partition(":")[0], "data.reading")
            found.findings.append(Finding(code, "note", note))
    _look_for_leaks(found, data)
    _look_for_outliers(found, data)
    _look_for_missing(found, data)
    if data.scale is not None:
        _look_at_target(found, data)
    find_shift(found, data)
    return check_splits(found)


def _labels_of(data: TableData, split: str) -> np.ndarray:
    """Return the classes of a split int64 (N,), or its numbers as the file has them, float64 (N,)."""
    truth = data.truth(split)
    return data.splits[split].labels.numpy() if truth is None else truth[:, 0].numpy()


def _look_for_leaks(found: DataCheck, data: TableData) -> None:
    """Look for columns from each of which alone the target is known."""
    # encoded: missing cells are filled, numbers in standard deviations
    X = data.X[data.train_index].double().numpy()  # (N, D): numbers, then codes of categories
    y = data.y[data.train_index].flatten().double().numpy()  # (N,)
    for k, column in enumerate(_numeric_columns(data)):
        if _gives_away(X[:, k], y, data.task):
            found.findings.append(_leak(column.name, data.target.name))
    for k, column in enumerate(data.layer.ordered_categories):
        if len(column.values) > _KEY_SHARE * len(y):  # each value would be rare: any split of the classes looks perfect
            reason = f"{column.name} has {len(column.values):,} values in {len(y):,} rows: so many tell rows apart"
            found.not_checked.append(NotChecked("data.leakage", reason))
            continue
        codes = X[:, data.layer.num_dense + k].astype(np.int64)
        if _codes_give_away(codes, y, data.task):
            found.findings.append(_leak(column.name, data.target.name))


def _leak(column: str, target: str) -> Finding:
    return Finding(
        "data.leakage",
        "warning",
        f"leakage: {column} alone tells {target}",
        {"column": column, "target": target},
        remedy=f"if it is not known beforehand, --set data.options.drop=[{column}]",
        place=f"column {column}",
    )


def _look_for_outliers(found: DataCheck, data: TableData) -> None:
    largest = data.X[data.train_index].abs().amax(0).double().tolist()  # (D,), in standard deviations
    far = {column.name: value for column, value in zip(_numeric_columns(data), largest, strict=False) if value > _FAR}
    if not far:
        return
    listed = enumerated([f"{name} ({value:.0f})" for name, value in far.items()])
    found.findings.append(
        Finding(
            "data.outliers",
            "warning",
            f"values more than {_FAR:.0f} standard deviations from the mean, in {listed}",
            dict(far),
            cause="a mistake, or a matter for a logarithm",
            place=f"columns {enumerated(list(far))}",
        )
    )


def _look_for_missing(found: DataCheck, data: TableData) -> None:
    rows = len(data.train_index)
    missing = {c.name: c.missing / rows for c in data.layer.columns if c.missing > _MISSING * rows}
    if not missing:
        return
    listed = enumerated([f"{name} ({share:.0%})" for name, share in missing.items()])
    found.findings.append(
        Finding(
            "data.missing_values",
            "warning",
            f"mostly missing: {listed}",
            dict(missing),
            place=f"columns {enumerated(list(missing))}",
        )
    )


def _numeric_columns(data: TableData) -> list[Column]:
    return [column for column in data.layer.columns if column.kind != "category"]


def _gives_away(values: np.ndarray, y: np.ndarray, task: str) -> bool:
    """Whether a column of numbers orders the target: perfectly correlated by rank, or classes in one run each."""
    if task == "regression":
        # ranks: of any monotone relation the correlation is 1
        ranks = [np.unique(numbers, return_inverse=True)[1].astype(np.float64) for numbers in (values, y)]
        if min(rank.std() for rank in ranks) == 0:
            return False  # a constant orders nothing
        # of two values only, a line always fits
        return abs(float(np.corrcoef(ranks[0], ranks[1])[0, 1])) > _GIVES_AWAY and len(np.unique(values)) > 2
    order = np.lexsort((y, values))  # by value, equal ones by class
    labels, ordered = y[order], values[order]
    changes = int((labels[1:] != labels[:-1]).sum())  # how often the class changes along the column
    # equal values of different classes
    mixed = bool(((ordered[1:] == ordered[:-1]) & (labels[1:] != labels[:-1])).any())
    return not mixed and changes == len(np.unique(labels)) - 1  # one run for each class


def _codes_give_away(codes: np.ndarray, y: np.ndarray, task: str) -> bool:
    """Whether the target is known once the category is."""
    counts = np.bincount(codes)
    if task == "regression":
        sums, squares = np.bincount(codes, y), np.bincount(codes, y * y)
        # within the categories: what the category does not tell
        within = float((squares - sums**2 / np.maximum(counts, 1)).sum())
        return within < (1 - _GIVES_AWAY) * float(((y - y.mean()) ** 2).sum())
    table = np.zeros((len(counts), int(y.max()) + 1))  # (codes, classes)
    np.add.at(table, (codes, y.astype(np.int64)), 1)
    # the share right if each category says its commonest class
    return float(table.max(1).sum()) > _GIVES_AWAY * len(y) and len(np.unique(y)) > 1


def _look_at_target(found: DataCheck, data: TableData) -> None:
    values = _labels_of(data, "train")
    measures = (values.min(), np.median(values), values.max(), values.std())
    low, middle, high, deviation = (significant(float(value)) for value in measures)
    fact = f"{low} to {high}, median {middle}, standard deviation {deviation}"
    found.facts.append((data.target.name, fact))
    skew = float((((values - values.mean()) / values.std()) ** 3).mean())  # third standardised moment
    if skew > _SKEW and values.min() > 0 and not data.target.log:
        found.findings.append(
            Finding(
                "data.skewed_target",
                "warning",
                f"{data.target.name} is skewed ({skew:.1f}): a few large values will rule the loss",
                {"skewness": skew},
                remedy="try --log-target",
                place=f"column {data.target.name}",
            )
        )


def _digest_rows(X: Tensor, y: Tensor) -> np.ndarray:
    """Digest each row as the network sees it, with its target.

    Shape:   X (N, D), y (N,) or (N, K) -> uint64 (N,)
    """
    import pandas as pd

    whole = np.concatenate([X.numpy(), y.numpy().reshape(len(X), -1).astype(np.float32)], axis=1)  # (N, D + targets)
    return pd.util.hash_pandas_object(pd.DataFrame(whole), index=False).to_numpy()
