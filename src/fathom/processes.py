"""How many processes a launcher such as torchrun started."""

from __future__ import annotations

import os

from fathom.errors import UsageError


def refuse_several_processes() -> None:
    """Refuse to train where a launcher started several processes: each would train the whole network by itself.

    Raises:  UsageError if ``WORLD_SIZE``, which torchrun sets, is above 1
    """
    size = os.environ.get("WORLD_SIZE", "").strip()
    if size.isdecimal() and int(size) > 1:
        raise UsageError(
            f"WORLD_SIZE is {size}: training runs in one process; start it without torchrun, or unset WORLD_SIZE"
        )
