"""Batches of tensors in memory through a ``DataLoader``: its interface and order, without its work for every row."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, SequentialSampler, TensorDataset

from fathom.data.loaders.workers import available_cores

Transform = Callable[[Tensor], Tensor]


class Rows(TensorDataset):
    """A ``TensorDataset`` that reads many rows in one gather.

    Args:
        tensors: of equal length.
        transform: applied to the first tensor of a batch, as a whole.
    """

    def __init__(self, *tensors: Tensor, transform: Transform | None = None) -> None:
        super().__init__(*tensors)
        self.transform = transform

    def read(self, rows: Tensor | slice) -> list[Tensor]:
        """Return the rows chosen by an index tensor or a slice.

        Shape:   rows int64 (N,) -> (N, …); a list with one of each tensor
        """
        first, *others = (tensor[rows] for tensor in self.tensors)
        # the transform is for images, not for labels
        return [first if self.transform is None else self.transform(first), *others]

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        index = range(len(self))[index]  # negative indices, and IndexError beyond the end
        return self.sample(*(part[0] for part in self.read(slice(index, index + 1))))

    def __getitems__(self, indices: Sequence[int]) -> Samples:
        return Samples(self, self.read(torch.as_tensor(indices)))  # one gather for the batch

    def sample(self, *parts: Tensor) -> tuple[Any, ...]:
        """Return one sample, from its parts as they are in a batch.

        Shape:   parts (…) -> (…); one of each tensor, without the batch's dimension
        """
        return parts


class Samples(Sequence[tuple[Any, ...]]):
    """Several samples read at once: ``batch`` as it is, the samples one by one for any other loader."""

    def __init__(self, rows: Rows, batch: list[Tensor]) -> None:
        self.rows, self.batch = rows, batch

    def __len__(self) -> int:
        return len(self.batch[0])

    def __getitem__(self, index: Any) -> Any:
        return self.rows.sample(*(part[index] for part in self.batch))


def _take_batch(samples: Any) -> list[Tensor]:
    return samples.batch  # nothing to collate: the batch was read as one


def make_loader(rows: Rows, batch_size: int, shuffle: bool, **options: Any) -> DataLoader[Any]:
    """Return a loader over ``rows``.

    Under one random seed the batches are those of ``DataLoader(TensorDataset(…), batch_size, shuffle)``.
    """
    return DataLoader(rows, batch_size, shuffle, collate_fn=_take_batch, **options)


def all_rows(loader: Any) -> list[Tensor] | None:
    """Return everything a loader of ``make_loader`` reads, in stored order; None for any other loader.

    Shape:   -> (N', …); a list with one of each tensor
    """
    if getattr(loader, "collate_fn", None) is not _take_batch or loader.drop_last:
        return None  # drop_last: not all rows would be read
    return loader.dataset.read(slice(None))


class ToImages:
    """Turn bytes 0…255 into floats 0…1 of the default type, resized to ``size`` first if it is given.

    Shape:   images uint8 (N, 1, H, W) -> float32 (N, 1, H', W')
    Equals:  torchvision.transforms ``Resize(size)`` on each PIL image, then ``ToTensor()``: to the bit for 28 × 28
             images resized to the book's sizes (32, 64, 96, 224), else to two levels of 255, as torch's weights
             are coarser than PIL's
    """

    def __init__(self, size: int | Sequence[int] | None = None) -> None:
        self.size = None if size is None else (size, size) if isinstance(size, int) else tuple(size)

    def __call__(self, images: Tensor) -> Tensor:
        if self.size is not None and self.size != tuple(images.shape[2:]):
            images = _resize(images, self.size)
        if images.is_cpu and torch.get_default_dtype() == torch.float32:
            # In one pass and one thread: where cores have other work, waiting for a second thread takes longer than its
            # share of a batch.
            return torch.from_numpy(np.divide(images.numpy(), np.float32(255), dtype=np.float32))
        return images.to(torch.get_default_dtype()).div_(255)


def _resize(images: Tensor, size: tuple[int, ...]) -> Tensor:
    # The kernel computes four channels in any case: four grey images pass as one of four channels.
    num, _, height, width = images.shape
    whole = num - num % 4
    packed = images[:whole].reshape(-1, 4, height, width)  # (⌊N/4⌋, 4, H, W)
    parts = [packed, images[whole:]] if whole < num else [packed]
    resized = [F.interpolate(part, size=size, mode="bilinear", antialias=True) for part in parts if len(part)]
    pieces = [part.reshape(-1, 1, *size) for part in resized]  # (N, 1, H', W') in all
    return torch.cat(pieces) if len(pieces) > 1 else pieces[0]


def skip_pass(loader: Any) -> None:
    """Advance PyTorch's random state as a pass through a loader of ``make_loader`` would."""
    torch.empty((), dtype=torch.int64).random_()  # the base seed of workers, whether there are any or not
    if not isinstance(loader.sampler, SequentialSampler):
        torch.empty((), dtype=torch.int64).random_()  # the seed of the permutation


def get_dataloader_workers() -> int:
    """Return the number of worker processes for a ``DataLoader`` on this machine: one per core, at most four.

    0 where Python starts processes by importing the script again (macOS, Windows, Python 3.14): the book's scripts,
    which have no ``if __name__ == "__main__"``, would start themselves over and over.
    """
    if multiprocessing.get_start_method() != "fork":
        return 0
    return min(4, available_cores())  # 4 is the book's
