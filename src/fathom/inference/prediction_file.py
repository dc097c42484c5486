"""Predictions as CSV, JSON or JSON lines, written a row at a time."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from fathom.errors import unknown
from fathom.inference.ranking import Probability
from fathom.outputs import is_stdout, open_output, standard_output

FORMATS = ("csv", "excel", "json", "jsonl")

_BOM = "\ufeff"  # by which Excel knows UTF-8
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute or run such cells

Row = dict[str, Any]


def choose_format(format: str | None, out: str | Path | None) -> str:
    """Return the requested format, else that of the file's ending, else CSV.

    Raises:  UsageError for an unknown format
    """
    if format is None:
        # no file, or an ending such as .txt
        ending = Path(out).suffix.lower().removeprefix(".") if out is not None else ""
        return ending if ending in FORMATS else "csv"
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    return format


def write_rows(columns: Sequence[str], rows: Iterable[Row], out: str | Path | None, format: str) -> tuple[int, int]:
    """Write rows to a file, which appears once it is complete, or to standard output.

    In JSON a column without a value is null; JSON lines have one object per line, JSON has one array. The format
    "excel" is CSV that Excel opens as UTF-8, and in which no cell is a formula.

    Returns: the number of rows without and with an error
    Raises:  UsageError if ``out`` is a folder; FathomError if it cannot be written, and then nothing is
    """
    counts = [0, 0]  # a list, since the generator below changes it

    def counted() -> Iterator[Row]:  # counted in passing: the rows exist once
        for row in rows:
            counts[bool(row["error"])] += 1  # [without, with]
            yield row

    with _open(out) as file:
        if format in ("csv", "excel"):
            _write_csv(file, columns, counted(), for_excel=format == "excel")
        else:
            _write_json(file, columns, counted(), lines=format == "jsonl")
    return counts[0], counts[1]


@contextmanager
def _open(out: str | Path | None) -> Iterator[TextIO]:
    """Open a text file that can hold file names which are invalid in its encoding."""
    if out is None or is_stdout(out):
        stream: Any = standard_output()
        if hasattr(stream, "reconfigure"):
            is_utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
            # names come as surrogates where they are no UTF-8
            stream.reconfigure(errors="surrogateescape" if is_utf8 else "replace")
        yield stream
        return
    with open_output(out) as file:
        # newline="": csv writes its own
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        yield text
        text.flush()
        text.detach()  # closing the wrapper would close the file, which open_output still has to rename


def _write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Row], *, for_excel: bool) -> None:
    """Write a table; for Excel with a byte-order mark, and with an apostrophe before what would be a formula."""
    text = _as_text if for_excel else str  # str leaves a text as it is
    file.write(_BOM if for_excel else "")
    table = csv.writer(file, lineterminator="\n")
    table.writerow(map(text, columns))
    for row in rows:
        cells = (row.get(name, "") for name in columns)
        table.writerow(
            _format(cell) if isinstance(cell, float) else text(cell) if isinstance(cell, str) else cell
            for cell in cells
        )


def _as_text(cell: str) -> str:
    """Return a cell that a spreadsheet shows as text; a number stays one.

    >>> _as_text("=1+1"), _as_text("-1.5"), _as_text("cat")
    ("'=1+1", '-1.5', 'cat')
    """
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _write_json(file: TextIO, columns: Sequence[str], rows: Iterable[Row], *, lines: bool) -> None:
    before = "" if lines else "[\n"  # what stands before the next row: array and lines differ in that alone
    for row in rows:
        # A name that is not valid text is escaped, so that the file is always valid JSON.
        text = json.dumps({column: _plain(row.get(column)) for column in columns}, ensure_ascii=False)
        # surrogates: escaped, they are valid JSON
        file.write(before + (text if _is_text(text) else json.dumps(json.loads(text))))
        before = "\n" if lines else ",\n"
    if lines:
        file.write("\n" if before == "\n" else "")
    else:
        file.write("[]\n" if before == "[\n" else "\n]\n")  # no row at all is an empty array


def _plain(value: Any) -> Any:
    if value == "" or (isinstance(value, float) and not math.isfinite(value)):  # JSON has neither NaN nor infinity
        return None
    return float(_format(value)) if isinstance(value, float) else value


def _format(value: float) -> str:
    """Write a number, which whoever made it has rounded; a probability with six decimals."""
    return f"{value:.6f}" if isinstance(value, Probability) else f"{value:.15g}"


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
