"""Running sums of several quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch
from torch import Tensor


class Accumulator:
    """``n`` running sums.

    What lies on a CUDA device is added up there, in double precision, and fetched when it is looked at, so that adding
    never waits for the GPU.
    """

    def __init__(self, n: int) -> None:
        self._sums: list[float | Tensor] = [0.0] * n

    @property
    def data(self) -> list[float]:
        """The sums as numbers."""
        return [float(value) for value in self._sums]  # waits for the device here, not in add()

    def add(self, *args: object) -> None:
        """Add one number, or tensor of one element, to each sum."""
        # fewer values than sums: the others stay
        self._sums = [total + _as_number(value) for total, value in zip(self._sums, args, strict=False)]

    def reset(self) -> None:
        """Set every sum to zero."""
        self._sums = [0.0] * len(self._sums)

    @overload
    def __getitem__(self, idx: int) -> float: ...
    @overload
    def __getitem__(self, idx: slice) -> Sequence[float]: ...
    def __getitem__(self, idx: int | slice) -> float | Sequence[float]:
        return self.data[idx]


def _as_number(value: object) -> float | Tensor:
    if isinstance(value, Tensor):
        value = value.detach()
        if value.is_cuda:  # on a GPU: added there, in float64 like Python's numbers
            return value.reshape(()).to(torch.float64)
    return float(value)  # type: ignore[arg-type]
