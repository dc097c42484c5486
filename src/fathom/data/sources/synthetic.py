"""Data made from a known linear law, so that what a regression finds can be compared with the truth. Torch-free.

Source:  Dive into Deep Learning, "Synthetic Regression Data"
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fathom.data.arrays import Arrays
from fathom.errors import UsageError


def load(
    w: Sequence[float] = (2.0, -3.4),
    b: float = 4.2,
    noise: float = 0.01,
    n: int = 1000,
    n_test: int = 1000,
    seed: int = 0,
) -> Arrays:
    """Draw y = X·w + b + ε with X standard normal and ε normal of standard deviation ``noise``.

    Training and test split come from independent streams: asking for more of one leaves the other as it was.

    Shape:   features float32 (n, len(w)) and (n_test, len(w)), targets float32 (n, 1) and (n_test, 1)
    Raises:  UsageError for a size below 1, negative noise or an empty ``w``
    """
    weights = np.asarray(w, dtype=np.float64)
    if weights.ndim != 1 or not weights.size or not np.isfinite(weights).all():
        raise UsageError(f"synthetic_regression w={w!r}: it must be a list of one or more finite numbers")
    if n < 1 or n_test < 1:
        raise UsageError(f"synthetic_regression n={n}, n_test={n_test}: both must be at least 1")
    if not noise >= 0:  # "not … >=": NaN is refused too
        raise UsageError(f"synthetic_regression noise={noise}: it is a standard deviation and cannot be negative")
    train, test = (
        _draw(np.random.default_rng(stream), weights, b, noise, size)
        # two streams: the size of one split does not change the other
        for stream, size in zip(np.random.SeedSequence(seed).spawn(2), (n, n_test), strict=True)
    )
    return Arrays(*train, *test, class_names=())


def _draw(rng: np.random.Generator, w: np.ndarray, b: float, noise: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal((n, len(w)))  # (n, D)
    y = X @ w + b + noise * rng.standard_normal(n)
    return X.astype(np.float32), y.astype(np.float32)[:, None]  # (n, D), (n, 1)
