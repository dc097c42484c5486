"""Which program wrote a folder."""

from __future__ import annotations

from fathom.board.foreign.csv_logs import detect_csv
from fathom.board.foreign.event_files import PREFIX, EventFiles
from fathom.board.index.discovery import Place
from fathom.board.index.source import Source


def detect(place: Place) -> Source | None:
    """Return what reads the folder; None if it is not the log of a program known here."""
    if any(name.startswith(PREFIX) for name in place.names):
        return EventFiles()
    return detect_csv(place)
