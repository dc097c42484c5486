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

from fathom.scratch.engine.autograd import one_derivative, walk_back
from fathom.scratch.engine.forward_mode import push
from fathom.scratch.engine.tensor import Tensor


def jacobian(function: Callable[[Any], Any], x: Any, mode: str = "reverse") -> Tensor:
    """Return ∂f/∂x at x. No ``grad`` is changed.

    Args:
        function: tensor -> tensor
        mode: "reverse", one pass back for each row; or "forward", one pass for each column

    Shape:   x (n,) -> (m', n); f(x) is (m',). A scalar counts as one entry, more axes are read row by row
    Equals:  torch.autograd.functional.jacobian, reshaped
    Raises:  RuntimeError inside another derivative, whose function would see this one as a constant
    """
    if mode not in ("reverse", "forward"):
        raise ValueError(f'jacobian: mode must be "reverse" or "forward", not {mode!r}')
    with one_derivative("jacobian"):
        point = Tensor(x).data
        if point.dtype.kind != "f":
            raise TypeError(f"jacobian: x has dtype {point.dtype}, expected a floating-point one")
        return Tensor(_by_rows(function, point) if mode == "reverse" else _by_columns(function, point))


def _by_columns(function: Callable[[Any], Any], point: np.ndarray) -> np.ndarray:
    columns = []
    for direction in np.eye(point.size, dtype=point.dtype):
        _, slope = push(function, point, direction.reshape(point.shape))
        columns.append(slope.data.ravel())  # (m,)
    return np.stack(columns, axis=1)  # (m, n)


def _by_rows(function: Callable[[Any], Any], point: np.ndarray) -> np.ndarray:
    leaf = Tensor(point.copy(), requires_grad=True)
    result = function(leaf)
    y = result if isinstance(result, Tensor) else Tensor(result)  # a function that is constant
    rows = []
    for direction in np.eye(y.numel(), dtype=y.dtype):
        row = np.zeros(point.shape, point.dtype)
        if y.requires_grad:
            for node, G in walk_back(y._node or y, direction.reshape(y.shape), retain_graph=True):
                row = G if node is leaf else row
        rows.append(row.ravel())  # (n,)
    return np.stack(rows)  # (m, n)
