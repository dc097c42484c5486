"""The shape of an entry of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from fathom.findings import Severity


@dataclass(frozen=True)
class Entry:
    """One fault: what the doctor says of it, and its page in ``docs/doctor``.

    Args:
        severity: the usual one; a check may give a milder one where it is less sure.
        symptom: what the user sees.
        cause: why that spoils the training, in one sentence without its full stop.
        cure: a line of code or a command, or what to do.
        how: how the check works, with its limits.
        wrong: when a finding is no fault, or a fault is not found.
    """

    code: str
    title: str
    severity: Severity
    symptom: str
    cause: str
    cure: str
    how: str
    wrong: str
