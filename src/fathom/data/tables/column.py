"""A column of a table that a network sees, as a model keeps it. Loads without pandas."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["number", "boolean", "date", "category"]
Cells = Literal["text", "integer", "number", "boolean"]

MISSING_CODE, OTHER_CODE, FIRST_CODE = 0, 1, 2  # of a category: no cell, a value not known, the first known one


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column that the network sees.

    Attributes:
        cells: what its cells were when the file was read. Of integers or numbers 20, 20.0 and 2e1 are one category, of
            booleans true and TRUE; text counts letter by letter.
        is_rewritten: whether numbers in its text were rewritten: "1,234" as 1234.
        missing: empty cells in the training split; with any, "is missing" is an input of its own.
        values: of a category, what is known from the training split, the commonest first.
        rare: rows of the training split whose category is too rare to be known; they stand for all unknown ones.
        width: numbers in the embedding of a category; 0 is one-hot.
        marks: texts that stand for missing cells among numbers or dates.
        any_mark: whether every text does, since so many different ones stood there.
        unit, decimal: of rewritten numbers: 5 kg; the decimal mark where it is not the file's.
        absent: further texts that stand for missing cells, as the user said.
        present: usual marks for missing cells that are values here, as the user said.
        format: of a date.
        has_time: whether a date has a time of day.
        low, mean, high: over the training split.
    """

    name: str
    kind: Kind
    cells: Cells = "text"
    is_rewritten: bool = False
    missing: int = 0
    values: tuple[str, ...] = ()
    rare: int = 0
    width: int = 0
    marks: tuple[str, ...] = ()
    any_mark: bool = False
    unit: str = ""
    decimal: str = ""
    absent: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    format: str = ""
    has_time: bool = False
    low: float | None = None
    mean: float | None = None
    high: float | None = None


def count_codes(column: Column) -> int:
    """Count the codes of a category: missing, unknown, and one for each value."""
    return FIRST_CODE + len(column.values)
