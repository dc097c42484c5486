"""What a metric is, and how other libraries' metrics become one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError, UsageError


class Metric(ABC):
    """One number over all samples seen since ``reset``; a subclass may be given to any module.

    Shape:   prediction (N, C, …) the network's output, target (N, …) -> one float
    """

    name: str

    @abstractmethod
    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in one batch, without waiting for the device."""

    @abstractmethod
    def compute(self) -> float:
        """Return the number over all that was taken in; NaN where it is not defined."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all that was taken in."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Take in what another metric of the same kind took in, in another process or over other batches."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return all that was taken in, as tensors and plain values."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave."""


class DerivedMetric(ABC):
    """A number that follows from the means of a split, and needs to see no prediction."""

    name: str

    @abstractmethod
    def derive(self, means: Mapping[str, float]) -> float | None:
        """Return it from the means over an interval, an epoch or a split; None if what it follows from is absent."""


class AdaptedMetric(Metric):
    """Another library's metric, or any object with ``update(prediction, target)``, ``compute()`` and ``reset()``.

    What a checkpoint keeps of it are its attributes that are tensors, plain values, or lists of them.
    """

    def __init__(self, name: str, metric: Any) -> None:
        self.name, self.metric = name, metric
        self._device: torch.device | None = None  # where the other library's states are now

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Hand one batch on."""
        # torchmetrics keeps its counts on the CPU until it is told
        if prediction.device != self._device and hasattr(self.metric, "to"):
            self.metric.to(prediction.device)
        self._device = prediction.device
        self.metric.update(prediction, target)

    def compute(self) -> float:
        """Return its number.

        Raises:  UsageError if it gives several
        """
        value = self.metric.compute()
        if isinstance(value, Tensor) and value.numel() != 1:
            shape = tuple(value.shape)
            raise UsageError(f"metric {self.name} gave values of shape {shape}; it must give one number")
        return float(value)

    def reset(self) -> None:
        """Let it begin anew."""
        self.metric.reset()

    def merge(self, other: AdaptedMetric) -> None:
        """Let it take in the other.

        Raises:  FathomError if it cannot: it has neither ``merge_state``, as torchmetrics', nor ``merge``
        """
        # the name of torchmetrics and torcheval, then a plain one
        merge = getattr(self.metric, "merge_state", None) or getattr(self.metric, "merge", None)
        if merge is None:
            raise FathomError(f"metric {self.name} has no merge; it can be computed in one process only")
        merge(other.metric)

    def state_dict(self) -> dict[str, Any]:
        """Return what can be kept of it."""
        # tensors, numbers and texts: a checkpoint holds no objects
        return {name: value for name, value in vars(self.metric).items() if _can_keep(value)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it up."""
        for name, value in state.items():
            setattr(self.metric, name, value)
        self._device = None  # the tensors may have come back on another device


def _can_keep(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_can_keep(item) for item in value)
    return value is None or isinstance(value, Tensor | bool | int | float | str)
