"""What is learned of a table before the network learns: which columns count, and their statistics.

Kinds are told from the whole table; categories, means, standard deviations and what is left out from its training
split alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fathom.data.tables.cells import absent_numbers, are_codes, cells_of, distinct, read_cells, to_numbers
from fathom.data.tables.column import MISSING_CODE, OTHER_CODE, Column, Kind
from fathom.data.tables.kinds import find_kind, is_ambiguous, is_called_code
from fathom.data.tables.reading import NO_MARKS, Marks
from fathom.data.tables.written_numbers import Writing
from fathom.errors import FathomError, UsageError, unknown
from fathom.phrases import brief, counted

if TYPE_CHECKING:
    import pandas as pd

ONE_HOT_MAX = 20  # more values than that get an embedding
_LEAST_COUNT = 2  # a category that occurs less often in the training split is not learned
_MOST_CATEGORIES = 100_000  # rows of an embedding; beyond, categories are keys
_MOST_WIDTH = 50  # as fast.ai's rule is bounded at 600, here for smaller tables
_ID_ROWS = 20  # in a table shorter than this nothing looks like an identifier
_ID_SHARE = 0.95  # share of rows with a text of their own
_LARGEST = 1e38  # of float32, less a factor of three
_PANDAS_INDEX = re.compile(r"Unnamed: 0(\.\d+)?")  # to_csv writes its index without a name; read again it is called so
# customer_id, "User ID", userId; no words such as "paid"
_ID_NAME = re.compile(r"(?i:(^|[ _.-])(id|index|idx|uid))$|[a-z]I[dD]$")
FLOAT_DIGITS = 7  # significant ones that a float32 carries
_SUSPECT = (-9, -99, -999, -9999, -99999, 99, 999, 9999, 99999)  # numbers that often stand for missing cells
_FEWEST_SUSPECT, _SUSPECT_SHARE = 3, 0.01  # cells in all, and as a share of the known ones
_MOST_MARKS = 50  # different texts that a model knows to stand for missing cells; where there are more, any text does
_SENTENCES_SHARE, _WORDS, _SAMPLED = (
    0.5,
    4,
    1000,
)  # free text: different in most rows, more words a cell; texts looked at


class LeftOut(msgspec.Struct, frozen=True):
    """A column that the network does not see, and why; ``is_id`` if it seems to name the rows."""

    name: str
    reason: str
    is_id: bool = False  # then it can be copied beside the predictions


class TableDescription(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """What a model says of the table it was trained on: enough to read the rows of another one.

    Attributes:
        target: the column that is predicted.
        columns: those that are read, in the order of the numbers that stand for their cells.
        digits: significant digits of a predicted number.
        encoding: of the file, where it is not UTF-8.
        parts: into how many the training rows are dealt, each kept from one member of the network; 0: they are not.
    """

    target: str
    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...] = ()
    digits: int = FLOAT_DIGITS
    encoding: str = ""
    parts: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row, one number a cell."""
        return (len(self.columns),)  # numbers and codes alike, float64


@dataclass(frozen=True)
class TableOptions:
    """What a user may say of the columns.

    Attributes:
        task: "classification" or "regression"; None finds it out from the target.
        log_target: learn the logarithm of a number; predictions are numbers again.
        categories: columns of numbers that stand for categories.
        numbers: columns of numbers that are taken for categories or dates.
        drop: columns to leave out.
        keep: columns to use although they look like identifiers.
        one_hot_max: a category of more values gets an embedding.
        fill: "mean" or "median", what stands in for a missing number.
        day_first: whether 1/2/2020 is the first of February, where the column does not tell.
        group_column: rows with the same cell in it stay on one side of a cut; it is left out unless it is in ``keep``.
        time_column: dates or numbers, by which the newest rows are held out.
        split_column: says which split each row is in; "none" says that no column does. None finds one by its name.
    """

    task: str | None = None
    log_target: bool = False
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    one_hot_max: int = ONE_HOT_MAX
    fill: str = "mean"
    day_first: bool = False
    group_column: str | None = None
    time_column: str | None = None
    split_column: str | None = None

    def check(self, names: Sequence[str]) -> None:
        """Refuse columns that are not there and values that make no sense."""
        for option in ("categories", "numbers", "drop", "keep"):
            for name in getattr(self, option):
                if name not in names:  # a misspelled option would otherwise do nothing
                    raise unknown(f"column in data.options.{option}", name, names)
        for option, column in (("group", self.group_column), ("time", self.time_column)):
            if column is not None and column not in names:
                raise unknown(f"column (--{option}-column)", column, names)
        if self.fill not in ("mean", "median"):
            raise unknown("fill", self.fill, ("mean", "median"))
        # True is an int to Python
        if isinstance(self.one_hot_max, bool) or not isinstance(self.one_hot_max, int) or self.one_hot_max < 0:
            raise UsageError(f"data.options.one_hot_max must be a whole number, at least 0; got {self.one_hot_max!r}")


