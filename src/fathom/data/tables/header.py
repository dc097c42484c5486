"""Whether the first line of a file of rows names its columns. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fathom.data.tables.lines import Row
from fathom.data.tables.written_numbers import is_number
from fathom.errors import FathomError

_FEW_ROWS = 8  # below which nothing says that a first line of text is a row
_MOST_TITLES = 25  # lines above a header; offices of statistics write up to a dozen
_RECURRING = 0.5  # share of the cells of a first line that stand in their columns again, if it is a row


def complete_header(first: list[str], width: int, rows: Sequence[Sequence[str]]) -> tuple[list[str], str]:
    """Return a header with as many names as the rows have cells, and why, where it is plain which it lacks.

    Args:
        width: cells of a row; 1 where the rows do not agree.
    """
    # R's write.table: the index has no name
    if width == len(first) + 1 and width > 2 and any(row[-1] for row in rows if len(row) == width):
        return ["", *first], "the first line has a name less than the rows have cells; the first column has none"
    while len(first) > width > 1 and not first[-1]:  # a separator at the end of the header alone
        first = first[:-1]
    return first, ""


def count_titles(rows: Sequence[Row], width: int, target: str | None) -> int:
    """Return how many rows above the header are titles.

    Titles have other widths than the rows, or one text and empty cells; or a blank line parts them from a line in which
    the target is named.

    Args:
        rows: the first ones of the file.
        width: cells of a row; 1 where the rows do not agree.
    """
    cells = [row.cells for row in rows]
    named = next((i for i, row in enumerate(cells) if target is not None and target in row), 0)
    if 0 < named <= _MOST_TITLES and rows[named].line - rows[named - 1].line > 1:
        return named
    if width == 1:
        return 0
    count = next((i for i, row in enumerate(cells) if _fits(row, width) and not _is_title(row)), 0)
    if not count or count > _MOST_TITLES or len(rows) < count + 2:
        return 0
    if any(is_number(row[0], decimal) for row in cells[:count] for decimal in ".,"):  # a row that is ragged
        return 0
    has_numbers = any(is_number(cell, decimal) for row in cells[count + 1 :] for cell in row for decimal in ".,")
    are_names = not any(is_number(cell, decimal) for cell in cells[count] for decimal in ".,")
    if all(_fits(row, width) for row in cells[:count]):  # rows of the right width with little in them
        return count if are_names and all(cells[count][: width - 1]) else 0
    # a header that is a name too short or too long stands above numbers itself
    is_header = count == 1 and width > 2 and abs(len(cells[0]) - width) == 1 and not (are_names and has_numbers)
    return 0 if is_header else count


def _fits(row: Sequence[str], width: int) -> bool:
    return len(row) == width or (len(row) == width + 1 and not row[-1])  # a separator at the end of the line


def _is_title(row: Sequence[str]) -> bool:
    """Return whether a row holds one text at most, in its first cell."""
    cells = [cell for cell in row if cell.strip()]
    return not cells or (len(row) > 1 and cells == list(row[:1]) and not is_number(cells[0]))


def find_header(
    first: Sequence[str], rows: Sequence[Sequence[str]], decimal: str, target: str | None
) -> tuple[bool, str]:
    """Return whether the first line names the columns, and why if that is not plain."""
    # names are texts; a number in the first line is a hint of a row
    numbers = [i for i, cell in enumerate(first) if is_number(cell, decimal)]
    overrule = "; data.options.header=false takes it for a row"
    if not numbers:
        # the target's name in the first line settles it
        if (target is None or target not in first) and _recurs(first, rows, decimal):
            reason = "the first line is taken for a row: its cells stand in their columns again"
            return False, f"{reason}; data.options.header=true takes it for the names"
        return True, ""
    if target is not None and target in first:
        return True, f"the first line names the columns: {target} stands in it{overrule}"
    below = [row[i].strip() for row in rows for i in numbers if i < len(row)]  # the cells under the numbers
    years = [first[i] for i in numbers]
    # a table of years side by side; years below would make it a row of years
    if len(years) > 1 and all(map(_is_year, years)) and years == sorted(set(years)) and not all(map(_is_year, below)):
        return True, f"the first line names the columns: years{overrule}"
    # 0, 1, 2, … as pandas writes a frame without names
    counted_up = [str(int(first[numbers[0]]) + k) for k in range(len(numbers))] if first[numbers[0]] in "01" else []
    if len(numbers) > 2 and years == counted_up and not all(cell.isdigit() for cell in below):
        return True, f"the first line names the columns: numbers in order{overrule}"
    return False, ""


def _recurs(first: Sequence[str], rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Return whether a first line of text is a row: most of its cells are found below it too, none above numbers."""
    if len(rows) < _FEW_ROWS:
        return False
    columns = [{row[i].strip() for row in rows if i < len(row)} for i in range(len(first))]
    if any(all(is_number(cell, decimal) for cell in column) for column in columns):  # a text above numbers is a name
        return False
    return sum(cell in column for cell, column in zip(first, columns, strict=True)) > _RECURRING * len(first)


def _is_year(cell: str) -> bool:
    # 4 digits, from the first census tables to plans for this century
    return len(cell) == 4 and cell.isdigit() and "1800" <= cell <= "2100"


def refuse_doubles(path: Path, names: Sequence[str]) -> None:
    """Refuse two columns of one name.

    Raises:  FathomError
    """
    places: dict[str, int] = {}
    for i, name in enumerate(names, 1):
        if name in places:
            raise FathomError(f"{path}: columns {places[name]} and {i} are both called {name!r}; rename one of them")
        places[name] = i
