"""What a step costs in many processes: a model of the ring all-reduce.

In a ring of p processes each sends 2(p − 1) messages of 1/p of the gradients. Gradients of the last layers travel while
those of the first are still computed, so only what is longer than the backward pass adds to a step.

Source:  Patarasuk & Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations"
"""

from __future__ import annotations

from dataclasses import dataclass

_BACKWARD = 2 / 3  # of a step's arithmetic: two products for each one of the forward pass


@dataclass(frozen=True)
class Link:
    """Between two neighbours: bytes a second in one direction, seconds before a message arrives."""

    bandwidth: float
    latency: float


def all_reduce_time(num_bytes: float, size: int, link: Link) -> float:
    """Return the seconds of an all-reduce."""
    return 2 * (size - 1) * (num_bytes / size / link.bandwidth + link.latency) if size > 1 else 0.0


def step_time(compute_s: float, num_bytes: float, size: int, link: Link) -> float:
    """Return the seconds of a step whose arithmetic takes ``compute_s``."""
    return compute_s + max(0.0, all_reduce_time(num_bytes, size, link) - _BACKWARD * compute_s)
