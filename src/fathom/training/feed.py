"""How batches reach the loop, whatever loader they come from: from which place, how many, on which device."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fathom.errors import FathomError
from fathom.shares import share_of
from fathom.training.distributed.division import Counted, DividedLoader
from fathom.training.distributed.world import ALONE, World
from fathom.training.loaders import Stream, count_batches, count_samples, guarded
from fathom.training.random_state import kept_random_state, random_state, restore_random_state


class Feed:
    """A loader seen from the loop.

    A loader with ``seek(epoch, batch)`` starts anywhere. Any other iterable is run through up to the place wanted, with
    the random state in which its pass began, so that a ``DataLoader`` shuffles again as it did.

    In several processes each gets its slice of every batch, or, for an evaluation, whole batches of its own.

    Args:
        limit: use only the first batches; None for all.
        repeat: keep the batches of the first pass and give them in every one.
        steps: batches of an epoch, for which passes follow each other; None: an epoch is one pass.
        world: the processes that share the batches.
        by_batches: whether each gets whole batches, which are then computed as one process alone would.
    """

    def __init__(
        self,
        loader: Any,
        *,
        limit: int | None = None,
        repeat: bool = False,
        steps: int | None = None,
        world: World = ALONE,
        by_batches: bool = False,
    ) -> None:
        self.world, self.by_batches = world, by_batches and not getattr(loader, "carries_state", False)
        if world.size > 1 and not hasattr(loader, "shard"):
            loader = DividedLoader(loader, world, by_batches=by_batches, limit=limit)
            limit = None if by_batches else limit  # it divides those within the limit
        self.loader, self.limit, self.repeat = loader, limit, repeat
        # of a full batch; only those are compiled
        self.batch_size: int | None = getattr(loader, "batch_size", None)
        if world.size > 1 and hasattr(loader, "shard"):
            loader.shard(*self._place_in_world())
            self.batch_size = loader.sizes(0)[0]
        self.device = torch.device("cpu")
        self._stream = None if steps is None else Stream(loader, steps, self.device)
        self._can_seek = hasattr(loader, "seek") and steps is None
        self._began_with: dict[str, Any] | None = None  # random state before the pass under way, unless it can seek
        self._peeked: Iterator[Any] | None = None  # the pass that example_input began
        self._kept: list[Any] | None = None  # of `repeat`, from the first pass

    @property
    def num_batches(self) -> int | None:
        """Batches of an epoch; None where the loader has no length."""
        number = count_batches(self.loader) if self._stream is None else self._stream.steps
        return number if number is None or self.limit is None else min(number, self.limit)

    def __len__(self) -> int:
        if self.num_batches is None:
            raise FathomError("the training loader has no length; give the trainer steps_per_epoch")
        return self.num_batches

    def to(self, device: torch.device) -> None:
        """Let batches arrive on ``device``; a loader that can hold its data there does."""
        self.device = device
        if self._stream is not None:
            self._stream.device = device
        if hasattr(self.loader, "to"):
            self.loader.to(device)

    def batches(self, epoch: int = 0, first: int = 0) -> Iterator[Counted]:
        """Return from batch number ``first`` of an epoch on (batch, its samples, those it has in all processes).

        One batch is always on its way while another is worked on: copies from pinned memory are asynchronous.
        """
        if self.repeat:
            if self._kept is None:
                self._kept = self._read_all()
            source: Iterator[Any] = iter(self._kept[first:])
        else:
            source = self._open(epoch, first)
        if self.limit is not None:
            source = itertools.islice(source, max(0, self.limit - first))
        counted = map(_whole, source) if self.world.size == 1 else self._shares(source, first)
        if self.device.type == "cpu":  # where batches are made
            yield from counted
            return
        ahead = [self._place(item) for item in itertools.islice(counted, 1)]
        for item in counted:
            ahead.append(self._place(item))
            yield ahead.pop(0)
        yield from ahead

    @property
    def strides(self) -> bool:
        """Whether an evaluation takes every size-th batch, not those that follow one another."""
        return isinstance(self.loader, DividedLoader) and self.loader.strides

    def _place_in_world(self) -> tuple[int, int]:
        return (0, 1) if self.by_batches else (self.world.rank, self.world.size)

    def _shares(self, source: Iterator[Any], first: int) -> Iterator[Counted]:
        """Yield what belongs to this process, counted."""
        if isinstance(self.loader, DividedLoader):
            yield from source
        elif self.by_batches:
            yield from map(_whole, source)
        else:
            for number, batch in enumerate(source, start=first):
                yield batch, *self.loader.sizes(number)

    def example_input(self) -> Any:
        """Return the inputs of one sample as a batch of one; the first pass still begins with the batch it is from."""
        # A seeking loader gives this batch again; of any other the pass begun here must become the first epoch.
        if self._can_seek:
            with kept_random_state(self.device):
                batch = next(self._open(0, 0), None)
        else:
            source = self._open(0, 0)
            batch = next(source, None)
            self._peeked = itertools.chain([batch], source)
        if batch is None:
            raise FathomError("the training loader gave no batch")
        if isinstance(self.loader, DividedLoader):
            batch = batch[0]  # without its counts
        X, count = batch[0] if isinstance(batch, (tuple, list)) else batch, count_samples(batch)
        if self.batch_size is None:
            self.batch_size = count
        return X[:1] if isinstance(X, Tensor) else X  # (1, …)

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed, beside epoch and batch number, to find the place again."""
        if self._stream is not None:
            return {"began_with": None, "stream": self._stream.state_dict()}
        return {"began_with": self._began_with}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it up."""
        self._began_with, self._peeked = state["began_with"], None
        if self._stream is not None:
            self._stream.load_state_dict(state["stream"])

    def _open(self, epoch: int, first: int) -> Iterator[Any]:
        """Start a pass over the loader itself."""
        if self._can_seek:
            return self._seek(epoch, first)
        if self._peeked is not None and first == 0:
            source, self._peeked = self._peeked, None
            return source
        if self._stream is not None:
            return self._stream.open(first)
        if first and self._began_with is not None:
            with self._as_begun():
                return self._skip(first)
        self._began_with = random_state(self.device)  # before iter(): a DataLoader draws its seed there
        return self._skip(first)

    def _seek(self, epoch: int, first: int) -> Iterator[Any]:
        if self.world.size == 1 or isinstance(self.loader, DividedLoader):
            self.loader.seek(epoch, first)
            return iter(self.loader)
        self.loader.shard(*self._place_in_world())  # anew: the same loader may be evaluated on
        if not self.by_batches:
            self.loader.seek(epoch, first)
            return iter(self.loader)
        first, behind = share_of(self.num_batches or 0, self.world.rank, self.world.size)
        self.loader.seek(epoch, first)
        return itertools.islice(iter(self.loader), behind - first)

    def _skip(self, first: int) -> Iterator[Any]:
        source = iter(self.loader)
        if isinstance(self.loader, DataLoader):  # a user's, whose errors name no sample
            source = guarded(source, self.loader)
        for _ in itertools.islice(source, first):
            pass
        return source

    def _read_all(self) -> list[Any]:
        """Read the batches to keep; in a resumed run those that the run began with."""
        if self._peeked is None and self._began_with is not None:
            with self._as_begun():
                return list(itertools.islice(self.loader, self.limit))
        return list(itertools.islice(self._open(0, 0), self.limit))

    @contextlib.contextmanager
    def _as_begun(self) -> Iterator[None]:
        """Let the random generators be, for a while, where they were before the first batch."""
        with kept_random_state(self.device):
            if self._began_with is not None:
                restore_random_state(self._began_with, self.device)
            yield

    def _place(self, item: Counted) -> Counted:
        batch, count, whole = item
        return _move(batch, self.device), count, whole


def _move(part: Any, device: torch.device) -> Any:
    """Bring the tensors in a batch to ``device``; everything else is for the module to understand."""
    if isinstance(part, Tensor):
        # asynchronous from pinned memory only
        return part if part.device == device else part.to(device, non_blocking=True)
    if isinstance(part, (tuple, list)):
        return tuple(_move(item, device) for item in part)  # lists too: a batch comes out in one form
    if isinstance(part, dict):
        return {name: _move(item, device) for name, item in part.items()}
    return part


def _whole(batch: Any) -> Counted:
    """Count a batch that this process has for itself."""
    count = count_samples(batch)
    return batch, count, count
