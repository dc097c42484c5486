"""What the probes of a run say: the checks of scripts on the course of the run, and those that only a run allows.

The same function judges while the network trains, at its end, and when somebody asks later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.checks import curves, data, failures, fits, gradients, rates, run, schedules, units, updates
from fathom.doctor.training.course import record_of
from fathom.findings import Finding, Findings, NotChecked
from fathom.phrases import counted, significant
from fathom.runs.folder.probes import PROBE, START, Event
from fathom.runs.folder.records import is_number

CHECKS = (
    failures.check,
    updates.check,
    schedules.check,
    rates.check,
    gradients.check,
    units.check,
    data.check,
    curves.check,
    fits.check,
)
# What only the end of a training shows; a beginning that looks like it is none.
_AT_THE_END = frozenset({"lr.too_low", "lr.zero", "fit.underfitting", "data.labels_shuffled", "loss.oscillates"})
# Of these the record of a run holds nothing: the first steps, and the data check, speak of them.
_NOT_THE_COURSE = ("data.duplicates", "data.augmented", "data.same", "data.leak", "data.label_noise", "data.split")


def judge(events: Iterable[Event], epochs: Sequence[Mapping[str, Any]], *, is_over: bool) -> Findings:
    """Return what a run's probes and epochs show so far, or at its end; nothing without a ``start``."""
    kept = list(events)
    record = record_of(kept, epochs, is_over=is_over)
    if record is None:
        return Findings()
    result = run.check_record(record, CHECKS, () if is_over else _AT_THE_END)
    judged = [*result.findings, *_rhythm(kept), *_outside_the_band(kept)]
    skipped = [check for check in result.not_checked if not check.code.startswith(_NOT_THE_COURSE)]
    skipped = [check for check in skipped if check.code != "run.not_deterministic"]
    reasons: dict[str, str] = next(
        (event.get("not_seen", {}) for event in reversed(kept) if event.get("event") == START), {}
    )
    codes = {finding.code for finding in judged}
    known = {check.code: check.reason for check in skipped} | dict(reasons)
    return Findings.gravest_first(judged, [NotChecked(c, r) for c, r in known.items() if c not in codes])


def _rhythm(events: Sequence[Event]) -> Iterator[Finding]:
    """Report steps whose learning rate was not the one that was planned. Exact."""
    pairs = [(event, event.get("planned_lr"), event.get("lr")) for event in events if event.get("event") == PROBE]
    wrong = [
        (event, float(planned), float(lr))
        for event, planned, lr in pairs
        if is_number(planned) and is_number(lr) and abs(planned - lr) > 1e-9 * max(abs(planned), abs(lr))
    ]
    if not wrong:
        return
    event, planned, lr = wrong[0]
    yield found(
        "lr.schedule_rhythm",
        f"At {len(wrong)} of {counted(len(pairs), 'step')} looked at, the learning rate was not the schedule's: first "
        f"at step {event['step']:,}, {significant(lr)} in place of {significant(planned)}",
        {"steps": len(wrong), "of": len(pairs), "lr": lr, "planned_lr": planned},
        place=f"step {event['step']}",
        cause="something besides the schedule sets the rate of the optimiser",
        remedy="let the schedule alone set it: --schedule",
    )


def _outside_the_band(events: Sequence[Event]) -> Iterator[Finding]:
    """Note layers whose gradients stay outside the band within which numbers and rates are usual.

    Source:  notes N1 §1.7.2: gradients within 1e-6 and 1e3
    """
    start = next((event for event in reversed(events) if event.get("event") == START), {})
    names = list(start.get("parameters", ()))
    low, high = thresholds.GRADIENT_BAND
    seen: dict[str, list[float]] = {}
    for event in events:
        for name, value in zip(names, event.get("gradient_size") or (), strict=False):
            if is_number(value) and name.endswith("weight"):
                seen.setdefault(name, []).append(float(value))
    for words, code, outside in (
        ("below", "gradient.vanishing", lambda v: 0 < v < low),
        ("above", "gradient.exploding", lambda v: v > high),
    ):
        layers = {
            name: values
            for name, values in seen.items()
            if len(values) >= 3 and 2 * sum(map(outside, values)) > len(values)
        }
        if layers:
            name, values = next(iter(layers.items()))
            yield found(
                code,
                f"The gradients of {counted(len(layers), 'layer')} lie {words} the band of {low:g} to {high:g} on most "
                f"steps looked at; {name}: {significant(sorted(values)[len(values) // 2])} on average over its weights",
                {"layers": len(layers), "layer": name, "gradient": sorted(values)[len(values) // 2]},
                place=name,
                severity="note",
            )
