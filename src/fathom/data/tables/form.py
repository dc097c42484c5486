"""How a file of rows is written: separator, encoding, header, decimal mark, from its beginning. Torch-free."""

from __future__ import annotations

import codecs
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fathom.data.encodings import check_encoding, name_encoding
from fathom.data.row_files import row_ending
from fathom.data.tables.cells import MISSING
from fathom.data.tables.converted import WITHOUT_NAMES
from fathom.data.tables.encodings import find_encoding
from fathom.data.tables.header import complete_header, count_titles, find_header, refuse_doubles
from fathom.data.tables.lines import BLANKS, Row, is_comment, iterate_rows, told_separator
from fathom.data.tables.packed import convert_file, is_converted, open_rows, readable
from fathom.data.tables.written_numbers import has_decimal_commas, is_number
from fathom.data.unicode_form import composed
from fathom.errors import FathomError, UsageError
from fathom.phrases import counted

SEPARATORS = (",", "\t", ";", "|")  # in this order: of equal fits the first
_HEAD_BYTES = 1 << 18  # of a file's beginning: more than fifty wide rows
_HEAD_ROWS = 50
_SURE_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")  # that are told by their bytes


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
    skip: int = 0  # lines above the header, such as titles
    is_indexed: bool = False  # whether the first column has no name, as pandas writes the index
    # filled in by what was found, and by what was assumed
    notes: tuple[str, ...] = ()  # on what was found out, for the user


def find_form(
    path: str | Path,
    *,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    target: str | None = None,
    fallback: str | None = None,
    skip: int | None = None,
) -> TableForm:
    """Find out from the beginning of a file how it is written.

    Args:
        header, separator, encoding: as the user says; None finds out.
        target: a column's name: a first line with it names the columns.
        fallback: the encoding where one would have to be guessed: that of the table a model was trained on.
        skip: lines above the header; None finds out.
    Raises:  FathomError if it cannot be read, is empty, binary, or names a column twice
    """
    path, target = Path(path), None if target is None else composed(target)
    if separator is not None and len(separator) != 1:
        raise UsageError(f"data.options.separator must be one character; got {separator!r}")
    with readable(path):
        text, found = _read_head(path, encoding, fallback)
        notes = _notes_on_file(path, encoding, found)
        if is_converted(path):
            separator = ","  # the CSV that stands for a converted file is Fathom's own
            # a file of records has names by its nature; a sheet may lack them
            header = True if header is None and row_ending(path) not in WITHOUT_NAMES else header
    if not text.strip():
        raise FathomError(f"{path}: the file is empty")
    # asked, told by the file ("sep=;"), or found
    separator = separator or told_separator(text.partition("\n")[0]) or _find_separator(text)
    first, rows, skip, reason = _split_header(text, separator, skip, target)
    notes += [f"{path.name}: {reason}"] if reason else []
    if not first:
        raise FathomError(f"{path}: the file has no rows")
    # a comma that separates cannot be a decimal mark
    is_comma = separator != "," and has_decimal_commas(itertools.chain(*rows), is_likely=separator == ";")
    decimal = "," if is_comma else "."
    has_header, reason = (header, "") if header is not None else find_header(first, rows, decimal, target)
    notes += [f"{path.name}: {reason}"] if reason else []
    if has_header:
        first, reason = complete_header(first, _agreed_width(rows), rows)
        notes += [f"{path.name}: {reason}"] if reason else []
        names = tuple(name or f"column_{i}" for i, name in enumerate(first, 1))  # an empty name gets that of its place
        refuse_doubles(path, names)
    else:
        names = tuple(f"column_{i}" for i in range(1, len(first) + 1))
        notes.append(f"{path.name} has no header: its columns are called column_1 to column_{len(names)}")
    is_indexed = has_header and not first[0]
    return TableForm(separator, found, has_header, names, decimal, skip, is_indexed, tuple(notes))


def read_rows(file: IO[str], form: TableForm) -> Iterator[Row]:
    """Return every row below the header; blank lines and comments are passed over.

    Raises:  csv.Error as ``iterate_rows``
    """
    rows = iterate_rows(file, form.separator, len(form.names), skip=form.skip)
    if form.has_header:
        next(rows, None)  # the iterator begins at the first line
    return rows


