"""Derivatives laid out as matrices, one row for each entry of the result and one column for each entry of the input.

With vectors as columns this is the notes' layout: of a scalar by a vector, a row; of a vector by a scalar, a column; of
a vector by a vector, a matrix. Then ∂x/∂x = I, ∂(Ax)/∂x = A, and the chain rule is the product of matrices in the order
in which it is written: ∂y/∂x = ∂y/∂u · ∂u/∂x.

The second derivatives are the Jacobian of the gradient: a tangent that is pushed through a walk back.

Source:  notes N1 §1.1.4; Pearlmutter 1994, "Fast exact multiplication by the Hessian"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import derivative, walk_back
from fathom.scratch.engine.forward_mode import jvp, push
from fathom.scratch.engine.recorded import settle
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.engine.value import as_array

Function = Callable[[Any], Any]


def jacobian(function: Function, x: Any, mode: str = "reverse") -> Tensor:
    """Return ∂f/∂x at x. No ``grad`` is changed.

    Args:
        function: tensor -> tensor
        mode: "reverse", one pass back for each row; or "forward", one pass for each column, which may go through
            derivatives that the function takes

    Shape:   x (n,) -> (m', n); f(x) is (m',). A scalar counts as one entry, more axes are read row by row
    Equals:  torch.autograd.functional.jacobian, reshaped
    Raises:  RuntimeError inside a walk back, which would see this derivative as a constant
    """
    if mode not in ("reverse", "forward"):
        raise ValueError(f'jacobian: mode must be "reverse" or "forward", not {mode!r}')
    with derivative("jacobian", mode == "reverse"):
        point = _floating("jacobian", x)
        matrix = _by_rows(function, point) if mode == "reverse" else _by_columns(function, point)
    return settle(matrix)


def gradient(function: Function, x: Any) -> Tensor:
    """Return the gradient of a scalar function by one pass back. No ``grad`` is changed.

    Shape:   x (…) -> (…)
    Equals:  torch.func.grad
    Raises:  ValueError if the result is no scalar; RuntimeError inside a walk back
    """
    with derivative("gradient", reverse=True):
        point = _floating("gradient", x)
        leaf, y = _result(function, point)
        if y.numel() != 1:
            raise ValueError(f"gradient: the function must give a scalar, not shape {y.shape}; see jacobian")
        row = _pull(leaf, y, np.ones(y.shape, y.dtype))
    return settle(row)


def hvp(function: Function, x: Any, direction: Any) -> Tensor:
    """Return H v, the Hessian of a scalar function times a vector, without the Hessian: forward over reverse.

    Shape:   x (…), direction (…) -> (…)
    Equals:  torch.autograd.functional.hvp, its second result
    Raises:  ValueError if the result is no scalar; RuntimeError inside a walk back
    """
    return jvp(lambda moved: gradient(function, moved), x, direction)[1]


def hessian(function: Function, x: Any) -> Tensor:
    """Return the second derivatives of a scalar function, ∂²f/∂x∂x, one ``hvp`` for each column.

    Shape:   x (n,) -> (n, n); more axes are read row by row
    Equals:  torch.func.hessian, reshaped
    Raises:  ValueError if the result is no scalar; RuntimeError inside a walk back
    """
    return jacobian(lambda moved: gradient(function, moved), x, mode="forward")


def _floating(name: str, x: Any) -> Any:
    point = as_array(x)
    if point.dtype.kind != "f":
        raise TypeError(f"{name}: x has dtype {point.dtype}, expected a floating-point one")
    return point


def _by_columns(function: Function, point: Any) -> Any:
    columns = []
    for direction in np.eye(point.size, dtype=point.dtype):
        _, slope = push(function, point, direction.reshape(point.shape))
        columns.append(slope.ravel())  # (m,)
    return np.stack(columns, axis=1)  # (m, n)


def _by_rows(function: Function, point: Any) -> Any:
    leaf, y = _result(function, point)
    rows = [_pull(leaf, y, one.reshape(y.shape)).ravel() for one in np.eye(y.numel(), dtype=y.dtype)]  # (n,) each
    return np.stack(rows)  # (m, n)


def _result(function: Function, point: Any) -> tuple[Tensor, Tensor]:
    leaf = Tensor(point.copy(), requires_grad=True)
    result = function(leaf)
    return leaf, result if isinstance(result, Tensor) else Tensor(result)  # a function that is constant


def _pull(leaf: Tensor, y: Tensor, direction: np.ndarray) -> Any:
    row: Any = np.zeros(leaf.shape, leaf.dtype)
    if y.requires_grad:
        for node, G in walk_back(y._node or y, direction, retain_graph=True):
            row = G if node is leaf else row
    return row
