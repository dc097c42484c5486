"""Tensors from nothing: numbers that are given, counted or drawn.

Random tensors come from one NumPy generator, which ``manual_seed`` sets, or from the one given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.engine.value import as_shape

_generator = np.random.default_rng(0)  # the same numbers in every process that sets no seed


def manual_seed(seed: int) -> None:
    """Start the random numbers again. The numbers are NumPy's, not those of torch for the same seed."""
    global _generator
    _generator = np.random.default_rng(seed)


def default_generator() -> np.random.Generator:
    """Return the generator that is used where none is given."""
    return _generator


def tensor(data: Any, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """Make a tensor with a copy of the data.

    Shape:   data (…) -> (…)
    Equals:  torch.tensor
    """
    # Tensor() checks type and shape
    made = Tensor(data, dtype=dtype)  # shares the memory of an array; hence the copy
    return Tensor(made.data.copy(), requires_grad)


def zeros(*shape: Any, requires_grad: bool = False, dtype: Any = np.float32) -> Tensor:
    """Return zeros of a shape: zeros(2, 3) or zeros((2, 3)), the same for ones, rand and randn.

    Shape:   -> (n, m)
    Equals:  torch.zeros
    """
    return Tensor(np.zeros(_checked(shape), dtype), requires_grad)


def ones(*shape: Any, requires_grad: bool = False, dtype: Any = np.float32) -> Tensor:
    """Return ones of a shape.

    Shape:   -> (n, m)
    Equals:  torch.ones
    """
    return Tensor(np.ones(_checked(shape), dtype), requires_grad)


def full(shape: Sequence[int], value: float, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """Return one number everywhere.

    Shape:   -> (n, m)
    Equals:  torch.full
    """
    # Tensor() picks the type that torch would
    return Tensor(np.full(_checked((tuple(shape),)), Tensor(value, dtype=dtype).data), requires_grad)


def zeros_like(other: Tensor) -> Tensor:
    """Return zeros of another tensor's shape and type; a constant.

    Shape:   other (…) -> (…)
    Equals:  torch.zeros_like
    """
    return Tensor(np.zeros_like(other.data))


def ones_like(other: Tensor) -> Tensor:
    """Return ones of another tensor's shape and type; a constant.

    Shape:   other (…) -> (…)
    Equals:  torch.ones_like
    """
    return Tensor(np.ones_like(other.data))


def eye(size: int, dtype: Any = np.float32) -> Tensor:
    """Return ones on the diagonal.

    Shape:   -> (size, size)
    Equals:  torch.eye
    """
    return Tensor(np.eye(size, dtype=dtype))  # (size, size)


def arange(*bounds: float, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """Return start, start + step, … below end: arange(end), arange(start, end), arange(start, end, step).

    Shape:   -> (n',)
    Equals:  torch.arange
    """
    if not 1 <= len(bounds) <= 3:
        raise TypeError(f"arange takes one to three numbers (start, end, step), not {len(bounds)}")
    if len(bounds) == 3 and bounds[2] == 0:
        raise ValueError("arange: the step must not be 0")
    # By way of Python's numbers, so that whole ones stay whole and the others become float32, as in torch
    return Tensor(Tensor(np.arange(*bounds).tolist(), dtype=dtype).data, requires_grad)


def linspace(start: float, end: float, steps: int, dtype: Any = np.float32) -> Tensor:
    """Return ``steps`` numbers at equal distances from start to end, both included.

    Shape:   -> (steps,)
    Equals:  torch.linspace
    """
    return Tensor(np.linspace(start, end, steps, dtype=dtype))  # steps − 1 equal gaps


def rand(
    *shape: Any, requires_grad: bool = False, dtype: Any = np.float32, generator: np.random.Generator | None = None
) -> Tensor:
    """Draw uniform numbers between 0, included, and 1, excluded.

    Shape:   -> (n, m)
    Equals:  torch.rand in law
    """
    values = (generator or _generator).random(_checked(shape))
    return Tensor(values.astype(dtype), requires_grad)  # drawn in float64: float32 sees the same stream


def randn(
    *shape: Any, requires_grad: bool = False, dtype: Any = np.float32, generator: np.random.Generator | None = None
) -> Tensor:
    """Draw normal numbers with mean 0 and standard deviation 1.

    Shape:   -> (n, m)
    Equals:  torch.randn in law
    """
    values = (generator or _generator).standard_normal(_checked(shape))
    return Tensor(values.astype(dtype), requires_grad)


def randint(low: int, high: int, shape: Sequence[int], generator: np.random.Generator | None = None) -> Tensor:
    """Draw whole numbers from low, included, to high, excluded.

    Shape:   -> int64 (n, m)
    Equals:  torch.randint in law
    """
    if low >= high:
        raise ValueError(f"randint: low must be below high, but low is {low} and high {high}")
    return Tensor((generator or _generator).integers(low, high, _checked((tuple(shape),))))  # int64


def randperm(size: int, generator: np.random.Generator | None = None) -> Tensor:
    """Return 0 … size − 1 in random order.

    Shape:   -> int64 (size,)
    Equals:  torch.randperm in law
    """
    return Tensor((generator or _generator).permutation(size))  # (size,)


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Return a 1 at each label's place, 0 elsewhere, as integers.

    Shape:   labels (…) -> int64 (…, num_classes)
    Equals:  torch.nn.functional.one_hot
    Raises:  ValueError if a label is below 0 or not below num_classes
    """
    check_labels("one_hot", labels, num_classes)
    return Tensor((labels.data[..., np.newaxis] == np.arange(num_classes)).astype(np.int64))  # (…, 1) == (K,): (…, K)


def check_labels(name: str, labels: Tensor, num_classes: int) -> None:
    """See that labels are whole numbers from 0 to num_classes − 1.

    Shape:   labels (…) ->
    """
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels must be integers, not {labels.dtype}")
    if labels.numel() and not 0 <= labels.data.min() <= labels.data.max() < num_classes:
        wrong = labels.data[(labels.data < 0) | (labels.data >= num_classes)][0]  # the first one, for the message
        raise ValueError(f"{name}: labels must be from 0 to {num_classes - 1}, but one of them is {wrong}")


def _checked(shape: tuple[Any, ...]) -> tuple[int, ...]:
    sizes = as_shape(shape)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0:  # True would pass as 1
            raise ValueError(f"a shape is made of whole numbers of at least 0; got {sizes}")
    return sizes
