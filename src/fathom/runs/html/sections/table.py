"""The parts of a report that only a table has: its columns, a baseline to beat, and the worst rows of the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fathom.phrases import counted
from fathom.runs.analysis.numbers import count, decimal, percent
from fathom.runs.folder.records import is_number
from fathom.runs.html.markup import Html, element, fold, join, note, table
from fathom.runs.html.page import Section

MOST_OPEN_COLUMNS = 40
MOST_SHOWN_VALUES = 4  # of a category, the commonest
MOST_CELL = 40  # letters of a cell


def show_columns(stored: Mapping[str, Any]) -> Section:
    """List the columns that the network sees, and those it does not, as ``model.json`` has them."""
    columns = [c for c in stored.get("columns") or [] if isinstance(c, Mapping)]
    left_out = [c for c in stored.get("left_out") or [] if isinstance(c, Mapping)]
    about = (
        f"{stored.get('target', 'The target')} is predicted from {counted(len(columns), 'column')}. Counts, means and "
        "categories are those of the training split alone, and are kept in the model."
    )
    return Section("columns", "Columns", note(about), *column_tables(columns, left_out))


def column_tables(columns: Sequence[Mapping[str, Any]], left_out: Sequence[Mapping[str, Any]]) -> list[Html]:
    """Write the tables of columns that are used, and of those that are not."""
    # name, kind, missing, what it becomes, what was found
    rows = [(c.get("name", ""), c.get("kind", ""), count(c.get("missing", 0)), *_describe(c)) for c in columns]
    seen = table(
        ("Column", "Kind", "Missing", "Becomes", "In the training split"),
        rows,
        label="Columns the network sees",
        text_columns=(0, 1, 3, 4),
    )
    if len(columns) > MOST_OPEN_COLUMNS:
        seen = fold(f"All {count(len(columns))} columns", seen)
    out = [(c.get("name", ""), c.get("reason", "")) for c in left_out]
    others = [table(("Left out", "Reason"), out, label="Columns left out", text_columns=(0, 1))] if out else []
    return [seen, *others]


def _describe(column: Mapping[str, Any]) -> tuple[str, str]:
    """Say what the network sees of a column, and what was found in it."""
    flag = " + missing?" if column.get("missing") else ""  # a column of 0 and 1 beside the value
    if column.get("kind") != "category":
        span = "–".join(decimal(column.get(key)) for key in ("low", "high"))
        if column.get("kind") == "date":
            # phases: sine and cosine of the position in year and week
            phases = "time, year, week, day" if column.get("has_time") else "time, year, week"
            return phases + flag, column.get("format", "")
        return f"z-score{flag}", f"{span}, mean {decimal(column.get('mean'))}"
    values = [str(value) for value in column.get("values") or []]
    width = column.get("width")
    shown = ", ".join(_cut(value) for value in values[:MOST_SHOWN_VALUES])
    more = f" and {count(len(values) - MOST_SHOWN_VALUES)} more" if len(values) > MOST_SHOWN_VALUES else ""
    rare = f"; {count(column['rare'])} rows with rarer ones" if column.get("rare") else ""
    # width: of the embedding, chosen at fitting
    return f"embedding of {width}" if width else f"one-hot of {len(values)}", f"{shown}{more}{rare}"


def show_worst_rows(evaluation: Mapping[str, Any]) -> Section | None:
    """Show the rows with the largest errors as they stand in the file."""
    entries = [e for e in evaluation.get("worst") or [] if isinstance(e, Mapping)]
    if not entries:
        return None
    target = str(evaluation.get("target", ""))
    is_class = "probability" in entries[0]  # only classifiers give one
    names = [name for name in (entries[0].get("cells") or {}) if name != target]  # the target has a column of its own
    rows = []
    for entry in entries:
        label, predicted = entry.get("label", ""), entry.get("predicted", "")
        if is_class:
            figures = (label, predicted, percent(entry.get("probability")))
        else:
            off = predicted - label if is_number(predicted) and is_number(label) else None
            figures = (decimal(label), decimal(predicted), decimal(off))
        cells = entry.get("cells") or {}
        rows.append((count(entry.get("row")), *figures, *(_cut(str(cells.get(name, ""))) for name in names)))
    third = "Probability" if is_class else "Error"
    # columns set as text: the cells, and labels of classes
    text = {*range(4, 4 + len(names)), *((1, 2) if is_class else ())}
    sheet = table(("Row", target, "Predicted", third, *names), rows, label="Worst rows", text_columns=text)
    about = "Rows are counted from 1 below the header; cells are shown as they stand in the file."
    first = "The most confident mistakes come first. " if is_class else "The largest errors come first. "
    return Section("worst", "Worst rows", note(first + about), sheet)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CELL else text[: MOST_CELL - 1] + "…"


def baseline_rows(evaluation: Mapping[str, Any]) -> Html | str:
    """Set the model's errors beside the baseline's."""
    baseline = evaluation.get("baseline")
    # of classes the baseline is among the findings
    if not isinstance(baseline, Mapping) or not is_number(baseline.get("rmse")):
        return ""
    rows = [
        (title, decimal(evaluation.get(key)), decimal(baseline.get(key)))
        for key, title in (("rmse", "Root mean squared error"), ("mae", "Mean absolute error"))
    ]
    head = element("h3", "Against the baseline")
    says, what = decimal(baseline.get("says")), baseline.get("what", "the mean")
    about = note(f"The baseline says {says} for every row, {what} of the training split.")
    return join([head, about, table(("", "Model", "Baseline"), rows, label="Model and baseline")])
