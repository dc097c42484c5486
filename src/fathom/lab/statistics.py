"""Differences measured seed by seed: their mean, its interval, the two tests behind a verdict, and their power.

Two questions are asked of one mean. Does it differ from zero: a t-test, or its bootstrap. Is it so small that it does
not matter: two one-sided tests against a margin that was fixed before the measurement (TOST), which succeed exactly
when the 90 % interval lies inside ±margin. Only the second can show that nothing happens; a first that fails cannot.

Source:  Schuirmann 1987 (TOST); Efron & Tibshirani 1993, ch. 13 (percentile bootstrap); Holm 1979
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fathom.runs.analysis.spread import measure_spread, student_quantile

Statistic = Literal["t", "bootstrap"]

LEAST_SEEDS = 5  # the 97.5 % quantile of t is 2.8 with five values, 4.3 with three: fewer say nothing
_RESAMPLES = 10_000  # the ends of a 95 % interval then move by about a hundredth of its width
_ROUNDING = 1e-12  # of the largest value: a spread below is rounding


@dataclass(frozen=True)
class Estimate:
    """Mean of paired differences with its 95 % interval, and the p of both tests.

    Attributes:
        low, high: ends of the 95 % interval.
        inner_low, inner_high: ends of the 90 % interval, which decides on equivalence.
        p: two-sided, of the hypothesis that the mean is zero.
        p_same: of the hypothesis that it lies outside ±margin.
        power: the chance to find a difference as large as the smallest effect of interest, with this spread and count.
    """

    count: int
    mean: float
    std: float
    low: float
    high: float
    inner_low: float
    inner_high: float
    p: float
    p_same: float
    power: float


def estimate(
    differences: Sequence[float], *, margin: float, effect: float | None = None, statistic: Statistic = "t"
) -> Estimate:
    """Return what differences, one for each seed, say about their mean.

    Args:
        margin: a mean within ±margin does not matter.
        effect: the smallest effect that should be found, for the power; the margin if None.
    Raises:  ValueError for fewer than ``LEAST_SEEDS`` differences
    """
    count = len(differences)
    if count < LEAST_SEEDS:
        raise ValueError(f"{count} differences; an interval needs {LEAST_SEEDS}")
    spread = measure_spread(differences)
    mean, std = spread.mean, spread.std or 0.0
    if std <= _ROUNDING * max(map(abs, differences)):  # the same in every seed: certain, either way
        outside = 0.0 if abs(mean) < margin else 1.0
        return Estimate(count, mean, 0.0, mean, mean, mean, mean, 1.0 if mean == 0 else 0.0, outside, 1.0)
    power = power_of(effect or margin, std, count)
    if statistic == "bootstrap":
        return _bootstrap(differences, mean, std, margin, power)
    from scipy.special import stdtr

    error, freedom = std / math.sqrt(count), count - 1
    half, inner = (student_quantile(p, freedom) * error for p in (0.975, 0.95))
    p = 2 * float(stdtr(freedom, -abs(mean) / error))
    p_same = float(stdtr(freedom, (abs(mean) - margin) / error))  # the larger of the two one-sided ones
    return Estimate(count, mean, std, mean - half, mean + half, mean - inner, mean + inner, p, p_same, power)


def _bootstrap(differences: Sequence[float], mean: float, std: float, margin: float, power: float) -> Estimate:
    values = np.asarray(differences)
    rng = np.random.default_rng(0)  # the same data give the same interval
    means = values[rng.integers(0, len(values), (_RESAMPLES, len(values)))].mean(1)  # (resamples,)
    low, inner_low, inner_high, high = np.quantile(means, (0.025, 0.05, 0.95, 0.975)).tolist()

    def tail(share: float) -> float:
        return (share * _RESAMPLES + 1) / (_RESAMPLES + 1)  # never 0: no more is known than the resamples show

    p = min(1.0, 2 * min(tail(float(np.mean(means <= 0))), tail(float(np.mean(means >= 0)))))
    p_same = max(tail(float(np.mean(means >= margin))), tail(float(np.mean(means <= -margin))))
    return Estimate(len(values), mean, std, low, high, inner_low, inner_high, p, p_same, power)


def power_of(effect: float, std: float, count: int) -> float:
    """Return the chance that a two-sided t-test at 5 % finds a mean difference of ``effect``.

    >>> round(power_of(effect=1.0, std=1.0, count=10), 3)
    0.803
    """
    from scipy.special import nctdtr

    if std == 0:
        return 1.0
    freedom, shift = count - 1, abs(effect) / std * math.sqrt(count)
    critical = student_quantile(0.975, freedom)
    # beyond 37 the noncentral distribution is wholly on the right, and its series no longer converges
    return 1.0 if shift > 37 else float(1 - nctdtr(freedom, shift, critical) + nctdtr(freedom, shift, -critical))


def holm(values: Sequence[float], level: float = 0.05) -> list[bool]:
    """Return which of many tests still hold when all may err together with no more than ``level`` (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [True, False, False]
    """
    kept = [False] * len(values)
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if values[index] > level / (len(values) - rank):
            break  # this one and all larger ones
        kept[index] = True
    return kept
