"""Course of the losses, training beside evaluation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked


@dataclass
class Evaluation:
    """One evaluation: means over its batches."""

    step: int
    loss: float
    accuracy: float | None


def evaluations(record: Record) -> list[Evaluation]:
    """Return the evaluations of the line that evaluates most, in the order of their steps."""
    places: dict[str, dict[int, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for entry in record.evaluations:
        places[entry["place"]][entry["step"]].append(entry)
    best = max(places.values(), key=len, default={})
    found = []
    for step, entries in sorted(best.items()):
        weights = [entry["samples"] for entry in entries]
        if not sum(weights):
            continue
        value = sum(e["loss"] * w for e, w in zip(entries, weights, strict=True)) / sum(weights)
        known = [(e["accuracy"], w) for e, w in zip(entries, weights, strict=True) if "accuracy" in e]
        accuracy = sum(a * w for a, w in known) / sum(w for _, w in known) if known else None
        found.append(Evaluation(step, value, accuracy))
    return found


def training_loss_at(record: Record, step: int) -> float | None:
    """Return the mean training loss of the steps before ``step``, where one optimiser alone trains."""
    trained = [optimizer for optimizer in record.optimizers if optimizer.steps]
    if len(trained) != 1:
        return None
    values = [v for v in trained[0].losses[max(0, step - 20) : step] if math.isfinite(v)]
    return mean(values) if values else None


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check how the evaluations went."""
    points = [point for point in evaluations(record) if math.isfinite(point.loss)]
    if len(points) < thresholds.LEAST_EVALUATIONS:
        reason = f"{len(points)} evaluations with a loss were seen: at least {thresholds.LEAST_EVALUATIONS} are needed"
        yield NotChecked("fit.overfitting", reason)
        yield NotChecked("loss.oscillates", reason)
        return
    yield from _overfitting(record, points)
    yield from _oscillates(points)


def _overfitting(record: Record, points: list[Evaluation]) -> Iterator[Finding]:
    lowest = min(points, key=lambda point: point.loss)
    last = points[-1]
    then, now = training_loss_at(record, lowest.step), training_loss_at(record, last.step)
    if (
        lowest.loss <= 0
        or last.loss < thresholds.RISEN_EVALUATION * lowest.loss
        or then is None
        or now is None
        or now >= then
    ):
        return
    yield found(
        "fit.overfitting",
        f"The loss of the evaluation is lowest at step {lowest.step:,} ({lowest.loss:.4g}) and {last.loss:.4g} at the "
        "end, while the training "
        f"loss fell from {then:.4g} to {now:.4g}",
        {"best_step": lowest.step, "best": lowest.loss, "last": last.loss, "train_then": then, "train_last": now},
    )


def _oscillates(points: list[Evaluation]) -> Iterator[Finding]:
    values = [point.loss for point in points]
    if len(values) < thresholds.LEAST_FOR_OSCILLATION:
        return
    steps = [b - a for a, b in pairwise(values)]
    turns = sum(a * b < 0 for a, b in pairwise(steps))
    size = mean(abs(step) for step in steps)
    if turns > thresholds.TURNS * (len(steps) - 1) and size > thresholds.SWING * abs(mean(values)):
        yield found(
            "loss.oscillates",
            f"The loss of {len(values)} evaluations changes its direction {turns} times, by {size:.3g} on average "
            f"around {mean(values):.3g}",
            {"evaluations": len(values), "turns": turns, "mean_change": size},
        )
