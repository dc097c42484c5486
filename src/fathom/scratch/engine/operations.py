"""Tensors from several tensors: joined, chosen between, multiplied by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Edge, both_ways
from fathom.scratch.engine.moving import zeros_as
from fathom.scratch.engine.recorded import pair, record
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.engine.value import as_axes


def cat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Join along an axis; all other axes must agree.

    Shape:   X (n, k), Y (m, k) -> (n + m, k); for axis 0
    Equals:  torch.cat
    Raises:  ValueError if there are no tensors or the other axes differ
    """
    if not tensors:
        raise ValueError("cat needs at least one tensor")
    first = tensors[0]
    (where,) = as_axes("cat", axis, first.ndim)  # counted from the front
    for other in tensors[1:]:
        sizes, expected = list(other.shape), list(first.shape)
        if len(sizes) == len(expected):
            sizes[where] = expected[where]  # the one axis that may differ
        if sizes != expected:
            raise ValueError(f"cat along axis {where}: shape {other.shape} does not agree with {first.shape}")
    common = first.dtype  # promoted pair by pair
    for other in tensors[1:]:
        common = pair("cat", Tensor(np.zeros(1, common)), Tensor(np.zeros(1, other.dtype)))[0].dtype
    # running totals: the last is the length of the result
    ends = np.cumsum([each.shape[where] for each in tensors])  # where each ends along the axis
    before = (slice(None),) * where  # all of the axes in front
    value = np.concatenate([each.data.astype(common, copy=False) for each in tensors], where)

    def edge(each: Tensor, end: int) -> Edge:
        part = (*before, slice(end - each.shape[where], end))

        def place(T: np.ndarray) -> np.ndarray:
            # an operand reaches its own part of the result, and nothing else
            whole = zeros_as(T, value.shape)
            whole[part] = T
            return whole.astype(common, copy=False)

        return Edge(each, lambda G: G[part].astype(each.dtype, copy=False), push=place)

    return record("cat", value, *(edge(each, int(end)) for each, end in zip(tensors, ends, strict=True)))


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Join along a new axis.

    Shape:   X (n,), Y (n,) -> (2, n); for axis 0
    Equals:  torch.stack
    """
    return cat([each.unsqueeze(axis) for each in tensors], axis)  # (…, n, …): n the number of tensors


def where(condition: Tensor, first: Any, second: Any) -> Tensor:
    """Return ``first`` where the condition holds, ``second`` elsewhere; the gradient goes the same way.

    Shape:   condition bool (…), first (…), second (…) -> (…); or shapes that stretch to one another's
    Equals:  torch.where
    """
    if not isinstance(condition, Tensor):
        raise TypeError(f"where: the condition must be a Tensor, not {type(condition).__name__}")
    if condition.dtype != np.bool_:
        raise TypeError(f"where: the condition must be of dtype bool, not {condition.dtype}")
    if isinstance(first, Tensor) or not isinstance(second, Tensor):
        # the tensor's type decides: a plain number only follows
        a, b = pair("where", first if isinstance(first, Tensor) else Tensor(first), second)
    else:
        b, a = pair("where", second, first)  # a number beside a tensor takes its type
    chosen = condition.data.copy()  # the condition may be written to before backward()
    value = np.where(chosen, a.data, b.data)
    # Chosen, not multiplied by 0 or 1: what is left out may be infinite, and 0·∞ is nan
    by_a, by_b = both_ways(a, lambda G: np.where(chosen, G, 0)), both_ways(b, lambda G: np.where(chosen, 0, G))
    return record("where", value, by_a, by_b)


def logical_and(first: Tensor, second: Tensor) -> Tensor:
    """Return whether both are not 0, entry by entry.

    Shape:   first (…), second (…) -> bool (…)
    Equals:  torch.logical_and
    """
    return (first != 0) & (second != 0)


def logical_or(first: Tensor, second: Tensor) -> Tensor:
    """Return whether one of both is not 0, entry by entry.

    Shape:   first (…), second (…) -> bool (…)
    Equals:  torch.logical_or
    """
    return (first != 0) | (second != 0)


def logical_not(first: Tensor) -> Tensor:
    """Return whether it is 0, entry by entry.

    Shape:   first (…) -> bool (…)
    Equals:  torch.logical_not
    """
    return first == 0


# Products by name: @ does all of them, these say which one is meant -----------------------------------------------


def dot(x: Tensor, y: Tensor) -> Tensor:
    """Return Σ x_i y_i.

    Shape:   x (n,), y (n,) -> ()
    Equals:  torch.dot
    """
    _check_axes("dot", (x, 1), (y, 1))
    return x @ y  # ()


def mv(A: Tensor, x: Tensor) -> Tensor:
    """Return matrix times vector.

    Shape:   A (n, k), x (k,) -> (n,)
    Equals:  torch.mv
    """
    _check_axes("mv", (A, 2), (x, 1))
    return A @ x  # (m,)


def mm(A: Tensor, B: Tensor) -> Tensor:
    """Return matrix times matrix.

    Shape:   A (n, k), B (k, m) -> (n, m)
    Equals:  torch.mm
    """
    _check_axes("mm", (A, 2), (B, 2))
    return A @ B  # (m, k)


def bmm(A: Tensor, B: Tensor) -> Tensor:
    """Return matrix times matrix, for each of a batch.

    Shape:   A (N, n, k), B (N, k, m) -> (N, n, m)
    Equals:  torch.bmm
    """
    _check_axes("bmm", (A, 3), (B, 3))
    if len(A) != len(B):
        raise ValueError(f"bmm needs as many matrices on the left as on the right; got shapes {A.shape} and {B.shape}")
    return A @ B  # (N, m, k)


def outer(x: Tensor, y: Tensor) -> Tensor:
    """Return x_i y_j.

    Shape:   x (n,), y (m,) -> (n, m)
    Equals:  torch.outer
    """
    _check_axes("outer", (x, 1), (y, 1))
    return x.unsqueeze(1) * y  # (m, 1) · (n,): (m, n)


def _check_axes(name: str, *operands: tuple[Tensor, int]) -> None:
    for operand, ndim in operands:
        if operand.ndim != ndim:
            wanted = ", ".join(f"{n} {'axis' if n == 1 else 'axes'}" for _, n in operands)
            shapes = ", ".join(str(each.shape) for each, _ in operands)
            raise ValueError(f"{name} needs operands with {wanted}; got shapes {shapes}")
