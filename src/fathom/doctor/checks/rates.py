"""Learning rates, by what they did to loss and weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import mean, median

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import OptimizerRecord, Record
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check every optimiser."""
    trained = [optimizer for optimizer in record.optimizers if optimizer.steps]
    for optimizer in trained:
        losses = [value for value in optimizer.losses if math.isfinite(value)]
        if len(losses) < thresholds.LEAST_STEPS and not (record.not_finite and len(losses) >= 2 and len(trained) == 1):
            for code in ("lr.too_high", "lr.too_low"):
                yield NotChecked(
                    code, f"only {len(losses)} steps with a loss: at least {thresholds.LEAST_STEPS} are needed"
                )
            continue
        if len(trained) > 1:
            for code in ("lr.too_high", "lr.too_low"):
                yield NotChecked(code, "several optimisers: in adversarial training a loss that rises is no fault")
            continue
        ratios = update_ratios(optimizer)
        yield from _too_high(optimizer, record, losses, ratios)
        yield from _too_low(optimizer, record, losses, ratios)


def update_ratios(optimizer: OptimizerRecord) -> list[float]:
    """Return for each step looked at the norm of the update relative to that of the weights."""
    ratios = []
    for interval in optimizer.intervals:
        update = math.sqrt(sum(v * v for v in interval.update_norms.values()))
        weight = math.sqrt(sum(v * v for v in interval.weight_norms.values()))
        if interval.update_norms and weight > 0 and math.isfinite(update):
            ratios.append(update / weight)
    return ratios


def ends_of(losses: list[float]) -> tuple[float, float]:
    """Return the loss at the beginning and at the end, each as the median over a twentieth of the steps, five at "
    "least."""
    width = max(5, len(losses) // 20)
    width = min(width, max(1, len(losses) // 3))
    return median(losses[:width]), median(losses[-width:])


def _too_high(
    optimizer: OptimizerRecord, record: Record, losses: list[float], ratios: list[float]
) -> Iterator[Finding]:
    first, last = losses[0], ends_of(losses)[1]
    usual = median(ratios) if ratios else 0.0
    peak = max(losses)
    is_broken = record.not_finite is not None and record.not_finite.where in ("parameter", "layer", "loss")
    evidence = {
        "first": first,
        "last": last,
        "highest": peak,
        "update_ratio": usual,
        "lr": max(optimizer.rates, default=math.nan),
    }
    if not math.isfinite(evidence["lr"]):
        evidence["lr"] = None  # type: ignore[assignment]
    # a loss below 0 has no scale of its own
    rises = first > 0 and last > thresholds.RISEN * first
    jumps = first > 0 and peak > thresholds.PEAK * first and last > thresholds.STUCK * first
    blew_up = (
        is_broken
        and first > 0
        and (peak > thresholds.PEAK * first or (ratios and max(ratios) > thresholds.LARGE_UPDATE))
    )
    wild = usual > thresholds.LARGE_UPDATE and first > 0 and last > thresholds.STUCK * first
    if not (rises or jumps or blew_up or wild):
        return
    yield found(
        "lr.too_high",
        f"The loss went from {first:.4g} to {last:.4g}, at most {peak:.4g}; a step moves the weights by {usual:.2g} "
        "of their norm",
        evidence,
        place=optimizer.place,
    )


def _too_low(optimizer: OptimizerRecord, record: Record, losses: list[float], ratios: list[float]) -> Iterator[Finding]:
    quarter = len(losses) // 4
    # where nothing is learned the noise of the batches is all there is: the more of them the better
    first, last = (mean(losses[:quarter]), mean(losses[-quarter:])) if quarter >= 10 else ends_of(losses)
    if not ratios or first <= 0 or optimizer.zero_rate_steps > 0.1 * optimizer.steps:
        return
    moved = median(ratios) * optimizer.steps
    is_loaded = any(root.has_loaded_weights for root in record.roots)
    # weights that moved by less than this in all steps together, each in one direction, cannot have learned anything
    if moved < thresholds.MOVED and last > (1 - thresholds.STANDS_STILL) * first and not record.failure:
        yield found(
            "lr.too_low",
            f"In {optimizer.steps:,} steps the loss went from {first:.4g} to {last:.4g}, and all steps together moved "
            "the weights by at most "
            f"{moved:.2g} of their norm",
            {"first": first, "last": last, "moved": moved, "update_ratio": median(ratios)},
            place=optimizer.place,
            severity="note" if is_loaded else "warning",
        )
