"""The runs that the board knows: each under an id, in a line, with a count that grows when anything changes."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fathom.board.index.discovery import Finder, Place
from fathom.board.index.kept import KeptRows
from fathom.board.index.source import Source
from fathom.board.index.sources import source_of

SCAN_S = 2.0  # between two looks at the folders
_REST_S, _RESTS_AFTER_S = 5.0, 10.0  # and once nothing has changed for so long
_MOST_COLUMNS = 8  # settings shown beside the results
_ENDED = ("done", "stopped", "dry run")  # conditions of a run whose folder tells by its time that it changed


@dataclass
class Entry:
    """One run: where it is, what reads it, its line in the table."""

    id: str
    place: Place
    source: Source
    row: dict[str, Any] | None = None  # None: not read yet
    stamp: object = None  # of what the row was made from
    version: int = 0


@dataclass
class RunIndex:
    """All runs below some folders. Safe to use from several threads.

    Attributes:
        version: grows with every change; what changed since an earlier one can be asked for.
        epoch: another one after a restart, when versions begin anew.
        kept: lines of an earlier start.
    """

    roots: Sequence[Path]
    version: int = 0
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    kept: KeptRows = field(default_factory=KeptRows)

    def __post_init__(self) -> None:
        self._finder = Finder(self.roots)
        self._entries: dict[Path, Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._gone: dict[str, int] = {}
        self._lock, self._scanned = threading.RLock(), 0.0
        self._seen = self.version, time.monotonic()  # a version, and when it was first seen
        self._is_kept = True  # whether all lines of runs that ended are

    def get(self, run_id: str) -> Entry | None:
        """Return a run by its id, None if there is no such run (any more)."""
        with self._lock:
            return self._by_id.get(run_id)

    def entries(self) -> list[Entry]:
        """Return all runs."""
        with self._lock:
            return list(self._by_id.values())

    def find(self, path: Path) -> Entry | None:
        """Return the run in a folder."""
        return self._entries.get(path)

    def refresh(self, *, most: int | None = None, force: bool = False) -> bool:
        """Look at the folders, if that is due, and describe what changed, the newest first.

        Args:
            most: runs described in this call; None is all.
        Returns: whether runs are left to be described
        """
        with self._lock:
            now = time.monotonic()
            if self.version != self._seen[0]:
                self._seen = self.version, now
            if force or now - self._scanned >= (_REST_S if now - self._seen[1] > _RESTS_AFTER_S else SCAN_S):
                self._scan()
                self._scanned = now
            due = [entry for entry in self._entries.values() if self._is_due(entry)]
        # live ones first, then by age: the folders' names begin with the time
        due.sort(key=lambda entry: (entry.row is not None, entry.place.path.name), reverse=True)
        for entry in due[:most]:
            self._describe(entry)
        has_more = most is not None and len(due) > most
        if not has_more and not self._is_kept:
            self._keep()
        return has_more

    def rows(self, since: int = -1) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the lines of the runs that changed after a version, and the ids of those that went."""
        with self._lock:
            rows = [_as_row(entry) for entry in self._by_id.values() if entry.version > since]
            return rows, [run_id for run_id, version in self._gone.items() if version > since]

    def differing(self) -> list[str]:
        """Return the settings in which the runs differ, those first that most runs have."""
        with self._lock:
            tables = [entry.row["settings"] for entry in self._entries.values() if entry.row]
        values: dict[str, set[str]] = {}
        counts: Counter[str] = Counter()
        for settings in tables:
            for name, value in settings.items():
                values.setdefault(name, set()).add(repr(value))
                counts[name] += 1
        return [name for name, _ in counts.most_common() if len(values[name]) > 1][:_MOST_COLUMNS]

    def _scan(self) -> None:
        found = {place.path: place for place in self._finder.find()}
        for path in self._entries.keys() - found.keys():
            self.version += 1
            gone = self._entries.pop(path)
            del self._by_id[gone.id]
            self._gone[gone.id] = self.version
        for path, place in found.items():
            entry = self._entries.get(path)
            if entry is not None:
                entry.place = place
                continue
            source = source_of(place)
            if source is not None:
                self._add(Entry(run_id(path), place, source))

    def _add(self, entry: Entry) -> None:
        self.version += 1
        entry.version = self.version
        if entry.source.name == "fathom" and (row := self.kept.find(entry.id, entry.place.changed)) is not None:
            entry.row, entry.stamp = row, entry.source.stamp(entry.place, row)
        self._entries[entry.place.path] = self._by_id[entry.id] = entry
        self._gone.pop(entry.id, None)

    def _is_due(self, entry: Entry) -> bool:
        return entry.row is None or entry.stamp != entry.source.stamp(entry.place, entry.row)

    def _describe(self, entry: Entry) -> None:
        stamp = entry.source.stamp(entry.place, entry.row)  # before reading: what comes later is read again
        row = entry.source.describe(entry.place)
        with self._lock:
            entry.stamp = entry.source.stamp(entry.place, row) if entry.row is None else stamp
            if row != entry.row:
                entry.row = row
                self.version += 1
                entry.version = self.version
                self._is_kept &= row["condition"] not in _ENDED

    def _keep(self) -> None:
        with self._lock:
            ended = [
                (entry.id, entry.place.changed, entry.row)
                for entry in self._by_id.values()
                if entry.source.name == "fathom" and entry.row and entry.row["condition"] in _ENDED
            ]
            self._is_kept = True
        self.kept.keep(ended)


def run_id(path: Path) -> str:
    """Return the id of a run's folder: the same after a restart, and nothing that leads anywhere by itself."""
    return hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _as_row(entry: Entry) -> dict[str, Any]:
    row = {"id": entry.id, "name": entry.place.label, "source": entry.source.name, "root": entry.place.root.name}
    return row | (entry.row if entry.row is not None else {"condition": "unread"})
