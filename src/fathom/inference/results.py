"""Predictions and scores as objects that can be read: short in a terminal, a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from fathom.inference.ranking import Row
from fathom.phrases import counted
from fathom.runs.html.markup import element, join, table

_SHOWN = 10  # rows of a long table
_LEFT_OUT = ("schema", "split", "num_samples")  # of an evaluation, among its numbers


class PredictionTable(Sequence[Row]):
    """The rows that a model predicted, in the order of the inputs.

    Attributes:
        columns: their names, "error" last; it is empty where a row was predicted.
        values: what the network said, read as the user reads it: probabilities (N, classes), or numbers (N, D); of
            arrays only, else None.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Row], values: np.ndarray | None = None) -> None:
        self.columns, self.rows, self.values = list(columns), list(rows), values

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> PredictionTable: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...

    def __getitem__(self, key: int | slice | str) -> Any:
        """Return a row by its number, rows by a slice, a column by its name."""
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"{key!r} is not a column; they are {', '.join(self.columns)}")
            return [row.get(key) for row in self.rows]  # get: rows with an error lack the answers
        if isinstance(key, slice):
            return PredictionTable(self.columns, self.rows[key], None if self.values is None else self.values[key])
        return self.rows[key]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns)

    def _shown_columns(self) -> list[str]:
        # an empty column of errors says nothing
        return [name for name in self.columns if name != "error" or any(row.get("error") for row in self.rows)]

    def __repr__(self) -> str:
        columns, rows = self._shown_columns(), self.rows[:_SHOWN]
        cells = [columns, *([_cell(row.get(name, "")) for name in columns] for row in rows)]
        # of the widest cell, as all are shown in one font
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
        ]
        more = [f"… {len(self) - _SHOWN:,} more"] if len(self) > _SHOWN else []
        return "\n".join([counted(len(self), "prediction"), *lines, *more])

    def _repr_html_(self) -> str:
        columns = self._shown_columns()
        rows = [[_cell(row.get(name, "")) for name in columns] for row in self.rows[:_SHOWN]]
        more = element("p", f"… {len(self) - _SHOWN:,} more") if len(self) > _SHOWN else ""
        return str(join([table(columns, rows, label="predictions", text_columns=range(len(columns))), more]))


class Scores(dict[str, Any]):
    """What an evaluation found: the dictionary that ``evaluation.json`` holds, written in a line."""

    def numbers(self) -> dict[str, float]:
        """Return the metrics alone."""
        # lists and tables within an evaluation are no metrics
        return {n: v for n, v in self.items() if n not in _LEFT_OUT and isinstance(v, (int, float)) and v is not None}

    def __repr__(self) -> str:
        head = f"{self.get('split', 'data')}: {counted(int(self.get('num_samples', 0)), 'sample')}"
        return " · ".join([head, *(f"{name} {value:.4g}" for name, value in self.numbers().items())])

    def _repr_html_(self) -> str:
        rows = [(name, f"{value:.4g}") for name, value in self.numbers().items()]
        per_class: Sequence[Mapping[str, Any]] = self.get("per_class") or []
        names = ("class", "precision", "recall", "f1", "support")
        classes = [[_cell(row.get(name, "")) for name in names] for row in per_class]
        parts = [table((self.get("split", "data"), "value"), rows, label="metrics")]
        parts += [table(names, classes, label="classes")] if classes else []
        return str(join(parts))


def _cell(value: Any) -> str:
    # four digits: more than a metric over some thousand samples supports
    return f"{value:.4g}" if isinstance(value, float) else str(value)
