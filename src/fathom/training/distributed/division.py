"""Loaders of a user's, divided among processes: every process reads its slice of the same batches."""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, IterableDataset
from torch.utils.data.distributed import DistributedSampler

from fathom.errors import FathomError
from fathom.shares import readable_share, share_of
from fathom.training.distributed.world import World
from fathom.training.loaders import count_samples, guarded

# a batch, the samples of it that count here, and those of the batch in all processes
Counted = tuple[Any, int, int]


class DividedLoader:
    """A loader without ``shard`` of its own, as one process of several sees it.

    The batches of a map-style ``DataLoader`` are cut before they are read, those of any other loader after. A loader
    with a ``DistributedSampler`` is divided already.

    Args:
        by_batches: for an evaluation: whole batches instead of slices of each, so that every one is computed as a
            single process would.
        limit: only the first batches are divided; None for all.
    """

    def __init__(self, loader: Any, world: World, *, by_batches: bool = False, limit: int | None = None) -> None:
        self.loader, self.world, self.by_batches, self.limit = loader, world, by_batches, limit
        self.dataset = getattr(loader, "dataset", None)
        sampler = getattr(loader, "sampler", None)
        self.is_divided = isinstance(sampler, DistributedSampler)
        self._cut = None if self.is_divided else _cut_before_reading(loader, world)
        self._epoch = 0  # of a DistributedSampler, which wants to be told
        for name in ("seek", "to"):  # what a feed asks for by name
            if hasattr(loader, name):
                setattr(self, name, getattr(loader, name))

    def __len__(self) -> int:
        return len(self.loader)

    @property
    def strides(self) -> bool:
        """Whether an evaluation takes every size-th batch: where nobody knows how many there are."""
        return self.by_batches and not self.is_divided and _length(self.loader) is None

    def __iter__(self) -> Iterator[Counted]:
        if self.is_divided:
            self.loader.sampler.set_epoch(self._epoch)
            self._epoch += 1
            for batch in guarded(iter(self.loader), self.loader):
                count = count_samples(batch)
                # its shares are of one size: it repeats samples until they are
                yield batch, count, count if self.by_batches else count * self.world.size
            return
        with self.world.shared_random():  # a loader draws its order when it is opened and with the first batch
            source = self._open()
            first = next(source, None)
        self._check_equal(first)
        if first is not None:
            yield from (self._share(item) for item in itertools.chain([first], source))

    def _open(self) -> Iterator[Any]:
        """Start a pass; of an evaluation, over the batches of this process."""
        chosen = self._chosen()
        if self._cut is not None:
            self._cut.begin(chosen)
            return guarded(iter(self._cut.loader), self.loader)
        source = guarded(iter(self.loader), self.loader)
        return source if chosen is None else itertools.islice(source, chosen.start, chosen.stop, chosen.step)

    def _chosen(self) -> slice | None:
        """Return the numbers of the batches that this process evaluates; None for a slice of every batch."""
        if not self.by_batches:
            return None
        number = _length(self.loader)
        if number is None:
            return slice(self.world.rank, self.limit, self.world.size)
        return slice(
            *share_of(number if self.limit is None else min(number, self.limit), self.world.rank, self.world.size)
        )

    def _share(self, batch: Any) -> Counted:
        if self.by_batches:
            count = count_samples(batch)
            return batch, count, count
        if self._cut is not None:
            return batch, *self._cut.sizes.popleft()
        whole = count_samples(batch)
        first, last = share_of(whole, self.world.rank, self.world.size)
        rows = slice(*readable_share(whole, self.world.rank, self.world.size))
        return _cut_batch(batch, whole, rows), last - first, whole

    def _check_equal(self, first: Any) -> None:
        """Refuse processes that read different batches: together they would learn from some samples twice.

        Raises:  FathomError
        """
        if self.by_batches:  # each reads its own
            return
        digest = self._cut.digest if self._cut is not None else _digest(first)
        if len(set(self.world.gather(digest))) > 1:
            raise FathomError(
                "the processes read different batches: seed what the script draws before it makes the loader "
                "(torch.manual_seed(0)), or give the loader a DistributedSampler"
            )


class _CutLoader:
    """A map-style ``DataLoader`` whose workers read this process's samples alone, in the order of the whole."""

    def __init__(self, loader: DataLoader[Any], world: World) -> None:
        self.batches: Iterable[Any] = loader.batch_sampler  # type: ignore[assignment]
        self.world, self.chosen = world, None
        self.sizes: deque[tuple[int, int]] = deque()  # of the batches on their way
        self.digest = ""
        self.loader: DataLoader[Any] = DataLoader(
            loader.dataset,
            batch_sampler=self,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            pin_memory=loader.pin_memory,
            timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
            generator=loader.generator,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
        )

    chosen: slice | None

    def begin(self, chosen: slice | None) -> None:
        """Prepare for a pass over some batches, or a slice of every one."""
        self.chosen, self.digest = chosen, ""
        self.sizes.clear()

    def __len__(self) -> int:
        return len(self.batches)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[list[Any]]:
        if self.chosen is not None:
            yield from itertools.islice(self.batches, self.chosen.start, self.chosen.stop, self.chosen.step)
            return
        rank, size = self.world.rank, self.world.size
        for batch in self.batches:
            indices = list(batch)
            self.digest = self.digest or hashlib.sha256(repr(indices).encode()).hexdigest()  # of the first
            first, last = share_of(len(indices), rank, size)
            self.sizes.append((last - first, len(indices)))
            yield indices[slice(*readable_share(len(indices), rank, size))]


def _cut_before_reading(loader: Any, world: World) -> _CutLoader | None:
    """Return the loader cut by its indices, where it has any."""
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return None
    if not isinstance(loader.batch_sampler, BatchSampler):  # batch_size=None, or batches of another form
        return None
    return _CutLoader(loader, world)


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except TypeError:
        return None


def _cut_batch(batch: Any, whole: int, rows: slice) -> Any:
    """Return the rows of everything in a batch that has one for each sample.

    Raises:  FathomError if there is nothing of that kind
    """
    cut: list[bool] = []

    def take(part: Any, is_outermost: bool = False) -> Any:
        if isinstance(part, (Tensor, np.ndarray)):
            if part.ndim and len(part) == whole:
                cut.append(True)
                return part[rows]
            return part
        if isinstance(part, dict):
            return {name: take(item) for name, item in part.items()}
        if isinstance(part, (list, tuple)):
            holds_columns = any(isinstance(i, (Tensor, np.ndarray)) and i.ndim and len(i) == whole for i in part)
            if len(part) == whole and not is_outermost and not holds_columns:
                cut.append(True)
                return part[rows]
            items = [take(item) for item in part]
            return type(part)(*items) if hasattr(part, "_fields") else type(part)(items)  # _fields: a named tuple
        return part

    found = take(batch, is_outermost=True)
    if not cut:
        raise FathomError(
            f"a batch is a {type(batch).__name__}, which several processes cannot divide: "
            "give the loader a DistributedSampler"
        )
    return found


def _digest(batch: Any) -> str:
    """Return a digest of the numbers in a batch."""
    found = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, Tensor):
            part = part.detach().cpu().float().numpy() if part.is_floating_point() else part.cpu().numpy()
        if isinstance(part, np.ndarray):
            found.update(part.tobytes() if part.dtype != object else repr(part).encode())
        elif isinstance(part, dict):
            add(list(part.values()))
        elif isinstance(part, (list, tuple)):
            for item in part:
                add(item)
        else:
            found.update(repr(part).encode() if isinstance(part, (str, int, float, type(None))) else b"")

    add(batch)
    return found.hexdigest()
