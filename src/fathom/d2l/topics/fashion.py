"""Fashion-MNIST, held in memory and read once per process."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fathom.d2l.frame.datamodule import DataModule
from fathom.d2l.frame.loaders import Rows, ToImages, make_loader
from fathom.data.sources import idx

LABELS = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@functools.lru_cache(maxsize=2)
def _read(folder: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    arrays = idx.load("fashion_mnist", root=folder)
    assert arrays.test_images is not None
    assert arrays.test_labels is not None
    parts = (arrays.train_images, arrays.train_labels, arrays.test_images, arrays.test_labels)
    # no copy: tensors over the arrays
    images, labels, test_images, test_labels = (torch.from_numpy(part) for part in parts)
    return images, labels, test_images, test_labels


def read_fashion_mnist(root: str | Path | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return images and labels of both splits, from ``root`` if they are there, else as ``fathom data`` finds them.

    Shape:   -> uint8 (60000, 1, 28, 28), int64 (60000,), uint8 (10000, 1, 28, 28), int64 (10000,)
    Raises:  FathomError if a file is damaged or cannot be downloaded
    """
    folder = idx.locate("fashion_mnist", root) if root is not None else None
    folder = folder or idx.locate("fashion_mnist") or idx.fetch_files("fashion_mnist")
    return _read(folder.resolve())  # resolve: two paths of one folder share a read


class ClothingImages(Rows):
    """Images as bytes with their labels; a sample is a float image in 0…1 and an integer.

    ``data``, ``targets`` and ``classes`` are what torchvision's data set calls them.
    """

    def __init__(self, images: Tensor, labels: Tensor, size: Any = None) -> None:
        super().__init__(images, labels, transform=ToImages(size))
        # torchvision's names: (N, H, W), (N,)
        self.data, self.targets, self.classes = images[:, 0], labels, list(LABELS)

    def sample(self, *parts: Tensor) -> tuple[Any, ...]:
        """Return the image, and the label as an integer.

        Shape:   image (1, H, W), label int64 () -> (1, H, W), ()
        """
        image, label = parts
        return image, int(label)


class FashionMNIST(DataModule):
    """70,000 articles of clothing in ten classes.

    Shape:   batches X float32 (N, 1, *resize) in 0…1, y int64 (N,)
    Source:  Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747
    """

    resize: Any

    def __init__(self, batch_size: int = 64, resize: Any = (28, 28)) -> None:
        super().__init__()
        self.save_hyperparameters()
        images, labels, test_images, test_labels = read_fashion_mnist(self.root)
        self.train = ClothingImages(images, labels, resize)
        self.val = ClothingImages(test_images, test_labels, resize)

    def text_labels(self, indices: Any) -> list[str]:
        """Return the names of class indices."""
        return [LABELS[int(index)] for index in indices]

    def get_dataloader(self, train: bool) -> Any:
        """Return a loader of the 60,000 training images, shuffled, or of the 10,000 others."""
        return make_loader(self.train if train else self.val, self.batch_size, shuffle=train)

    def visualize(
        self, batch: Sequence[Tensor], nrows: int = 1, ncols: int = 8, labels: Sequence[str] | None = None
    ) -> None:
        """Show images of a batch under their class names, or under ``labels``.

        Shape:   X (N, 1, H, W), y int64 (N,) ->
        """
        from fathom.d2l.frame.figures import show_images

        X, y = batch
        show_images(X.squeeze(1), nrows, ncols, titles=labels or self.text_labels(y))  # (N, H, W): one grey channel
