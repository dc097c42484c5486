"""How many threads or processes may share the work. Loads without torch."""

from __future__ import annotations

import os

_MOST_WORKERS = 8


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    # Affinity, not the count: a container or taskset may leave this process fewer. macOS and Windows have no such
    # call.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers() -> int:
    """Return one worker per core this process may use, at most eight."""
    return min(available_cores(), _MOST_WORKERS)
