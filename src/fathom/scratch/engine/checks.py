"""What is checked of arguments: a mistake is one line that names the argument, its shape and what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fathom.scratch.engine.tensor import Tensor


def check_axes(name: str, argument: str, value: Any, expected: str) -> None:
    """See that a floating-point tensor has as many axes as the expected shape has letters, such as "(N, C, H, W)".

    Raises:  TypeError or ValueError, as all checks here do
    """
    check_float(name, argument, value)  # also that it is a Tensor
    # Letters: one more than commas, unless a comma ends it
    if value.ndim != expected.count(",") + (not expected.endswith(",)")):
        raise ValueError(f"{name}: {argument} has shape {value.shape}, expected {expected}")


def check_float(name: str, argument: str, value: Any) -> None:
    """See that it is a floating-point tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: {argument} must be a Tensor, not {type(value).__name__}")
    if value.dtype.kind != "f":
        raise TypeError(
            f"{name}: {argument} has dtype {value.dtype}, expected a floating-point one; call float() first"
        )


def check_shape(name: str, argument: str, value: Any, expected: tuple[int, ...], why: str = "") -> None:
    """See that a floating-point tensor has exactly this shape."""
    check_float(name, argument, value)
    if value.shape != expected:  # no broadcasting: a stretched parameter hides a mistake
        raise ValueError(f"{name}: {argument} has shape {value.shape}, expected {expected}{why}")


def check_batch(name: str, argument: str, value: Tensor) -> None:
    """See that there is at least one sample.

    Shape:   value (N, …) ->
    """
    if value.ndim == 0 or len(value) == 0:
        raise ValueError(
            f"{name}: {argument} has shape {value.shape}, expected at least one sample along the first axis"
        )


def check_probability(name: str, argument: str, value: float) -> float:
    """See that a number is in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < 1.0:  # True is an int
        raise ValueError(f"{name}: {argument} must be from 0, included, to 1, excluded; got {value!r}")
    return value


def check_number(name: str, argument: str, value: Any, low: float = 0.0, above: bool = False) -> float:
    """See that a number is finite and at least ``low``, or above it."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)  # True would count as 1
    # nan and ∞ compare with nothing usefully
    if not is_number or not np.isfinite(value) or value < low or (above and value == low):
        raise ValueError(
            f"{name}: {argument} must be a number {'above' if above else 'of at least'} {low:g}, not {value!r}"
        )
    return value


def as_sizes(name: str, argument: str, value: int | Sequence[int], num_axes: int, low: int) -> tuple[int, ...]:
    """One whole number for each axis, each at least ``low``; a single one counts for all."""
    # 3 counts for every axis
    # text is no sequence of sizes: refused below
    sizes: tuple[Any, ...] = tuple(value) if isinstance(value, tuple | list) else (value,) * num_axes
    if len(sizes) != num_axes:
        raise ValueError(f"{name}: {argument} must be one number or {num_axes} of them, not {value!r}")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < low:
            raise ValueError(f"{name}: {argument} must be made of whole numbers of at least {low}, not {value!r}")
    return tuple(int(size) for size in sizes)
