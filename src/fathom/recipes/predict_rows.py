"""Predictions for the rows of files, in their order, a chunk at a time, with an error where a row is none."""

from __future__ import annotations

import csv
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fathom.data.tables.columns import Column, canonical, measure
from fathom.data.tables.layer import TableInput
from fathom.data.tables.reading import MISSING, Form, find_form, open_table, read_rows
from fathom.data.tables.target import listed
from fathom.data.tables.written_numbers import plain_number
from fathom.errors import FathomError, UsageError
from fathom.files import describe_failure
from fathom.module import Module
from fathom.recipes.remote import fetch_input
from fathom.training.device import find_device

_CHUNK = 8192
STDIN = "-"

Row = dict[str, Any]


def predict_rows(
    module: Module, description: dict[str, Any], inputs: Sequence[str | Path], *, top: int = 1, device: str = "auto"
) -> tuple[list[str], Iterator[Row]]:
    """Predict the target of every row of some files; columns are found by name, in any order.

    Args:
        inputs: files of rows, on this machine or by their addresses, or "-" for standard input.
        top: how many classes to give, the most probable first.
    Returns: the names of the columns, and one row per row, made as they are asked for: row (counted from 1), what names
        the rows in the file, the prediction, error; what failed has an error and no prediction
    Raises:  UsageError if a file lacks a column of the model; FathomError if it cannot be read
    """
    layer = module.preprocess
    assert isinstance(layer, TableInput)
    names = description["class_names"]
    if names and not 1 <= top <= len(names):
        raise UsageError(f"--top {top}: the model knows {len(names)} classes")
    if not names and top > 1:
        raise UsageError(f"--top {top}: the model predicts a number, {layer.target_name}, not classes")
    stack = ExitStack()
    try:
        sources = [_open(path, layer, stack) for path in inputs]
    except BaseException:
        stack.close()
        raise
    ids = [c.name for c in layer.left_out if c.is_id and all(c.name in source.form.names for source in sources)]
    ids = [name for name in ids if name not in ("file", "row", "label", "probability", "error", layer.target_name)]
    head = ["file", "row"] if len(sources) > 1 else ["row"]
    outputs = [layer.target_name] if not names else ["label", "probability"]
    outputs += [f"{name}_{k}" for k in range(2, top + 1) for name in ("label", "probability")]
    module.to(find_device(device)).eval()
    return [*head, *ids, *outputs, "error"], _predict(module, layer, sources, stack, ids, names, top)


@dataclass(frozen=True)
class _Source:
    """A file of rows and where in it the model's columns stand."""

    path: Path
    shown: str
    form: Form
    places: tuple[int, ...]


def _open(path: str | Path, layer: TableInput, stack: ExitStack) -> _Source:
    shown = str(path)
    if shown == STDIN:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fathom-"))
        path, shown = Path(folder, "rows.csv"), "standard input"
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    path = fetch_input(path)
    if path.is_dir():
        raise UsageError(f"{path}: the model predicts rows of a table; give a file of rows, not a folder")
    wanted = [column.name for column in layer.columns]
    forms = [find_form(path)]
    if _absent(forms[0], wanted):  # the first line may have been taken for what it is not
        forms.append(find_form(path, header=not forms[0].has_header))
    form = min(forms, key=lambda form: len(_absent(form, wanted)))
    absent = _absent(form, wanted)
    if absent:
        raise UsageError(f"{shown}: it lacks the columns that the model was trained on: {listed(absent)}")
    return _Source(path, shown, form, tuple(form.names.index(name) for name in wanted))


def _absent(form: Form, wanted: Sequence[str]) -> list[str]:
    return [name for name in wanted if name not in form.names]


