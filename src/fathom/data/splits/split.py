"""Cut a validation or test split out of a set: seeded, disjoint, complete. Torch-free."""

from __future__ import annotations

import numpy as np

from fathom.errors import UsageError


def split(n: int, fraction: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Divide 0 … n−1 at random into numbers to keep and numbers to hold out.

    The held-out split has round(fraction · n) members. Both come back sorted, and depend on (n, fraction, seed) alone:
    the keys are raw words of PCG64, whose stream NumPy promises never to change.

    Shape:   -> int64 (n_keep,), int64 (n_held_out,)
    Raises:  UsageError if ``fraction`` is not in [0, 1) or nothing would be left to keep
    """
    return _divide(np.zeros(n, dtype=np.int64), fraction, seed)


def stratified_split(labels: np.ndarray, fraction: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Divide at random so that every class is held out in its share, to within one sample.

    Each class gives the whole part of fraction · count; the samples still missing to round(fraction · n) come from
    the classes with the largest remainders. Floating labels have no classes: they get a plain split.

    Shape:   labels (N,) -> int64 (n_keep,), int64 (n_held_out,), both sorted
    Raises:  UsageError if ``fraction`` is not in [0, 1) or nothing would be left to keep
    """
    if not np.issubdtype(labels.dtype, np.integer):
        return split(len(labels), fraction, seed)
    if labels.ndim != 1:
        raise UsageError(f"class labels have shape {labels.shape}; a stratified split needs one label a sample")
    return _divide(labels, fraction, seed)


def _divide(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(labels)
    if not 0 <= fraction < 1:
        raise UsageError(f"split fraction must be at least 0 and below 1; got {fraction}")
    wanted = round(fraction * n)  # to even at a half: round(0.5) is 0
    if n == 0 or wanted >= n:
        raise UsageError(f"holding out {fraction} of {n} samples leaves none to train on")
    _, counts = np.unique(labels, return_counts=True)
    quota = fraction * counts
    take = np.floor(quota).astype(np.int64)
    # wanted − Σ floor(quota) lies between 0 and the number of classes, so one extra each is enough
    largest_first = np.argsort(-(quota - take), kind="stable")  # stable: equal remainders go by class, on any NumPy
    take[largest_first[: max(0, wanted - int(take.sum()))]] += 1  # the largest remainders first

    keys = np.random.PCG64(seed).random_raw(n)
    order = np.lexsort((keys, labels))  # class by class, shuffled within each
    ends = np.cumsum(counts)  # end of each class in the order
    held_out = np.zeros(n, dtype=bool)
    for start, size in zip(ends - counts, take, strict=True):
        held_out[order[start : start + size]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
