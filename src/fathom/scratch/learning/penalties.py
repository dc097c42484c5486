"""What holds weights and gradients down: penalties in the loss, clipping before the step, a hard bound after it.

Source:  notes N1 §1.6.1, N2 (penalties by hand), N1 §1.7.2 (clipping); Pascanu et al. 2013, arXiv:1211.5063
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fathom.scratch.engine.checks import check_number
from fathom.scratch.engine.tensor import Tensor


def l2_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Return ½Σw². Times λ and added to the loss it gives every gradient λw more: weight decay.

    Shape:   parameter (…) -> (); of any number of parameters
    """
    # ½, so that the gradient is w and not 2w
    return _total("l2_penalty", (0.5 * w.square().sum() for w in parameters))


def l1_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Return Σ|w|. Its gradient is as large for small weights as for large ones: many become 0. Kink: 0 at w = 0.

    Shape:   parameter (…) -> (); of any number of parameters
    """
    return _total("l1_penalty", (w.abs().sum() for w in parameters))


def clip_by_norm(parameters: Iterable[Tensor], max_norm: float, eps: float = 0.0) -> float:
    """g ← g·min(1, θ/‖g‖), ‖g‖ being the norm of all gradients together: the direction stays.

    Args:
        eps: added to ‖g‖ before dividing. The formula has none; torch adds 1e-6, so that a clipped norm ends a
            millionth below θ, and one just under it is scaled too.
    Shape:   parameter (…) -> (); of any number of parameters

    Returns: ‖g‖ before clipping
    Equals:  torch.nn.utils.clip_grad_norm_ with eps=1e-6
    """
    check_number("clip_by_norm", "max_norm", max_norm)
    gradients = [p.grad.data for p in parameters if p.grad is not None]
    norm = _norm(gradients)  # of all parameters together
    if norm + eps > max_norm:  # eps moves the bound too: torch adds 1e-6 to the norm
        for g in gradients:
            g *= max_norm / (norm + eps)  # in place: the optimiser sees it
    return norm


def clip_by_value(parameters: Iterable[Tensor], max_value: float) -> None:
    """Bring every entry of every gradient into [−θ, θ]: the direction may change.
    Shape:   parameter (…) ->; of any number of parameters

    Equals:  torch.nn.utils.clip_grad_value_
    """
    check_number("clip_by_value", "max_value", max_value)
    for parameter in parameters:
        if parameter.grad is not None:
            np.clip(parameter.grad.data, -max_value, max_value, out=parameter.grad.data)  # each entry by itself


def normalize_gradients(parameters: Iterable[Tensor], norm: float = 1.0) -> float:
    """g ← g·θ/‖g‖, ‖g‖ being the norm of all gradients together: every step is equally long. Of g = 0 nothing is made.

    Shape:   parameter (…) -> (); of any number of parameters
    Returns: ‖g‖ before
    Equals:  clip_by_norm where ‖g‖ ≥ θ
    Source:  notes N2
    """
    check_number("normalize_gradients", "norm", norm, above=True)
    # those of this step: a parameter out of use has none
    gradients = [p.grad.data for p in parameters if p.grad is not None]
    total = _norm(gradients)
    if total > 0:
        for g in gradients:
            g *= norm / total  # in place: the optimiser sees it
    return total


def project(parameters: Iterable[Tensor], max_norm: float) -> float:
    """w ← w·min(1, θ/‖w‖), ‖w‖ being the norm of all parameters together: the nearest point of the ball ‖w‖ ≤ θ.

    After every step of gradient descent it minimises the loss under this bound.

    Shape:   parameter (…) -> (); of any number of parameters
    Returns: ‖w‖ before
    Source:  notes N1 §1.6.1
    """
    check_number("project", "max_norm", max_norm, above=True)
    weights = [p.data for p in parameters]
    total = _norm(weights)
    if total > max_norm:
        for w in weights:
            w *= max_norm / total  # in place: the parameters' memory
    return total


def _norm(arrays: list[np.ndarray]) -> float:
    """Return the norm of all arrays together, in float64."""
    with np.errstate(over="ignore", under="ignore"):
        # sums in float64: float32 squares overflow from 1.8e19 on
        norm = float(np.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in arrays)))
    largest = max((float(np.abs(g).max(initial=0.0)) for g in arrays), default=0.0)
    # 1e-140: below it squares lose digits in float64. Then, or where they overflow, in units of the largest entry
    if 0 < largest < np.inf and not 1e-140 < norm < np.inf:
        norm = largest * float(np.sqrt(sum(float(np.square(g / largest, dtype=np.float64).sum()) for g in arrays)))
    return norm


def _total(name: str, parts: Iterable[Tensor]) -> Tensor:
    total: Tensor | None = None
    for part in parts:
        total = part if total is None else total + part  # from the first part on: sum() would begin with an int
    if total is None:
        raise ValueError(f"{name}: parameters is empty")
    return total
