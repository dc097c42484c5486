"""The curves of a run as they are sent: columns by metric, thinned so that no peak is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fathom.board.index.discovery import Place
from fathom.board.index.following import Chunk
from fathom.board.index.source import Source
from fathom.runs.folder.metrics import drop_cut
from fathom.runs.folder.records import is_number

MOST_POINTS = 1000  # of a curve: two for each pixel of a chart as wide as a column
_AXES = ("step", "epoch", "elapsed_s")
_MOST_METRICS = 200  # a foreign log may hold one for each of ten thousand layers
_MOST_TURNS = 100  # of 4 MiB: a file beyond 400 MiB is read on with the next request


@dataclass
class History:
    """All records of one run, read on from where the last request left it."""

    place: Place
    source: Source
    offset: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)

    def update(self) -> None:
        """Read what is new."""
        for _ in range(_MOST_TURNS):
            chunk = self.source.follow(self.place, self.offset)
            self._take(chunk)
            if not chunk.has_more:
                return

    def _take(self, chunk: Chunk) -> None:
        if chunk.is_new_file:
            self.records = []
        usable = [record for record in chunk.records if is_placed(record)]
        self.records += usable
        if any(record.get("event") == "resume" for record in usable):
            self.records = drop_cut(self.records)
        self.offset = chunk.offset

    def to_dict(self, first: float | None = None, last: float | None = None) -> dict[str, Any]:
        """Return the curves between two steps, and the offset from which the stream goes on."""
        chosen = [
            record
            for record in self.records
            if (first is None or record["step"] >= first) and (last is None or record["step"] <= last)
        ]
        series = {}
        for event in ("step", "epoch"):
            records = [record for record in chosen if record.get("event") == event]
            names = dict.fromkeys(name for record in records for name in record if name not in ("event", *_AXES))
            for name in list(names)[:_MOST_METRICS]:
                series[f"{event}/{name}"] = _columns(records, name)
        return {"offset": self.offset, "series": series}


def is_placed(record: dict[str, Any]) -> bool:
    """Whether a record says where it belongs; what does not is passed over."""
    return is_number(record.get("step")) and is_number(record.get("epoch"))


def _columns(records: Sequence[dict[str, Any]], name: str) -> dict[str, list[Any]]:
    present = [r for r in records if name in r and (r[name] is None or is_number(r[name]))]
    kept = thin([r[name] for r in present], MOST_POINTS)
    chosen = [present[i] for i in kept]
    return {
        "step": [r["step"] for r in chosen],
        "epoch": [r["epoch"] for r in chosen],
        "time": [r.get("elapsed_s") for r in chosen],
        "value": [r[name] for r in chosen],
    }


def thin(values: Sequence[float | None], most: int) -> list[int]:
    """Return the places of at most ``most`` values that keep every peak and dip: a minimum and a maximum a stretch.

    The first and the last value are kept, and of a stretch with gaps (None) one gap.

    >>> thin([0, 1, 9, 1, 0, -5, 0, 1], 4)
    [0, 2, 5, 7]
    """
    size = len(values)
    if size <= most:
        return list(range(size))
    num_stretches = max(1, (most - 2) // 3 if None in values else (most - 2) // 2)
    kept = {0, size - 1}
    for i in range(num_stretches):
        begin, end = 1 + i * (size - 2) // num_stretches, 1 + (i + 1) * (size - 2) // num_stretches
        numbers = [j for j in range(begin, end) if values[j] is not None]
        if numbers:
            kept |= {min(numbers, key=lambda j: values[j]), max(numbers, key=lambda j: values[j])}  # type: ignore[arg-type,return-value]
        if len(numbers) < end - begin:
            kept.add(next(j for j in range(begin, end) if values[j] is None))
    return sorted(kept)
