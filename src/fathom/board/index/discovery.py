"""Finding runs below folders: cheaply enough to be repeated every few seconds for a thousand of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fathom.runs.folder import schema

_DEEPEST = 4  # runs/a-cross-validation/mlp/fold-1
# After a change a folder may change again within one tick of the file system's clock, and its time stays.
SETTLED_NS = 2_000_000_000  # coarser than the clock of any file system in use
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


@dataclass(frozen=True)
class _Listing:
    """What stood in a folder, as long as the folder does not change."""

    place: Place
    folders: tuple[str, ...]
    is_settled: bool  # it was listed well after its last change, so that a later one shows in its time


class Finder:
    """Finds runs below some folders, again and again; a folder that has not changed is not listed again."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = roots
        self._listings: dict[str, _Listing] = {}

    def find(self) -> list[Place]:
        """Return every folder that may hold a run."""
        seen: dict[str, _Listing] = {}
        found = [place for root in self.roots for place in self._walk(str(root), root, 0, seen)]
        self._listings = seen
        return found

    def _walk(self, path: str, root: Path, depth: int, seen: dict[str, _Listing]) -> Iterator[Place]:
        if len(seen) >= _MOST_FOLDERS or path in seen:  # one root may lie below another
            return
        try:
            listing = self._list(path, root)
        except OSError:  # vanished, or not ours to read: the other folders are still shown
            return
        seen[path] = listing
        names = listing.place.names
        if schema.RUN in names or schema.STUDY in names or holds_foreign(names):
            yield listing.place
        if depth < _DEEPEST:
            for name in listing.folders:
                yield from self._walk(os.path.join(path, name), root, depth + 1, seen)

    def _list(self, path: str, root: Path) -> _Listing:
        changed = os.stat(path).st_mtime_ns
        before = self._listings.get(path)
        if before is not None and before.is_settled and before.place.changed == changed:
            return before
        listed_at = time.time_ns()
        with os.scandir(path) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        files = tuple(name for name, is_folder in found if not is_folder)
        folders = sorted(name for name, is_folder in found if is_folder and not name.startswith("."))
        if schema.RUN in files:
            folders = [name for name in folders if name in _INNER]
        place = Place(Path(path), root, files, changed)
        return _Listing(place, tuple(folders), changed < listed_at - SETTLED_NS)


def holds_foreign(names: Sequence[str]) -> bool:
    """Whether a folder's files look like a run of another program."""
    return any(name.startswith("events.out.tfevents.") or name.endswith(".csv") for name in names)
