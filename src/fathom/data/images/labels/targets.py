"""What is learned from the label columns: one class a row, labels that each hold or do not, or a number. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fathom.choices import Task
from fathom.data.images.labels.columns import LABEL_NAMES, find_strange, holds, plain
from fathom.data.images.labels.options import MULTILABEL, LabelOptions
from fathom.data.label_spellings import one_spelling
from fathom.data.tables.target import choose_number_task
from fathom.data.tables.written_numbers import is_number, plain_number
from fathom.errors import FathomError, UsageError
from fathom.phrases import significant

_MOST_CLASSES_SHARE = 0.5  # of the rows: with more classes a column that nobody named is hardly a label
_FEW_CLASSES = 20  # they may be classes in however short a file
_SEPARATORS = ("|", ";", ",", " ")  # of labels in a cell; the first that occurs
_NO_LABEL = "none"  # alone in a cell
_SURE = "|;"  # that hardly occur in the name of a class
_NAMES_OF_SEVERAL = ("labels", "classes", "tags", "categories", "attributes", "attributeids", "findinglabels")


@dataclass(frozen=True)
class LabelColumns:
    """The label columns, as far as their cells are to be understood.

    Attributes:
        table: the file's name, for messages.
        names: of the columns.
        decimal: the decimal mark of their numbers.
        is_named: whether somebody named the column, or it has a usual name.
        has_header: without one the names say nothing.
    """

    table: str
    names: tuple[str, ...]
    decimal: str = "."
    is_named: bool = False
    has_header: bool = True

    @property
    def shown(self) -> str:
        """The columns in a line."""
        return ", ".join(self.names[:3]) + (f" … ({len(self.names)} columns)" if len(self.names) > 3 else "")


@dataclass(frozen=True)
class Targets:
    """What is learned, row by row.

    Shape:   values int64 (N,) of classes, int64 (N, L) of labels, float64 (N,) of numbers
    Attributes:
        name: the column of a number, "" of classes.
        notes: how it was found out, and what else there is to say.
    """

    task: Task
    values: np.ndarray
    class_names: tuple[str, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = ()

    @property
    def multilabel(self) -> bool:
        """Whether a row has a 0 or 1 for each of the names."""
        return self.values.ndim == 2


def find_targets(columns: LabelColumns, cells: Sequence[tuple[str, ...]], options: LabelOptions) -> Targets:
    """Understand the label columns of the rows that have labels.

    Several columns are a label each, of yes and no, or hold labels; where exactly one of the former holds in every row
    they are classes. One column holds classes, labels in each cell, or numbers.

    Raises:  UsageError for a task that does not fit the cells; FathomError if they are hardly labels
    """
    if len(columns.names) > 1:
        return _read_several(columns, cells, options)
    texts = [row[0] for row in cells]
    if options.task == "regression":
        return _read_numbers(columns, texts, "as asked")
    if options.task == "classification":
        return _read_classes(columns, texts, is_asked=True)
    if options.task == MULTILABEL:
        # asked for, but no mark occurs: one label in each cell
        mark = next((mark for mark in _SEPARATORS if any(mark in text for text in texts)), _SEPARATORS[0])
        return _read_labels(columns, [_split(text, mark) for text in texts], f"as asked, {_between(mark)}")
    if all(is_number(text, columns.decimal) for text in texts):
        task, reason = _choose_number_task(columns, texts)
        if task == "regression":
            return _read_numbers(columns, texts, f"{reason}; --task classification takes them as classes")
        return _read_classes(columns, texts, reason=reason)
    separator, doubt = _find_separator(columns, texts)  # texts: several labels may stand in a cell
    if separator is not None:
        return _read_labels(columns, [_split(text, separator) for text in texts], _between(separator))
    return _read_classes(columns, texts, doubt=doubt)


def _read_several(columns: LabelColumns, cells: Sequence[tuple[str, ...]], options: LabelOptions) -> Targets:
    if options.task == "regression":
        raise UsageError(
            f"{columns.table}: a regression learns one number, not {columns.shown}; name one --label-column"
        )
    # a cell of each column that is neither yes nor no
    strange = [(name, find_strange([row[k] for row in cells])) for k, name in enumerate(columns.names)]
    name, cell = next((found for found in strange if found[1] is not None), ("", None))
    if cell is None:
        values = np.array([[holds(cell) for cell in row] for row in cells], dtype=np.int64)  # (N, L)
        # exactly one holds in every row: classes, unless labels were asked for
        if options.task != MULTILABEL and (values.sum(1) == 1).all():
            return _read_one_hot(columns, values)
        if options.task == "classification":
            row = int((values.sum(1) != 1).argmax())
            raise UsageError(
                f"{columns.table}: --task classification needs one class in each row, and of {columns.shown} "
                f"{values[row].sum()} hold for some"
            )
        return _labelled(columns, columns.names, values, "a column of yes and no each")
    if any(is_number(cell, columns.decimal) for row in cells for cell in row if cell):
        what = repr(cell) if cell else "an empty cell"
        raise UsageError(
            f"{columns.table}: {name} holds {what}: of several label columns each must hold yes or no (0 and 1) in "
            "every row, or names of labels"
        )
    return _read_labels(columns, [[cell for cell in row if cell] for row in cells], "labels in several columns")


def _read_one_hot(columns: LabelColumns, values: np.ndarray) -> Targets:
    """Return the class of each row, where one column is for each class; those that hold for no row are none."""
    held = values.max(0) > 0  # columns of classes that no row has would be outputs without a sample
    names = tuple(name for name, is_held in zip(columns.names, held.tolist(), strict=True) if is_held)
    never = [name for name in columns.names if name not in names]
    reason = f"one of {len(columns.names)} columns holds in each row; --task {MULTILABEL} takes them as labels"
    notes = [f"task: classification ({columns.shown}: {reason})"]
    notes += [f"{columns.table}: no row is of the class {name}" for name in never]
    return Targets("classification", values[:, held].argmax(1), names, notes=tuple(notes))


def _choose_number_task(columns: LabelColumns, texts: Sequence[str]) -> tuple[Task, str]:
    """Find out whether numbers are classes or quantities, and why, if the column's name does not say it.

    Whole numbers under a name for classes, as GTSRB's ClassId, or in a list without names, as Caffe's, are classes.
    """
    different = list(dict.fromkeys(texts))  # in the order of the rows
    numbers = np.array([_number(text, columns.decimal) for text in different])
    known = np.unique(numbers)
    # the column's name says label, so whole numbers are classes
    is_class = not columns.has_header or plain(columns.names[0]) in LABEL_NAMES
    if is_class and (known == np.floor(known)).all() and len(known) <= max(_FEW_CLASSES, len(texts) / 2):
        return "classification", ""
    return choose_number_task(different, numbers, len(texts))


def _read_numbers(columns: LabelColumns, texts: Sequence[str], reason: str) -> Targets:
    values = np.array([_number(text, columns.decimal) for text in texts])
    if not np.isfinite(values).all():
        strange = texts[int((~np.isfinite(values)).argmax())]
        raise UsageError(f"{columns.table}: {columns.shown} holds {strange!r}; a regression needs numbers")
    if not np.ptp(values) > 0:
        raise FathomError(f"{columns.table}: {columns.shown} is {texts[0]} in every row; there is nothing to learn")
    low, high = significant(float(values.min())), significant(float(values.max()))
    note = f"task: regression ({columns.shown}: {reason}); from {low} to {high}"
    return Targets("regression", values, name=columns.names[0], notes=(note,))


def _number(text: str, decimal: str) -> float:
    try:
        return float(plain_number(text, decimal))
    except ValueError:
        return math.nan


def _find_separator(columns: LabelColumns, texts: Sequence[str]) -> tuple[str | None, str]:
    """Find out what stands between the labels of a cell; None where each cell is one class.

    A bar or a semicolon stands between labels. Commas and blanks stand in names of classes too: they divide labels
    where the column is named for several, or every label also stands alone in some cell.

    Returns: the separator, and what there is to say of cells that might have been divided
    """
    different = list(dict.fromkeys(texts))
    for separator in _SEPARATORS:
        parts = [_split(text, separator) for text in different]
        several = [cell for cell in parts if len(cell) > 1]
        if not several:
            continue
        alone = {cell[0] for cell in parts if len(cell) == 1}
        names = {name for cell in parts for name in cell}
        # ["a", "b"], as pandas writes lists
        is_list = all(text.startswith("[") and text.endswith("]") for text in texts)
        # bars hardly occur in names; parts that stand alone elsewhere are labels
        is_sure = separator in _SURE or names <= alone or all(name.isdigit() for name in names)
        is_named = plain(columns.names[0]) in _NAMES_OF_SEVERAL and columns.has_header
        recurs = len(names) < sum(map(len, parts))  # fewer labels than parts: some come again
        if is_sure or is_list or (is_named and recurs):
            return separator, ""
        if separator == " " and len(names) >= len(different):
            continue  # names of two words
        return None, (
            f"{columns.shown}: {_between(separator)} might divide labels ({several[0][0]}, {several[0][1]}); each cell "
            f"is one class, and --task {MULTILABEL} divides them"
        )
    return None, ""


def _between(separator: str) -> str:
    return {" ": "blanks", ",": "commas", ";": "semicolons", "|": "bars"}[separator] + " between them"


def _split(text: str, separator: str) -> list[str]:
    """Return the labels of a cell, also of a list as Python writes it."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    parts = text.split() if separator == " " else text.split(separator)
    names = (part.strip().strip("'\"").strip() for part in parts)
    return list(dict.fromkeys(name for name in names if name))  # each label once, in order


