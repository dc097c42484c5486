"""Remote sources of files: what they list, how versions are recognised, how bytes are read."""

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
class RemoteFile:
    """One file.

    Attributes:
        path: where its copy belongs below the folder of copies, "/" between the parts.
        size: bytes, None if the server does not say.
        tag: changes with the content (an ETag, a time); "" if the server gives none.
    """

    path: str
    size: int | None
    tag: str


@dataclass(frozen=True)
class ByteStream:
    """The bytes of a file from ``start`` on; 0 if the server cannot start in the middle."""

    start: int
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class Listing:
    """The files at an address: one, or those of a folder; ``skipped`` counts the others in it."""

    files: tuple[RemoteFile, ...]
    is_folder: bool
    skipped: int = 0

    @property
    def version(self) -> str | None:
        """A digest that changes with the files; None if the server gives neither size nor tag."""
        if any(file.size is None and not file.tag for file in self.files):  # then no change would show
            return None
        # NUL and line break stand in no path: no two lists read alike
        text = "\n".join(f"{file.path}\0{file.size}\0{file.tag}" for file in self.files)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def size(self) -> int | None:
        """Bytes in all, None if unknown."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


class RemoteSource(Protocol):
    """A remote source that can be listed and read. Both raise TransferFailed, or FathomError if a retry is useless."""

    def list_files(self) -> Listing:
        """List the files that are there now."""

    def open(self, file: RemoteFile, start: int) -> AbstractContextManager[ByteStream]:
        """Read a listed file from byte ``start`` on; SourceChanged if it is another one by now."""


class SourceChanged(Exception):
    """A file has changed since it was listed."""


def check_path(path: str, address: str) -> str:
    """Return a path that a server sent, if it is a valid one below the folder of copies.

    Raises:  FathomError if it leads elsewhere, or is invalid on some system
    """
    parts = path.split("/")
    # what Windows refuses, and what a terminal would obey
    is_odd = any(ord(letter) < 32 or letter in '\\:*?"<>|\x7f' for letter in path)
    if is_odd or any(part in ("", ".", "..") or len(part.encode("utf-8", "replace")) > 200 for part in parts):
        raise FathomError(f"{address}: {path!r} is not a valid file name here; nothing was fetched")
    return str(PurePosixPath(*parts))
