"""The column to be predicted: classes or numbers, by its cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fathom.data.label_spellings import one_spelling, spelling_among
from fathom.data.tables.cells import MISSING, are_codes, canonical, cells_of, distinct, is_whole, read_cells, to_numbers
from fathom.data.tables.column import Column
from fathom.data.tables.kinds import find_kind
from fathom.data.tables.reading import Table
from fathom.data.tables.written_numbers import (
    Writing,
    find_writing,
    is_known_unit,
    is_number,
    plain_number,
    written_number,
)
from fathom.errors import FathomError, UsageError, unknown

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["classification", "regression"]
TASKS = ("classification", "regression")
_MOST_INTEGER_CLASSES = 20  # digits, stars and grades lie below
_FEW = 4  # different numbers may be classes in however short a table
_MOST_CLASSES = 1000  # more are keys, most often


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        reason: how the task was found out.
        class_names: as they stand in the file.
        spellings: a line for every class that has several spellings in the file.
        writing: how numbers are written that have a unit or a scale.
    """

    name: str
    task: Task
    reason: str
    class_names: tuple[str, ...] = ()
    log: bool = False
    spellings: tuple[str, ...] = ()
    writing: Writing | None = None


def find_target(table: Table, name: str | None, task: str | None = None, log: bool = False) -> Target:
    """Find out the task from the target column.

    Text, booleans, codes such as 007 and at most twenty different whole numbers are classes; other numbers are a
    regression.

    Raises:  UsageError if the column is not there or does not fit the task; FathomError if it cannot be learned
    """
    names = list(table.frame.columns)
    if name is None:
        raise UsageError(
            f"say which column of {table.path.name} to predict: --target NAME; there are {join_names(names)}. "
            f"If it lists images, say where they lie: --images DIR"
        )
    if name not in names:
        raise unknown(f"column in --target: {table.path.name} has no", name, names)
    if task not in (None, *TASKS):
        raise unknown("task", task, TASKS)
    cells = table.frame[name]
    texts, counts = distinct(cells)
    if not len(texts):
        raise FathomError(f"{table.path}: the target {name} is empty in every row")
    decimal = table.form.decimal
    writing = _find_writing(dict(zip(texts, counts.tolist(), strict=True)), decimal)
    # --task regression reads codes as the numbers that they may be
    as_number = task == "regression" and are_codes(texts)  # find_kind would call them categories
    kind, _ = find_kind(_plain(cells, decimal, writing), as_number=as_number)
    numbers = to_numbers([_write(text, decimal, writing) for text in texts])
    chosen, reason = _find_task(kind, numbers, texts, int(cells.notna().sum()))
    if writing is not None and writing.unit:
        reason += f", in {writing.unit}"
    if task is not None:  # the task that is asked for counts, whatever was found
        chosen, reason = ("classification" if task == "classification" else "regression"), "as asked"
    if chosen == "regression":
        if kind not in ("number", "boolean"):
            # the first cell that is no number, to find it by
            example = next(text for text, number in zip(texts, numbers, strict=True) if np.isnan(number))
            raise UsageError(
                f"{name} holds {'dates' if kind == 'date' else 'text'} such as {example!r}; a regression needs numbers"
            )
        if len(np.unique(numbers[np.isfinite(numbers)])) < 2:  # equal numbers, however they are spelled
            raise FathomError(f"{table.path}: the target {name} is {texts[0]} in every row; there is nothing to learn")
        if log and not np.nanmin(numbers) > 0:
            raise UsageError(f"--log-target needs values above 0; the smallest {name} is {np.nanmin(numbers):g}")
        return Target(name, "regression", reason, log=log, writing=writing)
    if log:
        raise UsageError(f"--log-target is for a regression; {name} is a classification ({reason})")
    named, spellings = one_spelling(dict(zip(texts, counts.tolist(), strict=True)))  # 1 and 1.0 are one class
    places = [i for i, text in enumerate(texts) if named[text] == text]
    texts, numbers = [texts[i] for i in places], numbers[places]
    if len(texts) < 2:
        raise FathomError(f"{table.path}: the target {name} is {texts[0]!r} in every row; there is nothing to learn")
    # classes that rarely repeat cannot be learned
    if len(texts) > _MOST_CLASSES or (len(texts) > 20 and len(texts) > len(cells) / 2):
        raise FathomError(
            f"{table.path}: the target {name} has {len(texts):,} different values in {len(cells):,} rows, "
            "too many for classes"
        )
    by_number = np.isfinite(numbers).all()
    # by value: "10" after "9"
    order = sorted(range(len(texts)), key=lambda i: (numbers[i], texts[i]) if by_number else (0.0, texts[i]))
    return Target(name, "classification", reason, tuple(texts[i] for i in order), spellings=tuple(spellings))


