"""What the board asks of a kind of run folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fathom.board.index.discovery import Place
from fathom.board.index.following import Chunk


class Source(Protocol):
    """One kind of run folder."""

    name: str  # whose runs these are

    def stamp(self, place: Place, row: Mapping[str, Any] | None) -> object:
        """Return what changes when the run's line does, found without opening a file."""

    def describe(self, place: Place) -> dict[str, Any]:
        """Return the run's line, whatever is wrong with the folder."""

    def follow(self, place: Place, offset: int) -> Chunk:
        """Return the records written since an offset, in bytes."""
