"""How numbers and names stand in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with what is counted.

    >>> counted(1, "epoch"), counted(1200, "epoch"), counted(2, "batch", "batches")
    ('1 epoch', '1,200 epochs', '2 batches')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def enumerated(names: Sequence[str], most: int = 10) -> str:
    """Write names in a line, not too many of them.

    >>> enumerated(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def brief(text: str, most: int = 40) -> str:
    """Write a text from a file in a sentence: in quotes where it is long or holds what is no letter.

    >>> brief("red"), brief("a\\tb"), brief("x" * 9, most=4)
    ('red', "'a\\\\tb'", "'xxxx…'")
    """
    if len(text) > most:
        return repr(text[:most] + "…")
    return text if text.isprintable() else repr(text)


def significant(number: float) -> str:
    """Write a real number with four significant digits.

    >>> significant(0.30121), significant(12345.6), significant(0.00001234), significant(0)
    ('0.3012', '12,346', '1.234e-05', '0')
    """
    size = abs(number)
    if size == 0:
        return "0"
    if not 1e-4 <= size < 1e7:
        return f"{number:.4g}"
    # digits behind the point: 4 in all, less those in front
    return f"{number:,.{max(0, 3 - math.floor(math.log10(size)))}f}"


def format_bytes(size: float) -> str:
    """Write a number of bytes in the unit that suits it.

    >>> format_bytes(999), format_bytes(1_250_000), format_bytes(48_000_000_000)
    ('999 B', '1.2 MB', '48 GB')
    """
    size, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:  # decimal units, as disks and networks are sold
            break
        size, unit = size / 1000, larger
    # 9.8 MB, but 98 MB: two digits are enough
    return f"{size:.1f} {unit}" if unit != "B" and size < 10 else f"{size:.0f} {unit}"
