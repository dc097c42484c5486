"""Predictions for rows of files, in order, a chunk at a time; an invalid row gets an error instead. Torch-free."""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fathom.data.fetch.inputs import fetch_input
from fathom.data.tables.cells import read_texts
from fathom.data.tables.column import OTHER_CODE, Column
from fathom.data.tables.converted import is_frame, write_frame
from fathom.data.tables.fit import TableDescription
from fathom.data.tables.form import SEPARATORS, TableForm, find_form, read_rows
from fathom.data.tables.lines import Row as FileRow
from fathom.data.tables.lines import open_text
from fathom.data.tables.packed import readable
from fathom.data.tables.target import join_names
from fathom.errors import FathomError, UsageError
from fathom.findings import Finding
from fathom.inference.image_inputs import STDIN
from fathom.inference.ranking import Labeller, answer_columns, answers, predicted_numbers, prediction_column
from fathom.inference.submission import SAMPLE_ID
from fathom.phrases import counted

_MOST_SHOWN = 3  # unknown categories that a note names
_CHUNK = 8192  # rows, as many as an export's table is evaluated by

Row = dict[str, Any]


class RowModel(Labeller, Protocol):
    """A model that predicts rows: a run's or an exported one."""

    @property
    def table(self) -> TableDescription:
        """The columns it reads."""

    def outputs(self, cells: np.ndarray) -> np.ndarray:
        """Return class probabilities (N, classes), or numbers (N, 1), for the cells float64 (N, columns) of rows."""


class UnknownCategories:
    """How many rows hold a category that the model does not know, column by column; it grows with the rows."""

    def __init__(self) -> None:
        self.num_rows = 0
        self._rows: Counter[str] = Counter()
        # column -> texts, in order: a dictionary keeps it, a set would not
        self._examples: dict[str, dict[str, None]] = {}

    def add(self, column: Column, texts: Sequence[str], numbers: np.ndarray) -> None:
        """Count those of a column.

        Shape:   numbers float64 (N,), as ``read_texts`` returned them
        """
        if column.kind != "category":  # only a category may be unknown; others are invalid
            return
        unknown = np.flatnonzero(numbers == OTHER_CODE)
        self._rows[column.name] += len(unknown)
        examples = self._examples.setdefault(column.name, {})
        for i in unknown.tolist():
            if len(examples) > _MOST_SHOWN:  # one more than is shown, to know that there are more
                break
            examples[texts[i].strip()] = None  # as a set with an order

    def findings(self) -> list[Finding]:
        """Return a finding for every column with such rows."""
        return [self._describe(name, count) for name, count in self._rows.items() if count]

    def _describe(self, name: str, count: int) -> Finding:
        examples = list(self._examples[name])
        shown = ", ".join(map(repr, examples[:_MOST_SHOWN])) + (" …" if len(examples) > _MOST_SHOWN else "")
        rows = f"{count:,} of {counted(self.num_rows, 'row')}"
        text = f"{name}: {rows} with a category that the model does not know ({shown})"
        evidence = {"rows": self.num_rows, "unknown": count}
        return Finding("data.unknown_categories", "warning", text, evidence, place=f"column {name}")


def predict_rows(
    model: RowModel,
    inputs: Sequence[Any],
    *,
    top: int = 1,
    unknown: UnknownCategories | None = None,
    id_column: str | None = None,
    encoding: str | None = None,
) -> tuple[list[str], Iterator[Row]]:
    """Predict the target of every row of some files; columns are found by name, in any order.

    Args:
        inputs: files of rows, on this machine or by their addresses, "-" for standard input, or DataFrames.
        top: how many classes to return, the most probable first.
        encoding: of the files; None finds it.
        unknown: counts the categories that the model does not know.
        id_column: a column whose cells each row keeps under ``SAMPLE_ID``, where the files have it.
    Returns: the names of the columns, and an iterator of one dictionary per row: row (counted from 1), the row's
        identifiers in the file, the prediction, error; a row that failed has an error and no prediction
    Raises:  UsageError if a column of the model is missing in a file; FathomError if it cannot be read
    """
    table, names = model.table, model.class_names
    answer = answer_columns(model, top) if names else [prediction_column(table.target)]
    if not names and top > 1:
        raise UsageError(f"--top {top}: the model predicts a number, {table.target}, not classes")
    stack = ExitStack()
    try:  # the sources stay open until the rows are used up, or until opening one fails
        sources = [_open(path, table, stack, encoding) for path in inputs]
    except BaseException:
        stack.close()
        raise
    # ids are copied only if every file has them
    ids = [c.name for c in table.left_out if c.is_id and all(c.name in source.form.names for source in sources)]
    head = ["file", "row"] if len(sources) > 1 else ["row"]
    # a name that is taken already would overwrite an answer
    ids = [name for name in ids if name not in (*head, *answer, "error")]
    copied = {name: name for name in ids}
    # for a submission: the id column of the sample
    if id_column is not None and all(id_column in source.form.names for source in sources):
        copied[SAMPLE_ID] = id_column
    rows = _predict(model, sources, stack, copied, (top, unknown or UnknownCategories()))
    return [*head, *ids, *answer, "error"], rows


