"""How numbers and names stand in a sentence."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with what is counted.

    >>> counted(1, "epoch"), counted(1200, "epoch"), counted(2, "batch", "batches")
    ('1 epoch', '1,200 epochs', '2 batches')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
