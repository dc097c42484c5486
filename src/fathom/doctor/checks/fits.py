"""How well it learned in the end: notes, for the numbers of one run prove little."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.checks.curves import evaluations
from fathom.doctor.checks.losses import training_calls
from fathom.doctor.checks.rates import ends_of
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check the end of training."""
    trained = [optimizer for optimizer in record.optimizers if optimizer.steps]
    if len(trained) != 1:
        return
    losses = [value for value in trained[0].losses if math.isfinite(value)]
    if len(losses) < thresholds.LEAST_STEPS_OF_A_CURVE:
        yield NotChecked("fit.underfitting", f"only {len(losses)} steps with a loss were seen")
        return
    yield from _underfitting(losses, record)
    yield from _shuffled(losses, record)


def _underfitting(losses: list[float], record: Record) -> Iterator[Finding]:
    quarter = len(losses) // 4
    third, last = losses[-2 * quarter : -quarter], losses[-quarter:]
    before, after = sum(third) / len(third), sum(last) / len(last)
    first = ends_of(losses)[0]
    if (
        before > 0
        and after < (1 - thresholds.STILL_FALLING) * before
        and after > thresholds.FAR_FROM_DONE * first
        and not record.stopped_early
    ):
        yield found(
            "fit.underfitting",
            f"Training ended while the loss still fell: {before:.4g} in the third quarter of the steps, {after:.4g} "
            "in the last",
            {"third_quarter": before, "last_quarter": after, "first": first},
            cause="it was stopped too early",
            remedy="more epochs",
        )
    elif first > 0 and after > thresholds.HARDLY_LEARNED * first:
        yield found(
            "fit.underfitting",
            f"The training loss hardly fell: {first:.4g} at first, {after:.4g} in the last quarter of the steps",
            {"first": first, "last_quarter": after},
            cause="the network is too small, or something else keeps it from learning",
            remedy="overfit one batch first: if that fails, look at the other findings",
        )


def _shuffled(losses: list[float], record: Record) -> Iterator[Finding | NotChecked]:
    """Report an evaluation at chance beside a training that learns, or a training at chance."""
    points = evaluations(record)
    chance = [
        math.log(call.facts["classes"])
        for calls in training_calls(record).values()
        for call in calls[:1]
        if call.kind == "cross_entropy" and call.facts.get("classes", 0) > 1
    ]
    if len(chance) != 1 or not points:
        yield NotChecked("data.labels_shuffled", "it takes a cross-entropy and an evaluation with a loss")
        return
    last, lowest = points[-1], min(point.loss for point in points)
    after = ends_of(losses)[1]
    if lowest > thresholds.AT_CHANCE * chance[0] and after < thresholds.LEARNED * chance[0]:
        yield found(
            "data.labels_shuffled",
            f"The training loss falls to {after:.3g}, yet no evaluation is better than chance ({chance[0]:.3g}): the "
            "lowest loss is "
            f"{lowest:.3g}",
            {"train_loss": after, "lowest_evaluation": lowest, "chance": chance[0], "accuracy": last.accuracy},
        )