def _read_labels(columns: LabelColumns, labels: Sequence[Sequence[str]], reason: str) -> Targets:
    # "none" alone; beside others it is a label
    has_none = any(len(row) == 1 and row[0].lower() == _NO_LABEL for row in labels)
    labels = [[] if len(row) == 1 and row[0].lower() == _NO_LABEL else row for row in labels]
    reason += f", {_NO_LABEL} for no label" * has_none
    spelling, notes = one_spelling([name for row in labels for name in row])
    names = order_names(set(spelling.values()))
    if not names:
        raise FathomError(f"{columns.table}: {columns.shown} names no label")
    place = {name: i for i, name in enumerate(names)}
    values = np.zeros((len(labels), len(names)), dtype=np.int64)  # (N, L)
    for row, found in zip(values, labels, strict=True):
        row[[place[spelling[name]] for name in found]] = 1  # fancy index: all labels of a row at once
    return _labelled(columns, names, values, reason, [f"{columns.table}: {columns.shown}: {line}" for line in notes])


def _labelled(
    columns: LabelColumns, names: tuple[str, ...], values: np.ndarray, reason: str, notes: Sequence[str] = ()
) -> Targets:
    if len(names) < 2:
        raise FathomError(f"{columns.table}: {names[0]} is the only label; a classifier needs at least two")
    mean = significant(float(values.sum(1).mean()))
    what = f"{len(names)} labels, {reason}; {mean} for an image in the mean"
    note = f"task: multi-label classification ({columns.shown}: {what})"
    return Targets("classification", values, names, notes=(note, *notes))


