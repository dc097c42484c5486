"""Files of rows: how one is written is found out from its beginning, then pandas reads it. pandas is imported late."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import lzma
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from fathom.data.tables.cells import MISSING
from fathom.data.tables.encodings import check_encoding, find_encoding, open_packed
from fathom.data.tables.written_numbers import has_decimal_commas, is_number, plain_number
from fathom.errors import FathomError, UsageError
from fathom.files import describe_failure
from fathom.phrases import counted

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = (",", "\t", ";", "|")
_BLANKS = " "  # runs of blanks
_HEAD_BYTES = 1 << 18  # of a file's beginning: more than fifty wide rows
_HEAD_ROWS = 50
_MOST_CELL = 1 << 24  # characters; csv allows 131,072 by itself
_NUMBERS = 0.75  # share of a column's different texts
_SAMPLED = 1000  # different texts looked into first
_ENCODINGS = {"latin-1": "Latin-1", "gb18030": "GBK (gb18030)", "big5": "Big5"}  # that were guessed
_NO_TEXT = "biufM"  # NumPy's kinds of types


@dataclass(frozen=True)
class TableForm:
    """How a file of rows is written.

    ``separator`` is one character, or a blank for runs of blanks; without a header the columns are ``column_1`` ….
    """

    separator: str
    encoding: str
    has_header: bool
    names: tuple[str, ...]
    decimal: str = "."
    reason: str = ""  # why the first line names the columns, where it holds numbers
    is_indexed: bool = False  # whether the first column has no name, as pandas writes the index


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
    notes = [f"{path.name}: {form.reason}"] if form.reason else []
    if not form.has_header:
        notes.append(f"{path.name} has no header: its columns are called column_1 to column_{len(form.names)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = _read(path, form, target)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not written in {form.encoding} ({error.reason})") from None
    except pd.errors.ParserWarning as error:
        raise FathomError(f"{path}: rows have more cells than the {len(form.names)} columns") from error
    except (pd.errors.ParserError, ValueError, OverflowError) as error:
        raise FathomError(f"{path}: {_explain(str(error))}") from error
    except OSError as error:
        raise describe_failure("read", path, error) from error
    if encoding is None and (shown := _ENCODINGS.get(form.encoding)):
        notes.append(f"{path.name} is not in UTF-8; it is read as {shown} (data.options.encoding names another)")
    if not len(frame):
        raise FathomError(f"{path}: has a header but no rows")
    notes += _drop_infinities(frame)
    _drop_marks(frame)
    rewritten = _rewrite_numbers(frame, form.decimal, target)
    if rewritten:
        shown = ", ".join(f"{name} ({example})" for name, example in rewritten.items())
        notes.append(f"numbers that are written as text are read as numbers: {shown}")
    return Table(path, form, frame, tuple(notes), rewritten=frozenset(rewritten))


def find_form(
    path: str | Path,
    *,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    target: str | None = None,
) -> TableForm:
    """Find out from the beginning of a file how it is written.

    Raises:  FathomError if it cannot be read, is empty, binary, or names a column twice
    """
    path = Path(path)
    text, encoding = _read_head(path, encoding)
    if not text.strip():
        raise FathomError(f"{path}: the file is empty")
    if separator is not None and len(separator) != 1:
        raise UsageError(f"data.options.separator must be one character; got {separator!r}")
    separator = separator or _find_separator(text)
    rows = list(_split(text, separator))[:_HEAD_ROWS]
    first = [cell.strip() for cell in rows[0]]
    is_comma = separator != "," and has_decimal_commas(itertools.chain(*rows[1:]), is_likely=separator == ";")
    decimal = "," if is_comma else "."
    has_header, reason = (header, "") if header is not None else _find_header(first, rows[1:], decimal, target)
    if has_header:
        names = tuple(name or f"column_{i}" for i, name in enumerate(first, 1))
        _refuse_doubles(path, names)
    else:
        names = tuple(f"column_{i}" for i in range(1, len(first) + 1))
    return TableForm(separator, encoding, has_header, names, decimal, reason, is_indexed=has_header and not first[0])


def _find_header(
    first: Sequence[str], rows: Sequence[Sequence[str]], decimal: str, target: str | None
) -> tuple[bool, str]:
    """Return whether the first line names the columns, and why if that is not plain."""
    numbers = [i for i, cell in enumerate(first) if is_number(cell, decimal)]
    if not numbers:
        return True, ""
    overrule = "; data.options.header=false takes it for a row"
    if target is not None and target in first:
        return True, f"the first line names the columns: {target} stands in it{overrule}"
    below = [row[i].strip() for row in rows for i in numbers if i < len(row)]
    years = [first[i] for i in numbers]
    if len(years) > 1 and all(map(_is_year, years)) and years == sorted(set(years)) and not all(map(_is_year, below)):
        return True, f"the first line names the columns: years{overrule}"
    counted_up = [str(int(first[numbers[0]]) + k) for k in range(len(numbers))] if first[numbers[0]] in "01" else []
    if len(numbers) > 2 and years == counted_up and not all(cell.isdigit() for cell in below):
        return True, f"the first line names the columns: numbers in order{overrule}"
    return False, ""


def _is_year(cell: str) -> bool:
    return len(cell) == 4 and cell.isdigit() and "1800" <= cell <= "2100"


def read_rows(file: IO[str], form: TableForm) -> Iterator[list[str]]:
    """Return the cells of every row below the header, as text, a row at a time; blank lines are passed over.

    Raises:  csv.Error at a row that is no row
    """
    rows = _split_lines(file, form.separator)
    if form.has_header:
        next(rows, None)
    return rows


def open_table(path: str | Path, encoding: str) -> IO[str]:
    """Open a file of rows as text, unpacked if it is gzipped; bytes that are no text become question marks."""
    return io.TextIOWrapper(open_packed(Path(path)), encoding=encoding, errors="replace", newline="")


def _read(path: Path, form: TableForm, target: str | None) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(
        path,
        sep=r"\s+" if form.separator == _BLANKS else form.separator,
        header=0 if form.has_header else None,
        names=list(form.names),
        index_col=False,
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


def _read_head(path: Path, encoding: str | None) -> tuple[str, str]:
    """Return the first lines as text, and the encoding: found out from the whole file, unless it is given."""
    if encoding is not None:
        check_encoding(encoding)
    try:
        with open_packed(path) as file:
            head = file.read(_HEAD_BYTES)
        is_text = b"\0" not in head or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        if encoding is None and is_text:
            encoding = find_encoding(path)
    except (gzip.BadGzipFile, EOFError, lzma.LZMAError) as error:
        kind = {".xz": "xz", ".bz2": "bz2"}.get(path.suffix.lower(), "gzip")
        raise FathomError(f"{path}: incomplete {kind} file ({error})") from error
    except OSError as error:
        raise describe_failure("read", path, error) from error
    if encoding is None:
        raise FathomError(f"{path}: not a table: contains binary data")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not written in {encoding} ({error.reason})") from None
    if len(head) == _HEAD_BYTES and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    return text, encoding


def _find_separator(text: str) -> str:
    """Take the separator that divides the rows alike, the header too, and leaves numbers whole."""
    best, most = ",", (False, False, 1)
    for separator in SEPARATORS:
        rows = list(itertools.islice(_split(text, separator), _HEAD_ROWS))
        width = _agreed_width(rows)
        if width > 1 and (rank := (len(rows[0]) == width, _are_numbers(rows[1:]), width)) > most:
            best, most = separator, rank
    if most[2] == 1 and _agreed_width([line.split() for line in text.splitlines()[:_HEAD_ROWS] if line.strip()]) > 1:
        return _BLANKS
    return best


def _are_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether all cells of the rows are numbers: in "1,5;2,5" no comma is a separator, for "5;2" is none."""
    cells = [cell for row in rows for cell in row]
    return any(all(is_number(cell, decimal) or cell in MISSING for cell in cells) for decimal in ".,")


