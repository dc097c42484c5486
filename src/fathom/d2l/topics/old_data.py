"""Data of the earlier editions: a linear law with noise, arrays in batches, Fashion-MNIST."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fathom.d2l.frame.loaders import Rows, make_loader
from fathom.d2l.topics.download import default_root
from fathom.d2l.topics.fashion import LABELS, ClothingImages, read_fashion_mnist


def synthetic_data(w: Tensor, b: Tensor | float, num_examples: int) -> tuple[Tensor, Tensor]:
    """Draw y = Xw + b + ε, with standard normal X, and ε of standard deviation 0.01.

    Shape:   w (D,) -> X (num_examples, D), y (num_examples, 1); w may be (D, 1)
    """
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = X @ w + b
    y = y + torch.normal(0, 0.01, y.shape)
    return X, y.reshape(-1, 1)


def load_array(data_arrays: Sequence[Tensor], batch_size: int, is_train: bool = True) -> DataLoader[Any]:
    """Return a loader over tensors of equal length, shuffled if it is for training.

    Shape:   data_arrays (N, …) ->; batches have the first dimension batch_size
    Equals:  DataLoader(TensorDataset(*data_arrays), batch_size, shuffle=is_train), batch for batch under one seed
    """
    return make_loader(Rows(*data_arrays), batch_size, is_train)


def load_data_fashion_mnist(
    batch_size: int, resize: int | Sequence[int] | None = None
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Return loaders of Fashion-MNIST's training split, shuffled, and test split; the data stay in memory as bytes.

    Args:
        resize: height and width to resize the images to.
    Shape:   batches X float32 (batch_size, 1, H, W) in 0…1, y int64 (batch_size,)
    Raises:  FathomError if the data set is not on this machine and cannot be downloaded
    """
    images, labels, test_images, test_labels = read_fashion_mnist(default_root())
    return (
        make_loader(ClothingImages(images, labels, resize), batch_size, shuffle=True),
        make_loader(ClothingImages(test_images, test_labels, resize), batch_size, shuffle=False),
    )


def get_fashion_mnist_labels(labels: Iterable[Any]) -> list[str]:
    """Return the names of Fashion-MNIST's classes 0…9."""
    return [LABELS[int(label)] for label in labels]
