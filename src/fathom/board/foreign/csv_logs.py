"""The CSV logs of Lightning, Keras, timm and Ultralytics: a header, a row an epoch or a log interval."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.board.foreign.rows import Summary, metric_name, summarise
from fathom.board.index.discovery import Place
from fathom.board.index.following import Chunk, read_all, read_whole_lines

_MOST_HEADER = 1 << 16
_MOST_COLUMNS = 500


class CsvLog:
    """One CSV file as a run.

    Args:
        program: whose it is.
    """

    def __init__(self, program: str, file: str) -> None:
        self.name, self._file = program, file

    def stamp(self, place: Place, row: Mapping[str, Any] | None) -> object:
        """Return size and time of the file."""
        return Summary.stamp([place.path / self._file])

    def describe(self, place: Place) -> dict[str, Any]:
        """Return the run's line."""
        return summarise(read_all(lambda offset: self.follow(place, offset)), [place.path / self._file])

    def follow(self, place: Place, offset: int) -> Chunk:
        """Return the rows written since an offset, as records."""
        path = place.path / self._file
        header = read_header(path)
        content, after, is_new, has_more = read_whole_lines(path, offset)
        lines = content.decode("utf-8", "replace")
        if offset == 0 or is_new:
            lines = lines.partition("\n")[2]
        rows = csv.reader(io.StringIO(lines))
        records: list[dict[str, Any]] = []
        with contextlib.suppress(csv.Error):  # a cell beyond csv's limit: these lines are no log
            records = [record for row in rows if (record := _as_record(header, row)) is not None]
        return Chunk(records, after, is_new, has_more)


def detect_csv(place: Place) -> CsvLog | None:
    """Return what reads a folder's CSV log; None if it has none."""
    for name in sorted(place.names):
        if not name.endswith(".csv"):
            continue
        program = _program_of(name, read_header(place.path / name))
        if program:
            return CsvLog(program, name)
    return None


def _program_of(name: str, header: list[str]) -> str:
    columns = {column.lower() for column in header}
    if "epoch" not in columns or len(columns) < 2:
        return ""
    if name == "results.csv" and any(column.startswith(("train/", "metrics/")) for column in columns):
        return "Ultralytics"
    if name == "metrics.csv" and "step" in columns:
        return "Lightning"
    if name == "summary.csv" and any(column.startswith("eval_") for column in columns):
        return "timm"
    return "Keras" if "loss" in columns else ""


def read_header(path: Path) -> list[str]:
    """Return the names of a file's columns; none if it has no header line."""
    try:
        with path.open("rb") as file:
            line = file.readline(_MOST_HEADER)
    except OSError:
        return []
    if not line.endswith(b"\n"):
        return []
    try:
        return [name.strip() for name in next(csv.reader([line.decode("utf-8", "replace")]), [])][:_MOST_COLUMNS]
    except csv.Error:
        return []


def _as_record(header: list[str], row: list[str]) -> dict[str, Any] | None:
    numbers = {name: number for name, cell in zip(header, row, strict=False) if (number := _number(cell)) is not None}
    lower = {name.lower(): value for name, value in numbers.items()}
    epoch = lower.get("epoch")
    if epoch is None:
        return None
    has_steps = "step" in lower
    record: dict[str, Any] = {
        "event": "step" if has_steps else "epoch",
        "step": lower.get("step", epoch),
        "epoch": epoch,
    }
    if "time" in lower:
        record["elapsed_s"] = lower["time"]
    for name, value in numbers.items():
        if name.lower() not in ("epoch", "step", "time"):
            record[metric_name(name)] = value if math.isfinite(value) else None
    return record


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
