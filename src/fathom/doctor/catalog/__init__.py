"""The catalogue: every fault the doctor knows, with what it says of it. The pages in ``docs/doctor`` are made from "
"it."""

from __future__ import annotations

from collections.abc import Mapping

from fathom.doctor.catalog import data, fits, losses, models, steps
from fathom.doctor.catalog.entry import Entry
from fathom.findings import Finding, Plain, Severity

CATALOG: dict[str, Entry] = {
    entry.code: entry
    for entries in (losses.ENTRIES, steps.ENTRIES, models.ENTRIES, data.ENTRIES, fits.ENTRIES)
    for entry in entries
}


def found(
    code: str,
    message: str,
    evidence: Mapping[str, Plain] | None = None,
    *,
    place: str = "",
    severity: Severity | None = None,
    cause: str | None = None,
    remedy: str | None = None,
) -> Finding:
    """Return a finding with the catalogue's severity, cause and cure where they are not given."""
    entry = CATALOG[code]
    return Finding(
        code,
        severity or entry.severity,
        message,
        dict(evidence or {}),
        cause=entry.cause if cause is None else cause,
        remedy=entry.cure if remedy is None else remedy,
        place=place,
    )
