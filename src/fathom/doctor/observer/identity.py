"""What is known of objects while they live, by what they are and not by what they equal."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class IdentityMap(Generic[V]):
    """A ``WeakKeyDictionary`` that never calls ``__hash__`` or ``__eq__``: those of torchmetrics need the object's end.

    >>> class Odd:
    ...     __hash__ = None
    >>> odd, known = Odd(), IdentityMap()
    >>> known[odd] = 3
    >>> known.get(odd), odd in known, list(known) == [odd]
    (3, True, True)
    >>> del odd
    >>> len(known)
    0
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Any], V]] = {}

    def __setitem__(self, key: Any, value: V) -> None:
        number = id(key)
        entries = self._entries

        def forget(reference: weakref.ref[Any]) -> None:
            entry = entries.get(number)
            if entry is not None and entry[0] is reference:  # else another object lies there by now
                del entries[number]

        entries[number] = (weakref.ref(key, forget), value)

    def get(self, key: Any, default: V | None = None) -> V | None:
        """Return what is known of an object."""
        entry = self._entries.get(id(key))
        return default if entry is None or entry[0]() is not key else entry[1]

    def __contains__(self, key: Any) -> bool:
        entry = self._entries.get(id(key))
        return entry is not None and entry[0]() is key

    def __iter__(self) -> Iterator[Any]:
        for reference, _ in list(self._entries.values()):
            if (key := reference()) is not None:
                yield key

    def __len__(self) -> int:
        return len(self._entries)
