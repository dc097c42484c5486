"""Forward accumulation: every value carries its derivative along, from the inputs to the result.

The value is a ``Dual``: a tensor with a tangent, its derivative in one direction. One pass gives the derivative in one
direction, so the gradient by n inputs costs n passes, where reverse accumulation needs one; in return nothing has to be
kept.

Source:  notes N1 §1.1.5; Baydin et al. 2018, arXiv:1502.05767, §3.1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import one_derivative
from fathom.scratch.engine.tensor import Dual, Tensor

Function = Callable[..., Any]


def jvp(function: Function, x: Any, direction: Any) -> tuple[Tensor, Tensor]:
    """Return the value of a function and its derivative in one direction, J v, in one pass.

    Shape:   x (…), direction (…) -> value (n',), derivative (n',); any shape
    Equals:  torch.func.jvp
    Raises:  RuntimeError inside another derivative, whose function would see this one as a constant
    """
    with one_derivative("jvp"):
        return push(function, x, direction)


def forward_gradient(function: Function, x: Any) -> Tensor:
    """Return the gradient of a scalar function by forward accumulation: one pass for each entry of x.

    Shape:   x (…) -> (…)
    Equals:  the ``grad`` that one ``backward()`` fills
    Raises:  ValueError if the result is no scalar; RuntimeError inside another derivative
    """
    with one_derivative("forward_gradient"):
        point = Tensor(x).data  # data alone: no graph is built
        gradient = np.zeros_like(point)  # filled entry by entry
        for place in np.ndindex(point.shape):
            direction = np.zeros_like(point)
            direction[place] = 1  # the unit vector of one entry
            value, slope = push(function, point, direction)
            if value.numel() != 1:  # one slope an entry: a gradient is a single row of J
                raise ValueError(
                    f"forward_gradient: the function must give a scalar, not shape {value.shape}; see jacobian"
                )
            gradient[place] = slope.item()
    return Tensor(gradient)


def push(function: Function, x: Any, direction: Any) -> tuple[Tensor, Tensor]:
    # n passes for n entries; backward() needs one
    """Do what ``jvp`` does, for those who have seen to it that nothing else is being differentiated.

    Shape:   x (…), direction (…) -> value (n',), derivative (n',); any shape
    """
    result = function(Dual(x, direction))  # the tangent travels with the value through every operation
    if not isinstance(result, Dual):  # a function that is constant
        value = Tensor(result).data
        return Tensor(value), Tensor(np.zeros_like(value))
    return Tensor(result.data), Tensor(result.tangent)
