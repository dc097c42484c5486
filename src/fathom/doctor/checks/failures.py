"""What ended the training, or its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.observer.record import Record
from fathom.findings import Finding, NotChecked

_WHERE = {
    "batch": "in the batch",
    "parameter": "in a parameter",
    "layer": "in a layer's output",
    "loss": "in the loss itself",
}


def check(record: Record) -> Iterator[Finding | NotChecked]:
    """Check for values that are not finite, for known errors, and for mixed precision."""
    yield from _not_finite(record)
    yield from _failure(record)
    yield from _precision(record)


def _not_finite(record: Record) -> Iterator[Finding]:
    broken = record.not_finite
    if broken is not None:
        causes = {
            "batch": ("the data hold NaN or infinity", "remove or fill missing values before training"),
            "parameter": ("the last step made the weights so", "lower the learning rate, clip gradients"),
            "layer": (
                "the layer computes what has no finite value",
                "lower the learning rate; keep divisions and logarithms away from 0",
            ),
            "loss": (
                "the output is finite and its loss is not",
                "keep logarithms and divisions away from 0: use the loss on logits",
            ),
        }
        cause, remedy = causes[broken.where]
        losses = [value for optimizer in record.optimizers for value in optimizer.losses]
        before = [value for value in losses if math.isfinite(value)]
        if broken.where != "batch" and before and max(before) > thresholds.GROWN * max(1.0, abs(before[0])):
            cause = f"the loss had grown from {before[0]:.3g} to {max(before):.3g} before: the steps are too large"
            remedy = "lower the learning rate, clip gradients"
        name = f": {broken.name}" if broken.name else ""
        yield found(
            "loss.not_finite",
            f"At step {broken.step:,} the loss is not finite; it begins {_WHERE[broken.where]}{name}",
            {"step": broken.step, "where": broken.where, "name": broken.name},
            place=", ".join(dict.fromkeys(filter(None, (broken.place, _layer_place(record, broken.name))))),
            cause=cause,
            remedy=remedy,
        )
        return
    for optimizer in record.optimizers:
        bad = next(
            (i for i, value in enumerate(optimizer.losses) if value != value or abs(value) == float("inf")), None
        )
        if bad is not None and optimizer.saw_losses:
            yield found(
                "loss.not_finite", f"At step {bad:,} the loss is not finite", {"step": bad}, place=optimizer.step_place
            )


def _layer_place(record: Record, name: str) -> str:
    """Return where a layer, or the layer of a parameter, is made and called."""
    for root in record.roots:
        for layer in (name, name.rpartition(".")[0]):
            if layer and layer in root.layers:
                return root.layers[layer].place
    return ""


def _failure(record: Record) -> Iterator[Finding]:
    failure = record.failure
    text = failure.get("message", "")
    if "Expected more than 1 value per channel" in text:
        yield found(
            "model.batch_norm_small_batch",
            "Batch normalisation was given a single value a channel, which has no variance",
            {"batch_size": 1},
            place=failure["place"],
            severity="error",
            remedy="drop_last=True in the DataLoader",
        )
    elif ("more than once" in text and "backward" in text) or "second time" in text:
        return
    elif ("should be the same" in text and "Byte" in text) or "expected scalar type Float but found Byte" in text:
        yield found(
            "data.layout",
            f"The network was given integers: {text[:120]}",
            place=failure["place"],
            severity="error",
            cause="images are read as uint8 and weights are float32",
            remedy="x.float() / 255",
        )
    elif "to have" in text and "channels, but got" in text:
        yield found(
            "data.layout",
            f"The channels do not fit: {text[:160]}",
            place=failure["place"],
            severity="error",
            cause="the channels are not where the convolution reads them",
            remedy="x.permute(0, 3, 1, 2), or as many input channels as the images have",
        )
    elif "does not require grad and does not have a grad_fn" in text:
        yield found(
            "model.detached_graph",
            "backward was called on a loss without a graph",
            place=failure["place"],
            cause="everything before the loss was detached, computed under no_grad, or is frozen",
        )


def _precision(record: Record) -> Iterator[Finding]:
    if record.clips_before_unscale:
        yield found(
            "precision.overflow",
            "Gradients were clipped while they were still scaled",
            {"clips": record.clips},
            place=record.clips_before_unscale,
        )
    halvings = record.scaler.get("halvings", [])
    late = [step for step in halvings if step > thresholds.FIRST_HALVINGS]
    if len(late) >= thresholds.HALVINGS and any(b - a <= 100 for a, b in zip(late, late[2:], strict=False)):
        yield found(
            "precision.overflow",
            f"The scale of mixed precision fell {len(halvings)} times in {record.scaler['updates']:,} steps, which "
            "were skipped",
            {"halvings": len(halvings), "steps": record.scaler["updates"]},
            severity="warning",
            cause="gradients overflow in half precision again and again",
            remedy="bfloat16 in place of float16, or a lower learning rate",
        )
