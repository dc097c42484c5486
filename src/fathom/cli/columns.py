"""Text in columns: a table drawn on a terminal, aligned text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

from fathom.terminal import make_console, visible


def lay_out(rows: Sequence[Sequence[str]], *, right: Collection[int] | None = None) -> list[str]:
    """Return a line for each row; the columns ``right``, by default all but the first, are set flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]  # rows include the header
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if (i > 0 if right is None else i in right) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())  # two spaces: one is common inside a cell
    return lines


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] | None = None,
    best: Collection[tuple[int, int]] = (),
    mark: str = "",
) -> None:
    """Print a table: drawn on a terminal, as aligned text elsewhere.

    Args:
        right: the columns that are set flush right, by default all but the first.
        best: places (row, column) that stand out: bold on a terminal, with ``mark`` behind them elsewhere.
    """
    if not sys.stdout.isatty():  # a pipe gets no frames and no colours
        marked = [
            [f"{cell}{mark}" if (i, j) in best else cell for j, cell in enumerate(row)] for i, row in enumerate(rows)
        ]
        print("\n".join(lay_out([header, *marked], right=right)))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, title in enumerate(header):
        is_right = column > 0 if right is None else column in right
        # numbers flush right; the first column is never wrapped: names are searched for
        table.add_column(
            Text(visible(title)), justify="right" if is_right else "left", overflow="fold", no_wrap=column == 0
        )
    for i, row in enumerate(rows):
        # visible(): control characters of file names
        table.add_row(*(Text(visible(cell), "bold green" if (i, j) in best else "") for j, cell in enumerate(row)))
    make_console().print(table)
