"""The lines of runs that have ended, kept between two starts: a board over a thousand of them has all at once.

A line is taken while its folder stands as it did when the line was made; any other is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fathom.board.index.discovery import SETTLED_NS
from fathom.errors import FathomError
from fathom.files import write_atomically
from fathom.runs.folder.records import read_json, to_json
from fathom.version import VERSION

_FORM = 1  # of a line; another one is not read


@dataclass
class KeptRows:
    """One file of lines, by the ids of their runs; None keeps nothing."""

    file: Path | None = None
    rows: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, roots: Sequence[Path], folder: Path) -> KeptRows:
        """Return what was kept of these folders; nothing if the file is not there, damaged, or of another version."""
        name = hashlib.sha256("\0".join(sorted(map(str, roots))).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        kept = cls(folder / f"{name}.json")
        try:
            content = read_json(folder / f"{name}.json")
        except FathomError:
            return kept
        rows = content.get("rows")
        if content.get("made_by") == _maker() and isinstance(rows, dict):
            kept.rows = {run: (int(stamp), row) for run, (stamp, row) in rows.items()}
        return kept

    def find(self, run: str, changed: int) -> dict[str, Any] | None:
        """Return the line of a run whose folder last changed at ``changed``, ns; None if none is kept of that state."""
        stamp, row = self.rows.get(run, (None, None))
        return row if stamp == changed else None

    def keep(self, lines: Iterable[tuple[str, int, Mapping[str, Any]]]) -> None:
        """Write lines, each with its run's id and when its folder last changed; a disk that refuses is no matter."""
        settled = time.time_ns() - SETTLED_NS
        self.rows = {run: (changed, dict(row)) for run, changed, row in lines if changed < settled}
        if self.file is None:
            return
        with contextlib.suppress(OSError, FathomError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.file, to_json({"made_by": _maker(), "rows": self.rows}))


def _maker() -> str:
    return json.dumps([VERSION, _FORM])
