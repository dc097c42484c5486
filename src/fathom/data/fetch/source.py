"""What a place out there offers: its files, each with what tells one version from another, and their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from fathom.errors import FathomError

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Item:
    """One file.

    Attributes:
        path: where its copy belongs below the folder of copies, "/" between the parts.
        size: bytes, None if the server does not say.
        tag: another one for another content (an ETag, a time); "" if the server gives none.
    """

    path: str
    size: int | None
    tag: str


@dataclass(frozen=True)
class Stream:
    """The bytes of a file from ``start`` on; a server that cannot begin in the middle begins at 0."""

    start: int
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class Listing:
    """What there is at an address: one file, or the files of a folder; ``skipped`` counts those of no use."""

    items: tuple[Item, ...]
    is_folder: bool
    skipped: int = 0

    @property
    def version(self) -> str | None:
        """Return this state of the place from any other; None where the server gives nothing to tell by."""
        if any(item.size is None and not item.tag for item in self.items):  # nothing then tells a change
            return None
        # NUL and line break stand in no path: no two lists read alike
        text = "\n".join(f"{item.path}\0{item.size}\0{item.tag}" for item in self.items)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def size(self) -> int | None:
        """Bytes in all, None if unknown."""
        sizes = [item.size for item in self.items]
        return None if None in sizes else sum(size or 0 for size in sizes)


class Source(Protocol):
    """A place that can be listed and read. Both raise TransferFailed, or FathomError where asking again is no use."""

    def list_items(self) -> Listing:
        """See what is there now."""

    def open(self, item: Item, start: int) -> AbstractContextManager[Stream]:
        """Read a file from a byte on, as long as it is what was listed."""


class Changed(Exception):
    """A file is no longer what was listed."""


def check_path(path: str, address: str) -> str:
    """Return a path that a server sent, if a file may lie there below the folder of copies.

    Raises:  FathomError if it would lie elsewhere, or cannot be on some system
    """
    parts = path.split("/")
    # what Windows refuses, and what a terminal would obey
    is_odd = any(ord(letter) < 32 or letter in '\\:*?"<>|\x7f' for letter in path)
    if is_odd or any(part in ("", ".", "..") or len(part.encode("utf-8", "replace")) > 200 for part in parts):
        raise FathomError(f"{address}: the name {path!r} cannot be that of a file here; nothing was fetched")
    return str(PurePosixPath(*parts))
