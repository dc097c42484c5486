"""What the steps return, kept on the device until somebody asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError
from fathom.metrics import AnyMetric, DerivedMetric, Metric, fresh
from fathom.training.distributed.merging import in_order, merge_metrics
from fathom.training.distributed.world import ALONE, World

# What a step may return besides scalars: what the network said, and what would have been right.
OUTPUTS = ("prediction", "target")


class Mean:
    """A running mean of named values, weighted by sample count, in double precision on the host."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}  # name -> Σ value · count
        self.count = 0

    def update(self, columns: dict[str, list[float]], counts: list[int]) -> None:
        """Add means over ``counts[i]`` samples each, in order, so that the sum does not depend on when it is made."""
        for name, values in columns.items():
            total = self.sums.get(name, 0.0)
            # Python floats: an epoch of float32 sums would lose digits
            for value, count in zip(values, counts, strict=True):
                total += value * count
            self.sums[name] = total
        self.count += sum(counts)

    def compute(self) -> dict[str, float]:
        """Return the means so far."""
        return {name: total / self.count for name, total in self.sums.items()} if self.count else {}

    def merge(self, other: Mean) -> None:
        """Add the other's samples."""
        for name, total in other.sums.items():  # validation in several processes, most often
            self.sums[name] = self.sums.get(name, 0.0) + total
        self.count += other.count

    def reset(self) -> None:
        """Begin anew."""
        self.sums, self.count = {}, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the sums as plain numbers."""
        return {"sums": dict(self.sums), "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them up."""
        self.sums, self.count = dict(state["sums"]), int(state["count"])


