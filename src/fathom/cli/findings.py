"""Findings on the terminal, beside what a command prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from fathom.findings import Finding, by_severity


def show_findings(findings: Iterable[Finding]) -> None:
    """Print findings to standard error, a line each, the gravest first."""
    for finding in by_severity(findings):
        print(f"fathom: {finding.severity}: {finding.text}", file=sys.stderr)