def _read_classes(
    columns: LabelColumns, texts: Sequence[str], *, is_asked: bool = False, reason: str = "", doubt: str = ""
) -> Targets:
    spelling, merged = one_spelling(texts)
    names = order_names(set(spelling.values()))
    _check_classes(columns, len(names), len(texts), is_asked=is_asked)
    place = {name: i for i, name in enumerate(names)}
    values = np.array([place[spelling[text]] for text in texts], dtype=np.int64)  # (N,)
    notes = [f"task: classification ({columns.shown}: {reason})"] if reason else []
    notes += [f"{columns.table}: {columns.shown}: {line}" for line in merged]
    notes += [f"{columns.table}: {doubt}"] if doubt else []
    return Targets("classification", values, names, notes=tuple(notes))


def order_names(names: set[str]) -> tuple[str, ...]:
    """Return the names of classes in their order: numbers as numbers, all else as texts."""
    if all(name.isascii() and name.isdigit() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))  # by value; 01 and 1 by letters
    return tuple(sorted(names))


def _check_classes(columns: LabelColumns, classes: int, rows: int, *, is_asked: bool) -> None:
    """Refuse what is hardly a label: of few rows there may be many classes where somebody said that it is one."""
    if classes <= max(_FEW_CLASSES, _MOST_CLASSES_SHARE * rows) or (is_asked and classes < rows):
        return
    what = f"{columns.table}: {columns.shown} has {classes:,} different values in {rows:,} rows"
    if classes == rows:
        raise FathomError(
            f"{what}: there is nothing to tell a class by; is it the label? (--label-column names another)"
        )
    if not columns.is_named:
        raise FathomError(f"{what}; is it the label? (--label-column {columns.names[0]} says so)")