class Meter:
    """Collects what each step returns without waiting for the device.

    Scalars are kept as references until ``flush`` moves them over in one copy, and give means over an interval and over
    the epoch. Predictions and targets go to the metrics that read them, which give their numbers at the epoch's end:
    the mean of an F1 over batches would be another number.

    Args:
        metrics: those of the module, by name; they stay as they are.
        world: the processes whose batches count together; what is taken is taken by all of them at once.
    """

    def __init__(self, metrics: Mapping[str, AnyMetric] | None = None, world: World = ALONE) -> None:
        metrics, self.world = metrics or {}, world
        self.interval = Mean()  # since the last log record
        self.epoch = Mean()  # since the epoch began
        # fresh: the module's own would mix training and validation
        self.metrics = {name: fresh(metric) for name, metric in metrics.items() if isinstance(metric, Metric)}
        self._derived = {name: metric for name, metric in metrics.items() if isinstance(metric, DerivedMetric)}
        self._pending: list[dict[str, Tensor | float]] = []  # of each step since the last flush, still on the device
        self._counts: list[int] = []  # samples in each of them

    def add(self, outputs: dict[str, Any], count: int) -> None:
        """Take in what a step on ``count`` samples returned: scalars, tensors or not; perhaps prediction and target."""
        # Detached, or every graph with its activations would stay in memory until the flush.
        self._pending.append({name: _detached(name, v) for name, v in outputs.items() if name not in OUTPUTS})
        self._counts.append(count)
        if self.metrics and count:  # 0: a sample of another process, read to keep step
            self._update_metrics(outputs)

    @torch.no_grad()
    def _update_metrics(self, outputs: dict[str, Tensor]) -> None:
        if not all(name in outputs for name in OUTPUTS):  # by the names that Module.outputs gives
            given = ", ".join(outputs)
            raise FathomError(
                f"metric {next(iter(self.metrics))} reads predictions, but a step returned {given}; "
                'let it return "prediction" and "target" too: **self.outputs(prediction.detach(), target)'
            )
        for metric in self.metrics.values():
            metric.update(outputs["prediction"], outputs["target"])

    @property
    def newest(self) -> dict[str, Tensor | float] | None:
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
        self.interval.update(columns, counts)
        self.epoch.update(columns, counts)
        self._pending, self._counts = [], []
        # an epoch of classes may lack the loss: a module reports what it likes
        bad = [i for i, loss in enumerate(columns.get("loss", ())) if not math.isfinite(loss)]
        # counted from the end, since the caller knows the number of the last step
        return len(counts) - bad[0] if bad else None  # the first is the cause, what follows its consequence

    def flush_all(self, strides: bool) -> None:
        """Add what is pending in all processes, batch by batch in the order of one process: the sums are its sums.

        Args:
            strides: how the batches are divided, see ``in_order``.
        """
        own = [self._read(), self._counts] if self._pending else [{}, []]
        self._pending, self._counts = [], []
        parts = self.world.gather(own)
        names = next((list(columns) for columns, _ in parts if columns), [])
        columns = {name: in_order([columns.get(name, []) for columns, _ in parts], strides) for name in names}
        self.epoch.update(columns, in_order([counts for _, counts in parts], strides))
        if not self.world.is_first:  # which has it all, and gives it to the others with the rest
            self.epoch.reset()

    def _read(self) -> dict[str, list[float]]:
        """Move what is pending over in one copy: the values of each name, in order."""
        names = list(self._pending[0])
        columns: dict[str, list[float]] = {name: [] for name in names}
        rows: dict[str, Tensor] = {}  # by name: what must be read from the device
        for step in self._pending:
            if step.keys() != self._pending[0].keys():
                raise FathomError(f"a step returned {list(step)}, an earlier one {names}; the names must stay the same")
        for name in names:
            values = [step[name] for step in self._pending]
            tensors = [value for value in values if isinstance(value, Tensor)]
            if len(tensors) < len(values):  # numbers, which are on the host already
                columns[name] = [float(value) for value in values]
                continue
            if any(value.numel() != 1 for value in tensors):  # a per-sample loss, most often
                shapes = sorted({tuple(value.shape) for value in tensors if value.numel() != 1})
                raise FathomError(f"a step returned {name!r} of shape {shapes[0]}; it must be a scalar")
            # float: a bfloat16 loss and an int count go in one stack
            rows[name] = torch.stack(tensors).reshape(-1).float()  # (steps,)
        if rows:
            moved = torch.stack(list(rows.values())).tolist()  # (names, steps); the one wait for the device
            columns.update(zip(rows, moved, strict=True))
        return columns

    def take_interval(self) -> dict[str, float]:
        """Return the means since the last call, and what follows from them, and begin anew."""
        means = self._merged(self.interval).compute()
        self.interval.reset()
        return self._with_derived(means)

    def take_epoch(self) -> dict[str, float]:
        """Return means and metrics of the epoch and begin anew."""
        values = self._with_derived(self._merged(self.epoch).compute())
        self.interval.reset()  # its share is in the epoch's record already
        self.epoch.reset()
        for name, metric in self._merged_metrics().items():
            values[name] = metric.compute()
            self.metrics[name].reset()
        return values

    def _merged(self, mean: Mean) -> Mean:
        """Return the mean over the samples of all processes."""
        if self.world.size == 1:
            return mean
        total = Mean()
        for state in self.world.gather(mean.state_dict()):
            part = Mean()
            part.load_state_dict(state)
            total.merge(part)
        return total

    def _merged_metrics(self) -> dict[str, Metric]:
        return self.metrics if self.world.size == 1 else merge_metrics(self.world, self.metrics)

    def _with_derived(self, means: dict[str, float]) -> dict[str, float]:
        derived = {name: metric.derive(means) for name, metric in self._derived.items()}
        # None: its loss is not among the means
        return means | {name: value for name, value in derived.items() if value is not None}

    def state_dict(self) -> dict[str, Any]:
        """Return all sums and states, of all processes; what is pending must be flushed before."""
        return {
            "interval": self._merged(self.interval).state_dict(),
            "epoch": self._merged(self.epoch).state_dict(),
            "metrics": {name: metric.state_dict() for name, metric in self._merged_metrics().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave; of several processes the first one."""
        if not self.world.is_first:
            return
        self.interval.load_state_dict(state["interval"])
        self.epoch.load_state_dict(state["epoch"])
        for name, metric in self.metrics.items():
            metric.load_state_dict(state["metrics"][name])


def _detached(name: str, value: Any) -> Tensor | float:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Real):  # float, int, and NumPy's scalars
        return float(value)
    raise FathomError(
        f"a step returned {name!r}, a {type(value).__name__}; what it reports must be scalar tensors or numbers"
    )
