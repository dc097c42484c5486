"""What checks of the book found: kept in a file, and shown as text, JSON or Markdown. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from filelock import FileLock

from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.phrases import counted

FILE = "results.json"
SCHEMA = 2
MAKERS = ("fathom", "original")
WANTS = ("failed", "timeout", "no data", "no package", "no gpu")


class Result(msgspec.Struct, frozen=True):
    """How one section went.

    Attributes:
        status, error, lacks: see ``Verdict``.
        stand_in: whether code that names CUDA ran on the CPU.
        batches: where passes over loaders were cut to so many batches; 0 for whole ones.
        machine: versions and processor, if the run got so far.
    """

    section: str
    who: str
    status: str
    cells: int
    passed: int
    seconds: float
    error: str
    lacks: str = ""
    stand_in: bool = False
    batches: int = 0
    machine: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it is a failure of the code, as far as can be told, not of what the machine lacks."""
        return self.status in ("failed", "timeout")


Results = dict[tuple[str, str], Result]


class _Stored(msgspec.Struct):
    schema: int
    results: list[Result]


def read_results(path: Path) -> Results:
    """Read what earlier checks found; nothing if there is no such file.

    Raises:  FathomError if the file is damaged
    """
    if not path.exists():
        return {}
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.DecodeError) as error:
        raise FathomError(f"cannot read {path} ({error}); remove it to begin anew") from error
    return {(result.section, result.who): result for result in stored.results}


def keep_result(path: Path, result: Result) -> None:
    """Put a result into the file, in the place of an earlier one; several checks may do so at a time.

    Raises:  FathomError if the file is damaged or cannot be written
    """
    with FileLock(path.with_name(f".{path.name}.lock")):
        results = read_results(path) | {(result.section, result.who): result}
        stored = _Stored(SCHEMA, list(results.values()))
        write_atomically(path, msgspec.json.format(msgspec.json.encode(stored), indent=1))


def to_json(results: Sequence[Result]) -> str:
    """Write the results as JSON."""
    return json.dumps([msgspec.structs.asdict(result) for result in results], indent=1, ensure_ascii=False)


def show_table(results: Sequence[Result]) -> str:
    """Write the table section × cells × passed × seconds, Fathom's beside the original's where that was run."""
    makers = _makers(results)
    rows = list(_rows(results, makers))
    width = max(len("section"), *(len(row[0]) for row in rows))
    head = f"{'section':<{width}}  cells" + "".join(f"  {who:>8}  seconds" for who in makers)
    lines = [head, "-" * len(head)]
    for name, cells, *columns, remark in rows:
        numbers = "".join(f"  {value:>{8 - i % 2}}" for i, value in enumerate(columns))
        lines.append(f"{name:<{width}}  {cells:>5}{numbers}" + (f"  {remark}" if remark else ""))
    return "\n".join([*lines, "-" * len(head), *summarize(results)])


def show_markdown(results: Sequence[Result]) -> str:
    """Write the table, what it sums up to, and where it was measured, as Markdown."""
    makers = _makers(results)
    columns = [name for who in makers for name in ((who, "seconds") if len(makers) > 1 else ("passed", "seconds"))]
    head = ["section", "cells", *columns, "remarks"]
    lines = ["| " + " | ".join(row) + " |" for row in _rows(results, makers)]
    machines = sorted({result.machine for result in results if result.machine})
    # what ran without importing torch could tell less of the same machine
    machines = [name for name in machines if not any(m != name and m.startswith(name) for m in machines)]
    return "\n".join(
        [
            *(f"- {line}" for line in summarize(results)),
            *(f"- Measured with {machine}." for machine in machines),
            "",
            "| " + " | ".join(head) + " |",
            "| --- |" + " ---: |" * (len(head) - 2) + " --- |",
            *lines,
        ]
    )


def summarize(results: Sequence[Result]) -> list[str]:
    """Give a line for each edition and maker: sections and cells that passed, and why others did not."""
    lines = []
    for edition in dict.fromkeys(result.section.partition(":")[0] for result in results):
        for who in _makers(results):
            mine = [r for r in results if r.who == who and r.section.startswith(f"{edition}:")]
            if not mine:
                continue
            whole = sum(result.status == "passed" for result in mine)
            cells, passed = sum(r.cells for r in mine), sum(r.passed for r in mine)
            counts = {status: sum(r.status == status for r in mine) for status in WANTS}
            rest = "".join(f", {count} {status}" for status, count in counts.items() if count)
            lines.append(f"{edition} {who}: {whole} of {len(mine)} sections and {passed} of {cells} cells pass{rest}")
    return lines


def _makers(results: Sequence[Result]) -> list[str]:
    return [who for who in MAKERS if any(result.who == who for result in results)]


def _rows(results: Sequence[Result], makers: Sequence[str]) -> Iterable[list[str]]:
    """Give name, cells, passed and seconds of each maker, and the remark on Fathom's, a section each."""
    by_key = {(result.section, result.who): result for result in results}
    for name in dict.fromkeys(result.section for result in results):
        found = [by_key.get((name, who)) for who in makers]
        cells = next(result.cells for result in found if result)
        columns = [text for r in found for text in ((str(r.passed), f"{r.seconds:.1f}") if r else ("–", "–"))]
        yield [name, str(cells), *columns, _remark(found[0]) if found[0] else ""]


def _remark(result: Result) -> str:
    parts = []
    if result.status != "passed":
        parts.append(result.status + (f": {result.lacks}" if result.lacks else ""))
    if result.batches:
        parts.append(counted(result.batches, "batch", "batches") + " a pass")
    if result.stand_in:
        parts.append("cuda stands for the CPU")
    return ", ".join(parts)
