"""Forward accumulation: every value carries its derivative along, from the inputs to the result.

The value is a ``Dual``: a tensor with a tangent, its derivative in one direction. One pass gives the derivative in one
direction, so the gradient by n inputs costs n passes, where reverse accumulation needs one; in return nothing has to be
kept. The function may itself take derivatives: then the tangent goes through them too, see ``moving``.

Source:  notes N1 §1.1.5; Baydin et al. 2018, arXiv:1502.05767, §3.1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import derivative, level
from fathom.scratch.engine.moving import Moving, zeros_as
from fathom.scratch.engine.recorded import settle
from fathom.scratch.engine.tensor import Dual, Tensor
from fathom.scratch.engine.value import Value, as_array

Function = Callable[..., Any]


def jvp(function: Function, x: Any, direction: Any) -> tuple[Tensor, Tensor]:
    """Return the value of a function and its derivative in one direction, J v, in one pass.

    Shape:   x (…), direction (…) -> value (n',), derivative (n',); any shape
    Equals:  torch.func.jvp
    Raises:  RuntimeError inside a walk back, which would see this derivative as a constant
    """
    with derivative("jvp", reverse=False):
        value, slope = push(function, x, direction)
    return settle(value), settle(slope)


def forward_gradient(function: Function, x: Any) -> Tensor:
    """Return the gradient of a scalar function by forward accumulation: one pass for each entry of x.

    Shape:   x (…) -> (…)
    Equals:  the ``grad`` that one ``backward()`` fills
    Raises:  ValueError if the result is no scalar; RuntimeError inside a walk back
    """
    with derivative("forward_gradient", reverse=False):
        point = as_array(x)  # data alone: no graph is built
        slopes = []  # one of each entry
        for place in np.ndindex(point.shape):
            direction = np.zeros(point.shape, point.dtype)
            direction[place] = 1  # the unit vector of one entry
            value, slope = push(function, point, direction)
            if value.size != 1:  # one slope an entry: a gradient is a single row of J
                raise ValueError(
                    f"forward_gradient: the function must give a scalar, not shape {value.shape}; see jacobian"
                )
            slopes.append(slope.reshape(()))
        gradient = np.stack(slopes).reshape(point.shape) if slopes else np.zeros(point.shape, point.dtype)
    return settle(gradient)


def push(function: Function, x: Any, direction: Any) -> tuple[Any, Any]:
    # n passes for n entries; backward() needs one
    """Do what ``jvp`` does, as arrays, for those who have said that a derivative is being taken.

    Shape:   x (…), direction (…) -> value (n',), derivative (n',); any shape
    """
    result = function(Dual(x, direction))  # the tangent travels with the value through every operation
    if getattr(result, "_tangent", None) is not None:
        return result.data, result.tangent
    value = result.data if isinstance(result, Value) else as_array(result)
    if isinstance(value, Moving) and value.level == level():  # from a backward() inside
        return value.value, value.tangent
    return value, zeros_as(value, value.shape)  # a function that is constant
