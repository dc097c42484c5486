"""Files of rows: how one is written is found out from its beginning, then pandas reads it. pandas is imported late."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fathom.data.tables.cells import are_codes, distinct, missing_texts
from fathom.data.tables.converted import write_frame
from fathom.data.tables.form import TableForm, find_form
from fathom.data.tables.lines import BLANKS, Survey, survey, without_lines
from fathom.data.tables.packed import open_rows, readable
from fathom.data.tables.written_numbers import Writing, find_writing, read_number, written_number
from fathom.data.unicode_form import composed
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted

if TYPE_CHECKING:
    import pandas as pd

_MOST_SHOWN = 3  # rows with a problem that an error names
# of them must be numbers for a column of numbers written as text
_NUMBERS = 0.75  # share of a column's different texts
_SAMPLED = 1000  # different texts looked into first
# booleans, integers, floats, dates
_NO_TEXT = "biufM"  # NumPy's kinds of types


class Marks(NamedTuple):
    """What the user said of missing cells: further texts that stand for them, and usual ones that are values."""

    absent: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


NO_MARKS = Marks()


@dataclass(frozen=True)
class Table:
    """A file that was read: its rows as they stand, each column with the type that pandas saw.

    Attributes:
        rewritten: how the numbers were written in columns that were rewritten: "5 kg" as 5.
        marks: what the user said of missing cells.
        test: the rows of the test split, where they have a file of their own.
    """

    path: Path
    form: TableForm
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    test: Table | None = None
    rewritten: Mapping[str, Writing] = field(default_factory=dict)
    marks: Marks = NO_MARKS


def read_table(
    path: str | Path,
    *,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    target: str | None = None,
    marks: Marks = NO_MARKS,
    skip: int | None = None,
) -> Table:
    """Read a whole file.

    Args:
        header: whether the first line names the columns; None finds out.
        separator: what stands between cells; None finds out.
        encoding: such as "gb18030"; None finds out.
        target: a column's name: a first line with it in names the columns, and its cells stay as they stand.
        marks: what the user said of missing cells.
        skip: lines above the header; None finds out.
    Raises:  FathomError if it is empty, no table, or broken, naming the line
    """
    import pandas as pd

    path, target = Path(path), None if target is None else composed(target)
    form = find_form(path, header=header, separator=separator, encoding=encoding, target=target, skip=skip)
    missing = missing_texts(marks.absent, marks.present)
    # a class is called as it is written: 001, 1.0, TRUE
    types = {target: str} if target is not None and target in form.names else {}  # str: 001 stays 001
    try:
        with readable(path):
            found = _survey(path, form)  # one pass over all lines, before pandas reads them
            source = _Source([*range(1, form.skip + 1), *found.comments, *found.notes], missing)
            frame = _read(path, form, source, types)
            if found.has_zeros:  # read a second time, only where a number begins with a zero
                _read_codes(path, form, source, frame)
    except UnicodeError as error:
        raise UsageError(f"{path}: not written in {form.encoding} ({getattr(error, 'reason', error)})") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError, OverflowError) as error:
        raise FathomError(f"{path}: {_explain(str(error))}") from error
    notes = list(form.notes)
    if found.comments:
        shown = ", ".join(f"{line:,}" for line in found.comments[:_MOST_SHOWN])
        shown += " …" if len(found.comments) > _MOST_SHOWN else ""
        notes.append(f"{path.name}: {counted(len(found.comments), 'comment line')} passed over (line {shown})")
    if found.notes:
        last = f"line {found.notes[0]:,}" + " …" * (len(found.notes) > 1)
        notes.append(f"{path.name}: {counted(len(found.notes), 'line')} of text below the rows passed over ({last})")
    if not len(frame):
        raise FathomError(f"{path}: has a header but no rows")
    # in this order: what is missing must be empty before numbers are looked for
    notes += _drop_infinities(frame)
    _drop_marks(frame, missing)
    rewritten, further = _rewrite_numbers(frame, form.decimal, target)
    return Table(path, form, frame, (*notes, *further), rewritten=rewritten, marks=marks)


def read_frame(frame: pd.DataFrame, name: str, *, target: str | None = None, marks: Marks = NO_MARKS) -> Table:
    """Read a DataFrame as the file that it would be.

    Args:
        name: what messages call it.
    Raises:  FathomError as ``read_table``
    """
    with tempfile.TemporaryDirectory(prefix="fathom-") as folder:
        path = Path(folder, "rows.csv")
        path.write_bytes(write_frame(frame))
        table = read_table(path, header=True, separator=",", target=target, marks=marks)
    # the name of the temporary file means nothing to a user
    notes = tuple(note.replace(path.name, name) for note in table.notes)
    return replace(table, path=Path(name), notes=notes)


class _Source(NamedTuple):
    """What reading needs to know besides the form: lines to pass over, and the texts that stand for missing cells."""

    comments: list[int]
    missing: frozenset[str]


def _survey(path: Path, form: TableForm) -> Survey:
    """Look at all lines.

    Raises:  FathomError that names the first rows with too many or too few cells, or with a quote that is not closed
    """
    found = survey(path, form.encoding, form.separator, len(form.names), has_header=form.has_header, skip=form.skip)
    if found.problems:
        more = len(found.problems) - _MOST_SHOWN
        shown = "; ".join(found.problems[:_MOST_SHOWN]) + (f"; and {counted(more, 'row')} more" if more > 0 else "")
        # more wrong than a slip: the header may stand further down
        hint = "; if titles stand above the header, data.options.skip_lines=N passes over N lines" if more > 0 else ""
        raise FathomError(f"{path}: {shown}{hint}")
    return found


def _read(path: Path, form: TableForm, source: _Source, types: dict[str, Any]) -> pd.DataFrame:
    if source.comments:  # comments are cut out first: pandas would take their separators for cells
        return _parse(without_lines(path, form.encoding, source.comments), form, source, types)
    with open_rows(path) as file:
        return _parse(file, form, source, types)


def _parse(file: IO[Any], form: TableForm, source: _Source, types: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(
        file,
        sep=r"\s+" if form.separator == BLANKS else form.separator,  # runs of blanks
        header=0 if form.has_header else None,
        names=list(form.names),
        index_col=False,  # else a row with one more cell makes the first an index
        usecols=range(len(form.names)),  # rows may end with one more separator
        encoding=form.encoding,
        decimal=form.decimal,
        dtype=types,
        na_values=sorted(source.missing),
        keep_default_na=False,  # the default list holds "None", which is a value in many tables
        skipinitialspace=True,
        low_memory=False,  # else a column gets another type in each part of the file
    )


def _drop_infinities(frame: pd.DataFrame) -> list[str]:
    """Leave cells empty, in place, whose number is not finite, and say how many."""
    notes = []
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if cells.dtype.kind == "f" and (count := int(np.isinf(cells.to_numpy()).sum())):
            frame.isetitem(place, cells.where(~np.isinf(cells)))  # isetitem: by place, since names may repeat
            notes.append(f"{name}: {counted(count, 'number')} not finite, counted as missing")
    return notes


def _drop_marks(frame: pd.DataFrame, missing: frozenset[str]) -> None:
    """Leave cells empty, in place, that say so with blanks around: pandas takes "NA " for text."""
    for place in range(frame.shape[1]):
        cells = frame.iloc[:, place]
        if cells.dtype.kind not in _NO_TEXT:
            texts = (text for text in cells.dropna().unique().tolist() if isinstance(text, str))
            # those without blanks pandas has found
            marks = [text for text in texts if text != text.strip() and text.strip() in missing]
            if marks:
                frame.isetitem(place, cells.where(~cells.isin(marks)))


def _rewrite_numbers(frame: pd.DataFrame, decimal: str, target: str | None) -> tuple[dict[str, Writing], list[str]]:
    """Rewrite, in place, the columns but the target whose numbers pandas took for text; return how they are written.

    They are recognised by three cells in four, so that a column of names with a number in it stays one of names.
    """
    found: dict[str, Writing] = {}
    examples, notes = [], []
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if cells.dtype.kind in _NO_TEXT or name == target:
            continue
        texts, counts = distinct(cells)
        sample = texts[:_SAMPLED]  # a million names need not all be looked into
        # half of the share is enough to look closer
        if sum(any(read_number(text, mark) for mark in ".,") for text in sample) < _NUMBERS / 2 * len(sample):
            continue
        writing, note = find_writing(dict(zip(texts, counts.tolist(), strict=True)), decimal)
        if writing is None:  # told why, where there is a reason
            notes += [f"{name}: {note}"] if note else []
            continue
        # None: a column that is written plainly throughout
        changed = next((text for text in texts if written_number(text, writing, decimal) != text), None)
        if changed is not None:
            frame.isetitem(place, rewrite(cells, writing, decimal))
            found[str(name)] = writing
            examples.append(f"{name} ({changed!r} as {written_number(changed, writing, decimal)}{note})")
    if examples:
        notes.insert(0, f"numbers that are written as text are read as numbers: {', '.join(examples)}")
    return found, notes


def rewrite(cells: pd.Series, writing: Writing, decimal: str = ".") -> pd.Series:
    """Return a column of text with its numbers written plainly."""
    texts = [text for text in cells.dropna().unique().tolist() if isinstance(text, str)]
    plain = {text: written_number(text.strip(), writing, decimal) for text in texts}
    return cells.map(lambda text: plain.get(text, text), na_action="ignore")


def _read_codes(path: Path, form: TableForm, source: _Source, frame: pd.DataFrame) -> None:
    """Put the digits, in place, of whole numbers that are written with leading zeros: they are codes."""
    # only these can have lost a zero
    places = [place for place in range(frame.shape[1]) if frame.iloc[:, place].dtype.kind in "iuf"]
    if not places:
        return
    texts = _read(path, form, source, dict.fromkeys((form.names[place] for place in places), str))
    for place in places:
        cells = texts.iloc[:, place]
        if are_codes([text.strip() for text in cells.dropna().unique().tolist()]):
            frame.isetitem(place, cells)


def _explain(message: str) -> str:
    """Say what pandas says, without its machinery."""
    text = message.removeprefix("Error tokenizing data. ").removeprefix("C error: ").strip()
    return f"not a table throughout: {text[0].lower()}{text[1:]}" if text else "not a table"
