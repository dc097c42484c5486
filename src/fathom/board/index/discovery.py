"""Finding runs below folders: cheaply enough to be repeated every few seconds for a thousand of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fathom.runs.folder import schema

_DEEPEST = 4  # runs/a-cross-validation/mlp/fold-1
_MOST_FOLDERS = 20_000  # a home folder given by mistake must not keep the disk busy
# Inside a run only these hold further runs; its checkpoints and images do not.
_INNER = (schema.REPEATS, schema.FROM_SCRATCH)


@dataclass(frozen=True)
class Place:
    """A folder that holds a run, and below which given folder it was found."""

    path: Path
    root: Path
    names: tuple[str, ...]  # of the files in it
    changed: int  # when an entry of the folder last changed, ns: files of a run are replaced by renaming

    @property
    def label(self) -> str:
        """The run's name: its path from the given folder."""
        return self.path.name if self.path == self.root else str(self.path.relative_to(self.root))


def find_places(roots: Sequence[Path], known: dict[Path, Place]) -> Iterator[Place]:
    """Yield every folder below ``roots`` that may hold a run.

    Args:
        known: what was found before; a folder that has not changed since is not listed again.
    """
    left = [_MOST_FOLDERS]
    for root in roots:
        yield from _walk(root, root, 0, known, left)


def _walk(path: Path, root: Path, depth: int, known: dict[Path, Place], left: list[int]) -> Iterator[Place]:
    left[0] -= 1
    if left[0] < 0:
        return
    try:
        changed = os.stat(path).st_mtime_ns
        before = known.get(path)
        if before is not None and before.changed == changed and schema.RUN in before.names:
            yield before
            yield from _enter(path, root, depth, known, left, _INNER)
            return
        with os.scandir(path) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:  # vanished, or not ours to read: the other folders are still shown
        return
    files = tuple(name for name, is_folder in found if not is_folder)
    place = Place(path, root, files, changed)
    if schema.RUN in files:
        yield place
        yield from _enter(path, root, depth, known, left, _INNER)
        return
    if schema.STUDY in files or holds_foreign(files):
        yield place
    folders = sorted(name for name, is_folder in found if is_folder and not name.startswith("."))
    yield from _enter(path, root, depth, known, left, folders)


def _enter(
    path: Path, root: Path, depth: int, known: dict[Path, Place], left: list[int], names: Sequence[str]
) -> Iterator[Place]:
    if depth >= _DEEPEST:
        return
    for name in names:
        child = path / name
        if names is not _INNER or child.is_dir():
            yield from _walk(child, root, depth + 1, known, left)


def holds_foreign(names: Sequence[str]) -> bool:
    """Whether a folder's files look like a run of another program."""
    return any(name.startswith("events.out.tfevents.") or name.endswith(".csv") for name in names)
