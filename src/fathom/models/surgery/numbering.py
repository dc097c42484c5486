"""Numbers for channels, of which some turn out to be one: a union-find."""

from __future__ import annotations

import numpy as np

ChannelIds = np.ndarray
"""int64, one number a channel, in the order in which the channels lie along a dimension."""


class Numbering:
    """Gives out numbers and joins them.

    Source:  path halving: Tarjan & van Leeuwen 1984, "Worst-case Analysis of Set Union Algorithms"
    """

    def __init__(self) -> None:
        self._parents: list[int] = []  # of each number a smaller one that it was joined with, or itself

    @property
    def count(self) -> int:
        """How many numbers were given out."""
        return len(self._parents)

    def new(self, size: int) -> ChannelIds:
        """Return ``size`` numbers that nobody has yet.

        Shape:   -> int64 (size,)
        """
        ids = np.arange(self.count, self.count + size)  # consecutive
        self._parents.extend(ids.tolist())
        return ids

    def join(self, first: ChannelIds, second: ChannelIds) -> None:
        """Let the numbers at the same place of both stand for the same channel.

        Shape:   first int64 (size,), second int64 (size,) ->
        """
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            a, b = self._root(a), self._root(b)
            if a != b:
                # the smaller is the root: roots are the same whatever the order of joins
                self._parents[max(a, b)] = min(a, b)

    def roots(self, ids: ChannelIds) -> ChannelIds:
        """Return for each number the smallest of all that it was joined with.

        Shape:   ids int64 (size,) -> int64 (size,)
        """
        parents = np.array(self._parents, dtype=np.int64)
        while True:  # all at once: each turn goes one step up
            found = parents[ids]
            if np.array_equal(found, ids):
                return ids
            ids = found

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            # Halving the path on the way keeps later ways short.
            self._parents[number] = number = self._parents[self._parents[number]]
        return number
