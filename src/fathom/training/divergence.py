"""Says where a run became non-finite: the batch, a parameter or the first layer whose output is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fathom.errors import FathomError


class Diverged(FathomError):
    """The loss became NaN or infinite."""


@torch.no_grad()
def locate_divergence(module: nn.Module, batch: Any) -> str:
    """Name the first thing that is not finite when ``batch`` passes through ``module``.

    One forward pass with hooks; the module's weights must still be those that gave the non-finite loss.
    """
    for item in batch if isinstance(batch, (tuple, list)) else [batch]:
        if isinstance(item, Tensor) and item.is_floating_point() and not item.isfinite().all():
            return "the batch itself holds NaN or infinite values"
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            return f"parameter {name!r} is not finite since an earlier update"
    found: list[str] = []

    def check(name: str) -> Any:
        def hook(layer: nn.Module, _: Any, output: Any) -> None:
            if not found and isinstance(output, Tensor) and not output.isfinite().all():
                found.append(f"layer {name!r} ({type(layer).__name__}) is the first to give a non-finite output")

        return hook

    leaves = [(n, m) for n, m in module.named_modules() if n and not next(m.children(), None)]
    hooks = [m.register_forward_hook(check(n)) for n, m in leaves]
    try:
        module.training_step(batch)  # type: ignore[operator]
    finally:
        for handle in hooks:
            handle.remove()
    return found[0] if found else "every layer's output is finite: the loss itself overflows"


def divergence_error(module: nn.Module, batch: Any, *, step: int, epoch: int, batch_number: int, lr: float) -> Diverged:
    """Make the error that stops a run: where it happened, what is to blame, what to try."""
    where = locate_divergence(module, batch)
    return Diverged(
        f"loss is not finite at step {step} (epoch {epoch + 1}, batch {batch_number + 1}): {where}; "
        f"try a lower learning rate (now {lr:g}), --set training.clip_norm=1.0 or warm-up"
    )
