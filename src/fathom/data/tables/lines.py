"""The rows of a file, one after the other, with the line that each begins in and what is wrong with it. Torch-free.

Training and prediction read through the same iterator: what is a comment, a blank line or a row of the wrong length in
one is so in the other.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from fathom.data.tables.packed import open_rows
from fathom.data.tables.written_numbers import is_number
from fathom.phrases import counted

BLANKS = " "  # the separator that stands for runs of blanks
_MOST_CELL = 1 << 24  # characters; csv allows 131,072 by itself
_MOST_LINES = 10_000  # of one row: a quote that is still open then was forgotten
_MOST_NOTES = 20  # lines of text below a table, such as its source
_MOST_UNCLOSED = 100  # rows with such a quote; each costs a look at the lines behind it
# of R and shell, of LaTeX and Matlab, of JavaScript
_COMMENTS = ("#", "%", "//")
_EXCEL = re.compile(r"[\"']?sep=(.)[\"']?[,;\t|]*\s*", re.IGNORECASE)  # the first line that Excel writes, "sep=;"


class Row(NamedTuple):
    """A row: the line of the file where it begins, counted from 1, its cells, and what is wrong with it."""

    line: int
    cells: list[str]
    problem: str = ""


def open_text(path: str | Path, encoding: str) -> IO[str]:
    """Open a file of rows as text, unpacked; bytes that are no text become question marks."""
    # newline="": csv sees line breaks within quotes itself
    return io.TextIOWrapper(open_rows(Path(path)), encoding=encoding, errors="replace", newline="")


def iterate_rows(
    file: IO[str], separator: str, width: int | None = None, *, keep_comments: bool = False, skip: int = 0
) -> Iterator[Row]:
    """Return all rows, the header too; blank lines and comments are passed over.

    A comment is a line that begins with #, % or // and has not as many cells as a row.

    Args:
        width: cells of a row; one with others has a problem.
        skip: lines to pass over at the beginning.
    Raises:  csv.Error if quotes are not closed in so many rows that it is no table
    """
    lines = _Lines(file)
    for line in lines:
        number = lines.number  # now: reading on within quotes moves it
        # "sep=;" is no row of the table
        if number <= skip or not line.strip() or (number == 1 and told_separator(line)):
            continue
        problem = ""
        if separator == BLANKS:
            cells = _split_at_blanks(line)
        elif '"' in line:
            cells, problem = _read_quoted(line, lines, separator)
        else:
            # the quick way: without quotes a split is all there is to it
            cells = [cell.lstrip(" ") for cell in line.rstrip("\r\n").split(separator)]
        # cells that fit make it a row: "#1, 5" may be data
        if is_comment(line) and not keep_comments and not _fits(cells, width):
            continue
        if width is not None and not problem and not _fits(cells, width):
            problem = f"{counted(len(cells), 'cell')} instead of {width}"
        yield Row(number, cells, problem and f"line {number:,}: {problem}")


def told_separator(line: str) -> str:
    """Return the separator that a first line names, as Excel writes it: "sep=;"; "" of any other line."""
    found = _EXCEL.fullmatch(line)
    return "" if found is None else found.group(1)


def is_comment(line: str) -> bool:
    """Return whether a line begins as a comment."""
    return line.lstrip().startswith(_COMMENTS)


class Survey(NamedTuple):
    """What a pass over all lines found: comment lines, rows with a problem, digits after leading zeros, notes below."""

    comments: list[int]  # numbers of their lines, counted from 1
    problems: list[str]
    has_zeros: bool = False
    notes: tuple[int, ...] = ()  # numbers of the lines below the table


def survey(path: Path, encoding: str, separator: str, width: int, *, has_header: bool, skip: int = 0) -> Survey:
    """Look at every line of a file; lines without quotes are counted only, which costs a tenth of reading them.

    Args:
        has_header: whether the first row names the columns; then it may have a name less, or more.
        skip: lines to pass over at the beginning.
    Raises:  OSError, csv.Error as ``iterate_rows``
    """
    found = Survey([], [])
    below: list[int] = []
    is_apart = False  # whether a blank line stands above
    # after a separator, a blank or a quote: 0 and a digit, such as 02134
    zeros, has_zeros = re.compile(rf'(?:^|[{re.escape(separator)}\s"])0[0-9]'), False
    with open_text(path, encoding) as file:
        lines = _Lines(file)
        for line in lines:
            number, problem = lines.number, ""
            if number <= skip:
                continue
            if number == 1 and told_separator(line):
                found.comments.append(number)
                continue
            has_zeros = has_zeros or zeros.search(line) is not None
            if separator == BLANKS:
                cells = len(_split_at_blanks(line))
            elif '"' in line:
                row, problem = _read_quoted(line, lines, separator)
                cells = len(row) - (len(row) == width + 1 and not row[-1])  # rows may end with one more separator
            else:
                cells = line.count(separator) + 1
                # as above, without taking the row apart
                if cells == width + 1 and line.rstrip("\r\n").endswith(separator):
                    cells = width
            if not line.strip():
                is_apart = True
                continue
            if is_comment(line) and cells != width:
                found.comments.append(number)
                continue
            is_first, has_header = has_header, False  # the header may be of another width
            if problem or (cells != width and not is_first):
                is_note = cells == 1 and not problem and _may_be_note(line, is_apart=is_apart or bool(below))
                below = [*below, number] if is_note else []  # unless a row follows
                problem = problem or f"{counted(cells, 'cell')} instead of {width}"
                found.problems.append(f"line {number:,}: {problem}")
            else:
                below = []
            is_apart = False
    if len(below) > _MOST_NOTES or len(below) < len(found.problems):  # other rows are wrong too
        return found._replace(has_zeros=has_zeros)
    return Survey(found.comments, [], has_zeros, tuple(below))


def _may_be_note(line: str, *, is_apart: bool) -> bool:
    """Return whether a line of one cell is a note, and not a row that was cut off.

    Args:
        is_apart: whether a blank line or another note stands above it.
    """
    text = line.strip()
    return not is_number(text) and (is_apart or (" " in text and line.endswith("\n")))


def without_lines(path: Path, encoding: str, numbers: Sequence[int]) -> IO[str]:
    """Return the text of a file but for some of its lines."""
    left_out = set(numbers)
    with open_text(path, encoding) as file:
        return io.StringIO("".join(line for number, line in enumerate(file, 1) if number not in left_out), newline="")


class _Lines(Iterator[str]):
    """The lines of a file, of which some can be put back."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._back = file, deque[str]()
        self.number = self.unclosed = 0  # lines read so far; rows with a quote that is never closed

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._file)
        self.number += 1
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        """Put lines back, the next one first."""
        self._back.extendleft(reversed(lines))  # extendleft turns the order around
        self.number -= len(lines)


