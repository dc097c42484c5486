"""Whether the rows of a test file are drawn as those of the training file are, column by column and all together."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fathom.data.checks import DataCheck
from fathom.data.shift import Difference, compare_categories, compare_numbers, draw, separate, weigh
from fathom.data.shift_findings import LARGE, LEVEL, Advice, report_differences, report_separation
from fathom.data.tables.column import OTHER_CODE, Column
from fathom.data.tables.module import TableData
from fathom.data.tables.reading import Table
from fathom.findings import Finding, Severity

_MOST_CODES = 50  # of a category, one column each for the classifier
_FAR = 10.0  # standard deviations; further outliers would rule the classifier
_DIFFERENT = Advice(
    "the test rows come from another place, time or selection, or a column is written otherwise",
    "look at it in both files; --set data.options.drop=[{first}] leaves it out",
)
_TOLD = Advice(
    "the model will be asked about rows unlike those that it learns from",
    "--reweight FILE draws the training rows as the rows of that file are distributed",
)


def find_shift(found: DataCheck, data: TableData) -> None:
    """Compare the training split with the rows of a test file, which may have no target."""
    other = data.foreign_rows()  # None: no test file
    if other is None:
        return
    train = data.train_rows().numpy()  # (N, D): numbers, phases, flags, then codes of categories
    test = other.numpy()  # (M, D)
    differences = _compare_columns(data, train, test)
    report_differences(found, differences, "test", _DIFFERENT)
    _look_for_unknown(found, data, test)
    _compare_all(found, data, train, test)
    _compare_target(found, data)


# missing cells are a comparison of their own, beside the numbers that are there
def _compare_columns(data: TableData, train: np.ndarray, test: np.ndarray) -> dict[str, Difference]:
    """Return how much each column differs; of one with missing cells the larger of both differences."""
    layer = data.layer
    numeric = [column for column in layer.columns if column.kind != "category"]
    flagged = [column.name for column in numeric if column.missing]
    first_flag = layer.num_dense - len(flagged)  # the flags are the last of the dense inputs
    found: dict[str, Difference] = {}
    for k, column in enumerate(numeric):
        pair = [train[:, k], test[:, k]]
        if column.name in flagged:
            gaps = [rows[:, first_flag + flagged.index(column.name)] != 0 for rows in (train, test)]
            # filled-in values would look like a difference
            pair = [numbers[~gap] for numbers, gap in zip(pair, gaps, strict=True)]
            found[f"{column.name} (missing)"] = compare_categories(*[gap.astype(np.int64) for gap in gaps])
        found[column.name] = compare_numbers(*pair)
    for name, codes in _codes(data, train, test).items():
        found[name] = compare_categories(*codes)
    return found


def _codes(data: TableData, *rows: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Return the codes of each category in each set of rows."""
    layer = data.layer
    places = {column.name: layer.num_dense + k for k, column in enumerate(layer.ordered_categories)}
    return {name: [part[:, place].astype(np.int64) for part in rows] for name, place in places.items()}


def _look_for_unknown(found: DataCheck, data: TableData, test: np.ndarray) -> None:
    """Look for categories of the test rows that training does not know."""
    for name, (codes,) in _codes(data, test).items():
        share = float((codes == OTHER_CODE).mean()) if len(codes) else 0.0
        column = next(column for column in data.layer.columns if column.name == name)
        # rare categories of training are unknown too: only more than that is news
        if share > _unknown_in_training(column, data) + LARGE:
            text = f"{name}: {share:.0%} of the test rows have a category that training does not know"
            evidence = {"share": share, "known": len(column.values)}
            found.findings.append(Finding("data.unknown_categories", "warning", text, evidence, place=f"column {name}"))


def _unknown_in_training(column: Column, data: TableData) -> float:
    return column.rare / max(1, len(data.train_index))


def _compare_all(found: DataCheck, data: TableData, train: np.ndarray, test: np.ndarray) -> None:
    rows = [part[draw(len(part), data.seed)] for part in (train, test)]  # both bounded, for time
    first, second = features(data, *rows)
    report_separation(found, separate(first, second, data.seed), "test", _TOLD)


def features(data: TableData, *rows: np.ndarray) -> list[Any]:
    """Return what the classifier sees of encoded rows: numbers, and a column for each of the commonest codes."""
    from scipy import sparse
    from sklearn.preprocessing import OneHotEncoder

    num_dense = data.layer.num_dense
    dense = [np.clip(part[:, :num_dense], -_FAR, _FAR) for part in rows]
    if rows[0].shape[1] == num_dense:  # no categories
        return dense
    # fitted on both: a category of one side alone must be seen
    encoder = OneHotEncoder(max_categories=_MOST_CODES, handle_unknown="infrequent_if_exist")
    encoder.fit(np.concatenate([part[:, num_dense:] for part in rows]))
    return [sparse.hstack([d, encoder.transform(part[:, num_dense:])]) for d, part in zip(dense, rows, strict=True)]


def reweight_rows(data: TableData, table: Table, other: Table) -> str:
    """Let the training rows be drawn as the rows of another file are distributed; return a line on it.

    Args:
        table: what the data was made of.
        other: rows that need no target.
    Raises:  UsageError, FathomError for other columns or units
    """
    train, test = data.train_rows().numpy(), data.encode_table(table, other).numpy()  # (N, D), (M, D)
    first, second = features(data, train, test[draw(len(test), data.seed)])
    weights = weigh(first, second, draw(len(train), data.seed))  # (N,)
    data.row_weights = torch.from_numpy(weights)
    effective = weights.sum() ** 2 / (weights**2).sum()  # Kish's effective sample size
    return (
        f"training rows are drawn as those of {other.path.name} are distributed (weights {weights.min():.2f} to "
        f"{weights.max():.2f}, worth {effective:,.0f} of {len(weights):,} rows); validation figures are not weighted"
    )


def _compare_target(found: DataCheck, data: TableData) -> None:
    """Compare the targets, where the test rows have them."""
    if "test" not in data.splits:
        return
    train, test = data.splits["train"].labels.numpy().ravel(), data.splits["test"].labels.numpy().ravel()
    if data.is_unlabelled:  # then the test split was cut from the training file
        return
    difference = compare_categories(train, test) if data.task == "classification" else compare_numbers(train, test)
    if difference.p < LEVEL:
        text = f"{data.target.name} is distributed otherwise in the test rows: {difference.effect:.2f} (0 is alike)"
        severity: Severity = "warning" if difference.effect >= LARGE else "note"
        evidence = {"effect": difference.effect, "p": difference.p}
        place = f"column {data.target.name}"
        found.findings.append(Finding("data.label_shift", severity, text, evidence, place=place))
