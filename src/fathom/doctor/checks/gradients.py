"""Gradients that vanish or explode on their way back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.checks.rates import ends_of
from fathom.doctor.observer.record import Interval, OptimizerRecord, Record
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the gradients of every optimiser."""
    for optimizer in record.optimizers:
        intervals = [interval for interval in optimizer.intervals if interval.gradient_norms]
        if len(intervals) < 3:
            continue
        yield from _exploding(optimizer, intervals, record)
        yield from _vanishing(optimizer, intervals, record)


def total_norm(interval: Interval) -> float:
    """Return the norm of all gradients together."""
    return math.sqrt(sum(value * value for value in interval.gradient_norms.values() if value is not None))


def _place_of(name: str, record: Record) -> str:
    """Return where the layer of a parameter is made and called."""
    layer = name.rpartition(".")[0]
    return next((root.layers[layer].place for root in record.roots if layer in root.layers), "")


def _exploding(optimizer: OptimizerRecord, intervals: list[Interval], record: Record) -> Iterator[Finding]:
    totals = [total_norm(interval) for interval in intervals]
    finite = [value for value in totals if math.isfinite(value)]
    first = optimizer.losses[0] if optimizer.losses else math.nan
    peak = max((v for v in optimizer.losses if math.isfinite(v)), default=math.nan)
    scale = max(1.0, abs(first)) if math.isfinite(first) else 1.0
    largest = max(finite, default=0.0)
    rose = first > 0 and peak > thresholds.PEAK * first
    spike = rose and bool(finite) and largest > thresholds.GRADIENT_SPIKE * median(finite)
    if not (largest > thresholds.HUGE_GRADIENT * scale or (rose and len(finite) < len(totals)) or spike):
        return
    norms = {n: v for i in intervals for n, v in i.gradient_norms.items() if v is not None and math.isfinite(v)}
    steepest = max(norms, key=lambda name: norms[name], default="")
    yield found(
        "gradient.exploding",
        f"The norm of the gradients is up to {largest:.3g}, its median {median(finite or [math.inf]):.3g}; the loss "
        f"rose to {peak:.3g}",
        {
            "largest": largest,
            "median": median(finite) if finite else None,
            "not_finite": len(totals) - len(finite),
            "layer": steepest,
        },
        place=", ".join(filter(None, (optimizer.step_place, _place_of(steepest, record)))),
    )


def _vanishing(optimizer: OptimizerRecord, intervals: list[Interval], record: Record) -> Iterator[Finding]:
    losses = [value for value in optimizer.losses if math.isfinite(value)]
    if len(losses) < 3:
        return
    first, last = ends_of(losses)
    if first > 0 and last < (1 - thresholds.NEAR_START) * first:
        return  # it learns, or has learned: small gradients are what is left
    small = []
    for interval in intervals:
        weights = [(n, v) for n, v in interval.gradient_norms.items() if v is not None and n.endswith("weight")]
        weights = [(n, v) for n, v in weights if n in interval.weight_norms]
        if len(weights) < thresholds.DEEP:
            return
        (front, g_first), (back, g_last) = weights[0], weights[-1]
        if g_last > 0 and g_first < thresholds.VANISHING_RATIO * g_last and g_first < thresholds.VANISHED:
            small.append((front, back, g_first, g_last))
    if len(small) * 2 <= len(intervals):
        return
    front, back, g_first, g_last = small[-1]
    yield found(
        "gradient.vanishing",
        f"The gradient of {front} has a norm of {g_first:.2g}, that of {back} one of {g_last:.2g}, and the loss is "
        "still near its start",
        {"first_layer": g_first, "last_layer": g_last, "loss_first": first, "loss_last": last},
        place=", ".join(filter(None, (optimizer.step_place, _place_of(front, record)))),
    )
