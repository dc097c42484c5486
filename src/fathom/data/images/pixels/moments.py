"""What is known of deep values: how many there are, their mean, how they spread, their ends. Loads without torch."""

from __future__ import annotations

import numpy as np

COUNT, MEAN, SPREAD, LOW, HIGH = range(5)  # places in a row of moments
_LEAST_VARIANCE = 1e-12  # of bytes that never vary


def measure(values: np.ndarray) -> np.ndarray:
    """Return how many values are finite, their mean, the sum of squares around it, the least and the largest.

    Shape:   values (N, C, P) -> float64 (N, C, 5)
    """
    found = np.zeros((*values.shape[:2], 5))
    wide = values.astype(np.float64)
    known = np.isfinite(wide)
    count = known.sum(2)
    some = np.maximum(count, 1)
    mean = np.where(known, wide, 0).sum(2) / some
    found[..., COUNT], found[..., MEAN] = count, mean
    found[..., SPREAD] = np.where(known, np.square(wide - mean[..., None]), 0).sum(2)
    found[..., LOW] = np.where(known, wide, np.inf).min(2)
    found[..., HIGH] = np.where(known, wide, -np.inf).max(2)
    return found


def combine(moments: np.ndarray) -> np.ndarray:
    """Return the moments of all images together.

    Shape:   moments float64 (N, C, 5) -> float64 (C, 5)
    Source:  Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115, eq. 2.1
    """
    count = moments[..., COUNT]
    total = count.sum(0)
    some = np.maximum(total, 1)
    mean = (count * moments[..., MEAN]).sum(0) / some
    spread = moments[..., SPREAD].sum(0) + (count * np.square(moments[..., MEAN] - mean)).sum(0)
    return np.stack([total, mean, spread, moments[..., LOW].min(0), moments[..., HIGH].max(0)], 1)


def statistics_of(moments: np.ndarray, low: float, high: float) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel where ``low`` is 0 and ``high`` is 1.

    A channel that never varies gets the standard deviation 1, or the rounding in it would be blown up.

    Shape:   moments float64 (C, 5)
    """
    variance = moments[:, SPREAD] / np.maximum(moments[:, COUNT], 1)
    varies = moments[:, HIGH] > moments[:, LOW]
    mean = np.where(moments[:, COUNT] > 0, moments[:, MEAN], low)
    std = np.where(varies, np.sqrt(variance) / (high - low), 1.0)
    return ((mean - low) / (high - low)).tolist(), std.tolist()


def statistics_of_bytes(sums: np.ndarray, pixels: int) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel of images of bytes, in 0…1 units.

    Shape:   sums int64 (N, C, 2), of the values and of their squares in so many pixels an image
    """
    total, squares = sums.sum(0).T / 255.0 ** np.array([[1], [2]])
    count = len(sums) * pixels
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, _LEAST_VARIANCE))
    return mean.tolist(), std.tolist()