def _find_writing(texts: Mapping[str, int], decimal: str) -> Writing | None:
    """Return how numbers are written that a plain reader would not read; None of other text, such as 12A and 14A."""
    # nothing to rewrite
    if are_codes(list(texts)) or all(plain_number(text) == text and is_number(text) for text in texts):
        return None
    writing, _ = find_writing(texts, decimal)
    # an unknown unit may be part of a name: class 12A
    return writing if writing is not None and (not writing.unit or is_known_unit(writing.unit)) else None


def _write(text: str, decimal: str, writing: Writing | None) -> str:
    return plain_number(text, decimal) if writing is None else written_number(text, writing, decimal)


def _plain(cells: pd.Series, decimal: str, writing: Writing | None) -> pd.Series:
    """Return a column of text with its numbers written plainly; of another type it is returned as it is."""
    if cells.dtype.kind in "biufM":  # booleans, numbers and dates of pandas
        return cells
    plain = {text: _write(text.strip(), decimal, writing) for text in cells.dropna().unique().tolist()}
    return cells.astype(object).map(plain, na_action="ignore")


def _find_task(kind: str, numbers: np.ndarray, texts: list[str], rows: int) -> tuple[Task, str]:
    if kind != "number" and not are_codes(texts):
        return "classification", f"{len(texts)} different texts"
    return choose_number_task(texts, numbers, rows)


def choose_number_task(texts: Sequence[str], numbers: np.ndarray, rows: int) -> tuple[Task, str]:
    """Choose between classes and quantities for cells that may be either, and say why.

    Args:
        texts: the different cells.
        numbers: what they are.
        rows: in how many rows they stand.
    """
    if are_codes(texts):
        return "classification", f"{len(texts)} different codes with leading zeros; --task regression reads numbers"
    known = np.unique(numbers[np.isfinite(numbers)])
    # few rows, and nearly all different: quantities
    if _MOST_INTEGER_CLASSES >= len(known) > max(_FEW, rows / 2):  # nearly every row has its own
        return "regression", f"{len(known):,} different numbers in {rows:,} rows"
    if len(known) <= _MOST_INTEGER_CLASSES and (known == np.floor(known)).all():  # whole: fractions are measured
        return "classification", f"{len(known)} different whole numbers; --task regression takes them as quantities"
    return "regression", f"{len(known):,} different numbers"


def read_target(cells: pd.Series, target: Target, decimal: str = ".") -> np.ndarray:
    """Return the class of each row, or its number; −1 or NaN where it is missing.

    Shape:   (N,) -> int64 (N,) or float64 (N,)
    Args:
        decimal: the decimal mark in the file, where the cells are as they stand there.
    Raises:  FathomError for a class that is not among the target's
    """
    import pandas as pd

    if target.task == "regression":
        plain = _plain(cells, decimal, target.writing)
        # whole numbers beyond 2^53 are read exactly as text
        kind = "integer" if cells_of(plain) == "text" and all(map(is_whole, distinct(plain)[0])) else cells_of(plain)
        # a copy: pandas lends its own array, which may not be written to
        return read_cells(plain, Column(target.name, "number", kind)).copy()
    codes, uniques = pd.factorize(cells)
    place = {name: i for i, name in enumerate(target.class_names)}
    texts = [spelling_among(target.class_names, canonical(value)) for value in uniques.tolist()]
    for text in texts:
        if text not in place:
            raise FathomError(f"{target.name}: the class {text!r} is not among those learned: {join_names(place)}")
    # −1 last: the code −1 of a missing cell reads it
    return np.array([*(place[text] for text in texts), -1], np.int64)[codes]


def read_numbers(texts: Sequence[str], decimal: str = ".", missing: Collection[str] = MISSING) -> np.ndarray:
    """Return the numbers of a target's cells as they stand in a file, read as those of training; NaN for none.

    Shape:   -> float64 (N,)
    Args:
        missing: what stands for a cell that is not there.
    """
    import pandas as pd

    cells = pd.Series([None if text.strip() in missing else text.strip() for text in texts], dtype=object)
    different, counts = distinct(cells)
    writing = _find_writing(dict(zip(different, counts.tolist(), strict=True)), decimal)
    return read_target(cells, Target("", "regression", "", writing=writing), decimal)


def join_names(names: object, most: int = 12) -> str:
    """Write names in a line, not too many of them."""
    items = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(items[:most]) + (f" and {len(items) - most:,} more" if len(items) > most else "")
