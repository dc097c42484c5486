"""``judge``: what came of a run, from every cell that failed. Torch-free."""

from __future__ import annotations

import ast
import re
import symtable
from typing import NamedTuple

from fathom.book.record import CellRecord, Record

# What an error says when the network or the data are not there; the first three are urllib's, requests' and torch's.
_NO_DATA = re.compile(
    r"URLError|ConnectionError|HTTPError|urlopen error|Max retries|cannot download|is not in \S* ?FATHOM_DATA"
)
_NO_PACKAGE = re.compile(r"ModuleNotFoundError: No module named '(?!d2l\b|fathom\b)([\w.]+)'")
_NO_GPU = re.compile(r"CUDA|cuda|NVIDIA")
_FILE = re.compile(r"; fetch \S+/([\w.-]+) by hand|cannot download ([\w.-]+)")
_MISSING = re.compile(r"NameError: name '(\w+)' is not defined|AttributeError: .* has no attribute '(\w+)'")
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


class Verdict(NamedTuple):
    """What came of a run.

    Attributes:
        status: passed, failed, timeout, no data, no package or no gpu. Of several causes a failure counts most.
        error: what made it so, in one line: the first error, or every one that the machine does not explain.
        lacks: what there was not: files or packages.
    """

    status: str
    error: str = ""
    lacks: str = ""


def judge(record: Record) -> Verdict:
    """Judge a run by the cells that failed for a reason of their own.

    A cell that misses a name which an earlier failed cell would have made, or an attribute where it uses such a name,
    failed for that one's reason.
    """
    if record.is_overdue:
        return Verdict("timeout", record.failed[-1].error if record.failed else record.message)
    found = [_classify_cell(cell) for cell in _causes(record.cells)]
    if record.message:
        found.append(Verdict("failed", record.message))
    if not found:
        return Verdict("passed")
    failures = [verdict.error for verdict in found if verdict.status == "failed"]
    if failures:
        return Verdict("failed", "; ".join(failures))
    status, error, _ = found[0]
    lacks = dict.fromkeys(verdict.lacks for verdict in found if verdict.status == status and verdict.lacks)
    return Verdict(status, error, ", ".join(lacks))


def _classify_cell(cell: CellRecord) -> Verdict:
    error = f"cell {cell.cell.number}, {cell.error}"
    text = cell.outputs[-1].text if cell.outputs else ""
    if _NO_DATA.search(text):
        found = _FILE.search(error)
        return Verdict("no data", error, (found[1] or found[2]) if found else "")
    if package := _NO_PACKAGE.search(text):
        return Verdict("no package", error, package[1].split(".")[0])
    return Verdict("no gpu" if _NO_GPU.search(_last_line(text)) else "failed", error)


def _causes(cells: list[CellRecord]) -> list[CellRecord]:
    """Leave out the cells that passed, and those that failed because others did."""
    causes: list[CellRecord] = []
    missing: set[str] = set()  # what the cells that failed so far would have made
    for cell in cells:
        made, used = _names(cell.cell.source, from_line=cell.line or 1)
        if cell.status != "failed":
            missing -= made
            continue
        if not _follows(_last_line(cell.outputs[-1].text) if cell.outputs else "", used, missing):
            causes.append(cell)
        missing |= made
    return causes


def _follows(error: str, used: set[str], missing: set[str]) -> bool:
    """Say whether an error comes of a name that is missing, or of an older value that still has the name."""
    name = _MISSING.match(error)
    return name is not None and ((name[1] or name[2]) in missing or (name[2] is not None and bool(used & missing)))


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _names(source: str, from_line: int) -> tuple[set[str], set[str]]:
    """Return the names that a cell makes from a line on (assigned, imported or defined), and those that it uses."""
    try:
        tree = ast.parse(_MAGIC.sub("", source))
    except SyntaxError:
        return set(), set()
    tree.body = [statement for statement in tree.body if (statement.end_lineno or 0) >= from_line]
    symbols = symtable.symtable(ast.unparse(tree), "cell", "exec").get_symbols()
    made = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return made, {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