@dataclass
class Fitted:
    """The columns that count, those left out, a number for every cell, and lines that a user should read.

    Shape:   raw float64 (N, columns); fill (columns,), what stands in for a missing number
    """

    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...]
    raw: np.ndarray
    fill: np.ndarray
    notes: list[str]


def fit_columns(
    frame: pd.DataFrame,
    target: str,
    train: np.ndarray,
    options: TableOptions,
    rewritten: Mapping[str, Writing] | None = None,
    *,
    marks: Marks = NO_MARKS,
    own: int | None = None,
    is_indexed: bool = False,
) -> Fitted:
    """Find out what each column but the target holds, and read all cells.

    Args:
        train: rows of the training split.
        rewritten: how the numbers of columns were written that were rewritten when the file was read.
        marks: what the user said of missing cells.
        own: how many rows are the table's own; those of its test file follow, and number themselves anew.
        is_indexed: whether the first column has no name in the file.
    Raises:  UsageError for a column that is not there; FathomError if no column is left
    """
    options.check(list(frame.columns))
    columns: list[Column] = []
    left_out: list[LeftOut] = []
    numbers: list[np.ndarray] = []
    fill: list[float] = []  # in place of a missing cell, by column
    notes: list[str] = []
    for name in frame.columns:
        if name == target:
            continue
        cells = frame[name]  # of all splits: a kind is that of the whole column
        column, note = _look_at(cells, name, options, (rewritten or {}).get(name), marks)
        reason = _reason_to_leave_out(cells, column, train, options)
        # pandas' own index, by place or by name
        is_index = (is_indexed and name == frame.columns[0]) or _PANDAS_INDEX.fullmatch(name) is not None
        # the test file's rows number themselves anew
        reason = reason or _find_numbering(cells.iloc[:own], column, options, is_index=is_index)
        if reason is None:
            column, values, further = _fit_column(cells, column, train, options)
            known = values[train][~np.isnan(values[train])]
            # missing cells among equal ones are information: a flag
            if len(np.unique(known)) > 1 or 0 < len(known) < len(train):
                columns.append(column)
                numbers.append(values)
                fill.append(_fill_value(values[train], column.kind, options.fill))
                notes += [*note, *further]  # notes of columns that are used only
                continue
            same = "all its known values in the training split are the same"
            reason = LeftOut(name, same if len(known) else f"no cell in the training split is a {column.kind}")
        left_out.append(reason)
    if not columns:
        reasons = "; ".join(f"{c.name}: {c.reason}" for c in left_out) or f"{target} is the only one"
        raise FathomError(f"no column is left to learn from ({reasons})")
    # Column after column while they are read, so that each is written in one stretch.
    return Fitted(tuple(columns), tuple(left_out), np.stack(numbers).T, np.array(fill), notes)  # (N, columns)


