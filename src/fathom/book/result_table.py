"""The results of ``fathom book check`` as text, JSON or Markdown. Torch-free."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence

import msgspec

from fathom.book.results import PACKAGES, SectionResult
from fathom.phrases import counted

REASONS = ("failed", "timeout", "no data", "no package", "no gpu")  # in the order in which the summary names them


def to_json(results: Sequence[SectionResult]) -> str:
    """Return the results as JSON."""
    return json.dumps([msgspec.structs.asdict(result) for result in results], indent=1, ensure_ascii=False)


def show_table(results: Sequence[SectionResult]) -> str:
    """Return the table section × cells × passed × seconds, with the original's columns where it was run."""
    packages = _packages(results)
    rows = list(_rows(results, packages))
    width = max(len("section"), *(len(row[0]) for row in rows))  # the longest name sets the column
    # the columns are as wide as their heads
    names = ["cells", *(f"{name:>8}" for name in _columns(packages, packages))]
    head = "  ".join([f"{'section':<{width}}", *names])
    lines = [head, "-" * len(head)]
    for name, *columns, remark in rows:
        numbers = (f"{value:>{len(column)}}" for value, column in zip(columns, names, strict=True))
        lines.append("  ".join([f"{name:<{width}}", *numbers, *([remark] if remark else [])]))
    return "\n".join([*lines, "-" * len(head), *summarize(results)])


def show_markdown(results: Sequence[SectionResult]) -> str:
    """Return the table as Markdown, with its summary and the machine."""
    packages = _packages(results)
    head = ["section", "cells", *_columns(packages, packages if len(packages) > 1 else ["passed"]), "remarks"]
    lines = ["| " + " | ".join(row) + " |" for row in _rows(results, packages)]
    machines = sorted({result.machine for result in results if result.machine})
    # a run that did not import torch knows less about the same machine
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


def summarize(results: Sequence[SectionResult]) -> list[str]:
    """Return a line for each edition and package: how many sections and cells passed, and why others did not.

    Where both packages ran sections of an edition, another line compares Fathom's time with the original's.
    """
    lines = []
    # en, zh: in the order of the results
    for edition in dict.fromkeys(result.section.partition(":")[0] for result in results):
        for package in _packages(results):
            mine = [r for r in results if r.package == package and r.section.startswith(f"{edition}:")]
            if not mine:
                continue
            whole = sum(result.status == "passed" for result in mine)
            cells, passed = sum(r.cells for r in mine), sum(r.passed for r in mine)
            counts = {status: sum(r.status == status for r in mine) for status in REASONS}
            rest = "".join(f", {count} {status}" for status, count in counts.items() if count)
            lines.append(
                f"{edition} {package}: {whole} of {len(mine)} sections and {passed} of {cells} cells pass{rest}"
            )
        lines += _compare_times([r for r in results if r.section.startswith(f"{edition}:")], edition)
    return lines


def _compare_times(results: Sequence[SectionResult], edition: str) -> list[str]:
    ratios = [ratio for ours, theirs in _pairs(results) if (ratio := _ratio(ours, theirs))]
    if not ratios:
        return []
    return [
        f"{edition}: where both passed, Fathom took {min(ratios):.2f} to {max(ratios):.2f} of the original's time, "
        # the median: one slow section would shift a mean
        f"{statistics.median(ratios):.2f} in the median of {counted(len(ratios), 'section')}"
    ]


def _pairs(results: Sequence[SectionResult]) -> list[tuple[SectionResult | None, SectionResult | None]]:
    """Return Fathom's and the original's result of each section."""
    by_key = {(result.section, result.package): result for result in results}
    names = dict.fromkeys(result.section for result in results)
    return [(by_key.get((name, PACKAGES[0])), by_key.get((name, PACKAGES[1]))) for name in names]


def _ratio(ours: SectionResult | None, theirs: SectionResult | None) -> float | None:
    """Return Fathom's time divided by the original's; None unless both ran to the end, with the same batches."""
    if ours is None or theirs is None or not ours.status == theirs.status == "passed" or ours.batches != theirs.batches:
        return None
    return ours.seconds / theirs.seconds if theirs.seconds else None  # 0 s: too short to compare


def _columns(packages: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return the names of the columns between cells and remarks; ``labels`` head those of the passed cells."""
    # once a package: passed, seconds
    return [name for label in labels for name in (label, "seconds")] + ["ratio"] * (len(packages) > 1)


def _packages(results: Sequence[SectionResult]) -> list[str]:
    return [package for package in PACKAGES if any(result.package == package for result in results)]


def _rows(results: Sequence[SectionResult], packages: Sequence[str]) -> Iterable[list[str]]:
    """Yield for each section its name, cells, passed and seconds of each package, their ratio, and the remark."""
    for ours, theirs in _pairs(results):
        found = {PACKAGES[0]: ours, PACKAGES[1]: theirs}
        some = ours or theirs  # either run knows the section's name and cells
        assert some is not None
        columns = [text for package in packages for text in _numbers(found[package])]
        if len(packages) > 1:
            ratio = _ratio(ours, theirs)
            columns.append("–" if ratio is None else f"{ratio:.2f}")
        yield [some.section, str(some.cells), *columns, _remark(ours, theirs)]


def _numbers(result: SectionResult | None) -> tuple[str, str]:
    return (str(result.passed), f"{result.seconds:.1f}") if result else ("–", "–")


def _remark(ours: SectionResult | None, theirs: SectionResult | None) -> str:
    """Return why Fathom's run did not pass, how it was cut short, and whether the original's passed."""
    parts = []
    if ours is not None and ours.status != "passed":
        parts.append(ours.status + (f": {ours.missing}" if ours.missing else ""))
    if ours is not None and ours.batches:
        parts.append(counted(ours.batches, "batch", "batches") + " a pass")
    if ours is not None and ours.stand_in:
        parts.append("cuda stands for the CPU")
    if theirs is not None and theirs.status != "passed":
        parts.append(f"original: {theirs.status}")
    return ", ".join(parts)
