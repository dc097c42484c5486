"""Files of rows: how one is written is found out from its beginning, then pandas reads it. pandas is imported late."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from fathom.data.tables.cells import MISSING
from fathom.data.tables.converted import write_frame
from fathom.data.tables.form import TableForm, find_form
from fathom.data.tables.lines import BLANKS, survey, without_lines
from fathom.data.tables.packed import open_rows, readable
from fathom.data.tables.written_numbers import is_number, plain_number
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted, enumerated

if TYPE_CHECKING:
    import pandas as pd

_MOST_SHOWN = 3  # rows with a problem that an error names
_NUMBERS = 0.75  # share of a column's different texts
_SAMPLED = 1000  # different texts looked into first
_NO_TEXT = "biufM"  # NumPy's kinds of types


@dataclass(frozen=True)
class Table:
    """A file that was read: its rows as they stand, each column with the type that pandas saw.

    Attributes:
        rewritten: columns of text whose numbers were rewritten: "1,234" as 1234.
        test: the rows of the test split, where they have a file of their own.
    """

    path: Path
    form: TableForm
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    test: Table | None = None
    rewritten: frozenset[str] = frozenset()


def read_table(
    path: str | Path,
    *,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    target: str | None = None,
    form: TableForm | None = None,
) -> Table:
    """Read a whole file.

    Args:
        header: whether the first line names the columns; None finds out.
        separator: what stands between cells; None finds out.
        encoding: such as "gb18030"; None finds out.
        target: a column's name: a first line with it in names the columns, and its cells stay as they stand.
        form: that of a file read before, instead.
    Raises:  FathomError if it is empty, no table, or broken, naming the line
    """
    import pandas as pd

    path = Path(path)
    form = form or find_form(path, header=header, separator=separator, encoding=encoding, target=target)
    try:
        with readable(path):
            comments = _find_comments(path, form)
            frame = _read(path, form, comments, target)
    except UnicodeError as error:
        raise UsageError(f"{path}: not written in {form.encoding} ({getattr(error, 'reason', error)})") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError, OverflowError) as error:
        raise FathomError(f"{path}: {_explain(str(error))}") from error
    notes = list(form.notes)
    if comments:
        shown = enumerated([f"{line:,}" for line in comments[:_MOST_SHOWN]]) + (
            " …" if len(comments) > _MOST_SHOWN else ""
        )
        notes.append(f"{path.name}: {counted(len(comments), 'comment line')} passed over (line {shown})")
    if not len(frame):
        raise FathomError(f"{path}: has a header but no rows")
    notes += _drop_infinities(frame)
    _drop_marks(frame)
    rewritten = _rewrite_numbers(frame, form.decimal, target)
    if rewritten:
        shown = ", ".join(f"{name} ({example})" for name, example in rewritten.items())
        notes.append(f"numbers that are written as text are read as numbers: {shown}")
    return Table(path, form, frame, tuple(notes), rewritten=frozenset(rewritten))


def read_frame(frame: pd.DataFrame, name: str, *, target: str | None = None) -> Table:
    """Read a DataFrame as the file that it would be.

    Args:
        name: what messages call it.
    Raises:  FathomError as ``read_table``
    """
    with tempfile.TemporaryDirectory(prefix="fathom-") as folder:
        path = Path(folder, "rows.csv")
        path.write_bytes(write_frame(frame))
        table = read_table(path, header=True, separator=",", target=target)
    notes = tuple(note.replace(path.name, name) for note in table.notes)
    return replace(table, path=Path(name), notes=notes)


def _find_comments(path: Path, form: TableForm) -> list[int]:
    """Return the numbers of comment lines.

    Raises:  FathomError that names the first rows with too many or too few cells, or with a quote that is not closed
    """
    found = survey(path, form.encoding, form.separator, len(form.names), has_header=form.has_header)
    if found.problems:
        more = len(found.problems) - _MOST_SHOWN
        shown = "; ".join(found.problems[:_MOST_SHOWN]) + (f"; and {counted(more, 'row')} more" if more > 0 else "")
        raise FathomError(f"{path}: {shown}")
    return found.comments


def _read(path: Path, form: TableForm, comments: Sequence[int], target: str | None) -> pd.DataFrame:
    if comments:
        return _parse(without_lines(path, form.encoding, comments), form, target)
    with open_rows(path) as file:
        return _parse(file, form, target)


def _parse(file: IO[Any], form: TableForm, target: str | None) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(
        file,
        sep=r"\s+" if form.separator == BLANKS else form.separator,
        header=0 if form.has_header else None,
        names=list(form.names),
        index_col=False,
        usecols=range(len(form.names)),  # rows may end with one more separator
        encoding=form.encoding,
        decimal=form.decimal,
        dtype={target: str} if target in form.names else None,  # a class is called as it is written: 001, 1.0, TRUE
        na_values=sorted(MISSING),
        keep_default_na=False,
        skipinitialspace=True,
        low_memory=False,  # else a column gets another type in each part of the file
    )


def _drop_infinities(frame: pd.DataFrame) -> list[str]:
    """Leave cells empty, in place, whose number is not finite, and say how many."""
    notes = []
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if cells.dtype.kind == "f" and (count := int(np.isinf(cells.to_numpy()).sum())):
            frame.isetitem(place, cells.where(~np.isinf(cells)))
            notes.append(f"{name}: {counted(count, 'number')} not finite, counted as missing")
    return notes


def _drop_marks(frame: pd.DataFrame) -> None:
    """Leave cells empty, in place, that say so with blanks around: pandas takes "NA " for text."""
    for place in range(frame.shape[1]):
        cells = frame.iloc[:, place]
        if cells.dtype.kind not in _NO_TEXT:
            texts = (text for text in cells.dropna().unique().tolist() if isinstance(text, str))
            marks = [text for text in texts if text != text.strip() and text.strip() in MISSING]
            if marks:
                frame.isetitem(place, cells.where(~cells.isin(marks)))


def _rewrite_numbers(frame: pd.DataFrame, decimal: str, target: str | None) -> dict[str, str]:
    """Rewrite, in place, the columns but the target whose numbers pandas took for text, with an example of each.

    They are recognised by three cells in four, so that a column of names with a number in it stays one of names.
    """
    changed: dict[str, str] = {}
    for place, name in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if cells.dtype.kind in _NO_TEXT or name == target:
            continue
        texts = [text for text in cells.dropna().unique().tolist() if isinstance(text, str)]
        if sum(is_number(text.strip(), decimal) for text in texts[:_SAMPLED]) < _NUMBERS / 2 * len(texts[:_SAMPLED]):
            continue  # a million names need not all be looked into
        plain = {text: plain_number(text.strip(), decimal) for text in texts}
        rewritten = [text for text in texts if plain[text] != text.strip()]
        if rewritten and sum(is_number(number) for number in plain.values()) >= _NUMBERS * len(texts):
            frame.isetitem(place, cells.map(lambda text, plain=plain: plain.get(text, text), na_action="ignore"))
            changed[name] = f"{rewritten[0]!r} as {plain[rewritten[0]]}"
    return changed


def _explain(message: str) -> str:
    """Say what pandas says, without its machinery."""
    text = message.removeprefix("Error tokenizing data. ").removeprefix("C error: ").strip()
    return f"not a table throughout: {text[0].lower()}{text[1:]}" if text else "not a table"
