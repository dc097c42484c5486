"""What the board changes in a run folder, each a click of somebody who was shown what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fathom.board.index.marks import write_marks
from fathom.board.index.runs import Entry, run_id
from fathom.board.state import Board
from fathom.errors import UsageError
from fathom.runs.folder.lock import is_locked
from fathom.runs.folder.stopping import ask_to_stop
from fathom.runs.folder.trash import TRASH, move_to_trash, restore, trashed


def mark(board: Board, entry: Entry, content: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a note and tags."""
    _refuse_foreign(entry)
    marks = write_marks(entry.place.path, content.get("note", ""), content.get("tags", []))
    board.index.refresh(force=True, most=1)
    return {"note": marks.note, "tags": list(marks.tags)}


def stop(board: Board, entry: Entry, content: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the process that trains a run to save and end."""
    _refuse_foreign(entry)
    if not is_locked(entry.place.path):
        raise UsageError(f"{entry.place.label} is not being trained")
    ask_to_stop(entry.place.path)
    return {}


def delete(board: Board, entry: Entry, content: Mapping[str, Any]) -> dict[str, Any]:
    """Move a run to the trash beside it."""
    _refuse_foreign(entry)
    [target] = move_to_trash([entry.place.path])
    board.index.refresh(force=True, most=0)
    return {"id": run_id(target), "name": target.name}


def list_trash(board: Board) -> list[dict[str, str]]:
    """Return the runs in the trash of the given folders, each with the id that brings it back."""
    return [{"id": found, "name": path.name} for found, path in _trash(board).items()]


def undelete(board: Board, trashed_id: str) -> dict[str, Any]:
    """Move a run out of the trash."""
    path = _trash(board).get(trashed_id)
    if path is None:
        raise UsageError("there is no such run in the trash")
    [target] = restore([path.name], path.parent.parent)
    board.index.refresh(force=True, most=0)
    return {"id": run_id(target), "name": target.name}


def _trash(board: Board) -> dict[str, Path]:
    # beside every known run too: those of a series lie deeper than the given folders
    folders = {*board.index.roots, *(entry.place.path.parent for entry in board.index.entries())}
    paths = [folder / TRASH / name for folder in sorted(folders) for name in trashed(folder)]
    return {run_id(path): path for path in paths}


def _refuse_foreign(entry: Entry) -> None:
    if entry.source.name != "fathom":
        raise UsageError(f"{entry.place.label} is a run of {entry.source.name}, which is shown and never changed")


Action = Callable[[Board, Entry, Mapping[str, Any]], dict[str, Any]]
ACTIONS: dict[str, Action] = {"mark": mark, "stop": stop, "delete": delete}
