"""Gradients checked by moving the inputs: (f(x + h) − f(x − h))/2h, whose error is of the order of h².

Source:  notes N2; Dive into Deep Learning §2.4
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fathom.scratch.engine.autograd import refuse_inside
from fathom.scratch.engine.tensor import Tensor


def numerical_gradient(function: Callable[..., Tensor], *inputs: Tensor, h: float = 1e-6) -> list[Tensor]:
    """Return the derivatives of the sum of a function's result by every entry of its inputs, from differences.

    Shape:   x (…) -> (…); for each of the inputs
    Raises:  TypeError unless all inputs are float64: in float32 the differences are rounding
    """
    refuse_inside("numerical_gradient")
    for i, x in enumerate(inputs):  # float32 keeps 7 digits: h = 1e-6 would drown in rounding
        if x.dtype != np.float64:
            raise TypeError(f"numerical_gradient: input {i} has dtype {x.dtype}, expected float64")
    gradients = []
    for x in inputs:
        gradient = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            before = x.data[place]  # put back afterwards, to the bit
            sums = []
            for moved in (before + h, before - h):
                x.data[place] = moved  # in place: x may stand in the function several times
                sums.append(function(*inputs).data.sum())  # the sum: one number, whatever the shape of the result
            x.data[place] = before
            # central difference
            gradient[place] = (sums[0] - sums[1]) / (2 * h)  # the terms in h² cancel
        gradients.append(Tensor(gradient))
    return gradients


def check_gradient(
    function: Callable[..., Tensor], *inputs: Tensor, h: float = 1e-6, rtol: float = 1e-4, atol: float = 1e-6
) -> float:
    """See that ``backward()`` gives what differences give, for each input that requires a gradient.

    At a kink the two differ: the difference is the middle of both sides, whatever was chosen as the derivative.
    Shape:   x (…) -> (); for each of the inputs

    Returns: the largest absolute difference
    Equals:  torch.autograd.gradcheck
    Raises:  AssertionError naming the input, the place and both values if one differs by more than atol + rtol·|value|
    """
    for x in inputs:
        x.grad = None  # what is there from before would be added to
    total = function(*inputs).sum()  # J summed over rows: what differences give too
    if total.requires_grad:
        total.backward()
    largest = 0.0
    for i, (x, expected) in enumerate(zip(inputs, numerical_gradient(function, *inputs, h=h), strict=True)):
        if not x.requires_grad:
            continue
        found = np.zeros(x.shape) if x.grad is None else x.grad.data  # a leaf that nothing came back to
        distance = np.abs(found - expected.data)
        # nan fails too: no comparison with it holds
        wrong = np.argwhere(~(distance <= atol + rtol * np.abs(expected.data)))
        if len(wrong):
            place = tuple(int(k) for k in wrong[0])
            raise AssertionError(
                f"check_gradient: input {i} of shape {x.shape} at {place}: backward() gives {found[place]:g}, "
                f"differences give {expected.data[place]:g}; {len(wrong)} of {x.numel()} entries differ"
            )
        largest = max(largest, float(distance.max(initial=0.0)))
    return largest
