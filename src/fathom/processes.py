"""How many processes a launcher such as torchrun started. Loads without torch."""

from __future__ import annotations

import os

from fathom.errors import UsageError


def launched_size() -> int:
    """Return how many processes were started to train together: ``WORLD_SIZE``, which torchrun sets, else 1."""
    size = os.environ.get("WORLD_SIZE", "").strip()
    return max(1, int(size)) if size.isdecimal() else 1


def launched_rank() -> int:
    """Return the number of this process among them, from 0."""
    rank = os.environ.get("RANK", "").strip()
    return int(rank) if rank.isdecimal() and launched_size() > 1 else 0


def refuse_several_processes() -> None:
    """Refuse what is done by one process where a launcher started several: each would do all of it by itself.

    Raises:  UsageError if ``WORLD_SIZE`` is above 1
    """
    if launched_size() > 1:
        raise UsageError(
            f"WORLD_SIZE is {launched_size()}: this command runs in one process; start it without torchrun, or unset "
            "WORLD_SIZE"
        )
