"""``metrics.jsonl``: records are only ever appended, so that a reader can follow the file by byte offset.

A resumed run goes on from a checkpoint, which may be older than the newest record. With its first record it appends
``{"event": "resume", "step": N, "epoch": E}``: of the lines before this one, those of a later step than N, and those
that end a later epoch than E, no longer count. What they tell of is trained, and recorded, again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fathom.errors import FathomError
from fathom.files import append_line, describe_failure
from fathom.runs.folder.records import is_number, read_lines, to_json

RESUME = "resume"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the records that count, in the order of their steps; none if the file is not there yet.

    Raises:  FathomError naming the record that has no step or epoch, or the line that is damaged
    """
    return read_placed(path, "record")


def read_placed(path: Path, noun: str) -> list[dict[str, Any]]:
    """Return the lines that count of a file whose lines have a step and an epoch; ``noun`` is what one is called.

    Raises:  FathomError as ``read_metrics``
    """
    if not path.exists():
        return []
    records = read_lines(path)
    for number, record in enumerate(records, start=1):
        if not all(is_number(record.get(key)) for key in ("step", "epoch")):  # what its place follows from
            raise FathomError(f"{path} is damaged: {noun} {number} lacks a number for step or epoch")
    return drop_cut(records)


def drop_cut(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records without those that a resume cut off, and without the resume records themselves."""
    kept: list[dict[str, Any]] = []
    for record in records:
        if record.get("event") == RESUME:
            kept = [earlier for earlier in kept if _precedes(earlier, record)]  # of those before this line alone
        else:
            kept.append(record)
    return kept


def append_resume(path: Path, step: int, epoch: int) -> None:
    """Append the record that a run goes on after ``step`` steps and ``epoch`` whole epochs.

    A line that a kill left without its end is ended first: it stays, and readers pass over it.

    Raises:  FathomError if the file cannot be read or written
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))  # the last byte alone: the file may be long
            is_torn = file.read(1) not in (b"", b"\n")
    except OSError as error:
        raise describe_failure("read", path, error) from error
    # the newline ends the torn line
    append_line(path, ("\n" if is_torn else "") + to_json({"event": RESUME, "step": step, "epoch": epoch}))


def _precedes(record: dict[str, Any], resume: dict[str, Any]) -> bool:
    """Whether a checkpoint holds what a record tells: an epoch may end in a step that was saved before its record."""
    is_unfinished = record.get("event") == "epoch" and record["epoch"] > resume["epoch"]
    return record["step"] <= resume["step"] and not is_unfinished  # the checkpoint's own step counts as done
