"""Sums of what the steps return, kept on the device until somebody asks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError

# What a step may return besides scalars: what the network said, and what would have been right.
OUTPUTS = ("prediction", "target")


class Mean:
    """A running mean of named values, weighted by sample count, in double precision on the host."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, columns: dict[str, list[float]], counts: list[int]) -> None:
        """Add means over ``counts[i]`` samples each, in order, so that the sum does not depend on when it is made."""
        for name, values in columns.items():
            total = self.sums.get(name, 0.0)
            for value, count in zip(values, counts, strict=True):
                total += value * count
            self.sums[name] = total
        self.count += sum(counts)

    def compute(self) -> dict[str, float]:
        """Return the means so far."""
        return {name: total / self.count for name, total in self.sums.items()} if self.count else {}


class Meter:
    """Collects the scalars of each step without waiting for the device.

    ``add`` only keeps references; ``flush`` moves everything over in one copy.

    Args:
        derive: adds to means what follows from them; what is no mean itself, as a perplexity, comes about here.
    """

    def __init__(self, derive: Callable[[dict[str, float]], dict[str, float]] = dict) -> None:
        self._derive = derive
        self.interval = Mean()
        self.epoch = Mean()
        self._pending: list[dict[str, Tensor]] = []
        self._counts: list[int] = []

    def add(self, outputs: dict[str, Tensor], count: int) -> None:
        """Keep the scalar tensors of one batch of ``count`` samples."""
        self._pending.append({name: value.detach() for name, value in outputs.items() if name not in OUTPUTS})
        self._counts.append(count)

    @property
    def newest(self) -> dict[str, Tensor] | None:
        """What the last batch gave, if nothing was flushed since."""
        return self._pending[-1] if self._pending else None

    def flush(self) -> int | None:
        """Add what is pending to both means.

        Returns: the place of the first non-finite loss among it, counted from the end, where 1 is the last batch added;
            None if there is none
        Raises:  FathomError if the steps gave something else than scalars, or other names each time
        """
        if not self._pending:
            return None
        columns, counts = self._read(), self._counts
        self.interval.add(columns, counts)
        self.epoch.add(columns, counts)
        self._pending, self._counts = [], []
        bad = [i for i, loss in enumerate(columns.get("loss", ())) if not math.isfinite(loss)]
        return len(counts) - bad[0] if bad else None

    def _read(self) -> dict[str, list[float]]:
        """Move what is pending over in one copy: the values of each name, in order."""
        names, rows = list(self._pending[0]), []
        for step in self._pending:
            if step.keys() != self._pending[0].keys():
                raise FathomError(f"a step returned {list(step)}, an earlier one {names}; the names must stay the same")
        for name in names:
            values = [step[name] for step in self._pending]
            if any(value.numel() != 1 for value in values):
                shapes = sorted({tuple(value.shape) for value in values if value.numel() != 1})
                raise FathomError(f"a step returned {name!r} of shape {shapes[0]}; it must be a scalar")
            rows.append(torch.stack(values).reshape(-1).float())
        return dict(zip(names, torch.stack(rows).tolist(), strict=True))

    def take_interval(self) -> dict[str, float]:
        """Return the means since the last call and begin anew."""
        means, self.interval = self.interval.compute(), Mean()
        return self._derive(means)

    def take_epoch(self) -> dict[str, float]:
        """Return the means of the epoch and begin anew."""
        means, self.epoch, self.interval = self.epoch.compute(), Mean(), Mean()
        return self._derive(means)

    def state_dict(self) -> dict[str, Any]:
        """Return all sums as plain numbers; what is pending must be flushed before."""
        return {"interval": vars(self.interval).copy(), "epoch": vars(self.epoch).copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up sums given by ``state_dict``."""
        for name in ("interval", "epoch"):
            mean = getattr(self, name)
            mean.sums, mean.count = dict(state[name]["sums"]), int(state[name]["count"])
