"""Data and model parallel together: a mesh of devices, whose rows share the batch and whose columns share the layers.

    row 0   device (0, 0): first layers  →  device (0, 1): the rest
    row 1   device (1, 0): first layers  →  device (1, 1): the rest
              ↕ gradients summed             ↕ gradients summed

Each row is a pipeline that works on its shard of the batch (``pipeline_step``); then the devices of a column, which
hold the same layers, add up their gradients (all-reduce). Nothing else is sent: activations within rows, gradients
within columns.

Equals:  one device, to rounding (batch normalisation excepted: it sees micro-batches of shards)
Source:  notes N1 §3.2.1; Shoeybi et al. 2019, Megatron-LM, arXiv:1909.08053, §3
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np

from fathom.scratch.devices.collective import AllReduce, ring_all_reduce
from fathom.scratch.devices.data_parallel import gradient_of, replicate, split_batch
from fathom.scratch.devices.pipeline import pipeline_step, split_stages
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Parameter, Sequential
from fathom.scratch.learning.loops import Loss
from fathom.scratch.learning.optimizers import Optimizer

MakeOptimizer = Callable[[Iterable[Parameter]], Optimizer]


@dataclass(frozen=True)
class MeshStep:
    """What a step gave: the mean loss of the batch, and how many numbers each device of each column sent its column."""

    loss: float
    sent: tuple[list[int], list[int]]


class Mesh:
    """Rows of two devices each.

    Args:
        net: copied to every row; the network itself stays as it is.
        num_rows: shards of the batch.
        cut: layers on the first device of a row.
        make_optimizer: makes the optimiser of a device from its parameters.
        num_micro_batches: of each shard, see ``pipeline_step``.
    Raises:  ValueError if there is no row, or a device would have no layer, or none with parameters
    """

    def __init__(
        self,
        net: Sequential,
        num_rows: int,
        cut: int,
        make_optimizer: MakeOptimizer,
        *,
        num_micro_batches: int = 2,
        all_reduce: AllReduce = ring_all_reduce,
    ) -> None:
        self.rows = [cast("Sequential", row) for row in replicate(net, num_rows)]
        self.stages = [split_stages(row, cut) for row in self.rows]  # stages[row] = (first layers, last layers)
        # one for each device, as on real ones: a device knows its own parameters
        self.optimizers = [make_optimizer(stage.parameters()) for stages in self.stages for stage in stages]
        self.num_micro_batches, self.all_reduce = num_micro_batches, all_reduce

    def step(self, X: np.ndarray, y: np.ndarray, loss: Loss) -> MeshStep:
        """Take one step on a batch; afterwards all rows are equal again.

        Shape:   X (N, …), y (N,) ->
        Raises:  ValueError if a micro-batch would be empty
        """
        total = 0.0
        shards = zip(split_batch(X, len(self.rows)), split_batch(y, len(self.rows)), strict=True)
        for (first, second), (X_shard, y_shard) in zip(self.stages, shards, strict=True):
            share = len(X_shard) / len(X)  # a mean over the batch is the sum of the shards' means by their shares

            # share as a default: a closure would see the last row's
            def weighted(prediction: Tensor, target: Tensor, share: float = share) -> Tensor:
                return loss(prediction, target) * share

            total += pipeline_step(first, second, X_shard, y_shard, weighted, self.num_micro_batches)
        sent = (self._sum_column(0), self._sum_column(1))  # each column for itself: its devices hold the same layers
        for optimizer in self.optimizers:
            optimizer.step()
        return MeshStep(total, sent)

    def _sum_column(self, column: int) -> list[int]:
        """Add up the gradients of the devices that hold the same layers; return how many numbers each of them sent."""
        sent = [0] * len(self.rows)
        # the same parameter in every row
        for copies in zip(*(stages[column].parameters() for stages in self.stages), strict=True):
            traffic = self.all_reduce([gradient_of(parameter) for parameter in copies])
            sent = [so_far + more for so_far, more in zip(sent, traffic, strict=True)]
        return sent
