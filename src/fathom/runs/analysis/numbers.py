"""Numbers as text: percentages, counts, durations; a dash for a missing one."""

from __future__ import annotations

import math

from fathom.phrases import significant
from fathom.runs.folder.records import is_number

DASH = "–"


def percent(value: object, digits: int = 1) -> str:
    """Write a fraction as a percentage.

    >>> percent(0.9012)
    '90.1%'
    """
    return f"{100 * value:.{digits}f}%" if is_number(value) else DASH


def decimal(value: object) -> str:
    """Write a loss or another real number with four significant digits.

    >>> decimal(0.30121), decimal(12345.6), decimal(0.00001234), decimal(None)
    ('0.3012', '12,346', '1.234e-05', '–')
    """
    return significant(float(value)) if is_number(value) else DASH


def determination(value: object) -> str:
    """Write a coefficient of determination; one below 1 is never rounded up to 1.

    >>> determination(0.95123), determination(0.999996)
    ('0.9512', '>0.9999')
    """
    # 0.99995 is where four digits round to 1
    return ">0.9999" if is_number(value) and 0.99995 <= value < 1 else decimal(value)


def rate(value: object) -> str:
    """Write a learning rate as short as it is exact.

    >>> rate(0.001), rate(0.00049999)
    ('0.001', '0.0005')
    """
    return f"{value:.3g}" if is_number(value) else DASH


def count(value: object) -> str:
    """Write a whole number with thousands separated.

    >>> count(44426)
    '44,426'
    """
    return f"{value:,.0f}" if is_number(value) else DASH


def short(value: object) -> str:
    """Write a large number with a unit prefix.

    >>> short(44426), short(850_000), short(11_173_962), short(7)
    ('44.4 k', '850 k', '11.2 M', '7')
    """
    if not is_number(value):
        return DASH
    number = float(value)
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= 0.9995 * size:  # what three digits would round up to 1000 of the smaller unit
            return f"{number / size:.3g} {prefix}"
    return f"{number:.3g}"


def duration(value: object) -> str:
    """Write seconds in words.

    >>> duration(4.21), duration(41.3), duration(192), duration(3840)
    ('4.2 s', '41 s', '3 min 12 s', '1 h 4 min')
    """
    if not is_number(value):
        return DASH
    seconds = float(value)
    if seconds < 9.95:  # from here on one decimal would read 10.0
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)  # rounded to minutes first, or 59.6 min would show as 60
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def wilson_interval(share: float, trials: int) -> tuple[float, float]:
    """Return the 95% confidence interval of a share, observed in ``trials``.

    Source:  Wilson 1927, without continuity correction
    """
    z = 1.959964  # the normal quantile at 0.975
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)  # pulled towards one half, the more the fewer trials
    # half the width
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # at either end the bound is the share itself, which rounding may miss
    return (0.0 if share <= 0 else max(0.0, centre - half)), (1.0 if share >= 1 else min(1.0, centre + half))


def points(value: float) -> str:
    """Write a difference of two shares, as 0.0123, in percentage points: "+1.23 points"."""
    return f"{'+' if value >= 0 else '−'}{100 * abs(value):.2f} points"  # a minus, not a hyphen
