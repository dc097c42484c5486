"""The code cells of a Python file, a notebook, or a chapter in the book's own markdown. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fathom.errors import FathomError

_CELL_MARK = re.compile(r"# ?%%(?:\s(.*))?")  # "# %%" or "#%%", and the heading behind it


@dataclass(frozen=True)
class Cell:
    """One piece of code: its number from 1, the heading it stands under, the line of the file it starts on.

    ``line`` is 0 where lines of the file mean nothing to a reader, as in a notebook.
    """

    number: int
    heading: str
    line: int
    source: str


def split_python(text: str) -> list[Cell]:
    """Return the cells of a Python file, cut at its ``# %%`` lines; one without them is one cell."""
    # line, heading, lines of each cell; the first begins without a mark
    starts: list[tuple[int, str, list[str]]] = [(1, "", [])]
    for number, line in enumerate(text.splitlines(), start=1):
        mark = _CELL_MARK.fullmatch(line.rstrip())
        if mark:
            starts.append((number + 1, (mark[1] or "").strip(), []))  # the cell begins on the line after its mark
        else:
            starts[-1][2].append(line)
    return number_cells((heading, line, "\n".join(lines)) for line, heading, lines in starts)


def read_notebook(text: str, file: Path) -> list[Cell]:
    """Return the code cells of a Jupyter notebook, under the headings of its markdown cells.

    Raises:  FathomError if the text is not a notebook, or one for another language
    """
    import nbformat

    try:
        # Versions before 4 are converted; invalid notebooks raise many types of errors.
        notebook = nbformat.reads(text, as_version=4)
        language = notebook.metadata.get("kernelspec", {}).get("language", "python")
        cells = [(str(cell.cell_type), str(cell.source)) for cell in notebook.cells]
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise FathomError(f"{file} is not a Jupyter notebook, or a damaged one: {reason}") from error
    if str(language).lower() != "python":
        raise FathomError(f"{file} is a notebook for {language}; only Python can be run")
    pieces, heading = [], ""
    for kind, source in cells:
        if kind == "markdown":
            heading = last_heading(source) or heading
        elif kind == "code":
            pieces.append((heading, 0, source))  # 0: a notebook's cells have no lines of a file
    return number_cells(pieces)


def last_heading(text: str) -> str:
    """Return the last ``# heading`` of a markdown text, "" if there is none."""
    # one to six signs; those that close the line are no part of the heading
    found = re.findall(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", text, flags=re.MULTILINE)
    return plain(found[-1]) if found else ""


def plain(heading: str) -> str:
    """Return a heading without the book's markup: links keep their text, ``[**…**]`` its content."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # [text](address) → text
    return re.sub(r"[\[(]\*\*|\*\*[\])]|[*`]", "", heading).strip()  # [**…**] and (**…**) are the book's own marks


def number_cells(pieces: Iterable[tuple[str, int, str]]) -> list[Cell]:
    """Return the pieces (heading, line, source) that are not blank as numbered cells."""
    cells: list[Cell] = []
    for heading, line, source in pieces:
        stripped = source.lstrip("\n")
        # blank lines at the top are cut: the cell begins later
        first = line + len(source) - len(stripped) if line else 0
        if stripped.strip():
            cells.append(Cell(len(cells) + 1, heading, first, stripped.rstrip()))
    return cells
