"""The fast path: a data set held as one tensor on the device, a batch is one gather.

Images stay uint8 (a quarter of the memory and of the traffic); the module normalises them, fused with the conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

from fathom.data.loaders.order import Order
from fathom.errors import UsageError

Augmentation = Callable[[Tensor, torch.Generator], Tensor]

# Batches of few bytes are gathered many at a time: below 256 KiB the cost of a gather is its call, not its copying.
_CHUNK_BYTES = 1 << 18


class MemoryLoader(Order):
    """Iterate over tensors in batches, without per-sample Python.

    Batches may be views of the data: they are for reading.

    Args:
        X: (N, …), uint8 images or floating features; y: (N, …).
        index: which rows belong to this loader; None means all. The tensors are never copied for a split.
        augment: called with (X, generator) on a whole batch, on the device; seeded by (seed, epoch, batch).
        draw: "classes" draws all classes equally often, y are classes then; weights float (n,) of the loader's rows
            draw them in proportion.
    Raises:  UsageError if X and y differ in length, or there is nothing to load
    """

    def __init__(
        self,
        X: Tensor,
        y: Tensor,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        index: Tensor | None = None,
        augment: Augmentation | None = None,
        draw: Literal["once", "classes"] | Tensor = "once",
    ) -> None:
        if len(X) != len(y):
            raise UsageError(f"{len(X)} samples but {len(y)} labels")
        weights = draw if isinstance(draw, Tensor) else None
        classes = (y if index is None else y[index]) if weights is None and draw == "classes" else None
        num_samples = len(X) if index is None else len(index)
        super().__init__(num_samples, batch_size, shuffle=shuffle, seed=seed, classes=classes, weights=weights)
        self.X, self.y, self.index, self.augment = X, y, index, augment
        self.device = X.device

    def to(self, device: torch.device) -> MemoryLoader:
        """Move the tensors to ``device``, once; of a small split only its own rows go, not the whole set again.

        What would take more than half of a GPU's memory stays where it is, and each batch is moved.
        """
        self.device = device
        # the other half is for weights, activations and optimiser
        # the set stays on the host then, and batches travel
        if device.type == "cuda" and 2 * self.X.nbytes > torch.cuda.get_device_properties(device).total_memory:
            return self
        # Copying the rows pays where they are less than half; on one device the whole set is shared by all splits.
        if device != self.X.device and self.index is not None and 2 * len(self.index) < len(self.X):
            # of the split's own rows, then no index is needed
            self.X, self.y, self.index = take_rows(self.X, self.index), self.y[self.index], None
        self.X, self.y = self.X.to(device), self.y.to(device)
        if self.index is not None:
            self.index = self.index.to(device)
        return self

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self._batches(*self.start_pass())  # the place is taken now, not when the first batch is asked for

    def _batches(self, epoch: int, first: int, order: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
        order, size = self.own_rows(order)
        number = self.num_samples if order is None else len(order)
        sample_bytes = max(1, self.X[0].numel() * self.X.element_size())
        chunk = max(1, _CHUNK_BYTES // (sample_bytes * size)) * size  # in samples, whole batches
        # Rows of a matrix are gathered faster than images; only where flattening would copy the set, it stays.
        # (N, D) or (N, …)
        rows = self.X.flatten(1) if self.X.ndim > 2 and self.X.is_contiguous() else self.X
        if order is not None:
            order = order.to(self.X.device)
        if self.index is not None:
            order = self.index if order is None else self.index[order]
        generator = torch.Generator(device=self.device) if self.augment is not None else None
        batch = first
        for start in range(first * size, number, chunk):
            stop = min(start + chunk, number)
            if order is None:
                X, y = rows[start:stop], self.y[start:stop]  # views: no copy in stored order
            else:
                picked = order[start:stop]  # (n,), rows of a few batches
                X, y = take_rows(rows, picked), self.y.index_select(0, picked)  # (n, D) or (n, …), (n, …)
            X = X.view(len(X), *self.X.shape[1:])  # (n, …), as stored
            if X.device != self.device:
                X, y = X.to(self.device), y.to(self.device)
            for samples, labels in zip(X.split(size), y.split(size), strict=True):  # (B, …), (B, …), views of the chunk
                if self.augment is not None and generator is not None:
                    samples = self.augment(samples, generator.manual_seed(self.own_seed(epoch, batch)))
                yield samples, labels
                batch += 1


def take_rows(X: Tensor, index: Tensor) -> Tensor:
    """Gather rows; 16-bit values as signed ones of the same bits, which every device can gather.

    Shape:   X (N, …), index int64 (n,) -> (n, …); of the same type
    """
    if X.dtype == torch.uint16:
        return X.view(torch.int16).index_select(0, index).view(torch.uint16)
    return X.index_select(0, index)
