"""What reads a folder: Fathom's own runs here, those of other programs in ``foreign``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fathom.board.index.discovery import Place, holds_foreign
from fathom.board.index.following import Chunk, follow_lines
from fathom.board.index.marks import read_marks
from fathom.board.index.source import Source
from fathom.board.index.studies import Searches
from fathom.errors import FathomError
from fathom.runs.analysis.comparison import flatten
from fathom.runs.analysis.listing import describe_run
from fathom.runs.folder import schema
from fathom.runs.folder.lock import is_locked
from fathom.runs.folder.reader import RunReader

# Where a run differs by these it says nothing: they name it, or follow from the machine.
_UNTOLD = ("schema", "model.name", "data.name")
_MOST_SETTINGS = 200  # a foreign file may hold any number
_MOST_TEXT = 80  # characters of a setting in a table


class FathomRuns:
    """Runs that Fathom trained."""

    name = "fathom"

    def stamp(self, place: Place, row: Mapping[str, Any] | None) -> object:
        """A run that ended changes by renaming alone; one that is trained also where it appends."""
        if row is None or row["condition"] not in ("running", "interrupted"):
            return place.changed
        # the table of epochs, not the records: a line of the listing tells of whole epochs
        return place.changed, _size(place, schema.METRICS_TABLE), is_locked(place.path)

    def describe(self, place: Place) -> dict[str, Any]:
        """Return what ``fathom runs`` lists, the settings, notes and tags."""
        row = describe_run(place.path).to_dict()
        del row["path"], row["name"]  # ids instead of paths
        marks = read_marks(place.path)
        return row | {"settings": _settings(place), "note": marks.note, "tags": list(marks.tags)}

    def follow(self, place: Place, offset: int) -> Chunk:
        """Return the records as they stand; those of the event "resume" say which earlier ones no longer count."""
        return follow_lines(place.path / schema.METRICS, offset)


def source_of(place: Place) -> Source | None:
    """Return what reads a folder; None if nothing here does."""
    if schema.RUN in place.names:
        return FathomRuns()
    if schema.STUDY in place.names:
        return Searches()
    if holds_foreign(place.names):
        from fathom.board.foreign.detection import detect  # only where there is such a folder

        return detect(place)
    return None


def _settings(place: Place) -> dict[str, Any]:
    try:
        flat = flatten(RunReader(place.path).config)
    except FathomError:
        return {}
    kept = [(name, value) for name, value in flat.items() if name not in _UNTOLD and value is not None]
    return {
        name: value if isinstance(value, bool | int | float) else str(value)[:_MOST_TEXT]
        for name, value in kept[:_MOST_SETTINGS]
    }


def _size(place: Place, name: str) -> int:
    try:
        return os.stat(place.path / name).st_size
    except OSError:
        return 0
