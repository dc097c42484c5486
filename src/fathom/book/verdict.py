"""``classify_run``: why a run failed, from the cells that failed. Torch-free."""

from __future__ import annotations

import ast
import re
import symtable
from typing import NamedTuple

from fathom.book.record import CellRecord, RunRecord

# How errors read when the network or the data are missing; the first three are urllib's, requests' and torch's.
_NO_DATA = re.compile(
    r"URLError|ConnectionError|HTTPError|urlopen error|Max retries|cannot download|is not in \S* ?FATHOM_DATA"
)
_NO_PACKAGE = re.compile(r"ModuleNotFoundError: No module named '(?!d2l\b|fathom\b)([\w.]+)'")
_NO_GPU = re.compile(r"CUDA|cuda|NVIDIA")
_FILE = re.compile(r"; fetch \S+/([\w.-]+) by hand|cannot download ([\w.-]+)")
_MISSING = re.compile(r"NameError: name '(\w+)' is not defined|AttributeError: .* has no attribute '(\w+)'")
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


class Verdict(NamedTuple):
    """The outcome of a run.

    Attributes:
        status: passed, failed, timeout, no data, no package or no gpu. Of several causes, a failure takes precedence.
        error: the reason in one line: the first error, or all errors that the machine does not explain.
        missing: the files or packages that were missing.
    """

    status: str
    error: str = ""
    missing: str = ""


def classify_run(record: RunRecord) -> Verdict:
    """Return the outcome of a run, from the cells that failed for a reason of their own.

    A cell that lacks a name which an earlier failed cell would have defined, or an attribute where it uses such a name,
    is a consequence of that cell.
    """
    if record.is_timed_out:
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
    names = dict.fromkeys(verdict.missing for verdict in found if verdict.status == status and verdict.missing)
    return Verdict(status, error, ", ".join(names))


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
    """Return the cells that failed, without those that failed because others did."""
    causes: list[CellRecord] = []
    missing: set[str] = set()  # what the failed cells so far would have defined
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
    """Return whether an error comes from a missing name, or from an older value under that name."""
    name = _MISSING.match(error)
    return name is not None and ((name[1] or name[2]) in missing or (name[2] is not None and bool(used & missing)))


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _names(source: str, from_line: int) -> tuple[set[str], set[str]]:
    """Return the names that a cell defines from a line on (assigned, imported or defined), and those that it uses."""
    try:
        tree = ast.parse(_MAGIC.sub("", source))
    except SyntaxError:
        return set(), set()
    tree.body = [statement for statement in tree.body if (statement.end_lineno or 0) >= from_line]
    symbols = symtable.symtable(ast.unparse(tree), "cell", "exec").get_symbols()
    made = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return made, {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
