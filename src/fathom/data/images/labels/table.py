"""How a label file is written, and its rows. Needs neither torch nor pandas."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fathom.data.images.formats import EXTENSIONS, is_image
from fathom.data.images.labels.options import LabelOptions
from fathom.data.tables.form import TableForm, find_form, read_rows
from fathom.data.tables.lines import BLANKS, open_text
from fathom.data.tables.packed import readable
from fathom.errors import FathomError

_LISTED = 50  # lines that are looked into
# A line of Caffe's lists: a path, in which there may be blanks, and a label after the last blank
_LIST_LINE = re.compile(
    rf"[^,;|\t]*\.(?:{'|'.join(suffix[1:] for suffix in sorted(EXTENSIONS))})[ \t]+[^\s,;|]+\s*", re.I
)


def find_label_form(table: Path, options: LabelOptions) -> TableForm:
    """Find out how the file is written; a first line that names an image is no header."""
    form = find_form(table, header=options.header, separator=options.separator, encoding=options.encoding)
    if options.header is None and form.has_header and any(map(is_image, form.names)):
        form = find_form(table, header=False, separator=options.separator, encoding=options.encoding)
    if options.separator is None and not options.header and _is_list(table, form):
        return dataclasses.replace(
            form, separator=BLANKS, has_header=False, names=("column_1", "column_2"), decimal="."
        )
    return form


def read_label_rows(table: Path, options: LabelOptions) -> tuple[TableForm, list[list[str]]]:
    """Return how the file is written and all its rows; without a header there are as many columns as in the widest."""
    form = find_label_form(table, options)
    rows = list(iterate_rows(table, form))
    if not rows:
        raise FathomError(f"{table}: has a header but no rows")
    width = max(map(len, rows))
    if not form.has_header and width > len(form.names):
        form = dataclasses.replace(form, names=tuple(f"column_{i}" for i in range(1, width + 1)))
    return form, rows


def iterate_rows(table: Path, form: TableForm) -> Iterator[list[str]]:
    """Return the cells of each row, without blanks around them."""
    last = len(form.names) - 1
    with readable(table), open_text(table, form.encoding) as file:
        for _, row, _ in read_rows(file, form):
            if form.separator == BLANKS and len(row) > last + 1 and not form.has_header:
                row = [BLANKS.join(row[: len(row) - last]), *row[len(row) - last :]]  # blanks in the path
            yield [cell.strip() for cell in row]


def cell_of(row: Sequence[str], column: int | None) -> str:
    """Return the cell of a row in a column; "" where there is none."""
    return row[column] if column is not None and column < len(row) else ""


def _is_list(table: Path, form: TableForm) -> bool:
    """Whether every line is a path and a label, with blanks between them."""
    with readable(table), open_text(table, form.encoding) as file:
        lines = [line for _, line in zip(range(_LISTED), file, strict=False) if line.strip()]
    return bool(lines) and all(_LIST_LINE.fullmatch(line.rstrip("\r\n")) for line in lines)
