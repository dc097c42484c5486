"""Predictions in the form of a competition's sample file, as Kaggle's: its columns, order and ids. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fathom.data.label_spellings import spelling_among
from fathom.data.tables.form import find_form, read_rows
from fathom.data.tables.lines import open_text
from fathom.data.tables.packed import readable
from fathom.data.tables.written_numbers import is_number
from fathom.errors import FathomError, UsageError
from fathom.inference.ranking import Labeller, Row
from fathom.phrases import counted

SAMPLE_ID = "id of the sample"  # in rows: what the id column of the sample holds in a row of the test file
_MOST_SHOWN = 3  # ids or columns that a message names
_WHOLE = re.compile(r"(\d+)\.0+")
_SECOND = ("1", "1.0", "true", "yes", "t", "y")  # what the positive of two classes may be called


@dataclass(frozen=True)
class Sample:
    """A sample submission: its columns, the first of which holds ids, and its rows."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns to fill."""
        return self.columns[1:]


def read_sample(path: str | Path) -> Sample:
    """Read a sample submission.

    Raises:  FathomError if it cannot be read; UsageError if it has no column to fill, or an id twice
    """
    path = Path(path)
    form = find_form(path, header=True)
    with readable(path), open_text(path, form.encoding) as file:
        rows = list(read_rows(file, form))  # all at once: a sample has as many rows as the test file
    problem = next((row.problem for row in rows if row.problem), None)
    if problem:  # a sample must be whole; a row that cannot be read would lose its id
        raise FathomError(f"{path}: {problem}")
    if len(form.names) < 2 or not rows:
        raise UsageError(f"--submission {path}: a sample has a column of ids, others to fill, and rows")
    sample = Sample(path, form.names, tuple(tuple(cell.strip() for cell in row.cells) for row in rows))
    _index((row[0] for row in sample.rows), str(path))  # refuses ids that stand twice
    return sample


def fill_sample(sample: Sample, rows: Iterable[Row], model: Labeller, answer: str) -> tuple[list[Row], str]:
    """Return the rows of the submission, in the order of the sample, and a line on what stands in them.

    Args:
        rows: predictions for all samples of the test set, with the probability of every class.
        answer: the column of a predicted number, where there are no classes.
    Raises:  FathomError naming the ids that do not match, or a sample that could not be predicted
    """
    found = list(rows)
    keys = _find_keys(sample, found)
    places = _index(keys, "the samples to be predicted")
    wanted = [_key(row[0]) for row in sample.rows]  # as the model's rows are keyed: 17.0 and 17 are one id
    # the sample's own spelling, for the message
    missing = [row[0] for row, key in zip(sample.rows, wanted, strict=True) if key not in places]
    if missing:
        raise FathomError(f"{sample.path}: {_listed(missing, 'id')} without a sample to be predicted")
    further = sorted(set(keys) - set(wanted))
    # the first failure is told; a competition takes no gaps
    failed = [(row[0], found[places[key]]) for row, key in zip(sample.rows, wanted, strict=True)]
    failed = [(name, row) for name, row in failed if row["error"]]
    if failed:
        raise FathomError(f"{sample.path}: no prediction for {failed[0][0]}: {failed[0][1]['error']}")
    write, note = _find_form(sample, model, answer)
    filled = [
        {sample.columns[0]: row[0], **write(found[places[key]]), "error": ""}
        for row, key in zip(sample.rows, wanted, strict=True)
    ]
    if further:
        note += f"; {_listed(further, 'further sample')} not in {sample.path.name}"
    return filled, note


