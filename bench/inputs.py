"""The contenders' inputs: the same samples as stored bytes, as normalised tensors, or through torchvision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from bench.files import data_folder, read_images
from bench.problems import Problem

TEST_IMAGES = 10_000


def stored(problem: Problem, part: str = "train") -> tuple[Tensor, Tensor]:
    """Return the samples as a data set holds them.

    Shape:   images uint8 (N, C, H, W) and labels int64 (N,); or features float32 (N, D) and targets float32 (N, 1)
    """
    if problem.is_regression:
        return _regression(problem.num_samples)
    size = problem.input_shape[-1]
    # Few of the large ones: they are enlarged beforehand, which is no part of what is compared.
    limit = problem.num_samples if part == "train" else TEST_IMAGES if size == 28 else 2_000
    images, labels = (torch.from_numpy(array) for array in read_images(part, limit))
    if size != images.shape[-1]:
        images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
    return images, labels


def normalised(problem: Problem, part: str = "train") -> tuple[Tensor, Tensor]:
    """Return the samples as float32, shifted and scaled to mean 0 and standard deviation 1 of the training split."""
    X, y = stored(problem, part)
    if problem.is_regression:
        return X, y
    scaled = X.float().div_(255)
    if part == "train":
        mean, std = scaled.mean(), scaled.std()
    else:
        train = stored(problem)[0].float().div_(255)
        mean, std = train.mean(), train.std()
    return scaled.sub_(mean).div_(std), y


class TensorBatches:
    """Shuffled batches, each gathered from tensors by one indexing: the fast way to feed any loop by hand.

    Args:
        channels_last: keep the images as (N, H, W, C), and give them as (N, C, H, W) without copying.
    """

    def __init__(self, X: Tensor, y: Tensor, batch_size: int, channels_last: bool = False) -> None:
        self.X = X.permute(0, 2, 3, 1).contiguous() if channels_last else X
        self.y, self.batch_size, self.channels_last = y, batch_size, channels_last

    def __len__(self) -> int:
        return -(-len(self.y) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.y))
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            X = self.X[index]
            yield X.permute(0, 3, 1, 2) if self.channels_last else X, self.y[index]


def make_batches(problem: Problem, feed: str = "tensors", workers: int = 0, channels_last: bool = False) -> Any:
    """Return an iterable of training batches.

    Args:
        feed: "tensors" gathers from memory; "dataset" goes through torch's TensorDataset and DataLoader;
            "torchvision" through torchvision's FashionMNIST, ToTensor and DataLoader.
    """
    if feed == "tensors":
        return TensorBatches(*normalised(problem), problem.batch_size, channels_last)
    dataset: Dataset[Any] = TensorDataset(*normalised(problem)) if feed == "dataset" else _torchvision_set()
    return DataLoader(dataset, problem.batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def _torchvision_set() -> Dataset[Any]:
    from torchvision import transforms
    from torchvision.datasets import FashionMNIST

    return FashionMNIST(str(data_folder()), train=True, transform=transforms.ToTensor())


def _regression(num_samples: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(num_samples, 2, generator=generator)
    noise = 0.01 * torch.randn(num_samples, 1, generator=generator)
    return X, X @ torch.tensor([[2.0], [-3.4]]) + 4.2 + noise
