"""Archives on this machine: unpacked once below the cache folder, then used by every command. Torch-free.

``<cache>/archives/<name>-<version>/`` holds the folder and ``.archive.json``. The version is a digest of the content: a
moved or copied archive is the same one. As long as path, size and time are unchanged, it is not read
again.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from fathom.data.encodings import check_encoding
from fathom.data.fetch.archives import MOST_MEMBERS, TooLarge, find_root, name_reading, stem_of, unpack
from fathom.data.fetch.copies import LocalCopy
from fathom.data.fetch.paths import cache_root, make_folder
from fathom.data.fetch.progress import TransferProgress
from fathom.data.images.formats import EXTENSIONS, is_image
from fathom.errors import FathomError
from fathom.files import describe_failure, expand_home, write_atomically
from fathom.phrases import format_bytes

_SCHEMA = 1
_RECORD = ".archive.json"
_KEPT = 2  # versions of one archive: a running training may still read the one before the newest
_SPARE_BYTES = 256 << 20  # left free on the disk, as in copies.py
_MOST_GROWTH = 200  # images are compressed already; an archive that grows more than that is a zip bomb
_SURELY_FINE = 1 << 30  # below this no growth is a danger to the disk


def unpacked_copy(
    archive: str | Path, *, version: str | None = None, whole: bool = False, encoding: str | None = None
) -> LocalCopy:
    """Return the folder of images that an archive holds, unpacked if need be; a line on standard error says so.

    Args:
        version: that an earlier call returned; only this one is accepted, without reading the archive if it is here.
        whole: return the root, for names relative to it, and not the folder of class folders inside.
        encoding: of the names in it; None finds it.
    Raises:  FathomError, one line, if the archive is missing, damaged, encrypted, hostile, without images, or of
        another version, or if the disk refuses
    """
    path = expand_home(archive).absolute()
    # recognised without hashing where path, size and time are the same
    if encoding is not None:
        check_encoding(encoding)
    copy = _known(path, version, encoding) or _make(path, version, encoding)
    return replace(copy, path=_folder(path, copy.version) / stem_of(path.name)) if whole else copy


def _known(archive: Path, version: str | None, encoding: str | None) -> LocalCopy | None:
    """Return the copy of this version, or of the archive as recognised by path, size and time."""
    if version is not None:
        root = _read(_folder(archive, version))  # by version the path does not matter: the archive may be gone
        return None if root is None else LocalCopy(root, version)
    with contextlib.suppress(OSError):  # what cannot be read fails later, with a message
        seen = _look_at(archive)
        for folder, record in _copies(archive):
            is_same = record["seen"] == seen and record.get("encoding") == encoding
            if is_same and (root := _read(folder)):  # the same path, size and time: not hashed again
                return LocalCopy(root, str(record["version"]))
    return None


def _make(archive: Path, version: str | None, encoding: str | None) -> LocalCopy:
    try:
        seen = _look_at(archive)
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()[:16]  # 64 bits, enough for a folder's name
        if encoding is not None:  # other names make another copy
            found += f"-{codecs.lookup(encoding).name}"
    except OSError as error:
        raise describe_failure("read", archive, error) from error
    if version not in (None, found):
        raise FathomError(
            f"{archive} has changed (version {version} is gone), and no copy of that is here; put it back, or "
            "start a new run"
        )
    folder = _folder(archive, found)
    root = _read(folder) or _unpack(archive, folder, encoding)  # the same content under another path or date
    record = {"schema": _SCHEMA, "seen": seen, "version": found, "root": root.relative_to(folder).as_posix()}
    record |= {} if encoding is None else {"encoding": encoding}
    write_atomically(folder / _RECORD, json.dumps(record))
    for old, _ in _copies(archive)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return LocalCopy(root, found)


def _look_at(archive: Path) -> dict[str, Any]:
    stat = archive.stat()
    # as make and rsync tell files apart
    return {"path": str(archive), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _folder(archive: Path, version: str) -> Path:
    return cache_root() / "archives" / f"{archive.name}-{version}"


def _read(folder: Path) -> Path | None:
    """Return the folder of data inside a copy, if that is complete."""
    record = _read_record(folder)
    root = None if record is None else folder / str(record["root"])
    return root if root is not None and root.is_dir() else None


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / _RECORD).read_text())
        # root is joined to a path: it must stay below the folder
        is_ours = record["schema"] == _SCHEMA and ".." not in str(record["root"]).split("/")
        return record if is_ours and isinstance(record["seen"]["path"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copies(archive: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the copies of archives at this path, now or earlier, with their records, the newest first."""
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(cache_root() / "archives"):
            record = _read_record(Path(entry.path))
            # at this path: other archives of the name keep theirs
            if record is not None and record["seen"]["path"] == str(archive):
                found.append((os.stat(os.path.join(entry.path, _RECORD)).st_mtime_ns, Path(entry.path), record))
    return [(folder, record) for _, folder, record in sorted(found, key=lambda copy: copy[0], reverse=True)]


def _unpack(archive: Path, folder: Path, encoding: str | None) -> Path:
    """Unpack into the folder of a copy; return the folder in it that holds the data."""
    make_folder(folder, "set FATHOM_HOME to a writable folder")
    free = max(0, shutil.disk_usage(folder).free - _SPARE_BYTES)
    progress = TransferProgress(f"{archive.name} into {folder.parent}", None, None, ("unpacking", "unpacked"))
    content = folder / stem_of(archive.name)
    try:
        limit = max(_SURELY_FINE, _MOST_GROWTH * archive.stat().st_size)  # the larger: small archives may grow a lot
        unpack(
            archive,
            content,
            max_bytes=min(free, limit),
            max_members=MOST_MEMBERS,
            on_write=progress.count,
            names=name_reading(archive.name, encoding),
        )
        # nothing to learn from, told now
        if not any(is_image(name) for _, _, names in os.walk(content) for name in names):
            raise FathomError(f"{archive}: no images in this archive ({', '.join(sorted(EXTENSIONS))})")
    except BaseException as error:
        progress.abandon()
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, TooLarge) and free < limit:  # the disk was the limit, not the suspicion
            raise FathomError(
                f"cannot unpack {archive}: the disk is full, {format_bytes(free)} are free below {cache_root()}; "
                "free some space or set FATHOM_HOME elsewhere"
            ) from error
        if isinstance(error, FathomError):
            raise FathomError(_explain(str(error))) from error
        raise
    progress.finish()
    return find_root(content)


def _explain(reason: str) -> str:
    """Replace the advice to download again, which a local archive cannot be."""
    reason = reason.removesuffix("; delete it to download it again").removeprefix("archive ")
    return f"{reason}; pack it again without a password" if "(it is encrypted)" in reason else reason
