"""Reading a growing file from where one stopped: whole lines only, by byte offset."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 4 << 20  # read at once; a longer file takes several turns


@dataclass(frozen=True)
class Chunk:
    """What stood between two offsets of a file of records.

    Attributes:
        offset: where to go on.
        is_new_file: the file is shorter than what was read of it: it was written anew, and is given from its beginning.
        has_more: there is more already.
    """

    records: list[dict[str, Any]]
    offset: int
    is_new_file: bool = False
    has_more: bool = False


def read_whole_lines(path: Path, offset: int) -> tuple[bytes, int, bool, bool]:
    """Return the whole lines from ``offset``, the offset behind them, whether the file is new, whether more follows."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            is_new = size < offset
            start = 0 if is_new else offset
            if size == start:
                return b"", start, is_new, False
            file.seek(start)
            content = file.read(MOST_BYTES)
    except OSError:  # not there yet, or vanished
        return b"", 0, offset > 0, False
    end = content.rfind(b"\n") + 1  # a line without its end is still being written
    if end == 0 and len(content) == MOST_BYTES:  # no record is that long: pass over it
        return b"", start + len(content), is_new, True
    return content[:end], start + end, is_new, size > start + end and end > 0 and len(content) == MOST_BYTES


def follow_lines(path: Path, offset: int) -> Chunk:
    """Return the JSON objects that stand in whole lines from ``offset``; anything else is passed over."""
    content, after, is_new, has_more = read_whole_lines(path, offset)
    records = []
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):  # torn by a kill
            continue
        if isinstance(record, dict):
            records.append(record)
    return Chunk(records, after, is_new, has_more)


def read_all(follow: Callable[[int], Chunk]) -> list[dict[str, Any]]:
    """Return all records that there are now; ``follow`` gives those from an offset."""
    records: list[dict[str, Any]] = []
    offset, has_more = 0, True
    while has_more:
        chunk = follow(offset)
        records += chunk.records
        offset, has_more = chunk.offset, chunk.has_more
    return records


def size_and_time(path: Path) -> tuple[int, float]:
    """Return size and time of a file; zeros if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0.0
    return found.st_size, found.st_mtime
