"""The PyTorch cells of a chapter in d2l-book markdown, of the English edition and of the Chinese one.

Code stands in fences ```` ```{.python .input} ````. Its first line may name the frameworks it is for, as
``%%tab pytorch, mxnet``, ``%%tab all`` or ``#@tab pytorch``. A block that names none is for the framework that the
book's config.ini lists first: PyTorch in the English edition, MXNet in the Chinese one.
"""

from __future__ import annotations

import re
from pathlib import Path

from fathom.book.cells import Cell, number_cells, plain

FRAMEWORK = "pytorch"
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)")
_TAB = re.compile(r"(?:(?:# )?%%tab|#\s?@tab)\s+(.+)")
_HEADING = re.compile(r"#{1,6}\s+(.+?)[\s#]*")
_BOOK_SETUP = re.compile(r"%load_ext\s+d2lbook\.tab|tab\.interact_select\b")


def read_chapter(text: str, default: str = FRAMEWORK) -> list[Cell]:
    """Return the cells for PyTorch; ``default`` is the framework of blocks that name none."""
    pieces: list[tuple[str, int, str]] = []
    heading = ""
    for line, info, content in _walk(text):
        if info is None:
            heading = plain(content)
        elif info.startswith("{.python") and ".input" in info:
            frameworks, source, skipped = _split_tab(content)
            if frameworks is None:
                frameworks = {default}
            if frameworks & {FRAMEWORK, "all"} and not _is_setup(source):
                pieces.append((heading, line + skipped, source))
    return number_cells(pieces)


def default_framework(path: Path, text: str) -> str:
    """Return the framework of untagged blocks: from the book's config.ini above the file, else from the blocks."""
    for folder in list(path.resolve().parents)[:3]:
        config = folder / "config.ini"
        if config.is_file():
            tabs = re.search(r"^tabs\s*=\s*(\w+)", config.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
            if tabs:
                return tabs[1]
    # A chapter that marks MXNet's blocks, uses the newer form, or marks nothing leaves only PyTorch's blocks unmarked.
    marks = re.findall(r"^(%%|#\s?@)tab\s+(.+?)\s*$", text, re.MULTILINE)
    is_for_mxnet = bool(marks) and all(form != "%%" and names != "mxnet" for form, names in marks)
    return "mxnet" if is_for_mxnet else FRAMEWORK


def _walk(text: str) -> list[tuple[int, str | None, str]]:
    """Return (line of the content, info, content) of each fence, and (line, None, heading) of each heading."""
    found: list[tuple[int, str | None, str]] = []
    fence, info, start, content = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if fence:
            if line.rstrip() == fence:
                found.append((start, info, "\n".join(content)))
                fence = ""
            else:
                content.append(line)
        elif mark := _FENCE.fullmatch(line.rstrip()):
            fence, info, start, content = mark[1], mark[2].strip(), number + 1, []
        elif title := _HEADING.fullmatch(line):
            found.append((number, None, title[1]))
    if fence:  # a fence that is never closed runs to the end, as in every renderer
        found.append((start, info, "\n".join(content)))
    return found


def _split_tab(content: str) -> tuple[set[str] | None, str, int]:
    """Return the frameworks that a block names (None if none), its code without that line, and the lines before it."""
    lines = content.split("\n")
    for index, line in enumerate(lines):
        mark = _TAB.fullmatch(line.strip())
        if mark:
            return {name.strip() for name in mark[1].split(",")}, "\n".join(lines[index + 1 :]), index + 1
        if line.strip():
            break
    return None, content, 0


def _is_setup(source: str) -> bool:
    """Return whether a block only sets up the book's own framework switch."""
    lines = [line for line in source.splitlines() if line.strip()]
    return all(_BOOK_SETUP.match(line) for line in lines)