@dataclass(frozen=True)
class _Source:
    """A file of rows, with the positions of the model's columns in it."""

    path: Path
    shown: str
    form: TableForm
    places: tuple[int, ...]


def _open(given: Any, table: TableDescription, stack: ExitStack, encoding: str | None) -> _Source:
    if is_frame(given) or str(given) == STDIN:
        # to a file: its beginning is read for its form, then all of it
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fathom-")), "rows.csv")
        shown = "DataFrame" if is_frame(given) else "standard input"
        with open(path, "wb") as file:
            if is_frame(given):
                file.write(write_frame(given))
            else:
                shutil.copyfileobj(sys.stdin.buffer, file)
    else:
        path, shown = fetch_input(given), str(given)
    if path.is_dir():
        raise UsageError(f"{path}: the model predicts rows of a table; pass a file of rows, not a folder")
    names = [column.name for column in table.columns]
    # a known name tells the header from titles above it
    forms = [find_form(path, encoding=encoding, fallback=table.encoding or None, target=table.columns[0].name)]
    if _missing(forms[0], names):  # its form may have been misdetected
        forms += _other_forms(path, forms[0], encoding)
    form = min(forms, key=lambda form: len(_missing(form, names)))  # of equal ones the first guess
    missing = _missing(form, names)
    if missing:
        raise UsageError(f"{shown}: missing columns that the model was trained on: {join_names(missing)}")
    return _Source(path, shown, form, tuple(form.names.index(name) for name in names))


def _other_forms(path: Path, first: TableForm, encoding: str | None) -> Iterator[TableForm]:
    # a first row taken for names, or names taken for a row
    choices: list[dict[str, Any]] = [{"header": not first.has_header}]
    choices += [{"header": True, "separator": separator} for separator in SEPARATORS]
    for choice in choices:
        with suppress(FathomError):  # a form that cannot be read is no candidate
            yield find_form(path, encoding=encoding or first.encoding, **choice)


def _missing(form: TableForm, names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in form.names]


def _predict(
    model: RowModel,
    sources: Sequence[_Source],
    stack: ExitStack,
    copied: Mapping[str, str],
    asked: tuple[int, UnknownCategories],
) -> Iterator[Row]:
    top, unknown = asked  # together: a function takes eight arguments at most
    with stack:
        for source in sources:
            places = {key: source.form.names.index(name) for key, name in copied.items()}
            for first, rows in _read_chunks(source):
                cells, errors = _read(rows, source, model.table.columns, unknown)
                good = [i for i, error in enumerate(errors) if not error]
                outputs = iter(_apply(model, cells[good], top) if good else ())  # rows with an error are not computed
                # all rows in order, those with an error among them
                for i, (row, error) in enumerate(zip(rows, errors, strict=True)):
                    line: Row = {"file": source.shown} if len(sources) > 1 else {}
                    line["row"] = first + i
                    # a short row lacks its last cells
                    line |= {key: row.cells[p] if p < len(row.cells) else "" for key, p in places.items()}
                    yield line | ({"error": error} if error else next(outputs))


def _read_chunks(source: _Source) -> Iterator[tuple[int, list[FileRow]]]:
    """Return the number of the first row of each chunk, and its rows."""
    first = 1  # rows count from 1, as people count
    with readable(source.shown), open_text(source.path, source.form.encoding) as file:
        rows = read_rows(file, source.form)
        while chunk := list(itertools.islice(rows, _CHUNK)):
            yield first, chunk
            first += len(chunk)


def _read(
    rows: list[FileRow], source: _Source, columns: Sequence[Column], unknown: UnknownCategories
) -> tuple[np.ndarray, list[str]]:
    """Return the number of each cell, and the error of each row ("" for none).

    Shape:   -> cells float64 (N, columns)
    """
    errors = [row.problem for row in rows]
    unknown.num_rows += len(rows)
    # NaN: what is not filled below is missing
    cells = np.full((len(rows), len(columns)), np.nan)  # (N, columns)
    for k, (column, place) in enumerate(zip(columns, source.places, strict=True)):
        texts = [row.cells[place] if place < len(row.cells) else "" for row in rows]
        cells[:, k], is_invalid = read_texts(texts, column, source.form.decimal)
        for i in np.flatnonzero(is_invalid):
            # the first invalid cell is reported
            unit = f" in {column.unit}" if column.unit else ""
            errors[i] = errors[i] or f"{column.name}: {texts[i].strip()!r} is not a {column.kind}{unit}"
        unknown.add(column, texts, cells[:, k])
    return cells, errors


def _apply(model: RowModel, cells: np.ndarray, top: int) -> Iterator[Row]:
    """Return the prediction for each row, and its error."""
    outputs = model.outputs(cells)
    if model.class_names:
        yield from answers(model, outputs, top)
        return
    yield from predicted_numbers(outputs, prediction_column(model.table.target), model.table.digits)
