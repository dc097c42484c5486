"""Derivatives laid out as matrices, one row for each entry of the result and one column for each entry of the input.

With vectors as columns this is the notes' layout: of a scalar by a vector, a row; of a vector by a scalar, a column; of
a vector by a vector, a matrix. Then ∂x/∂x = I, ∂(Ax)/∂x = A, and the chain rule is the product of matrices in the order
in which it is written: ∂y/∂x = ∂y/∂u · ∂u/∂x.

Source:  notes N1 §1.1.4
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fathom.scratch.engine.forward_mode import jvp
from fathom.scratch.engine.tensor import Tensor


def jacobian(function: Callable[[Any], Any], x: Any, mode: str = "reverse") -> Tensor:
    """∂f/∂x at x.

    Args:
        function: tensor -> tensor
        mode: "reverse", one pass back for each row; or "forward", one pass for each column. The function must be made
            of what ``Dual`` can do, then.

    Shape:   x (n,), f(x) (m,) -> (m, n); a scalar counts as one entry, more axes are read row by row
    Equals:  torch.autograd.functional.jacobian, reshaped
    """
    point = Tensor(x).data
    if point.dtype.kind != "f":
        raise TypeError(f"jacobian: x has dtype {point.dtype}, expected a floating-point one")
    if mode == "forward":
        columns = []
        for direction in np.eye(point.size, dtype=point.dtype):
            _, slope = jvp(function, point, direction.reshape(point.shape))
            columns.append(slope.data.ravel())
        return Tensor(np.stack(columns, axis=1))
    if mode != "reverse":
        raise ValueError(f'jacobian: mode must be "reverse" or "forward", not {mode!r}')
    leaf = Tensor(point.copy(), requires_grad=True)
    y = function(leaf)
    rows = []
    for direction in np.eye(y.numel(), dtype=y.dtype):
        leaf.grad = None
        if y.requires_grad:
            y.backward(direction.reshape(y.shape), retain_graph=True)
        rows.append(np.zeros(point.size, point.dtype) if leaf.grad is None else leaf.grad.data.ravel())
    return Tensor(np.stack(rows))
