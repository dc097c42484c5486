"""In which order samples come: a pure function of (seed, epoch), whatever feeds them."""

from __future__ import annotations

import torch
from torch import Tensor

from fathom.data.splits.balance import draw_balanced, draw_weighted
from fathom.errors import UsageError
from fathom.shares import readable_share, share_of

_MASK = (1 << 63) - 1  # torch takes seeds of 63 bits


def mix(*numbers: int) -> int:
    """Mix integers into one 63-bit seed; nearby inputs give unrelated seeds.

    Source:  Steele, Lea & Flood 2014, Fast splittable pseudorandom number generators: the constants of splitmix64
    """
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & ((1 << 64) - 1)  # 2^64 / golden ratio, splitmix64's increment
        # constants of splitmix64 (Steele, Lea & Flood 2014)
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & ((1 << 64) - 1)
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & ((1 << 64) - 1)
        state ^= state >> 31
    return state & _MASK


class Order:
    """The order of ``num_samples`` samples and the place reached in it.

    ``seek(epoch, batch)`` sets where the next pass starts; without it a pass takes up after the one
    before it. A resumed run seeks and sees exactly the batches it would have seen. ``shard`` leaves a slice of every
    batch; which samples make a batch does not depend on the number of processes.

    Args:
        classes: the class of each sample, where every pass is to draw all classes equally often.
        weights: of each sample, where every pass is to draw them in proportion.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        classes: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"batch size must be at least 1; got {batch_size}")
        if num_samples < 1:
            raise UsageError("no samples to load: the dataset or split is empty")
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.classes, self.weights = classes, weights
        self.epoch = 0
        self.first_batch = 0
        self.rank, self.size = 0, 1

    def shard(self, rank: int, size: int) -> None:
        """Let passes give the slice of every batch that belongs to process ``rank`` of ``size``."""
        self.rank, self.size = rank, size

    def sizes(self, batch: int) -> tuple[int, int]:
        """Return how many samples of batch number ``batch`` are this process's own, and how many it has."""
        whole = min(self.batch_size, self.num_samples - batch * self.batch_size)
        first, last = share_of(whole, self.rank, self.size)
        return last - first, whole

    def __len__(self) -> int:
        return -(-self.num_samples // self.batch_size)  # rounded up: the last batch may be smaller

    def seek(self, epoch: int, batch: int = 0) -> None:
        """Let the next pass be that of ``epoch``, from its batch number ``batch`` on."""
        self.epoch, self.first_batch = epoch, batch

    def start_pass(self) -> tuple[int, int, Tensor | None]:
        """Return (epoch, first batch, samples in order or None for the stored order) and move on to the next epoch."""
        epoch, first = self.epoch, self.first_batch
        self.epoch, self.first_batch = epoch + 1, 0  # now, so that a pass left in the middle does not repeat
        if not self.shuffle:
            return epoch, first, None
        generator = torch.Generator().manual_seed(mix(self.seed, epoch))  # on the CPU: the same order on every device
        if self.classes is not None:
            return epoch, first, draw_balanced(self.classes, generator)
        if self.weights is not None:
            return epoch, first, draw_weighted(self.weights, generator)
        return epoch, first, torch.randperm(self.num_samples, generator=generator)

    def own_rows(self, order: Tensor | None) -> tuple[Tensor | None, int]:
        """Return the part of an order that this process reads, and the size of its slice of a full batch.

        Shape:   order int64 (n,) -> int64 (m,)
        """
        if self.size == 1:
            return order, self.batch_size
        order = torch.arange(self.num_samples) if order is None else order
        batches = order.split(self.batch_size)
        slices = [batch[slice(*readable_share(len(batch), self.rank, self.size))] for batch in batches]
        return torch.cat(slices), len(slices[0])

    def own_seed(self, epoch: int, batch: int) -> int:
        """Return the seed of what is drawn for this process's slice of a batch; slices differ in what they draw."""
        # of one process as ever: what is drawn then must not change
        return mix(self.seed, epoch, batch, *([self.rank] if self.size > 1 else []))
