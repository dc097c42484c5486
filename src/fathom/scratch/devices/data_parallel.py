"""Data parallel: every device has the whole network and a part of the batch; gradients are summed before the step.

The loss of a shard is a mean over its samples; weighted by the shard's share of the batch, the gradients add up to the
gradient of the batch's mean, whatever the shards' sizes. Batch normalisation is the exception: each device normalises
by the statistics of its own shard, so the sum is not that of one device.

Equals:  torch.nn.parallel.DistributedDataParallel; one device, to rounding
Source:  notes N1 §3.2
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from fathom.scratch.devices.collective import AllReduce, ring_all_reduce
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Module
from fathom.scratch.learning.loops import Loss
from fathom.scratch.learning.optimizers import Optimizer


def replicate(net: Module, num_devices: int) -> list[Module]:
    """Copy a network, parameters and buffers, to each device.

    Raises:  ValueError if there is no device
    """
    if num_devices < 1:
        raise ValueError(f"replicate: num_devices must be at least 1, got {num_devices}")
    return [copy.deepcopy(net) for _ in range(num_devices)]  # parameters shared within a network stay shared


def split_batch(array: np.ndarray, num_devices: int) -> list[np.ndarray]:
    """Cut a batch into one shard a device; sizes differ by one at most, the first shards are the larger ones.

    Shape:   array (N, …) -> (N', …); one for each device, of about N / num_devices
    Equals:  numpy.array_split
    Raises:  ValueError if some device would get nothing
    """
    if not 1 <= num_devices <= len(array):
        raise ValueError(f"split_batch: {len(array)} samples (shape {array.shape}) for {num_devices} devices")
    return np.array_split(array, num_devices)  # views, no copies


def data_parallel_step(
    replicas: Sequence[Module],
    optimizers: Sequence[Optimizer],
    X: np.ndarray,
    y: np.ndarray,
    loss: Loss,
    all_reduce: AllReduce = ring_all_reduce,
) -> float:
    """Take one step: shards out, gradients back, summed everywhere; then every device takes the same step.

    Args:
        replicas: equal networks, one a device; after the step they are equal again.
        optimizers: one a replica.
    Shape:   X (N, …), y (N,) -> ()

    Returns: the mean loss of the whole batch
    """
    total = 0.0
    for replica, X_shard, y_shard in zip(
        replicas, split_batch(X, len(replicas)), split_batch(y, len(replicas)), strict=True
    ):
        replica.zero_grad()
        # Weighted by the shard's share of the batch
        # shards of different sizes: an unweighted mean of means would be wrong
        part = loss(replica(Tensor(X_shard)), Tensor(y_shard)) * (len(X_shard) / len(X))
        part.backward()
        total += part.item()  # Σ (n_d/N) · mean_d = the batch's mean
    # the same parameter on every device
    for copies in zip(*(replica.parameters() for replica in replicas), strict=True):
        all_reduce([gradient_of(parameter) for parameter in copies])  # in place: afterwards all replicas hold the sum
    for optimizer in optimizers:
        optimizer.step()  # the same gradient and the same state: replicas stay equal to the bit
    return total


def gradient_of(parameter: Tensor) -> np.ndarray:
    """Return the array of a parameter's gradient.
    Shape:   parameter (…) -> (…)

    Raises:  ValueError if backward did not reach it
    """
    if parameter.grad is None:
        raise ValueError(f"a parameter of shape {parameter.shape} has no gradient: the loss does not depend on it")
    return parameter.grad.data  # the array itself, for all_reduce to write into
