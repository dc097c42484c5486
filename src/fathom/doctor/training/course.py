"""The course of a run, from its probes and metrics, as the record that the doctor's checks read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fathom.doctor.observer.record import (
    Interval,
    LoaderRecord,
    LossCall,
    NotFinite,
    OptimizerRecord,
    Record,
    UnitRecord,
)
from fathom.runs.folder.probes import PROBE, START, Event
from fathom.runs.folder.records import is_number

MOST_LOSSES = 64  # of an interval that are written one by one; of a longer one mean and highest stand for all


def record_of(events: Iterable[Event], epochs: Sequence[Mapping[str, Any]], *, is_over: bool) -> Record | None:
    """Return the record of a run; None without a ``start``.

    Args:
        events: what ``read_probes`` gives.
        epochs: the records of finished epochs.
        is_over: whether training has ended, so that its end may be judged.
    """
    kept = list(events)
    start = next((event for event in reversed(kept) if event.get("event") == START), None)
    if start is None:
        return None
    probes = [event for event in kept if event.get("event") == PROBE]
    record = Record(stopped_early="" if is_over else "training is under way")
    names, optimizer = list(start.get("parameters", ())), _optimizer(start)
    record.optimizers.append(optimizer)
    for probe in probes:
        _add_losses(optimizer, probe)
        _add_interval(optimizer, probe, names)
    optimizer.steps = record.backwards = len(optimizer.losses)
    optimizer.zero_rate_steps = sum(rate == 0 for rate in optimizer.rates)
    # those without one are in `without_gradient`; what is not seen is not missing
    optimizer.parameters_with_gradient = optimizer.names - {n for p in probes for n in p.get("without_gradient", ())}
    optimizer.saw_losses = False  # a loss that is not finite stops the run, which says where: _not_finite
    record.not_finite = _not_finite(kept)
    record.units = _units(probes)
    record.elapsed_s = sum(probe.get("interval_s", 0.0) for probe in probes)
    record.loaders.append(_loader(start, probes))
    if start.get("loss") == "cross_entropy" and (start.get("classes") or 0) > 1:
        # the class count alone, which the loss of chance follows from
        record.losses.append(LossCall("cross_entropy", "", 0, True, {"min": 0.0, "classes": start["classes"]}))
    record.evaluations = [
        {"step": epoch["step"], "loss": epoch["val_loss"], "place": "validation", "samples": 1}
        | ({"accuracy": epoch["val_accuracy"]} if is_number(epoch.get("val_accuracy")) else {})
        for epoch in epochs
        if is_number(epoch.get("val_loss"))
    ]
    return record


def summarise_losses(losses: Sequence[float]) -> dict[str, Any]:
    """Return what is written of an interval's losses; ``_add_losses`` reads it."""
    if len(losses) <= MOST_LOSSES:
        return {"losses": [float(f"{loss:.9g}") for loss in losses]}  # nine digits are a float32 to the bit
    finite = [loss for loss in losses if math.isfinite(loss)] or [math.nan]
    return {"steps": len(losses), "loss_mean": sum(finite) / len(finite), "loss_highest": max(finite)}


def _optimizer(start: Event) -> OptimizerRecord:
    record = OptimizerRecord(str(start.get("optimizer", "")), "")
    record.names = set(start.get("parameters", ()))
    record.num_parameters = len(record.names)
    return record


def _add_losses(optimizer: OptimizerRecord, probe: Event) -> None:
    losses = probe.get("losses")
    if losses is None:
        count, mean = int(probe.get("steps", 0)), probe.get("loss_mean")
        losses = [mean] * (count - 1) + [probe.get("loss_highest")] if count else []
    values = [float(loss) if is_number(loss) else math.nan for loss in losses]
    rate = probe.get("lr")
    optimizer.losses += values
    optimizer.rates += [float(rate) if is_number(rate) else math.nan] * len(values)


def _add_interval(optimizer: OptimizerRecord, probe: Event, names: Sequence[str]) -> None:
    if "weight" not in probe:
        return
    interval = Interval(max(0, len(optimizer.losses) - 1), num_backwards=1, starts_clean=True)
    interval.weight_norms = _named(names, probe.get("weight"))
    interval.update_norms = _named(names, probe.get("update"))
    gradients = probe.get("gradient")
    if gradients is not None:
        # infinite where there is one that is not finite: the file says null, as JSON has no word for it
        missing = set(probe.get("without_gradient", ()))
        interval.gradient_norms = {
            name: value if is_number(value) else (None if name in missing else math.inf)
            for name, value in zip(names, gradients, strict=False)
        }
    optimizer.intervals.append(interval)


def _named(names: Sequence[str], values: Any) -> dict[str, float]:
    pairs = zip(names, values or (), strict=False)
    return {name: float(value) if is_number(value) else math.inf for name, value in pairs}


def _not_finite(events: Sequence[Event]) -> NotFinite | None:
    for event in events:
        broken = event.get("not_finite")
        if isinstance(broken, Mapping):
            return NotFinite(int(event["step"]), str(broken["where"]), str(broken["name"]), "")
    return None


def _units(probes: Sequence[Event]) -> list[UnitRecord]:
    """Return the units as the last probe that looked at them had them."""
    last = next((probe for probe in reversed(probes) if probe.get("units")), None)
    if last is None:
        return []
    return [
        UnitRecord(kind, layer, int(last["step"]), units, samples, idle, bound)
        for kind, layer, units, samples, idle, bound in last["units"]
    ]


def _loader(start: Event, probes: Sequence[Event]) -> LoaderRecord:
    """Return the training loader as the checks of scripts know one: how long it was waited for."""
    record = LoaderRecord("", str(start.get("data", "")), 0, None, None, False, int(start.get("workers") or 0))
    record.is_training, record.passes = True, 1
    record.batches = sum(probe.get("batches", 0) for probe in probes)
    record.wait_s = sum(probe.get("wait_s", 0.0) for probe in probes)
    return record
