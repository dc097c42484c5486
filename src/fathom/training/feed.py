"""How batches reach the loop, whatever loader they come from: from which place, how many, on which device."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from fathom.errors import FathomError


class Feed:
    """A loader seen from the loop.

    A loader with ``seek(epoch, batch)`` starts anywhere; any other iterable is run through up to the place wanted.

    Args:
        limit: use only the first batches; None for all.
        repeat: give the batches of epoch 0 in every epoch.
    """

    def __init__(self, loader: Iterable[Any], *, limit: int | None = None, repeat: bool = False) -> None:
        self.loader, self.limit, self.repeat = loader, limit, repeat
        self.batch_size: int | None = getattr(loader, "batch_size", None)
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        try:
            number = len(self.loader)  # type: ignore[arg-type]
        except TypeError:
            raise FathomError("the training loader has no length; give it __len__ so that a run can be planned") from None
        if number == 0:
            raise FathomError("the training loader has no batch: fewer examples than one batch, or none at all")
        return number if self.limit is None else min(number, self.limit)

    def to(self, device: torch.device) -> None:
        """Let batches arrive on ``device``; a loader that can hold its data there does."""
        self.device = device
        if hasattr(self.loader, "to"):
            self.loader.to(device)

    def batches(self, epoch: int = 0, first: int = 0) -> Iterator[tuple[Any, int]]:
        """Give (batch, sample count) from batch number ``first`` of an epoch on.

        One batch is always on its way while another is worked on: copies from pinned memory are asynchronous.
        """
        if hasattr(self.loader, "seek"):
            self.loader.seek(0 if self.repeat else epoch, first)
            source: Iterator[Any] = iter(self.loader)
        else:
            source = itertools.islice(iter(self.loader), first, None)
        if self.limit is not None:
            source = itertools.islice(source, max(0, self.limit - first))
        if self.device.type == "cpu":
            yield from map(self._place, source)
            return
        ahead = [self._place(batch) for batch in itertools.islice(source, 1)]
        for batch in source:
            ahead.append(self._place(batch))
            yield ahead.pop(0)
        yield from ahead

    def example(self) -> Any:
        """Give the inputs of one example as a batch of one; random state and place are left alone."""
        state = torch.get_rng_state()
        batch, _ = next(self.batches(), (None, 0))
        torch.set_rng_state(state)
        X = batch[0] if isinstance(batch, (tuple, list)) else batch
        return X[:1] if isinstance(X, Tensor) else X

    def _place(self, batch: Any) -> tuple[Any, int]:
        if isinstance(batch, (tuple, list)):
            if batch[0].device != self.device:
                batch = tuple(part.to(self.device, non_blocking=True) for part in batch)
            return batch, len(batch[-1])
        return batch.to(self.device, non_blocking=True), len(batch)
