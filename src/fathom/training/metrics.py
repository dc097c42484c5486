"""Sums of what the steps return, kept on the device until somebody asks."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError


class Mean:
    """A running mean of named values, weighted by sample count, in double precision on the host."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, values: dict[str, float], count: int) -> None:
        """Add means over ``count`` samples."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * count
        self.count += count

    def compute(self) -> dict[str, float]:
        """Give the means so far."""
        return {name: total / self.count for name, total in self.sums.items()} if self.count else {}


class Meter:
    """Collects the scalars of each step without waiting for the device.

    ``add`` only keeps references; ``flush`` moves everything over in one copy.
    """

    def __init__(self) -> None:
        self.interval = Mean()
        self.epoch = Mean()
        self._pending: list[dict[str, Tensor]] = []
        self._counts: list[int] = []

    def add(self, outputs: dict[str, Tensor], count: int) -> None:
        """Keep the scalar tensors of one batch of ``count`` samples."""
        self._pending.append({name: value.detach() for name, value in outputs.items()})
        self._counts.append(count)

    def flush(self) -> int | None:
        """Add what is pending to both means.

        Returns: the place of the first non-finite loss among it, counted from the end, where 1 is the last batch added;
            None if there is none
        Raises:  FathomError if the steps gave something else than scalars, or other names each time
        """
        if not self._pending:
            return None
        names = list(self._pending[0])
        for step in self._pending:
            for name, value in step.items():
                if value.numel() != 1:
                    raise FathomError(f"a step returned {name!r} of shape {tuple(value.shape)}; it must be a scalar")
            if step.keys() != self._pending[0].keys():
                raise FathomError(f"a step returned {list(step)}, an earlier one {names}; the names must stay the same")
        rows = [torch.stack([step[name].reshape(()).float() for step in self._pending]) for name in names]
        values = torch.stack(rows).tolist()
        bad = None
        for i, count in enumerate(self._counts):
            step_values = {name: values[k][i] for k, name in enumerate(names)}
            self.interval.add(step_values, count)
            self.epoch.add(step_values, count)
            if bad is None and not math.isfinite(step_values.get("loss", 0.0)):
                bad = len(self._counts) - i
        self._pending.clear()
        self._counts.clear()
        return bad

    def take_interval(self) -> dict[str, float]:
        """Give the means since the last call and begin anew."""
        means, self.interval = self.interval.compute(), Mean()
        return means

    def take_epoch(self) -> dict[str, float]:
        """Give the means of the epoch and begin anew."""
        means, self.epoch, self.interval = self.epoch.compute(), Mean(), Mean()
        return means

    def state_dict(self) -> dict[str, Any]:
        """Give all sums as plain numbers; what is pending must be flushed before."""
        return {"interval": vars(self.interval).copy(), "epoch": vars(self.epoch).copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up sums given by ``state_dict``."""
        for name in ("interval", "epoch"):
            mean = getattr(self, name)
            mean.sums, mean.count = dict(state[name]["sums"]), int(state[name]["count"])