def _look_at(
    cells: pd.Series, name: str, options: TableOptions, writing: Writing | None, marks: Marks
) -> tuple[Column, list[str]]:
    """Return what a column is before its cells are read, and what a user should know of that."""
    as_number = name in options.numbers
    as_category = name in options.categories
    overrule = f"data.options.numbers=[{name}] reads numbers"
    note = []
    if not as_number and not as_category:
        if is_called_code(cells, name):  # zip codes: neighbours in number are not alike
            as_category, note = (
                True,
                [f"{name}: whole numbers that are codes by the column's name: categories; {overrule}"],
            )
        elif cells_of(cells) == "text" and are_codes(distinct(cells)[0]):
            note = [f"{name}: codes with leading zeros are categories; {overrule}"]
    kind, format = find_kind(cells, as_category, as_number=as_number, day_first=options.day_first)
    unit, decimal = writing or Writing()  # of columns that were rewritten
    column = Column(name, kind, cells_of(cells), writing is not None, format=format, unit=unit, decimal=decimal)
    return msgspec.structs.replace(column, absent=marks.absent, present=marks.present), note


def _reason_to_leave_out(cells: pd.Series, column: Column, train: np.ndarray, options: TableOptions) -> LeftOut | None:
    name, kind = column.name, column.kind
    if name in options.drop:
        return LeftOut(name, "as asked")
    if name == options.group_column and name not in options.keep:
        return LeftOut(name, "it says which rows belong together", is_id=True)
    if name == options.split_column and name not in options.keep:
        return LeftOut(name, "it says which split a row is in")
    part = cells.iloc[train]  # of the training split alone: what the test split holds must not decide
    present = part.dropna()
    if not len(present):
        return LeftOut(name, "every cell is empty")
    if len(present) == len(part) and (part.iloc[0] == part).all():  # equal to the first, all of them
        return LeftOut(name, f"every cell is {brief(str(part.iloc[0]))}")
    # asked for, too short to tell, or never names of rows
    if name in options.keep or len(part) < _ID_ROWS or kind in ("date", "boolean"):
        return None
    if kind == "category" and _are_sentences(present):
        return LeftOut(name, f"free text; data.options.keep=[{name}] takes each text for a category")
    # 0.95: a few double entries do not make a category of it
    if kind == "category" and present.nunique() > _ID_SHARE * len(part):
        return LeftOut(name, "nearly every row has another text: it names the rows", is_id=True)
    return None


def _are_sentences(present: pd.Series) -> bool:
    """Return whether cells hold several words each, and are different in most rows."""
    texts = [str(text) for text in present.unique().tolist()]
    if len(texts) <= _SENTENCES_SHARE * len(present):  # the same sentences again and again are categories
        return False
    sample = texts[:_SAMPLED]
    return sum(len(text.split()) for text in sample) > _WORDS * len(sample)


def _find_numbering(cells: pd.Series, column: Column, options: TableOptions, *, is_index: bool) -> LeftOut | None:
    """Say if the cells of the table's own rows number them."""
    name = column.name
    # numbers that repeat name nothing
    if name in options.keep or cells.dtype.kind not in "iu" or column.kind != "number" or not cells.is_unique:
        return None
    if is_index:
        return LeftOut(name, "an index without a name, as pandas writes it", is_id=True)
    if len(cells) < _ID_ROWS:
        return None
    if int(cells.max()) - int(cells.min()) == len(cells) - 1:  # consecutive, whatever the first is
        return LeftOut(name, "it numbers the rows", is_id=True)
    if _ID_NAME.search(name):
        return LeftOut(name, "it is called an id, and every row has another", is_id=True)
    return None


