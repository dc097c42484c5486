"""Folds of a cross-validation: the training data in equal parts, each held out once. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fathom.errors import UsageError

_STREAM = 0xF01D  # another stream of random words than that of ``split``


@dataclass(frozen=True)
class Fold:
    """One of ``of`` equal parts of the training data: held out, it takes the place of the test split.

    Args:
        index: which part, from 0.
        repeat: which division into parts, from 0; each is drawn anew.
    Raises:  UsageError if there is no such part
    """

    index: int
    of: int
    repeat: int = 0

    def __post_init__(self) -> None:
        if self.of < 2 or not 0 <= self.index < self.of or self.repeat < 0:
            raise UsageError(f"fold {self.index} of {self.of}: folds are numbered from 0, and there are at least 2")

    def cut(self, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to learn from and those held out; see ``number_folds``.

        Shape:   labels (N,) -> int64 (N − n,), int64 (n,), both sorted
        """
        numbers = number_folds(labels, self.of, seed, self.repeat)
        return np.flatnonzero(numbers != self.index), np.flatnonzero(numbers == self.index)

    def block(self, count: int) -> slice:
        """Return the contiguous block of ``count`` tokens that is held out.

        Raises:  UsageError if there are fewer tokens than folds
        """
        _check_count(count, self.of, "tokens")
        # rounded at the bounds, so that blocks join without gap or overlap
        return slice(self.index * count // self.of, (self.index + 1) * count // self.of)

    def describe(self, what: str) -> str:
        """Say what a reader of one fold's run must know."""
        again = f" (division {self.repeat + 1})" if self.repeat else ""
        return (
            f"fold {self.index + 1} of {self.of}{again}: the test split of this run are the {what} held out; "
            "the test set itself is left alone"
        )


def number_folds(labels: np.ndarray, of: int, seed: int, repeat: int = 0) -> np.ndarray:
    """Deal samples into folds at random: in every fold each class has its share, to within one sample.

    The classes, each shuffled, are dealt out one after the other as cards are, so the sizes of the folds differ by one
    at most. Floating labels have no classes and are dealt as one. Depends on the arguments alone, as ``split`` does.

    Shape:   labels (N,) -> int64 (N,), from 0 to of − 1
    Raises:  UsageError if there are fewer samples than folds
    """
    count = len(labels)
    _check_count(count, of, "samples")
    # numbers of a regression are all one class
    classes = labels if np.issubdtype(labels.dtype, np.integer) else np.zeros(count, dtype=np.int64)
    # raw words: NumPy promises their stream, not permutation's
    keys = np.random.PCG64([seed, repeat, _STREAM]).random_raw(count)
    numbers = np.empty(count, dtype=np.int64)
    numbers[np.lexsort((keys, classes))] = np.arange(count) % of  # sorted by class, by key within one; then dealt round
    return numbers


def describe_small_classes(labels: np.ndarray, of: int, class_names: Sequence[str]) -> list[str]:
    """Name the classes with fewer samples than there are folds, in one sentence; none of numbers."""
    if not np.issubdtype(labels.dtype, np.integer):
        return []
    classes, counts = np.unique(labels, return_counts=True)
    # n < of: in some folds there is none
    scarce = [f"{class_names[k] if class_names else k} ({n})" for k, n in zip(classes, counts, strict=True) if n < of]
    if not scarce:
        return []
    named = ", ".join(scarce[:5]) + (f" and {len(scarce) - 5} more" if len(scarce) > 5 else "")
    return [f"fewer samples than the {of} folds, so that some folds hold none: {named}"]


def _check_count(count: int, of: int, what: str) -> None:
    if count < of:
        raise UsageError(f"{of} folds of {count} {what}: there must be at least one for each; choose fewer folds")
