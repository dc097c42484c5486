"""Repeated measurements: their mean, their spread, and whether a difference exceeds the spread.

Folds of one cross-validation share most of their training data, so their results vary less than those of independent
samples would, and the usual standard error of a mean, s·√(1/n), is too small. Nadeau and Bengio's correction takes
s·√(1/n + n₂/n₁), with n₂ held-out samples for n₁ training samples: with K folds n₂/n₁ = 1/(K − 1). Without it a
difference could be made to look certain by repeating the division often enough.

Source:  Nadeau & Bengio 2003, "Inference for the generalization error", eq. (corrected resampled t-test);
         Bouckaert & Frank 2004 for its use with repeated K-fold cross-validation
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation (n − 1) and confidence interval of a mean; None if there is only one value."""

    count: int
    mean: float
    std: float | None
    low: float | None
    high: float | None

    def describe(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class PairedDifference:
    """How ``second`` differs from ``first``, measurement by measurement.

    ``spread`` is that of second − first; its interval holds jointly with those of the other differences. ``p``
    is that of a two-sided t-test, times the number of differences; ``better_sign`` says which sign is better.
    """

    first: str
    second: str
    spread: Spread
    p: float | None
    better_sign: int

    @property
    def is_significant(self) -> bool:
        """Whether the interval excludes zero."""
        low, high = self.spread.low, self.spread.high
        return low is not None and high is not None and (low > 0 or high < 0)

    @property
    def better(self) -> str:
        """The one that did better on average."""
        # a mean of zero: neither, the first by convention
        return self.second if self.better_sign * self.spread.mean > 0 else self.first

    def describe(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.spread.describe(),
            "p": self.p,
            "clear": self.is_significant,
        }


def measure_spread(
    values: Sequence[float],
    *,
    overlap: float = 0.0,
    confidence: float = CONFIDENCE,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Spread:
    """Return mean, standard deviation and Student's t interval.

    Args:
        overlap: n₂/n₁ of the correction above; 0 for independent measurements.
        bounds: limits of the values, and so of the interval.
    """
    count, mean = len(values), fmean(values)
    if count < 2:
        return Spread(count, mean, None, None, None)
    std = stdev(values)  # n − 1
    # two-sided: half of what is left out lies above
    # n − 1 degrees of freedom
    half = student_quantile((1 + confidence) / 2, count - 1) * std * math.sqrt(1 / count + overlap)
    return Spread(count, mean, std, max(mean - half, bounds[0]), min(mean + half, bounds[1]))


def compare_pairs(
    values: Mapping[str, Sequence[float]], *, higher_is_better: bool, overlap: float = 0.0
) -> list[PairedDifference]:
    """Compare every pair, on measurements that belong together one by one.

    Among many comparisons one is easily significant by chance: the confidence is divided among them (Bonferroni).
    """
    pairs = list(itertools.combinations(values, 2))
    found = []
    for first, second in pairs:
        changes = [b - a for a, b in zip(values[first], values[second], strict=True)]  # second − first
        # 5 % shared out
        spread = measure_spread(changes, overlap=overlap, confidence=1 - (1 - CONFIDENCE) / len(pairs))
        p = _test(spread, overlap)
        better_sign = 1 if higher_is_better else -1
        found.append(
            # Bonferroni for p too
            PairedDifference(first, second, spread, None if p is None else min(1.0, p * len(pairs)), better_sign)
        )
    return found


def _test(spread: Spread, overlap: float) -> float | None:
    """Return the two-sided p of the hypothesis that the mean is zero."""
    if spread.std is None:
        return None
    if spread.std == 0:  # t would divide by it
        return 1.0 if spread.mean == 0 else 0.0  # equal everywhere: certain either way
    from scipy.special import stdtr

    t = spread.mean / (spread.std * math.sqrt(1 / spread.count + overlap))
    return float(2 * stdtr(spread.count - 1, -abs(t)))  # both tails


def student_quantile(probability: float, freedom: int) -> float:
    """Return the value below which a t variable with ``freedom`` degrees lies with this probability.

    >>> round(student_quantile(0.975, 4), 4)
    2.7764
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