def _read_quoted(line: str, lines: _Lines, separator: str) -> tuple[list[str], str]:
    """Return the cells of a row that begins in a line with quotes, and what is wrong with it.

    Where a quote is not closed, the row ends with its line, so that the rows below are not lost in a cell.
    """
    taken = [line]

    def take() -> Iterator[str]:
        yield line
        for further in lines:
            taken.append(further)
            yield further
            if len(taken) > _MOST_LINES:  # a forgotten quote would take in the rest of the file
                return

    csv.field_size_limit(_MOST_CELL)
    try:
        cells = next(csv.reader(take(), delimiter=separator, skipinitialspace=True))
        if len(taken) == 1:  # most rows end in their own line
            is_whole = line.endswith("\n") or not _is_open(line, separator)
        else:
            is_whole = not _is_open("".join(taken), separator)
    except csv.Error:  # a cell that is far too long
        cells, is_whole = [], False
    if is_whole:
        return cells, ""
    lines.put_back(taken[1:])  # the row ends in its first line: the others are rows of their own
    lines.unclosed += 1
    if lines.unclosed > _MOST_UNCLOSED:
        raise csv.Error(f"line {lines.number:,}: quotes are not closed in more than {_MOST_UNCLOSED} rows")
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True)), "a quote is opened and not closed"


def _split_at_blanks(line: str) -> list[str]:
    if '"' not in line:
        return line.split()
    text = line.replace("\t", " ").strip()
    return next(csv.reader([text], delimiter=" ", skipinitialspace=True))  # which passes over runs of blanks


def _is_open(text: str, separator: str) -> bool:
    """Return whether a row of several lines, or at the end of the file, is not closed as it should be."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error:
        return True
    return False


def _fits(cells: Sequence[str], width: int | None) -> bool:
    if width is None:
        return False
    return len(cells) == width or (len(cells) == width + 1 and not cells[-1])  # a separator at the end of the line