def _notes_on_file(path: Path, asked: str | None, encoding: str) -> list[str]:
    if is_converted(path):
        note = convert_file(path)[1]
        return [note] if note else []
    if asked is not None or encoding in _SURE_ENCODINGS:
        return []
    return [
        f"{path.name} is not in UTF-8; it is read as {name_encoding(encoding)} (data.options.encoding names another)"
    ]


def _split(text: str, separator: str) -> list[list[str]]:
    """Return the cells of the first lines, without those that begin as comments unless most do."""
    rows = list(
        # newline="": a line break within quotes is part of its cell
        itertools.islice(iterate_rows(io.StringIO(text, newline=""), separator, keep_comments=True), _HEAD_ROWS)
    )
    others = [row.cells for row in rows if not row.cells or not is_comment(row.cells[0])]
    # a file whose lines all begin with "#" has no comments
    return others if 2 * len(others) > len(rows) else [row.cells for row in rows]


def _split_header(
    text: str, separator: str, skip: int | None, target: str | None
) -> tuple[list[str], list[list[str]], int, str]:
    """Find the first line that is no comment and no title.

    Returns: its cells, those of the rows below, how many lines are above it, and what there is to say of these
    """
    width = _agreed_width(_split(text, separator))
    # With the width known a header such as "#id,name" is told from a comment; one that is shorter or longer than its
    # rows begins with no such sign.
    rows = list(
        itertools.islice(iterate_rows(io.StringIO(text, newline=""), separator, width, skip=skip or 0), _HEAD_ROWS)
    )
    reason = ""
    if skip is None and (titles := count_titles(rows, width, target)):
        skip, rows = rows[titles].line - 1, rows[titles:]
        reason = f"{counted(skip, 'line')} above the header passed over (data.options.skip_lines=0 reads them)"
    cells = [row.cells for row in rows]
    return ([composed(cell.strip()) for cell in cells[0]], cells[1:], skip or 0, reason) if cells else ([], [], 0, "")


def _read_head(path: Path, encoding: str | None, fallback: str | None) -> tuple[str, str]:
    """Return the first lines as text, and the encoding: found out from the whole file, unless it is given."""
    if encoding is not None:
        check_encoding(encoding)
    with open_rows(path) as file:
        head = file.read(_HEAD_BYTES)
    if is_converted(path):
        encoding = "utf-8"
    # UTF-16 holds zero bytes, as binary files do
    is_text = b"\0" not in head or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if encoding is None and is_text:
        encoding = find_encoding(path)
        is_sure = encoding.startswith("utf")
        # what the model's own table was in goes before a guess
        encoding = encoding if fallback is None or is_sure else fallback
    if encoding is None:
        raise FathomError(f"{path}: not a table: contains binary data")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)  # incremental: the head may end within a character
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not written in {encoding} ({error.reason})") from None
    if len(head) == _HEAD_BYTES and "\n" in text:  # a cut last line would have fewer cells than the rest
        text = text[: text.rindex("\n") + 1]
    return text, encoding


def _find_separator(text: str) -> str:
    """Take the separator that divides the rows alike, the header too, and leaves numbers whole."""
    best, most = ",", (False, False, 1)  # (header of the same width, numbers left whole, width)
    for separator in SEPARATORS:
        rows = _split(text, separator)
        width = _agreed_width(rows)
        # tuples compare place by place: a header that fits counts most
        if width > 1 and (rank := (len(rows[0]) == width, _are_numbers(rows[1:]), width)) > most:
            best, most = separator, rank
    # no separator divides: columns of text aligned by blanks
    if most[2] == 1 and _agreed_width(_split(text, BLANKS)) > 1:
        return BLANKS
    return best


def _are_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether all cells of the rows are numbers: in "1,5;2,5" no comma is a separator, for "5;2" is none."""
    cells = [cell for row in rows for cell in row]
    # one decimal mark for all: a mixture is no number
    return any(all(is_number(cell, decimal) or cell in MISSING for cell in cells) for decimal in ".,")


def _agreed_width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells nine rows in ten have; 1 where they do not agree."""
    widths = Counter(len(row) for row in rows)
    if not widths:
        return 1
    width, count = widths.most_common(1)[0]
    below = len(rows) - next(i for i, row in enumerate(rows) if len(row) == width)  # titles may stand above
    return width if count >= 0.9 * below else 1  # nine in ten: ragged lines happen, at the end most often
