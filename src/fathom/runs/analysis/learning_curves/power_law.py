"""A power law through errors over training sizes, error(n) = a·n^(−b) + c, and what it forecasts, with intervals.

Least squares on relative errors: for each exponent of a grid, a and c ≥ 0 have a closed form, and the best exponent is
kept. Intervals are by bootstrap: each resample draws runs anew within every size, and leaves out one of the smaller
sizes, since a law that hangs on one of them is not to be trusted far out.

Source:  Hestness et al. 2017, arXiv:1712.00409; Efron & Tibshirani 1993, ch. 13
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_EXPONENTS = np.linspace(0.02, 1.5, 149)  # steps of 0.01; errors fall no faster than 1/n, with room for noise
_RESAMPLES = 1000  # the ends of a 95 % interval then move by a thirtieth of its width
FEWEST_SIZES = 3


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = scale · n^(−exponent) + floor."""

    scale: float
    exponent: float
    floor: float

    def __call__(self, size: float) -> float:
        return self.scale * size**-self.exponent + self.floor


@dataclass(frozen=True)
class Projection:
    """What a fit says of a size: the error, and the ends of its 95 % interval."""

    size: int
    error: float
    low: float
    high: float


def fit_power_law(errors: Mapping[int, Sequence[float]]) -> PowerLaw:
    """Fit a law to the errors of several runs of each size.

    Raises:  ValueError for fewer than three sizes, or an error that is not above 0
    """
    sizes, means = _means(errors)
    scale, exponent, floor = (float(x[0]) for x in _fit(sizes, means[None]))
    return PowerLaw(scale, exponent, floor)


def project(errors: Mapping[int, Sequence[float]], sizes: Sequence[int], *, seed: int = 0) -> list[Projection]:
    """Return what the law says of further sizes.

    Raises:  ValueError as ``fit_power_law``
    """
    law = fit_power_law(errors)
    known, _ = _means(errors)
    rng = np.random.default_rng(seed)
    samples = [np.asarray(errors[int(size)], dtype=float) for size in known]
    drawn = np.stack([values[rng.integers(0, len(values), (_RESAMPLES, len(values)))].mean(1) for values in samples], 1)
    kept = np.ones_like(drawn)
    if len(known) > FEWEST_SIZES:  # one of all but the largest, whose error everybody knows
        kept[np.arange(_RESAMPLES), rng.integers(0, len(known) - 1, _RESAMPLES)] = 0.0
    scale, exponent, floor = _fit(known, drawn, kept)
    found = []
    for size in sizes:
        low, high = np.quantile(scale * size**-exponent + floor, (0.025, 0.975))
        found.append(Projection(int(size), law(size), float(min(low, law(size))), float(max(high, law(size)))))
    return found


def _means(errors: Mapping[int, Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.array(sorted(size for size, values in errors.items() if len(values)), dtype=float)
    if len(sizes) < FEWEST_SIZES:
        raise ValueError(f"{len(sizes)} sizes; a power law needs {FEWEST_SIZES}")
    means = np.array([np.mean(errors[int(size)]) for size in sizes])
    if not (means > 0).all():
        raise ValueError("an error of 0 has no power law")
    return sizes, means


def _fit(
    sizes: np.ndarray, means: np.ndarray, kept: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scale, exponent and floor for each row of means.

    Shape:   sizes (K,), means (R, K), kept (R, K) of zeros and ones -> (R,), (R,), (R,)
    """
    means = np.maximum(means, 1e-9)  # a resample may hold none but perfect runs
    weights = np.ones_like(means) if kept is None else kept
    best = [np.full(len(means), np.inf), *(np.zeros(len(means)) for _ in range(3))]
    for exponent in _EXPONENTS:
        x, y = sizes**-exponent / means, 1 / means  # (R, K): the columns of a and c, relative to the errors
        xx, xy, yy = ((weights * p * q).sum(1) for p, q in ((x, x), (x, y), (y, y)))
        xt, yt = (weights * x).sum(1), (weights * y).sum(1)
        determinant = np.maximum(xx * yy - xy**2, 1e-300)
        scale, floor = (xt * yy - yt * xy) / determinant, (yt * xx - xt * xy) / determinant
        floor_only = scale < 0  # errors that do not fall: a floor alone
        scale = np.where(floor < 0, xt / xx, np.where(floor_only, 0.0, scale))
        floor = np.where(floor < 0, 0.0, np.where(floor_only, yt / yy, floor))
        loss = (weights * (scale[:, None] * x + floor[:, None] * y - 1) ** 2).sum(1)
        better = loss < best[0]
        for kept_values, values in zip(best, (loss, scale, np.full(len(means), exponent), floor), strict=True):
            kept_values[better] = values[better]
    return best[1], best[2], best[3]
