"""Latency of models, measured in turns, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

X = TypeVar("X")

_WARM_UP, _MOST_RUNS = 10, 500  # first calls allocate and choose kernels; a median of 500 is steady


def measure_latency(
    models: Mapping[str, Callable[[X], object]], example: X, *, seconds: float = 1.0
) -> dict[str, float]:
    """Time models on a batch in turns, on this machine, for about ``seconds`` each.

    Returns: the median of each, in milliseconds
    """
    times: dict[str, list[float]] = {name: [] for name in models}
    for apply in models.values():
        for _ in range(_WARM_UP):
            apply(example)
    order = list(models.items())
    until = time.perf_counter() + seconds * len(models)
    while time.perf_counter() < until and len(next(iter(times.values()))) < _MOST_RUNS:
        for name, apply in order:
            start = time.perf_counter()
            apply(example)
            times[name].append(1e3 * (time.perf_counter() - start))
        order.reverse()  # the second one finds the first one's data in the caches
    # not the mean: other programs only ever make a run longer
    return {name: statistics.median(values) for name, values in times.items()}
