"""The path for data that stay in files: worker processes decode, batches arrive on pinned memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from fathom.data.images.survey import ignore_signals
from fathom.data.loaders.memory import Augmentation
from fathom.data.loaders.order import Order
from fathom.data.loaders.workers import default_workers
from fathom.errors import FathomError


class FileLoader(Order):
    """Iterate over a map-style dataset in batches, read by worker processes.

    Order, augmentation and place are those of ``MemoryLoader``: pure functions of (seed, epoch, batch).

    Args:
        dataset: item i is (X uint8 (C, H, W), label or labels); a ``FathomError`` that it raises reaches who iterates.
        workers: processes that read; 0 reads in this one. None takes one per core.
        augment: called on whole batches, after they reached the device.
        classes: the class of each item, where every pass is to draw all classes equally often.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        workers: int | None = None,
        augment: Augmentation | None = None,
        classes: Tensor | None = None,
    ) -> None:
        count = len(dataset)  # type: ignore[arg-type]
        super().__init__(count, batch_size, shuffle=shuffle, seed=seed, classes=classes)
        self.augment = augment
        self.device = torch.device("cpu")
        self._batches: list[list[int]] = []
        workers = default_workers() if workers is None else workers
        # also 0: decode in this process
        self._workers = min(workers, len(self))  # more than batches would start for nothing
        self._dataset = _Guarded(dataset)
        self._loader: DataLoader[Any] | None = None

    def to(self, device: torch.device) -> FileLoader:
        """Let batches be pinned for, and augmented on, ``device``."""
        if device.type != self.device.type:  # pinning is settled when the loader is made
            self.close()
        self.device = device
        return self

    def close(self) -> None:
        """End the worker processes; another pass would start new ones."""
        # private, but torch has no public end for persistent workers
        iterator = getattr(self._loader, "_iterator", None)
        self._loader = None  # the next iteration opens it anew
        if iterator is not None:
            iterator._shutdown_workers()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, first, order = self.start_pass()
        rows, size = self.own_rows(torch.arange(self.num_samples) if order is None else order)
        assert rows is not None
        # The workers' processes outlive an epoch: they are handed the index lists of whatever pass is due.
        self._batches[:] = [batch.tolist() for batch in rows.split(size)][first:]
        # on the device: augmentation runs there
        generator = torch.Generator(device=self.device) if self.augment is not None else None
        for batch, content in enumerate(self._read(), start=first):
            # non_blocking: copies from pinned memory overlap with work
            X, y = (tensor.to(self.device, non_blocking=True) for tensor in content)  # (B, C, H, W), (B,) or (B, L)
            if self.augment is not None and generator is not None:
                X = self.augment(X, generator.manual_seed(self.own_seed(epoch, batch)))
            yield X, y

    def _read(self) -> Iterator[Any]:
        try:
            for content in self._open():
                if isinstance(content, str):  # a refusal, from _Guarded
                    raise FathomError(content)
                yield content
        except Exception as error:
            self.close()
            failure = explain_dead_worker(error) if self._workers else None
            if failure is None:
                raise  # its own traceback says more
            raise failure from error

    def _open(self) -> Iterator[Any]:
        with warnings.catch_warnings():
            # More workers than cores is what was asked for; forking beside torch's threads is what DataLoader does.
            warnings.simplefilter("ignore")
            if self._loader is None:
                self._loader = DataLoader(
                    self._dataset,
                    batch_sampler=self._batches,
                    num_workers=self._workers,
                    collate_fn=_collate,
                    persistent_workers=self._workers > 0,
                    pin_memory=self.device.type == "cuda",
                    worker_init_fn=_start_worker,
                    # Its own generator: the loader draws a seed for its workers, which must not come out of the run's.
                    generator=torch.Generator().manual_seed(self.seed),
                )
            return iter(self._loader)


def explain_dead_worker(error: Exception) -> FathomError | None:
    """Return the line for what is raised when a process that reads was killed; None for any other error."""
    text = str(error)  # torch tells of a dead worker by its words alone
    if "DataLoader worker (pid" not in text and not isinstance(error, (ConnectionError, EOFError)):
        return None
    reason = "shared memory is short" if "shared memory" in text else "was the machine short of memory?"
    return FathomError(f"a process that reads images was killed ({reason}); try fewer --workers")


class _Guarded(Dataset[Any]):
    """Return a refusal as its text: out of a worker an exception arrives as pages of traceback."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except FathomError as error:
            return str(error)


def _collate(samples: list[Any]) -> Any:
    """Stack the samples of a batch, or return the text of the first refusal among them."""
    return next((sample for sample in samples if isinstance(sample, str)), None) or default_collate(samples)


# Ctrl-C goes to the whole process group; only the one that trains should answer it.
def _start_worker(worker: int) -> None:
    ignore_signals()
