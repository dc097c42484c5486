"""Units that are dead or saturated."""

from __future__ import annotations

from collections.abc import Iterator

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the activations that the graphs showed."""
    if not record.units and record.backwards:
        reason = "no ReLU, sigmoid or tanh between layers was seen"
        yield NotChecked("model.dead_units", reason)
        yield NotChecked("model.saturated_units", reason)
    for unit in record.units:
        if unit.units < thresholds.LEAST_UNITS:
            continue
        place = next((r.layers[unit.layer].place for r in record.roots if unit.layer in r.layers), "")
        if unit.kind == "relu" and unit.idle > thresholds.DEAD_SHARE:
            if unit.samples < thresholds.LEAST_SAMPLES_OF_A_UNIT and unit.idle < 1:
                yield NotChecked(
                    "model.dead_units", f"only {unit.samples} samples were seen; a unit may be rarely active"
                )
                continue
            yield found(
                "model.dead_units",
                f"After {unit.layer}, {unit.idle:.0%} of {unit.units} units gave 0 for all of {unit.samples} samples",
                {"units": unit.units, "dead_share": unit.idle, "samples": unit.samples, "step": unit.step},
                place=place,
            )
        elif unit.kind != "relu" and unit.saturated > thresholds.SATURATED_SHARE:
            yield found(
                "model.saturated_units",
                f"After {unit.layer}, {unit.saturated:.0%} of {unit.units} units stand at a bound of their {unit.kind}",
                {"units": unit.units, "saturated_share": unit.saturated, "samples": unit.samples, "step": unit.step},
                place=place,
            )
