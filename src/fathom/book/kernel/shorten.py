"""Short trials of long sections: every pass over a data loader ends early, ``fathom book run --batches N``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader


def limit_epochs(num_batches: int) -> None:
    """Limit every ``DataLoader`` of this process to ``num_batches`` batches from now on."""
    iterate, count = DataLoader.__iter__, DataLoader.__len__

    def shortened(self: DataLoader[Any]) -> Iterator[Any]:
        return itertools.islice(iterate(self), num_batches)

    DataLoader.__iter__ = shortened  # type: ignore[method-assign,assignment]
    DataLoader.__len__ = lambda self: min(count(self), num_batches)  # type: ignore[method-assign]
