"""The book's linear data with noise."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fathom.d2l.frame.datamodule import DataModule


class SyntheticRegressionData(DataModule):
    """y = Xw + b + ε with X standard normal and ε normal of standard deviation ``noise``.

    Shape:   X (num_train + num_val, len(w)), y (num_train + num_val, 1); the training samples come first
    """

    w: Tensor
    b: float
    noise: float
    num_train: int
    num_val: int

    def __init__(
        self, w: Any, b: float, noise: float = 0.01, num_train: int = 1000, num_val: int = 1000, batch_size: int = 32
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        total = num_train + num_val
        weights = torch.as_tensor(w, dtype=torch.float32)
        self.X = torch.randn(total, len(weights))  # (total, d)
        disturbance = torch.randn(total, 1) * noise
        self.y = self.X @ weights.reshape(-1, 1) + b + disturbance  # (total, 1)

    def get_dataloader(self, train: bool) -> Any:
        """Return a loader of the training samples, shuffled, or of the others."""
        rows = slice(0, self.num_train) if train else slice(self.num_train, None)  # the training samples come first
        return self.get_tensorloader((self.X, self.y), train, rows)
