"""Findings of the doctor as text."""

from __future__ import annotations

from collections.abc import Iterator

from fathom.findings import Finding, Findings
from fathom.phrases import counted


def describe(findings: Findings, *, show_all: bool = False) -> Iterator[str]:
    """Lay out findings, the gravest first, then how many checks could not run."""
    for finding in findings.findings:
        yield from describe_finding(finding)
    kinds = {
        severity: sum(f.severity == severity for f in findings.findings) for severity in ("error", "warning", "note")
    }
    parts = [counted(number, kind) for kind, number in kinds.items() if number]
    skipped = f"; {counted(len(findings.not_checked), 'check')} could not run" if findings.not_checked else ""
    yield (", ".join(parts) if parts else "nothing found") + skipped + ("" if show_all or not skipped else " (--all)")
    if show_all:
        reasons: dict[str, list[str]] = {}
        for check in findings.not_checked:
            reasons.setdefault(check.reason, []).append(check.code)
        yield from (f"skipped  {reason}: {', '.join(codes)}" for reason, codes in reasons.items())


def describe_finding(finding: Finding) -> Iterator[str]:
    """Lay out one: what was seen and where, why it matters, what to do, where it is explained."""
    place = f"{finding.place}: " if finding.place else ""
    yield f"{finding.severity:<7}  {place}{finding.message}  [{finding.code}]"
    if finding.cause:
        yield f"{'why':>9}  {finding.cause}"
    if finding.remedy:
        yield f"{'cure':>9}  {finding.remedy}"