def _fit_column(
    cells: pd.Series, column: Column, train: np.ndarray, options: TableOptions
) -> tuple[Column, np.ndarray, list[str]]:
    """Return the column as its training cells make it, all its numbers, and the notes that a user should read."""
    if column.kind == "category":
        return *_fit_category(cells, column, train, options), []  # the codes have no statistics but their counts
    values = read_cells(cells, column)
    known = values[train]
    known = known[~np.isnan(known)]
    facts: dict[str, Any] = {"missing": len(train) - len(known)}  # of the training split: they decide on a flag
    if len(known):
        facts |= {"low": float(known.min()), "mean": float(known.mean()), "high": float(known.max())}
    notes = _suspect_marks(known, column) if column.kind == "number" else []
    if column.cells == "text" and column.kind != "boolean":
        marks, times = _find_marks(cells, column)
        facts |= {"marks": marks[:_MOST_MARKS], "any_mark": len(marks) > _MOST_MARKS}
        if times:
            shown = ", ".join(repr(mark) for mark in marks[:3]) + (" …" if len(marks) > 3 else "")
            notes.append(f"{column.name}: {counted(times, 'cell')} not a {column.kind} ({shown}), counted as missing")
    if column.kind == "date":
        facts["has_time"] = bool((known % 1 != 0).any())  # whole days have no daily phase
        if column.format != "ISO8601":
            note = f"{column.name}: dates are read as {column.format}"
            if not options.day_first and is_ambiguous(cells, column.format):
                note += "; day and month could be exchanged: data.options.day_first=true reads the day first"
            notes.append(note)
    # of all rows, since the test split is encoded too
    if len(known) and np.abs(values[~np.isnan(values)]).max() > _LARGEST:
        far = float(values[np.nanargmax(np.abs(values))])
        raise FathomError(
            f"{column.name}: {far:g} is too large to be learned from (beyond {_LARGEST:g}); correct it, or leave the "
            f"column out with data.options.drop=[{column.name}]"
        )
    return msgspec.structs.replace(column, **facts), values, notes


def _suspect_marks(known: np.ndarray, column: Column) -> list[str]:
    """Return a line if a number such as −999 comes again and again, far from all others: it may stand for missing."""
    for mark in _SUSPECT:
        is_mark = known == mark
        others = known[~is_mark]
        # three cells at least: a single 999 may be a value
        if is_mark.sum() < max(_FEWEST_SUSPECT, _SUSPECT_SHARE * len(known)) or not len(others):
            continue
        low, high = float(others.min()), float(others.max())
        # further out than the whole range of the others, on either side
        if not low - (high - low) <= mark <= high + (high - low):
            cells = counted(int(is_mark.sum()), "training cell")
            return [
                f"{column.name}: {mark} stands in {cells}, far from all others; if it means missing, --missing={mark}"
            ]
    return []


def _find_marks(cells: pd.Series, column: Column) -> tuple[tuple[str, ...], int]:
    """Return the texts that are not what the column holds, and how many cells they stand in."""
    import pandas as pd

    texts, counts = distinct(cells)  # each different text once
    wrong = np.flatnonzero(np.isnan(read_cells(pd.Series(texts, dtype=object), column)))
    # numbers that stand for missing cells are no marks, however they are written
    wrong = (  # which are known as missing already
        wrong[~np.isin(to_numbers([texts[i] for i in wrong]), absent_numbers(column.absent))] if len(wrong) else wrong
    )
    return tuple(texts[i] for i in wrong), int(counts[wrong].sum())


def _fit_category(
    cells: pd.Series, column: Column, train: np.ndarray, options: TableOptions
) -> tuple[Column, np.ndarray]:
    texts, counts = distinct(cells.iloc[train])
    # the commonest first; equal ones by letters, so that it is the same on every machine
    order = sorted(range(len(texts)), key=lambda i: (-counts[i], texts[i]))
    # the rest share the code of unknown values
    known = tuple(texts[i] for i in order if counts[i] >= _LEAST_COUNT)[:_MOST_CATEGORIES]
    column = msgspec.structs.replace(column, values=known)
    values = read_cells(cells, column)
    part = values[train]
    width = 0
    if len(known) > options.one_hot_max:  # wide categories get an embedding, others one-hot columns
        width = min(_MOST_WIDTH, round(1.6 * len(known) ** 0.56))  # Howard's rule in fastai, emb_sz_rule
    missing, rare = int((part == MISSING_CODE).sum()), int((part == OTHER_CODE).sum())
    return msgspec.structs.replace(column, missing=missing, rare=rare, width=width), values


def _fill_value(values: np.ndarray, kind: Kind, fill: str) -> float:
    if kind == "category":
        return float(MISSING_CODE)  # a missing category is a value of its own, with a weight of its own
    known = values[~np.isnan(values)]
    return float(np.median(known) if fill == "median" else known.mean())
