"""Which program wrote a folder."""

from __future__ import annotations

from fathom.board.index.discovery import Place
from fathom.board.index.source import Source


def detect(place: Place) -> Source | None:
    """Return what reads the folder; None if it is not the log of a program known here."""
    return None
