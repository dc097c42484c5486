"""A labelled data set wholly in memory. NumPy only, so that reading can overlap the import of torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Arrays:
    """Training and test samples with their labels; validation is cut from the training split later.

    Shape:   images uint8 (N, C, H, W) with labels int64 (N,), or features float32 (N, D) with targets float32 (N, 1)
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray | None
    test_labels: np.ndarray | None
    class_names: tuple[str, ...]  # () for regression
