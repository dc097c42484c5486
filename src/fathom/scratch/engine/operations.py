"""Tensors from nothing, tensors from several tensors, products by name.

Random tensors come from one NumPy generator, which ``manual_seed`` sets, or from the one given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Edge
from fathom.scratch.engine.tensor import Tensor, pair, record
from fathom.scratch.engine.value import as_axes, as_shape

_generator = np.random.default_rng(0)


def manual_seed(seed: int) -> None:
    """Start the random numbers again. The numbers are NumPy's, not those of torch for the same seed."""
    global _generator
    _generator = np.random.default_rng(seed)


def default_generator() -> np.random.Generator:
    """The generator that is used where none is given."""
    return _generator


# Creation -----------------------------------------------------------------------------------------------------------


def tensor(data: Any, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """A tensor with a copy of the data.

    Equals:  torch.tensor
    """
    made = Tensor(data, dtype=dtype)
    return Tensor(made.data.copy(), requires_grad)


def zeros(*shape: Any, requires_grad: bool = False, dtype: Any = np.float32) -> Tensor:
    """Zeros.

    Shape:   zeros(2, 3) or zeros((2, 3)) -> (2, 3); the same for ones, rand, randn
    """
    return Tensor(np.zeros(_checked(shape), dtype), requires_grad)


def ones(*shape: Any, requires_grad: bool = False, dtype: Any = np.float32) -> Tensor:
    """Ones."""
    return Tensor(np.ones(_checked(shape), dtype), requires_grad)


def full(shape: Sequence[int], value: float, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """One number everywhere."""
    return Tensor(np.full(_checked((tuple(shape),)), Tensor(value, dtype=dtype).data), requires_grad)


def zeros_like(other: Tensor) -> Tensor:
    """Zeros of another tensor's shape and type."""
    return Tensor(np.zeros_like(other.data))


def ones_like(other: Tensor) -> Tensor:
    """Ones of another tensor's shape and type."""
    return Tensor(np.ones_like(other.data))


def eye(size: int, dtype: Any = np.float32) -> Tensor:
    """Ones on the diagonal.

    Shape:   -> (size, size)
    """
    return Tensor(np.eye(size, dtype=dtype))


def arange(*bounds: float, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """start, start + step, … below end: arange(end), arange(start, end), arange(start, end, step)."""
    if not 1 <= len(bounds) <= 3:
        raise TypeError(f"arange takes one to three numbers (start, end, step), not {len(bounds)}")
    if len(bounds) == 3 and bounds[2] == 0:
        raise ValueError("arange: the step must not be 0")
    return Tensor(Tensor(np.arange(*bounds).tolist(), dtype=dtype).data, requires_grad)


def linspace(start: float, end: float, steps: int, dtype: Any = np.float32) -> Tensor:
    """``steps`` numbers at equal distances from start to end, both included."""
    return Tensor(np.linspace(start, end, steps, dtype=dtype))


def rand(
    *shape: Any, requires_grad: bool = False, dtype: Any = np.float32, generator: np.random.Generator | None = None
) -> Tensor:
    """Uniform between 0, included, and 1, excluded."""
    values = (generator or _generator).random(_checked(shape))
    return Tensor(values.astype(dtype), requires_grad)


def randn(
    *shape: Any, requires_grad: bool = False, dtype: Any = np.float32, generator: np.random.Generator | None = None
) -> Tensor:
    """Normal with mean 0 and standard deviation 1."""
    values = (generator or _generator).standard_normal(_checked(shape))
    return Tensor(values.astype(dtype), requires_grad)


def randint(low: int, high: int, shape: Sequence[int], generator: np.random.Generator | None = None) -> Tensor:
    """Whole numbers from low, included, to high, excluded."""
    if low >= high:
        raise ValueError(f"randint: low must be below high, but low is {low} and high {high}")
    return Tensor((generator or _generator).integers(low, high, _checked((tuple(shape),))))


def randperm(size: int, generator: np.random.Generator | None = None) -> Tensor:
    """0 … size − 1 in random order."""
    return Tensor((generator or _generator).permutation(size))


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """A 1 at each label's place, 0 elsewhere, as integers.

    Shape:   labels (…) -> (…, num_classes)
    Equals:  torch.nn.functional.one_hot
    Raises:  ValueError if a label is below 0 or not below num_classes
    """
    check_labels("one_hot", labels, num_classes)
    return Tensor((labels.data[..., np.newaxis] == np.arange(num_classes)).astype(np.int64))


def check_labels(name: str, labels: Tensor, num_classes: int) -> None:
    """See that labels are whole numbers from 0 to num_classes − 1."""
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels must be integers, not {labels.dtype}")
    if labels.numel() and not 0 <= labels.data.min() <= labels.data.max() < num_classes:
        wrong = labels.data[(labels.data < 0) | (labels.data >= num_classes)][0]
        raise ValueError(f"{name}: labels must be from 0 to {num_classes - 1}, but one of them is {wrong}")


def _checked(shape: tuple[Any, ...]) -> tuple[int, ...]:
    sizes = as_shape(shape)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0:
            raise ValueError(f"a shape is made of whole numbers of at least 0; got {sizes}")
    return sizes


# From several tensors -----------------------------------------------------------------------------------------------


def cat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Join along an axis; all other axes must agree.

    Equals:  torch.cat
    Raises:  ValueError if there are no tensors or the other axes differ
    """
    if not tensors:
        raise ValueError("cat needs at least one tensor")
    first = tensors[0]
    (where,) = as_axes("cat", axis, first.ndim)
    for other in tensors[1:]:
        sizes, expected = list(other.shape), list(first.shape)
        if len(sizes) == len(expected):
            sizes[where] = expected[where]
        if sizes != expected:
            raise ValueError(f"cat along axis {where}: shape {other.shape} does not agree with {first.shape}")
    common = first.dtype
    for other in tensors[1:]:
        common = pair("cat", Tensor(np.zeros(1, common)), Tensor(np.zeros(1, other.dtype)))[0].dtype
    ends = np.cumsum([each.shape[where] for each in tensors])
    before = (slice(None),) * where

    def edge(each: Tensor, end: int) -> Edge:
        part = (*before, slice(end - each.shape[where], end))
        return Edge(each, lambda G: G[part].astype(each.dtype, copy=False))

    value = np.concatenate([each.data.astype(common, copy=False) for each in tensors], where)
    return record("cat", value, *(edge(each, int(end)) for each, end in zip(tensors, ends, strict=True)))


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Join along a new axis.

    Equals:  torch.stack
    """
    return cat([each.unsqueeze(axis) for each in tensors], axis)


def where(condition: Tensor, first: Any, second: Any) -> Tensor:
    """``first`` where the condition holds, ``second`` elsewhere; the gradient goes the same way.

    Equals:  torch.where
    """
    if condition.dtype != np.bool_:
        raise TypeError(f"where: the condition must be of dtype bool, not {condition.dtype}")
    if isinstance(first, Tensor) or not isinstance(second, Tensor):
        a, b = pair("where", first if isinstance(first, Tensor) else Tensor(first), second)
    else:
        b, a = pair("where", second, first)
    chosen = condition.data.copy()
    value = np.where(chosen, a.data, b.data)
    return record("where", value, Edge(a, lambda G: G * chosen), Edge(b, lambda G: G * ~chosen))


def logical_and(first: Tensor, second: Tensor) -> Tensor:
    """Whether both are not 0, entry by entry."""
    return (first != 0) & (second != 0)


def logical_or(first: Tensor, second: Tensor) -> Tensor:
    """Whether one of both is not 0, entry by entry."""
    return (first != 0) | (second != 0)


def logical_not(first: Tensor) -> Tensor:
    """Whether it is 0, entry by entry."""
    return first == 0


# Products by name: @ does all of them, these say which one is meant -----------------------------------------------


def dot(x: Tensor, y: Tensor) -> Tensor:
    """Σ x_i y_i.

    Shape:   (n,), (n,) -> ()
    """
    _check_axes("dot", (x, 1), (y, 1))
    return x @ y


def mv(A: Tensor, x: Tensor) -> Tensor:
    """Matrix times vector.

    Shape:   (n, k), (k,) -> (n,)
    """
    _check_axes("mv", (A, 2), (x, 1))
    return A @ x


def mm(A: Tensor, B: Tensor) -> Tensor:
    """Matrix times matrix.

    Shape:   (n, k), (k, m) -> (n, m)
    """
    _check_axes("mm", (A, 2), (B, 2))
    return A @ B


def bmm(A: Tensor, B: Tensor) -> Tensor:
    """Matrix times matrix, for each of a batch.

    Shape:   (N, n, k), (N, k, m) -> (N, n, m)
    """
    _check_axes("bmm", (A, 3), (B, 3))
    if len(A) != len(B):
        raise ValueError(f"bmm needs as many matrices on the left as on the right; got shapes {A.shape} and {B.shape}")
    return A @ B


def outer(x: Tensor, y: Tensor) -> Tensor:
    """x_i y_j.

    Shape:   (n,), (m,) -> (n, m)
    """
    _check_axes("outer", (x, 1), (y, 1))
    return x.unsqueeze(1) * y


def _check_axes(name: str, *operands: tuple[Tensor, int]) -> None:
    for operand, ndim in operands:
        if operand.ndim != ndim:
            wanted = ", ".join(f"{n} {'axis' if n == 1 else 'axes'}" for _, n in operands)
            shapes = ", ".join(str(each.shape) for each, _ in operands)
            raise ValueError(f"{name} needs operands with {wanted}; got shapes {shapes}")
