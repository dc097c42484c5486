"""How a number of things is divided among processes. Loads nothing."""

from __future__ import annotations


def share_of(number: int, rank: int, size: int) -> tuple[int, int]:
    """Return (first, behind the last) of the things that process ``rank`` of ``size`` gets.

    Shares differ by at most one, the first processes have the larger ones: so no share shrinks where there is more to
    divide.

    >>> [share_of(10, rank, 4) for rank in range(4)]
    [(0, 3), (3, 6), (6, 8), (8, 10)]
    """
    each, over = divmod(number, size)
    return rank * each + min(rank, over), (rank + 1) * each + min(rank + 1, over)


def readable_share(number: int, rank: int, size: int) -> tuple[int, int]:
    """Return the same, but never nothing of something: a process without a sample reads one, which counts for nothing.

    All processes have to compute in every step, since gradients are added up over all of them.
    """
    first, last = share_of(number, rank, size)
    return (first, last) if first < last else (min(first, number - 1), min(first, number - 1) + 1)
