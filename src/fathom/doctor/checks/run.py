"""All checks of an observed training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from fathom.doctor.catalog import CATALOG
from fathom.doctor.checks import (
    curves,
    data,
    failures,
    fits,
    gradients,
    initial,
    losses,
    modes,
    neighbours,
    randomness,
    rates,
    samples,
    schedules,
    signs,
    structure,
    targets,
    units,
    updates,
)
from fathom.doctor.observer.record import Record
from fathom.doctor.ranking import rank
from fathom.findings import Finding, Findings, NotChecked

Outcome = Iterator[Finding | NotChecked]

CHECKS: tuple[Callable[[Record], Outcome], ...] = (
    failures.check,
    losses.check,
    targets.check,
    signs.check,
    updates.check,
    structure.check,
    modes.check,
    initial.check,
    schedules.check,
    rates.check,
    gradients.check,
    units.check,
    data.check,
    curves.check,
    fits.check,
    randomness.check,
    samples.check,
    neighbours.check,
)


def check_record(
    record: Record, checks: Sequence[Callable[[Record], Outcome]] = CHECKS, too_early: Collection[str] = ()
) -> Findings:
    """Return what the checks, by default all, say of a training; each fault once, the gravest first, as ``rank`` says.

    Args:
        too_early: codes of what cannot be said yet, and so explains nothing yet.
    """
    found: dict[tuple[str, str], Finding] = {}
    skipped: dict[str, str] = {}
    if not any(optimizer.steps for optimizer in record.optimizers):
        reason = _without_training(record)
        skipped |= {code: reason for code in CATALOG if code not in skipped}
    for check in checks:
        try:
            for outcome in check(record):
                if isinstance(outcome, NotChecked):
                    skipped[outcome.code] = outcome.reason
                elif outcome.code not in too_early:
                    found.setdefault((outcome.code, outcome.place), outcome)
        except Exception as error:  # a check that fails must not take the others with it
            record.note_failure(check.__module__, error)
    codes = {code for code, _ in found}
    not_checked = [NotChecked(code, reason) for code, reason in skipped.items() if code not in codes]
    return Findings(tuple(rank(_once(list(found.values())))), tuple(not_checked))


def _without_training(record: Record) -> str:
    if record.failure:
        return "the script failed before its first optimiser step"
    if record.uses_subprocess:
        return f"no optimiser stepped in this process; {record.uses_subprocess} starts another, which is not observed"
    if record.optimizers:
        return "the optimiser never stepped"
    return "no optimiser was made: nothing was trained through torch.optim"


def _once(findings: list[Finding]) -> list[Finding]:
    """Keep the first three findings of one code; a network with a hundred layers has the same fault in each."""
    kept: list[Finding] = []
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
        if counts[finding.code] <= 3:
            kept.append(finding)
    return kept
