"""Hyperparameter searches, each a line of the table; their trials are read by the computing process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.board.index.discovery import Place
from fathom.board.index.following import Chunk, size_and_time
from fathom.errors import FathomError
from fathom.runs.folder import schema
from fathom.runs.folder.records import read_json

DATABASE = "study.db"
_RECENT_S = 60.0  # a search whose database changed within a minute is taken to go on


class Searches:
    """Folders that ``fathom tune`` made."""

    name = "search"

    def stamp(self, place: Place, row: Mapping[str, Any] | None) -> object:
        """Return what changes with every trial, and when a search is no longer recent."""
        size, changed = size_and_time(place.path / DATABASE)
        return place.changed, size, changed, time.time() - changed < _RECENT_S

    def describe(self, place: Place) -> dict[str, Any]:
        """Return the search's line."""
        try:
            content = read_json(place.path / schema.STUDY)
            schema.check_schema(content, place.path / schema.STUDY)
        except FathomError as error:
            return {"condition": "damaged", "problem": str(error), "settings": {}}
        base = content.get("base")
        _, changed = size_and_time(place.path / DATABASE)
        going = "running" if time.time() - changed < _RECENT_S else "stopped"
        return {
            "condition": "done" if content.get("best_run") else going,
            "model": _name_in(base, "model"),
            "data": _name_in(base, "data"),
            "settings": {},
        }

    def follow(self, place: Place, offset: int) -> Chunk:
        """Return nothing: a search has no records of its own."""
        return Chunk([], offset)


def _name_in(base: object, part: str) -> str | None:
    section = base.get(part) if isinstance(base, Mapping) else None
    name = section.get("name") if isinstance(section, Mapping) else None
    return Path(str(name)).name if name else None
