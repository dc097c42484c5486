"""Says where a run became non-finite: the batch, a parameter or the first layer whose output is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from fathom.errors import FathomError
from fathom.findings import Finding

# remedies: where the weights or layers are to blame, and where the data are
_SLOWER = "try a lower learning rate (now {lr:g}), --set training.clip_norm=1.0 or warm-up"
_CLEAN = "look for missing values in the data and at how they are scaled"


class Diverged(FathomError):
    """A number that a run is steered or evaluated by became NaN or infinite; ``finding`` says where and why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding

    def __str__(self) -> str:
        return self.finding.text


@torch.no_grad()
def locate_divergence(module: nn.Module, batch: Any) -> tuple[str, str]:
    """Name the first thing that is not finite when ``batch`` passes through ``module``, and what to do about it.

    One forward pass with hooks; the module's weights should still be those that gave the non-finite loss.
    """
    if not _is_finite(batch):  # first: NaN in, NaN out blames no layer
        return "the batch itself holds NaN or infinite values", _CLEAN
    for name, parameter in module.named_parameters():
        if not _is_finite(parameter):  # before the forward pass: it would blame the layer
            return f"parameter {name!r} is not finite since an update", _SLOWER
    found: list[str] = []  # of several layers only the first counts
    largest = [(float(tensor.abs().max()), "the batch") for tensor in _tensors(batch) if tensor.numel()]

    def check(name: str) -> Any:
        def hook(layer: nn.Module, _: Any, output: Any) -> None:
            label = f"layer {name!r} ({type(layer).__name__})"
            if not found and not _is_finite(output):
                found.append(f"{label} is the first to give a non-finite output")
            # for a loss that overflows by itself
            largest.extend((float(tensor.abs().max()), label) for tensor in _tensors(output) if tensor.numel())

        return hook

    # Inner layers finish before the outer ones, so an outer one is named only for arithmetic of its own.
    # the module itself, "", is left out: its name says nothing
    hooks = [layer.register_forward_hook(check(name)) for name, layer in module.named_modules() if name]
    try:
        # still in training mode, as when the loss failed
        outputs = module.training_step(batch)  # type: ignore[operator]
    finally:  # always: hooks left behind would slow every step
        for handle in hooks:
            handle.remove()
    if found:
        return found[0], _SLOWER
    if _is_finite(outputs["loss"]):  # dropout, augmentation: drawn anew in the repetition
        return "the same batch gives a finite loss when repeated: the random layers made the difference", _SLOWER
    size, label = max(largest, default=(0.0, "no tensor"))
    return f"the loss overflows though every output is finite; the largest value, {size:.2g}, is in {label}", _SLOWER


def divergence_error(module: nn.Module, batch: Any, *, step: int, epoch: int, batch_number: int, lr: float) -> Diverged:
    """Make the error that stops a run: where it happened, what is to blame, what to try. All places count from 1."""
    cause, advice = locate_divergence(module, batch)
    place = f"step {step} (epoch {epoch}, batch {batch_number})"
    return Diverged(
        Finding(
            "loss.not_finite",
            "error",
            f"loss is not finite at {place}",
            {"step": step, "epoch": epoch, "batch": batch_number, "lr": lr},
            cause=cause,
            remedy=advice.format(lr=lr),
            place=place,
        )
    )


def not_finite(what: str, *, remedy: str = "", place: str = "") -> Diverged:
    """Make the error for a metric of a whole epoch or split that is not finite."""
    where = f" {place}" if place else ""
    return Diverged(Finding("loss.not_finite", "error", f"{what} is not finite{where}", remedy=remedy, place=place))


def _is_finite(value: Any) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[Tensor]:
    """Return every floating tensor in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        if value.is_floating_point():  # whole numbers are always finite
            yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
