"""Runs that are deleted go to ``.trash`` beside them, from where they come back; only emptying it is for good."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from fathom.errors import UsageError
from fathom.files import describe_failure
from fathom.runs.folder import schema
from fathom.runs.folder.lock import is_locked
from fathom.runs.folder.lookup import names_in

TRASH = ".trash"


def move_to_trash(runs: Sequence[Path]) -> list[Path]:
    """Move run folders to the trash of the folder they lie in; return where they are now.

    Raises:  UsageError if one is being trained or is no run, before any is moved; FathomError if one cannot be moved
    """
    for run in runs:  # all checked before the first is moved
        if not (run / schema.RUN).is_file():
            raise UsageError(f"{run} is not a run folder; only runs are deleted")
        if is_locked(run):
            raise UsageError(f"{run} is being trained; stop it first")
    return [_move(run, run.parent / TRASH) for run in runs]


def restore(names: Sequence[str], root: Path) -> list[Path]:
    """Move runs back out of the trash; return where they are now.

    Raises:  UsageError if one is not there, or its name is taken again, before any is moved
    """
    trash = root / TRASH
    for name in names:
        if Path(name).name != name or not (trash / name).is_dir():  # no path: only what lies in this trash
            held = ", ".join(trashed(root)[:4]) or "nothing"  # four names fill a line
            raise UsageError(f"there is no run {name!r} in {trash}; it holds {held}")
        if (root / name).exists():
            raise UsageError(f"{root / name} exists again; rename it first")
    return [_move(trash / name, root) for name in names]


def trashed(root: Path) -> list[str]:
    """Return the names of the runs in the trash of a folder."""
    # run.json: other things in there are not touched
    return names_in(root / TRASH)


def empty_trash(root: Path) -> int:
    """Remove the runs in the trash for good; return how many there were.

    Raises:  FathomError if one cannot be removed
    """
    names = trashed(root)
    for name in names:
        path = root / TRASH / name
        try:
            path.unlink() if path.is_symlink() else shutil.rmtree(path)  # of a link, never what it leads to
        except OSError as error:
            raise describe_failure("delete", path, error) from error
    return len(names)


def _move(path: Path, folder: Path) -> Path:
    target, number = folder / path.name, 1
    while os.path.lexists(target):  # deleted once, made again and deleted again
        number += 1
        target = folder / f"{path.name}-{number}"
    try:
        folder.mkdir(exist_ok=True)
        path.rename(target)  # the same file system: at once, or not at all
    except OSError as error:
        raise describe_failure("move", path, error) from error
    return target
