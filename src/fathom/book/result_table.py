"""What checks of the book found, shown as text, JSON or Markdown. Torch-free."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence

import msgspec

from fathom.book.results import MAKERS, Result
from fathom.phrases import counted

WANTS = ("failed", "timeout", "no data", "no package", "no gpu")


def to_json(results: Sequence[Result]) -> str:
    """Write the results as JSON."""
    return json.dumps([msgspec.structs.asdict(result) for result in results], indent=1, ensure_ascii=False)


def show_table(results: Sequence[Result]) -> str:
    """Write the table section × cells × passed × seconds, Fathom's beside the original's where that was run."""
    makers = _makers(results)
    rows = list(_rows(results, makers))
    width = max(len("section"), *(len(row[0]) for row in rows))
    names = ["cells", *(f"{name:>8}" for name in _columns(makers, makers))]
    head = "  ".join([f"{'section':<{width}}", *names])
    lines = [head, "-" * len(head)]
    for name, *columns, remark in rows:
        numbers = (f"{value:>{len(column)}}" for value, column in zip(columns, names, strict=True))
        lines.append("  ".join([f"{name:<{width}}", *numbers, *([remark] if remark else [])]))
    return "\n".join([*lines, "-" * len(head), *summarize(results)])


def show_markdown(results: Sequence[Result]) -> str:
    """Write the table, what it sums up to, and where it was measured, as Markdown."""
    makers = _makers(results)
    head = ["section", "cells", *_columns(makers, makers if len(makers) > 1 else ["passed"]), "remarks"]
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
    """Return a line for each edition and maker: sections and cells that passed, and why others did not.

    Where both makers ran sections of an edition, one more says how long Fathom took beside the original.
    """
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
        lines += _compare_times([r for r in results if r.section.startswith(f"{edition}:")], edition)
    return lines


def _compare_times(results: Sequence[Result], edition: str) -> list[str]:
    ratios = [ratio for ours, theirs in _pairs(results) if (ratio := _ratio(ours, theirs))]
    if not ratios:
        return []
    return [
        f"{edition}: where both passed, Fathom took {min(ratios):.2f} to {max(ratios):.2f} of the original's time, "
        f"{statistics.median(ratios):.2f} in the median of {counted(len(ratios), 'section')}"
    ]


def _pairs(results: Sequence[Result]) -> list[tuple[Result | None, Result | None]]:
    """Return Fathom's result and the original's, a section each."""
    by_key = {(result.section, result.who): result for result in results}
    names = dict.fromkeys(result.section for result in results)
    return [(by_key.get((name, MAKERS[0])), by_key.get((name, MAKERS[1]))) for name in names]


def _ratio(ours: Result | None, theirs: Result | None) -> float | None:
    """Return Fathom's time by the original's; None unless both ran to the end, and equally much."""
    if ours is None or theirs is None or not ours.status == theirs.status == "passed" or ours.batches != theirs.batches:
        return None
    return ours.seconds / theirs.seconds if theirs.seconds else None


def _columns(makers: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Name the columns between that of the cells and that of the remarks; ``labels`` are those of what passed."""
    return [name for label in labels for name in (label, "seconds")] + ["ratio"] * (len(makers) > 1)


def _makers(results: Sequence[Result]) -> list[str]:
    return [who for who in MAKERS if any(result.who == who for result in results)]


def _rows(results: Sequence[Result], makers: Sequence[str]) -> Iterable[list[str]]:
    """Return name, cells, passed and seconds of each maker, their ratio, and the remark, a section each."""
    for ours, theirs in _pairs(results):
        found = {MAKERS[0]: ours, MAKERS[1]: theirs}
        some = ours or theirs
        assert some is not None
        columns = [text for who in makers for text in _numbers(found[who])]
        if len(makers) > 1:
            ratio = _ratio(ours, theirs)
            columns.append("–" if ratio is None else f"{ratio:.2f}")
        yield [some.section, str(some.cells), *columns, _remark(ours, theirs)]


def _numbers(result: Result | None) -> tuple[str, str]:
    return (str(result.passed), f"{result.seconds:.1f}") if result else ("–", "–")


def _remark(ours: Result | None, theirs: Result | None) -> str:
    """Say why Fathom's run did not pass and how it was made, and that the original's did not pass."""
    parts = []
    if ours is not None and ours.status != "passed":
        parts.append(ours.status + (f": {ours.lacks}" if ours.lacks else ""))
    if ours is not None and ours.batches:
        parts.append(counted(ours.batches, "batch", "batches") + " a pass")
    if ours is not None and ours.stand_in:
        parts.append("cuda stands for the CPU")
    if theirs is not None and theirs.status != "passed":
        parts.append(f"original: {theirs.status}")
    return ", ".join(parts)
