"""Sums and what is like them: many entries become one, over all axes or along some.

In all of them ``axis`` is one axis, several or None, which means all; ``keepdims`` leaves an axis of length 1 where one
was summed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.scratch.engine.autograd import Edge
from fathom.scratch.engine.functions import Functions
from fathom.scratch.engine.moving import as_entries, plain
from fathom.scratch.engine.recorded import record
from fathom.scratch.engine.value import Axis, as_axes

if TYPE_CHECKING:
    from fathom.scratch.engine.tensor import Tensor


def sum_type(dtype: np.dtype) -> Any:
    """Return the type in which entries are added up: torch's int64 for bools and all integers, where NumPy would take
    uint64 for unsigned ones, which has no −1."""
    return dtype if dtype.kind == "f" else np.int64  # bools would stay bools, and True + True be 1


class Reductions(Functions):
    """Sum, mean, variance, extremes, norm."""

    __slots__ = ()

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over all entries, or along axes.

        Shape:   X (…) -> (); without the axes if some are given
        Equals:  torch.sum
        """
        axes, shape = as_axes("sum", axis, self.ndim), self.shape
        # The shape with keepdims, which stretches back
        kept = tuple(1 if i in axes else size for i, size in enumerate(shape))
        return record(
            "sum",
            as_entries(self.data.sum(axis=axes, keepdims=keepdims, dtype=sum_type(self.dtype))),
            Edge(
                self,
                # every entry counts once: each gets the whole of G
                lambda G: np.broadcast_to(G.reshape(kept), shape),
                # a sum is linear: the tangent is summed alike
                push=lambda T: as_entries(T.sum(axis=axes, keepdims=keepdims)),
            ),
        )

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the sum over the number of entries that were summed.

        Shape:   X (…) -> (); without the axes if some are given
        Equals:  torch.mean
        """
        if self.dtype.kind != "f":
            raise TypeError(f"mean needs floating-point entries, not {self.dtype}; call float() first")
        count = int(np.prod([self.shape[i] for i in as_axes("mean", axis, self.ndim)]))  # n, of one mean
        if count == 0:
            raise ValueError(f"mean over no entries: the tensor has shape {self.shape}")
        return self.sum(axis, keepdims) / count  # the divisor stays a Python number: float32 stays

    def var(self, axis: Axis = None, keepdims: bool = False, correction: int = 1) -> Tensor:
        """Return the mean squared distance from the mean; the divisor is n − ``correction``, n − 1 unless told
        otherwise.

        Shape:   X (…) -> (); without the axes if some are given
        Equals:  torch.var
        """
        axes = as_axes("var", axis, self.ndim)
        count = int(np.prod([self.shape[i] for i in axes]))
        if count <= correction:
            raise ValueError(f"var with correction {correction} needs more than {correction} entries, not {count}")
        # in two passes: Σx² − n·mean² would cancel
        return (self - self.mean(axes, keepdims=True)).square().sum(axes, keepdims) / (count - correction)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the largest entry. Kink: equal largest ones share the gradient evenly.

        Shape:   X (…) -> (); without the axes if some are given
        Equals:  torch.amax (torch.max along an axis gives the gradient to one of them)
        """
        return self._extreme("max", axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return the smallest entry. Kink: equal smallest ones share the gradient evenly.

        Shape:   X (…) -> (); without the axes if some are given
        Equals:  torch.amin
        """
        return self._extreme("min", axis, keepdims)

    def _extreme(self, name: str, axis: Axis, keepdims: bool) -> Tensor:
        axes, X = as_axes(name, axis, self.ndim), self.data
        if any(self.shape[i] == 0 for i in axes):
            raise ValueError(f"{name} over no entries: the tensor has shape {self.shape}")
        Y = getattr(X, name)(axis=axes, keepdims=True)  # the axes stay, for the comparison
        chosen = X == Y  # ties: several
        # 1/ties for each of them
        share = chosen / chosen.sum(axis=axes, keepdims=True, dtype=X.dtype if X.dtype.kind == "f" else None)
        out = Y if keepdims else as_entries(np.squeeze(Y, axes))
        edge = Edge(
            self,
            lambda G: G.reshape(Y.shape) * share,
            self,  # share was computed from these values
            push=lambda T: (T * share).sum(axis=axes, keepdims=True).reshape(out.shape),
        )
        return record(name, out, edge)

    def cumsum(self, axis: int) -> Tensor:
        """Return the sums of the entries so far along an axis; its gradient is the same from behind.

        Shape:   X (…) -> (…)
        Equals:  torch.cumsum
        """
        (where,) = as_axes("cumsum", axis, self.ndim)
        return record(
            "cumsum",
            np.cumsum(self.data, axis=where, dtype=sum_type(self.dtype)),
            Edge(
                self,
                # y_j holds x_i for all j ≥ i: sum G from i on
                lambda G: np.flip(np.cumsum(np.flip(G, where), axis=where), where),
                push=lambda T: np.cumsum(T, axis=where),
            ),
        )

    def norm(self, p: float = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Return (Σ|x|^p)^(1/p), the largest |x| for p = ∞. Kink: the derivative at 0 is taken as 0.

        Shape:   X (…) -> (); without the axes if some are given
        Equals:  torch.linalg.vector_norm
        """
        x = self._floating()
        if p == np.inf:
            return x.abs().max(axis, keepdims)
        if not p >= 1:
            raise ValueError(f"norm: p must be at least 1, not {p}")
        if p == 1:
            return x.abs().sum(axis, keepdims)
        axes = as_axes("norm", axis, self.ndim)
        X, unit = x.data, _unit(plain(x.data), p, axes)
        A = np.abs(X) / unit  # exact: the unit is a power of 2
        Y = (A**p).sum(axis=axes, keepdims=True) ** (1 / p)  # in the unit; 1 where the axes were
        safe = np.where(Y == 0, 1, Y)  # all entries 0: any divisor gives the 0 we take
        out = as_entries((Y * unit) if keepdims else np.squeeze(Y * unit, axes)).copy()

        def slope() -> np.ndarray:
            return np.sign(X) * (np.abs(X) / unit / safe) ** (p - 1)  # dN/dx = sign(x) (|x|/N)^(p−1)

        edge = Edge(
            x,
            lambda G: G.reshape(Y.shape) * slope(),
            x,
            push=lambda T: (T * slope()).sum(axis=axes, keepdims=True).reshape(out.shape),
        )
        return record("norm", out, edge)


def _unit(X: np.ndarray, p: float, axes: tuple[int, ...]) -> np.ndarray:
    """Return what to divide by before the p-th powers are added up: 1, unless they would under- or overflow; a power of
    2 then, so that nothing is rounded."""
    info = np.finfo(X.dtype)
    largest = np.abs(X).max(axis=axes, keepdims=True, initial=0.0)  # of each norm
    count = max(1, X.size // max(1, largest.size))  # terms of one sum
    # Down to eps of the largest power the powers must not lose digits; up, their sum must be finite
    # p-th roots of the bounds for the powers
    low, high = (float(info.tiny) / float(info.eps)) ** (1 / p), (float(info.max) / count) ** (1 / p)
    fits = (largest >= low) & (largest <= high)
    usable = np.isfinite(largest) & (largest > 0)  # ∞ and nan stay what they are
    _, exponent = np.frexp(np.where(usable & ~fits, largest, 1))  # largest = m·2^exponent, ½ ≤ m < 1
    # a power of 2 divides without rounding
    return np.where(usable & ~fits, np.ldexp(np.ones_like(largest), exponent - 1), 1).astype(X.dtype)
