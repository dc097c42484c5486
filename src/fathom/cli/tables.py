"""Tables as aligned text."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def lay_out(rows: Sequence[Sequence[str]], *, right: Collection[int] | None = None) -> list[str]:
    """Return a line for each row; the columns ``right``, by default all but the first, are set flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if (i > 0 if right is None else i in right) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
