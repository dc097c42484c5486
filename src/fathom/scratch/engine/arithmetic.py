"""Arithmetic: + − · / ** @, the larger and the smaller of two.

Each operation is one line of value and one ``Edge`` for each operand: the rule of its derivative, back and forward. At
kinks, where there is none, the choice is torch's and stands beside the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.scratch.engine.autograd import Edge, both_ways
from fathom.scratch.engine.recorded import Recorded, kept, pair, record

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Tensor


class Arithmetic(Recorded):
    """The operators, and what else takes two operands. Shapes stretch to one another's where they differ."""

    __slots__ = ()

    def __add__(self, other: Any) -> Tensor:
        a, b = pair("add", self, other)
        return record("add", a.data + b.data, both_ways(a, lambda G: G), both_ways(b, lambda G: G))

    def __sub__(self, other: Any) -> Tensor:
        a, b = pair("sub", self, other)
        return record("sub", a.data - b.data, both_ways(a, lambda G: G), both_ways(b, lambda G: -G))

    def __mul__(self, other: Any) -> Tensor:
        a, b = pair("mul", self, other)
        A, B = a.data, b.data
        return record("mul", A * B, both_ways(a, lambda G: G * B, *kept(b, other)), both_ways(b, lambda G: G * A, a))

    def __truediv__(self, other: Any) -> Tensor:
        a, b = pair("div", self, other)
        if a.data.dtype.kind != "f":
            a, b = a.float(), b.float()  # integers: float32, as torch
        A, B = a.data, b.data
        return record(
            "div",
            A / B,
            both_ways(a, lambda G: G / B, *kept(b, other)),
            both_ways(b, lambda G: -G * A / (B * B), a, b),
        )

    def __pow__(self, other: Any) -> Tensor:
        a, b = pair("pow", self, other)
        A, B = a.data, b.data
        Y = np.power(A, B)  # nan for a fractional power of a negative number

        def by_base(G: np.ndarray) -> np.ndarray:
            # B = 0: a constant, though B·A^(B-1) would be 0·∞ at A = 0
            return G * np.where(B == 0, 0, B * np.power(A, np.where(B == 0, 1, B - 1)))

        def by_exponent(G: np.ndarray) -> np.ndarray:
            # A = 0: 0 for every B >= 0
            return G * np.where((A == 0) & (B >= 0), 0, Y * np.log(np.where(A == 0, 1, A)))

        return record("pow", Y, both_ways(a, by_base, a, b), both_ways(b, by_exponent, a, b, saves_result=True))

    def __neg__(self) -> Tensor:
        return record("neg", -self.data, both_ways(self, lambda G: -G))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> Tensor:
        return pair("sub", self, other)[1] - self

    def __rtruediv__(self, other: Any) -> Tensor:
        return pair("div", self, other)[1] / self

    def __rpow__(self, other: Any) -> Tensor:
        return pair("pow", self, other)[1] ** self

    def __matmul__(self, other: Any) -> Tensor:
        """Matrix product over the last axes; earlier ones broadcast. A vector counts as a row on the left, a column on
        the right.

        Shape:   A (…, n, k), B (…, k, m) -> (…, n, m)
        Equals:  torch.matmul
        """
        a, b = pair("matmul", self, other, broadcast=False)
        row, column = a.data, b.data
        if row.ndim == 0 or column.ndim == 0:
            raise ValueError(f"matmul needs at least one axis on each side; got shapes {a.shape} and {b.shape}")
        A = row[np.newaxis] if row.ndim == 1 else row  # (…, n, k)
        B = column[:, np.newaxis] if column.ndim == 1 else column  # (…, k, m)
        if A.shape[-1] != B.shape[-2]:
            raise ValueError(
                f"matmul of shapes {a.shape} and {b.shape}: the last axis of the left, {A.shape[-1]}, must equal "
                f"the {'only' if column.ndim == 1 else 'second to last'} axis of the right, {B.shape[-2]}"
            )
        Y = A @ B  # batches broadcast
        full = Y.shape  # (…, n, m)
        shape = full[:-2] + ((full[-2],) if row.ndim > 1 else ()) + ((full[-1],) if column.ndim > 1 else ())

        def by_left(G: np.ndarray) -> np.ndarray:
            part = G.reshape(full) @ B.swapaxes(-1, -2)  # (…, n, k)
            return part[..., 0, :] if row.ndim == 1 else part

        def by_right(G: np.ndarray) -> np.ndarray:
            part = A.swapaxes(-1, -2) @ G.reshape(full)  # (…, k, m)
            return part[..., 0] if column.ndim == 1 else part

        return record(
            "matmul",
            Y.reshape(shape),
            Edge(a, by_left, b, push=lambda T: (T.reshape(A.shape) @ B).reshape(shape)),
            Edge(b, by_right, a, push=lambda T: (A @ T.reshape(B.shape)).reshape(shape)),
        )

    def __rmatmul__(self, other: Any) -> Tensor:
        return pair("matmul", self, other, broadcast=False)[1] @ self

    def maximum(self, other: Any) -> Tensor:
        """Return the larger of each pair. Kink: of two equal ones each gets half of the gradient.

        Shape:   X (…), other (…) -> (…); or shapes that stretch to one another's
        Equals:  torch.maximum
        """
        a, b = pair("maximum", self, other)
        share = ((a.data > b.data) + 0.5 * (a.data == b.data)).astype(a.dtype)  # integers get no gradient
        by_a, by_b = both_ways(a, lambda G: G * share, a, b), both_ways(b, lambda G: G * (1 - share), a, b)
        return record("maximum", np.maximum(a.data, b.data), by_a, by_b)

    def minimum(self, other: Any) -> Tensor:
        """Return the smaller of each pair. Kink: of two equal ones each gets half of the gradient.

        Shape:   X (…), other (…) -> (…); or shapes that stretch to one another's
        Equals:  torch.minimum
        """
        a, b = pair("minimum", self, other)
        share = ((a.data < b.data) + 0.5 * (a.data == b.data)).astype(a.dtype)
        by_a, by_b = both_ways(a, lambda G: G * share, a, b), both_ways(b, lambda G: G * (1 - share), a, b)
        return record("minimum", np.minimum(a.data, b.data), by_a, by_b)