def _find_form(sample: Sample, model: Labeller, answer: str) -> tuple[Any, str]:
    """Return what makes the answers of a row, and a line on it."""
    names = list(model.class_names)
    if not names:
        if len(sample.answers) > 1:
            raise UsageError(
                f"{sample.path}: the model predicts one number; there are columns {', '.join(sample.answers)}"
            )
        return lambda row: {sample.answers[0]: row[answer]}, f"{sample.answers[0]}: numbers"
    if model.multilabel or len(sample.answers) > 1:  # several columns: one for each class
        classes = _match_classes(sample, names)
        return lambda row: {
            c: _probabilities(row, model)[name] for c, name in classes.items()
        }, "probabilities of classes"
    column, values = sample.answers[0], [row[1] for row in sample.rows]
    spelled = [spelling_among(names, value) for value in values]  # 1.0 of the sample is the class 1 of the model
    # labels, unless there are numbers that are no class: then probabilities of one class
    if all(value in names for value in spelled if value) or not all(map(is_number, filter(None, values))):
        # as the sample spells its labels: 0 and 1 of a model that learned 0.0 and 1.0
        spelling = {name: value for name, value in zip(spelled, values, strict=True) if value}
        return lambda row: {column: spelling.get(row["label"], row["label"])}, f"{column}: labels, as in the sample"
    if len(names) != 2:
        raise UsageError(f"{sample.path}: {len(names)} classes need a column of probabilities each, not {column} alone")
    # the column's own name, else what sounds positive, else the second by order
    positive = column if column in names else next((name for name in names if name.lower() in _SECOND), names[1])
    note = f"{column}: probabilities of {positive}, as the sample has numbers between the classes"
    return lambda row: {column: _probabilities(row, model)[positive]}, note


def _match_classes(sample: Sample, names: Sequence[str]) -> dict[str, str]:
    """Return the class of each column: of the same name, or behind a prefix that all columns share."""
    prefix = _common_prefix(sample.answers)
    for cut in ("", prefix):  # as they stand first: a prefix may belong to the names
        classes = {column: spelling_among(names, column.removeprefix(cut)) for column in sample.answers}
        if set(classes.values()) <= set(names):
            return classes
    absent = [column for column in sample.answers if column not in names]
    raise UsageError(f"{sample.path}: {_listed(absent, 'column')} that no class of the model is called")


def _common_prefix(names: Sequence[str]) -> str:
    first, last = min(names), max(names)  # what first and last by order share, all between share
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return re.sub(r"[^_ .-]*$", "", first[:length])  # up to the last separator: Class_ of Class_10 and Class_11


# by the name of the class, whatever the rank in the row
def _probabilities(row: Row, model: Labeller) -> Mapping[str, float]:
    if model.multilabel:
        return {name: row[f"probability_{name}"] for name in model.class_names}
    labels = [key for key in row if key == "label" or key.startswith("label_")]
    return {row[label]: row[f"probability{label.removeprefix('label')}"] for label in labels}


def _find_keys(sample: Sample, rows: Sequence[Row]) -> list[str]:
    """Return the id of each row: the cell of the id column, a file's name with or without ending, or a number."""
    if rows and SAMPLE_ID in rows[0]:
        return [_key(row[SAMPLE_ID]) for row in rows]
    wanted = {_key(row[0]) for row in sample.rows}
    if rows and "row" not in rows[0]:
        paths = [Path(str(row["file"])) for row in rows]
        # which of the three it is only the sample tells
        forms = ([path.name for path in paths], [path.stem for path in paths], [path.as_posix() for path in paths])
        return max(forms, key=lambda keys: len(wanted & set(keys)))  # of equal ones the name
    for first in (0, 1):  # numbers of rows count from 0 or from 1
        keys = [str(first + i) for i in range(len(rows))]
        if set(keys) == wanted:
            return keys
    raise UsageError(
        f"{sample.path}: its first column, {sample.columns[0]}, is none of the test file, and does not count its rows"
    )


def _index(keys: Iterable[str], where: str) -> dict[str, int]:
    """Return the place of each id.

    Raises:  UsageError for one that comes twice
    """
    places: dict[str, int] = {}
    for place, key in enumerate(map(_key, keys)):
        if key in places:
            raise UsageError(f"the id {key!r} stands twice in {where}")
        places[key] = place
    return places


def _key(text: str) -> str:
    text = text.strip()
    found = _WHOLE.fullmatch(text)  # 17.0, as pandas writes 17 where a cell of the column was empty
    return found[1] if found else text


def _listed(names: Sequence[str], what: str) -> str:
    shown = ", ".join(names[:_MOST_SHOWN]) + (" …" if len(names) > _MOST_SHOWN else "")
    return f"{counted(len(names), what)} ({shown})"
