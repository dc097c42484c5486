"""Smaller training splits that lie inside one another, for learning curves. Torch-free."""

from __future__ import annotations

import numpy as np

from fathom.errors import UsageError

_STREAM = 0x2E57  # another stream of random words than those of ``split`` and of folds


def take_nested(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return ``size`` rows such that a smaller size gives a subset, and every class has its share in each.

    The k-th of a class's n shuffled rows gets the place (k + ½)/n; the rows with the smallest places are taken. Depends
    on the arguments alone, as ``split`` does. Floating labels have no classes: they are one.

    Shape:   labels (N,) or (N, …) -> int64 (size,), sorted
    Raises:  UsageError if there are fewer rows

    >>> labels = np.repeat([0, 1], [90, 10])
    >>> np.bincount(labels[take_nested(labels, 20, seed=0)]).tolist()
    [18, 2]
    """
    count = len(labels)
    if size > count:
        raise UsageError(f"data.train_size={size:,}: the training split has {count:,} samples")
    is_classes = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    classes = labels if is_classes else np.zeros(count, dtype=np.int64)
    keys = np.random.PCG64([seed, _STREAM]).random_raw(count)
    order = np.lexsort((keys, classes))  # class by class, shuffled within each
    _, starts, sizes = np.unique(classes[order], return_index=True, return_counts=True)
    rank = np.arange(count) - np.repeat(starts, sizes)  # within its class
    places = (rank + 0.5) / np.repeat(sizes, sizes)
    # equal places, of classes of equal size, go by the random key
    chosen = order[np.lexsort((keys[order], places))][:size]
    return np.sort(chosen)
