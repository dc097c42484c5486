"""Assertions about shapes, as the book makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def check_len(a: Any, n: int) -> None:
    """Raise an AssertionError unless ``a`` has length ``n``."""
    if len(a) != n:
        raise AssertionError(f"length {len(a)}, expected {n}")


def check_shape(a: Any, shape: Sequence[int]) -> None:
    """Raise an AssertionError unless ``a`` has this shape."""
    if tuple(a.shape) != tuple(shape):
        raise AssertionError(f"shape {tuple(a.shape)}, expected {tuple(shape)}")
