"""How well it learned in the end: notes, for the numbers of one run prove little."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

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
    yield from _left_early(record)
    if 3 <= len(losses) < thresholds.FEW_STEPS and not record.stopped_early and not record.failure:
        first, last = ends_of(losses)
        if first > 0 and thresholds.FEW_FELL * first < last < first:
            yield found(
                "fit.underfitting",
                f"Training took only {len(losses)} steps, in which the loss fell from {first:.4g} to {last:.4g}",
                {"steps": len(losses), "first": first, "last": last},
                cause="it was stopped too early",
                remedy="more epochs, or smaller batches",
            )
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
    elif (
        chance := _chance(record)
    ) and thresholds.FAR_FROM_CERTAIN * chance < after < thresholds.HARDLY_LEARNED * first:
        yield found(
            "fit.underfitting",
            f"The loss on what is learned from stays at {after:.4g}, where chance gives {chance:.4g}, and falls no "
            "further",
            {"last_quarter": after, "third_quarter": before, "chance": chance},
            remedy="a larger network or less regularisation, if the task is not a hard one",
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
    points, chance = evaluations(record), _chance(record)
    if chance is not None and not points and record.predicted is not None:
        yield from _at_chance(record.predicted, ends_of(losses)[1], chance)
        return
    if chance is None or not points:
        yield NotChecked("data.labels_shuffled", "it takes a cross-entropy, and an evaluation of known labels")
        return
    last, lowest = points[-1], min(point.loss for point in points)
    after = ends_of(losses)[1]
    if lowest > thresholds.AT_CHANCE * chance and after < thresholds.LEARNED * chance:
        yield found(
            "data.labels_shuffled",
            f"The training loss falls to {after:.3g}, yet no evaluation is better than chance ({chance:.3g}): the "
            "lowest loss is "
            f"{lowest:.3g}",
            {"train_loss": after, "lowest_evaluation": lowest, "chance": chance, "accuracy": last.accuracy},
        )


def _at_chance(predicted: tuple[Tensor, Tensor], train_loss: float, chance: float) -> Iterator[Finding]:
    """Report an evaluation that is right no more often than always guessing the largest class would be."""
    probabilities, labels = predicted  # (N, classes), (N,)
    accuracy = float((probabilities.argmax(1) == labels).float().mean())
    largest = float(labels.bincount().max()) / len(labels)
    deviation = math.sqrt(largest * (1 - largest) / len(labels))
    if len(labels) < thresholds.LEAST_PREDICTED or largest > thresholds.LARGEST_CLASS_SHARE:
        return
    if accuracy < largest + deviation and train_loss < thresholds.LEARNED * chance:
        yield found(
            "data.labels_shuffled",
            f"The training loss falls to {train_loss:.3g}, yet {accuracy:.0%} of {len(labels)} evaluated samples are "
            f"right, where always answering the largest class gives {largest:.0%}",
            {"train_loss": train_loss, "accuracy": accuracy, "largest_class": largest, "samples": len(labels)},
        )


def _chance(record: Record) -> float | None:
    """Return the cross-entropy of equal probabilities, where one line computes one."""
    found = [
        math.log(calls[0].facts["classes"])
        for calls in training_calls(record).values()
        if calls[0].kind == "cross_entropy" and calls[0].facts.get("classes", 0) > 1
    ]
    return found[0] if len(found) == 1 else None


def _left_early(record: Record) -> Iterator[Finding]:
    """Report a loader that is left after few of its batches in every pass."""
    for loader in record.loaders:
        batches = loader.num_batches or 0
        usual = loader.batches / max(1, loader.passes)
        if (
            loader.is_training
            and loader.passes >= 3
            and batches > 2
            and loader.most_batches < thresholds.LEFT_EARLY * batches
        ):
            yield found(
                "fit.underfitting",
                f"Each of {loader.passes} passes over the training loader was left after {usual:.0f} of its {batches} "
                "batches",
                {"passes": loader.passes, "batches_used": usual, "batches": batches},
                place=loader.place,
                cause="most of the data is never learned from",
                remedy="look for a return or break within the loop over batches",
            )
