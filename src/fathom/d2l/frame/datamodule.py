"""The book's data: loaders for training and validation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

from fathom.d2l.frame.hyperparameters import HyperParameters
from fathom.d2l.frame.loaders import Rows, get_dataloader_workers, make_loader
from fathom.d2l.topics.download import default_root


class DataModule(HyperParameters):
    """Base of the book's data; a subclass defines ``get_dataloader``.

    Args:
        root: folder for files; None takes ../data or ./data if there is one, else Fathom's cache.
        num_workers: processes that read; None chooses for this machine.
    """

    root: str
    num_workers: int
    batch_size: int

    def __init__(self, root: str | None = None, num_workers: int | None = None) -> None:
        self.save_hyperparameters()
        self.root = default_root() if root is None else os.fspath(root)
        if num_workers is None:
            num_workers = get_dataloader_workers()
        self.num_workers = num_workers

    def get_dataloader(self, train: bool) -> Any:
        """Return the loader of training batches, or of validation batches."""
        raise NotImplementedError(f"{type(self).__name__} must define get_dataloader(train)")

    def train_dataloader(self) -> Any:
        """Return the loader of training batches."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """Return the loader of validation batches."""
        return self.get_dataloader(train=False)

    def get_tensorloader(self, tensors: Sequence[Any], train: bool, indices: Any = slice(0, None)) -> Any:
        """Return batches of tensors in memory, of the examples ``indices`` alone; shuffled in training."""
        rows = Rows(*(torch.as_tensor(tensor)[indices] for tensor in tensors))
        return make_loader(rows, self.batch_size, shuffle=train)
