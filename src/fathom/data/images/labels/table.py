"""How a label file is written, and its rows. Needs neither torch nor pandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fathom.data.images.formats import is_image
from fathom.data.tables.form import TableForm, find_form, read_rows
from fathom.data.tables.lines import open_text
from fathom.data.tables.packed import readable
from fathom.errors import FathomError


def find_label_form(table: Path) -> TableForm:
    """Find out how the file is written; a first line that names an image is no header."""
    form = find_form(table)
    is_row = form.has_header and any(is_image(name) for name in form.names)
    return find_form(table, header=False) if is_row else form


def read_label_rows(table: Path) -> tuple[TableForm, list[list[str]]]:
    """Return how the file is written and all its rows."""
    form = find_label_form(table)
    rows = list(iterate_rows(table, form))
    if not rows:
        raise FathomError(f"{table}: has a header but no rows")
    return form, rows


def iterate_rows(table: Path, form: TableForm) -> Iterator[list[str]]:
    with readable(table), open_text(table, form.encoding) as file:
        for row in read_rows(file, form):
            yield [cell.strip() for cell in row.cells]


def cell_of(row: list[str], column: int | None) -> str:
    return row[column] if column is not None and column < len(row) else ""
