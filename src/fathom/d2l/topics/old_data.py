"""Data of the earlier editions: a linear law with noise, arrays in batches, Fashion-MNIST."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fathom.d2l.frame.loaders import Rows, make_loader
from fathom.d2l.topics.download import default_root
from fathom.d2l.topics.fashion import LABELS, ClothingImages, read_fashion_mnist
from fathom.data.loaders.workers import available_cores


def synthetic_data(w: Tensor, b: Tensor | float, num_examples: int) -> tuple[Tensor, Tensor]:
    """Draw y = Xw + b + ε, with standard normal X and ε of deviation 0.01.

    Shape:   w (D,) or (D, 1) -> X (num_examples, D), y (num_examples, 1)
    """
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = X @ w + b
    y = y + torch.normal(0, 0.01, y.shape)
    return X, y.reshape(-1, 1)


def load_array(data_arrays: Sequence[Tensor], batch_size: int, is_train: bool = True) -> DataLoader[Any]:
    """Give a loader over tensors of equal length, shuffled if it is for training.

    Equals:  DataLoader(TensorDataset(*data_arrays), batch_size, shuffle=is_train), batch for batch under one seed
    """
    return make_loader(Rows(*data_arrays), batch_size, is_train)


def load_data_fashion_mnist(
    batch_size: int, resize: int | Sequence[int] | None = None
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Give loaders of Fashion-MNIST's training part, shuffled, and test part; the data stay in memory as bytes.

    Args:
        resize: height and width to stretch the pictures to.
    Shape:   batches X float32 (batch_size, 1, H, W) in 0…1, y int64 (batch_size,)
    Raises:  FathomError if the data set is neither here nor to be downloaded
    """
    images, labels, test_images, test_labels = read_fashion_mnist(default_root())
    return (
        make_loader(ClothingImages(images, labels, resize), batch_size, shuffle=True),
        make_loader(ClothingImages(test_images, test_labels, resize), batch_size, shuffle=False),
    )


def get_fashion_mnist_labels(labels: Iterable[Any]) -> list[str]:
    """Give the words for Fashion-MNIST's classes 0…9."""
    return [LABELS[int(label)] for label in labels]


def get_dataloader_workers() -> int:
    """Give a number of worker processes for a ``DataLoader`` on this machine: one a core, at most four.

    0 where Python starts processes by importing the script anew (macOS, Windows, Python 3.14): a script of the book's,
    which has no ``if __name__ == "__main__"``, would start itself over and over.
    """
    if multiprocessing.get_start_method() != "fork":
        return 0
    return min(4, available_cores())
