"""Axes: from numbers to places on a chart, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float | None]  # (x, y); None is a gap


@dataclass(frozen=True)
class AxisScale:
    """Maps ``low``…``high`` (linearly, or by logarithm) onto ``start``…``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        # start may exceed end: y grows downwards in SVG
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self, target: int) -> list[float]:
        """About ``target`` round numbers within the range."""
        return _log_ticks(self.low, self.high, target) if self.log else linear_ticks(self.low, self.high, target)


def fit_scale(values: Iterable[float], start: float, end: float, *, log: bool = False, target: int = 5) -> AxisScale:
    """Make the scale that holds all ``values``, widened a little to round numbers."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if log:
        return AxisScale(low / 1.1, high * 1.1, start, end, log=True)  # a tenth of room: ends need not be ticks
    if high - low <= 1e-9 * max(abs(high), abs(low)):  # one number, or one but for rounding
        low, high = (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))  # half its size of room on both sides
    step = _round_step((high - low) / target)
    # 0.3/0.1 is 2.9999999999999996, whose floor would be a step too low.
    return AxisScale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end)


def linear_ticks(low: float, high: float, target: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten.

    >>> linear_ticks(0, 10, 5)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    step = _round_step((high - low) / target)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    # 3·0.1 is 0.30000000000000004; below 1e-9 twelve places would round the step itself away.
    return [round(i * step, 12) if step > 1e-9 else i * step for i in range(first, last + 1)]


def whole_ticks(high: float, target: int = 8) -> list[float]:
    """Whole numbers from 0 to ``high``; fractions only when there is less than one whole."""
    step = max(1.0, _round_step(high / target)) if high >= 1 else _round_step(high / 4)
    return [round(i * step, 12) for i in range(math.floor(high / step + 1e-9) + 1)]


def needs_log_scale(values: Iterable[float | None]) -> bool:
    """Whether positive numbers span more than two powers of ten, which a linear axis would flatten."""
    present = [value for value in values if value is not None]
    return bool(present) and min(present) > 0 and max(present) / min(present) > 100  # 100: two powers of ten


def downsample(points: Sequence[Point], limit: int) -> list[Point]:
    """Average neighbours until at most ``limit`` points are left; a run of gaps stays a gap."""
    if len(points) <= limit:
        return list(points)
    size = math.ceil(len(points) / limit)  # points a group
    thinned: list[Point] = []
    for i in range(0, len(points), size):
        part = points[i : i + size]
        present = [y for _, y in part if y is not None]
        # mean of x too: groups may be of unequal length
        thinned.append((sum(x for x, _ in part) / len(part), sum(present) / len(present) if present else None))
    return thinned


def _round_step(rough: float) -> float:
    if rough <= 0 or not math.isfinite(rough):
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    # 1.0001: a step of 2 + rounding is one of 2
    return next((size * power for size in (1, 2, 5) if rough <= size * power * 1.0001), 10 * power)


def _log_ticks(low: float, high: float, target: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, round((last - first) / target))  # every k-th power of ten
    for sizes in ((1,), (1, 3), (1, 2, 5)):  # as few as show the spacing: three ticks or more
        exponents = range(first, last + 1, stride if sizes == (1,) else 1)
        ticks = [size * 10.0**e for e in exponents for size in sizes]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            return ticks
    # Within less than a power of ten
    return [tick for tick in linear_ticks(low, high, target) if low <= tick <= high]
