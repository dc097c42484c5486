"""``probes.jsonl``: what the doctor measured while a network trained, and what it found; append-only, as metrics.jsonl.

Each line has ``event``, ``step`` and ``epoch``. ``start`` names parameters and layers, in the order in which each
``probe`` lists their values; ``finding`` is one that arose; ``end`` holds all that are left when training ends.
``resume`` cuts, as in ``metrics.jsonl``: lines before it that tell of later steps no longer count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fathom.errors import FathomError
from fathom.files import append_line
from fathom.findings import Finding, Findings
from fathom.runs.folder.metrics import append_resume, read_placed
from fathom.runs.folder.records import to_json

START, PROBE, FINDING, END = "start", "probe", "finding", "end"
ABOUT = "about"  # of a finding: what its page says, so that a report explains itself

Event = dict[str, Any]


class ProbesFile:
    """The file, open for appending; no handle stays open between two lines.

    Args:
        resumed_at: step and epoch of the checkpoint that a run goes on from, so that the first new line is preceded by
            the record of the cut.
    """

    def __init__(self, path: Path, resumed_at: tuple[int, int] | None = None) -> None:
        self.path = path
        self._resumed_at = resumed_at

    def append(self, event: Mapping[str, Any]) -> None:
        """Append one line."""
        if self._resumed_at is not None and self.path.exists():
            append_resume(self.path, *self._resumed_at)
        self._resumed_at = None
        append_line(self.path, to_json(event))


def read_probes(path: Path) -> list[Event]:
    """Return the lines that count, in order; none if the file is not there.

    Raises:  FathomError naming the line that is damaged
    """
    return read_placed(path, "line")


def findings_in(events: Iterable[Event], path: Path) -> Findings | None:
    """Return what the doctor found: all of it where training ended, else what arose so far; None without a start.

    Raises:  FathomError if a finding cannot be read
    """
    arisen: dict[tuple[str, str], Finding] = {}
    last: Findings | None = None
    begun = False
    try:
        for event in events:
            begun |= event.get("event") == START
            if event.get("event") == FINDING:
                finding = Finding.from_dict(event["finding"])
                arisen.setdefault((finding.code, finding.place), finding)
            if event.get("event") == END:
                last = Findings.from_dict(event)
            elif event.get("event") == PROBE:
                last = None  # training went on after that end
    except (ValueError, TypeError, KeyError) as error:
        raise FathomError(f"{path} is damaged: a finding in it is none ({error})") from error
    if last is not None:
        return last
    return Findings.gravest_first(arisen.values()) if begun else None