def _agreed_width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells nine rows in ten have; 1 where they do not agree."""
    widths = Counter(len(row) for row in rows)
    if not widths:
        return 1
    width, count = widths.most_common(1)[0]
    return width if count >= 0.9 * widths.total() else 1


def _split(text: str, separator: str) -> Iterator[list[str]]:
    try:
        yield from _split_lines(io.StringIO(text, newline=""), separator)
    except csv.Error:  # a cell that is cut off in the middle
        return


def _split_lines(lines: IO[str], separator: str) -> Iterator[list[str]]:
    csv.field_size_limit(_MOST_CELL)
    if separator == _BLANKS:
        yield from (line.split() for line in lines if line.strip())
        return
    yield from (row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if row)


def _refuse_doubles(path: Path, names: Sequence[str]) -> None:
    places: dict[str, int] = {}
    for i, name in enumerate(names, 1):
        if name in places:
            raise FathomError(f"{path}: columns {places[name]} and {i} are both called {name!r}; rename one of them")
        places[name] = i


def _explain(message: str) -> str:
    """Say what pandas says, without its machinery."""
    text = message.removeprefix("Error tokenizing data. ").removeprefix("C error: ").strip()
    return f"not a table throughout: {text[0].lower()}{text[1:]}" if text else "not a table"
