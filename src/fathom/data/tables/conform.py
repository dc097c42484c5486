"""Columns of a second file, read and written as those of the first one are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fathom.data.tables.cells import cells_of
from fathom.data.tables.reading import Table, rewrite
from fathom.data.tables.target import join_names
from fathom.data.tables.written_numbers import Writing
from fathom.errors import FathomError, UsageError

if TYPE_CHECKING:
    import pandas as pd


def conform(table: Table, other: Table, names: Sequence[str]) -> pd.DataFrame:
    """Return columns of another file, written as they are in the table.

    Raises:  UsageError for missing columns; FathomError for numbers in another unit
    """
    # before anything is read: all that is missing in one line
    absent = [name for name in names if name not in other.frame.columns]
    if absent:
        raise UsageError(f"{other.path}: missing columns of {table.path.name}: {join_names(absent)}")
    frame = other.frame[list(names)].copy()
    # of either: a unit in one file alone is a difference
    for name in {*table.rewritten, *other.rewritten} & set(names):
        ours, theirs = table.rewritten.get(name, Writing()), other.rewritten.get(name, Writing())
        # a file without a unit may be in ours; another one would be read wrongly
        if theirs.unit and theirs.unit != ours.unit:
            known = ours.unit or "no unit"
            raise FathomError(f"{other.path}: {name} is written in {theirs.unit}, in {table.path.name} in {known}")
        # numbers of the other file that pandas read need no rewriting
        if name in table.rewritten and cells_of(frame[name]) == "text":
            frame[name] = rewrite(frame[name], ours, other.form.decimal)
    return frame
