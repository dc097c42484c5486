"""How a validation split, and the fold of a cross-validation, are cut from the training samples. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fathom.data.splits.folds import Fold
from fathom.data.splits.nested import take_nested
from fathom.errors import UsageError


@dataclass(frozen=True)
class Division:
    """What a data module takes as its ``val`` where the share alone does not say it all.

    Attributes:
        val: share of the training samples held out for validation; 0 for none.
        seed: of the division; None takes the seed of the data module. A text is cut in its order and needs none.
        fold: this part of the training samples takes the place of the test split.
        parts: of a table: instead of a share that is held out, every training row belongs to one of so many parts, and
            is validated by the member of an ensemble that is kept from its part; 0 for none.
        train_size: how many of the training samples are learned from; None for all. Not for texts.
        train_seed: of their choice.
    Raises:  UsageError if ``val`` is not in [0, 1)
    """

    val: float = 0.1
    seed: int | None = None  # None: that of the data module
    fold: Fold | None = None
    parts: int = 0
    train_size: int | None = None
    train_seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.val < 1:
            raise UsageError(f"validation share must be at least 0 and below 1; got {self.val}")

    def thin(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the training rows that are learned from: the same ones, or ``train_size`` of them.

        Shape:   rows int64 (n,), labels of all rows (N, …) -> int64 (m,)
        Raises:  UsageError if there are fewer
        """
        if self.train_size is None:
            return rows
        return np.asarray(rows[take_nested(labels[rows], self.train_size, self.train_seed)])


def as_division(val: float | Division, seed: int) -> tuple[Division, int]:
    """Return the division that ``val`` stands for, and its seed: its own, else that of the data module."""
    division = val if isinstance(val, Division) else Division(val)
    return division, seed if division.seed is None else division.seed
