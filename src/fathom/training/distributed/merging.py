"""What the processes measured, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fathom.metrics import Metric, fresh
from fathom.shares import readable_share, share_of
from fathom.training.distributed.world import World


def merge_metrics(world: World, metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Return metrics that took in what those of all processes did; the same in every process."""
    states = world.gather({name: metric.state_dict() for name, metric in metrics.items()}) if metrics else []
    merged: dict[str, Metric] = {}
    for name, metric in metrics.items():
        twins: list[Metric] = []
        for state in states:
            twin = fresh(metric)
            twin.load_state_dict(state[name])
            twins.append(twin)
        for other in twins[1:]:
            twins[0].merge(other)
        merged[name] = twins[0]
    return merged


def in_order(parts: list[list[Any]], strides: bool) -> list[Any]:
    """Return what the processes found of their batches in the order of the batches.

    Args:
        strides: process r had the batches r, r + size, …; else each had those that follow the process before.
    """
    if not strides:
        return [item for part in parts for item in part]
    longest = max(map(len, parts))
    return [part[i] for i in range(longest) for part in parts if i < len(part)]


def gather_sequences(world: World, state: Any, columns: int) -> Any:
    """Return the hidden state of all sequences of a batch, of which each process has some.

    Shape:   state (…, own columns, hidden), or a tuple of them -> (…, columns, hidden)
    """
    parts = world.gather(state)
    if state is None or parts[0] is None:
        return None
    if isinstance(state, (tuple, list)):
        return tuple(_join([part[i] for part in parts], columns) for i in range(len(state)))
    return _join(parts, columns)


def _join(parts: list[Tensor], columns: int) -> Tensor:
    size = len(parts)
    own = [last - first for first, last in (share_of(columns, rank, size) for rank in range(size))]
    # a process without a sequence of its own carries that of another
    return torch.cat([part[..., :count, :] for part, count in zip(parts, own, strict=True)], dim=-2)


def own_sequences(world: World, state: Any, columns: int) -> Any:
    """Return the part of it that belongs to this process."""
    if isinstance(state, (tuple, list)):
        return tuple(own_sequences(world, part, columns) for part in state)
    return state[..., slice(*readable_share(columns, world.rank, world.size)), :].contiguous()