def _predict(
    module: Module,
    layer: TableInput,
    sources: Sequence[_Source],
    stack: ExitStack,
    ids: Sequence[str],
    names: Sequence[str],
    top: int,
) -> Iterator[Row]:
    with stack:
        for source in sources:
            id_places = [source.form.names.index(name) for name in ids]
            for first, rows in _read_chunks(source):
                raw, errors = _measure(rows, source, layer.columns)
                good = [i for i, error in enumerate(errors) if not error]
                outputs = iter(_apply(module, layer, raw[good], names, top) if good else ())
                for i, (row, error) in enumerate(zip(rows, errors, strict=True)):
                    line: Row = {"file": source.shown} if len(sources) > 1 else {}
                    line["row"] = first + i
                    line |= {n: row[p] if p < len(row) else "" for n, p in zip(ids, id_places, strict=True)}
                    yield line | ({"error": error} if error else {**next(outputs), "error": ""})


def _read_chunks(source: _Source) -> Iterator[tuple[int, list[list[str]]]]:
    """Give the number of the first row of each chunk, and its rows."""
    first = 1
    try:
        with open_table(source.path, source.form.encoding) as file:
            rows = read_rows(file, source.form)
            while chunk := list(itertools.islice(rows, _CHUNK)):
                yield first, chunk
                first += len(chunk)
    except csv.Error as error:
        raise FathomError(f"{source.shown}: not a table from row {first:,} on ({error})") from error
    except (OSError, EOFError) as error:
        error = error if isinstance(error, OSError) else OSError(None, "the gzip stream breaks off")
        raise describe_failure("read", source.shown, error) from error


def _measure(rows: list[list[str]], source: _Source, columns: Sequence[Column]) -> tuple[np.ndarray, list[str]]:
    """Give the number that stands for each cell, and what is wrong with each row ("" for nothing).

    Shape:   raw float64 (N, columns)
    """
    import pandas as pd

    width = len(source.form.names)
    errors = ["" if _has_width(row, width) else f"{len(row)} cells instead of {width}" for row in rows]
    raw = np.full((len(rows), len(columns)), np.nan)
    for k, (column, place) in enumerate(zip(columns, source.places, strict=True)):
        texts = [row[place].strip() if place < len(row) else "" for row in rows]
        if column.kind == "category":
            known = set(column.values)
            texts = [text if text in known else _as_number(text, source.form.decimal) for text in texts]
        elif column.kind == "number" and source.form.decimal != ".":
            texts = [plain_number(text, source.form.decimal) for text in texts]
        cells = pd.Series([None if text in MISSING or text in column.marks else text for text in texts], dtype=object)
        raw[:, k] = measure(cells, column.kind, column.format, column.values)
        if column.kind != "category":
            for i in np.flatnonzero(np.isnan(raw[:, k]) & cells.notna().to_numpy()):
                errors[i] = errors[i] or f"{column.name}: {texts[i]!r} is no {column.kind}"
    return raw, errors


def _has_width(row: Sequence[str], width: int) -> bool:
    return len(row) == width or (len(row) == width + 1 and not row[-1])


def _as_number(text: str, decimal: str) -> str:
    """Write a number as ``canonical`` does, in case it names a category; leave other text alone."""
    try:
        return canonical(float(plain_number(text, decimal)))
    except (ValueError, OverflowError):
        return text


@torch.inference_mode()
def _apply(module: Module, layer: TableInput, raw: np.ndarray, names: Sequence[str], top: int) -> list[Row]:
    device = next(module.parameters()).device
    output = module.predict_step(layer.encode(raw).to(device)).cpu()
    if not names:
        return [{layer.target_name: value} for value in output[:, 0].tolist()]
    values, classes = output.topk(top, dim=1)
    suffixes = ["", *(f"_{k}" for k in range(2, top + 1))]
    return [
        {
            f"{key}{suffix}": cell
            for suffix, value, label in zip(suffixes, row, labels, strict=True)
            for key, cell in (("label", names[label]), ("probability", value))
        }
        for row, labels in zip(values.tolist(), classes.tolist(), strict=True)
    ]
