"""Copies of remote data below the cache folder: made once, kept by version, used when the network is gone.

``<cache>/remote/<address>/<version>/`` holds ``.source.json`` and the copy under its own name. It is put in
place by one rename; until then it grows in ``.part-<version>``, which the next fetch resumes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fathom.address import base_name, conceal, split_address
from fathom.data.fetch.archives import MOST_MEMBERS, find_root, is_archive, name_reading, stem_of, unpack
from fathom.data.fetch.offline import is_offline
from fathom.data.fetch.paths import cache_root, make_folder
from fathom.data.fetch.progress import TransferProgress, notify
from fathom.data.fetch.source import Listing, RemoteFile, RemoteSource, SourceChanged
from fathom.data.fetch.transfer import Transfer
from fathom.data.fetch.web import TransferFailed
from fathom.errors import FathomError, UsageError
from fathom.files import describe_failure, sync_tree, write_atomically
from fathom.phrases import format_bytes

_SCHEMA = 1
_SOURCE = ".source.json"
_PART = ".part-"
_KEPT = 2  # versions of one address: a running training may still read the one before the newest
_SPARE_BYTES = 256 << 20  # left free on the disk, for all else that writes to it
_DEFAULT_LIMIT_GB = 200.0


@dataclass(frozen=True)
class LocalCopy:
    """The copy of an address on this machine: a file, or the folder from a remote folder or an archive."""

    path: Path
    version: str


def local_copy(
    address: str, *, version: str | None = None, unpacks: bool = True, encoding: str | None = None
) -> LocalCopy:
    """Return the copy of remote data on this machine, fetched or brought up to date if need be.

    Without network, or with FATHOM_OFFLINE set, the newest copy is used, and a line on standard error says so.

    Args:
        address: ``s3://bucket/key``, ``s3://bucket/folder/`` or ``https://host/file``.
        version: that an earlier call returned; no other is accepted, and the network is not asked if it is here.
        unpacks: whether an archive becomes a folder; a packed table or text is read as it is.
        encoding: of the names in an archive; None finds it.
    Raises:  UsageError for an invalid address; FathomError, one line, if nothing is there, access is denied, the
        network or the disk fails, or the requested version is gone
    """
    return _CopyFolder(conceal(address), unpacks=unpacks, encoding=encoding).find(version)


class _CopyFolder:
    """The folder of one address."""

    def __init__(self, address: str, *, unpacks: bool, encoding: str | None) -> None:
        parts = split_address(address)
        self.name = base_name(address)
        self.is_archive = unpacks and is_archive(self.name)
        self.encoding = encoding
        kept = address.rstrip("/")
        if is_archive(self.name):  # one that is kept as it is, or has other names, has a folder of its own
            kept += f" {encoding or ''}".rstrip() if unpacks else " kept"
        # hosts and names repeat; 48 bits tell addresses apart
        digest = hashlib.sha256(kept.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.address = address
        self.folder = cache_root() / "remote" / f"{parts.hostname}-{self.name}-{digest}"

    def find(self, version: str | None) -> LocalCopy:
        if version is not None and (known := self._read(version)):
            return known  # a version is immutable: no need to ask the server
        if is_offline():
            return self._use_newest(version, "offline")
        source = _open_source(self.address)
        try:
            listing = _ask(source)
        except TransferFailed as error:
            return self._use_newest(version, str(error))  # an old copy is better than none, and the user is told
        if version is not None and listing.version != version:
            raise FathomError(f"{self.address} has changed (version {version} is gone), and no copy is here")
        if listing.version is not None and (known := self._read(listing.version)):
            self._touch(known.version)  # so that what is still asked for is not the oldest
            return known
        with self._locked():
            return self._fetch(source, listing)

    def _use_newest(self, version: str | None, why: str) -> LocalCopy:
        newest = next(iter(self._versions()), None)
        # with a version asked for, another one is no substitute
        copy = None if newest is None or version is not None else self._read(newest.name)
        if copy is None:
            what = "no copy is here" if version is None else f"no copy of version {version} is here"
            raise FathomError(
                f"{self.address}: {why}, and {what}; try again later, or download it by hand and give "
                "the file or folder instead"
            )
        fetched = datetime.fromtimestamp((self.folder / copy.version / _SOURCE).stat().st_mtime)
        notify(f"{self.address}: {why}; using the copy of {fetched:%Y-%m-%d %H:%M}")
        return copy

    def _fetch(self, source: RemoteSource, listing: Listing) -> LocalCopy:
        for attempt in range(3):  # a changed listing, then one without tags
            if listing.version is not None and (known := self._read(listing.version)):
                return known  # another process fetched it while this one waited
            try:
                return self._make(source, listing)
            except SourceChanged:
                notify(f"{self.address} changed while it was fetched; starting again")
                # A single file that changes twice in a row comes from a server with a new tag each time: the
                # third attempt ignores tags.
                listing = _ask(source) if attempt == 0 or listing.is_folder else _without_tags(listing)
            except TransferFailed as error:
                raise FathomError(
                    f"{self.address}: {error}; what has arrived is kept; run the same command again to resume"
                ) from error
        raise FathomError(f"{self.address} changes faster than it can be fetched")

    def _make(self, source: RemoteSource, listing: Listing) -> LocalCopy:
        """Fetch into the folder of parts, then move it into place."""
        # by version: what arrived of another one is not resumed into it
        part = self.folder / f"{_PART}{listing.version or 'unknown'}"
        content = part / self.name
        paths = [(item, content / item.path if listing.is_folder else content) for item in listing.files]
        if listing.is_folder:
            self._link_unchanged(paths)
        limit = _limit_bytes()
        self._check_size(listing, paths, limit)
        progress = TransferProgress(self.address, len(paths), listing.size)
        try:
            # a lone file is one stream
            Transfer(source, progress.count, limit).run(paths, workers=1 if len(paths) == 1 else 16)
        except BaseException:
            progress.abandon()
            raise
        progress.finish()
        if listing.skipped:
            files = f"{listing.skipped:,} file{'s' * (listing.skipped > 1)}"
            notify(f"{self.address}: skipped {files} whose names are not those of images")
        try:
            version = listing.version or _digest_file(content)  # without tag and size the content itself is the version
            is_packed = self.is_archive and not listing.is_folder  # an archive in a listed folder stays packed
            root = self._unpack(content, limit) if is_packed else self.name
            self._place(part, version, root, listing)
        except OSError as error:
            raise describe_failure("write", self.folder / version, error) from error
        return LocalCopy(self.folder / version / root, version)

    def _place(self, part: Path, version: str, root: str, listing: Listing) -> None:
        record = {
            "schema": _SCHEMA,
            "address": self.address,
            "version": version,
            "root": root,
            "is_unpacked": self.is_archive and not listing.is_folder,
            "files": [[item.path, item.size, item.tag] for item in listing.files],
        }
        write_atomically(part / _SOURCE, json.dumps(record))
        if record["is_unpacked"]:
            (part / self.name).unlink()  # not before: if killed until here, it need not be fetched again
        sync_tree(part)
        target = self.folder / version
        if target.exists():  # damaged, or the same bytes under another date
            aside = self.folder / f"{_PART}aside"
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)  # a folder that is not empty cannot be replaced in one rename
        part.rename(target)
        for old in [*self._versions()[_KEPT:], *self.folder.glob(f"{_PART}*")]:
            shutil.rmtree(old, ignore_errors=True)

    def _unpack(self, archive: Path, limit: int) -> str:
        """Unpack beside the archive; return the path, from there, of the folder that holds the data."""
        folder = archive.with_name(stem_of(self.name))
        free = shutil.disk_usage(archive.parent).free - _SPARE_BYTES
        try:
            names = name_reading(self.name, self.encoding)
            unpack(archive, folder, max_bytes=max(0, min(limit, free)), max_members=MOST_MEMBERS, names=names)
        except FathomError as error:
            archive.unlink(missing_ok=True)  # the next attempt must fetch it again
            reason = str(error).replace(str(archive), self.name).removesuffix("; delete it to download it again")
            raise FathomError(f"{self.address}: {reason}") from error
        return find_root(folder).relative_to(archive.parent).as_posix()

    def _link_unchanged(self, paths: list[tuple[RemoteFile, Path]]) -> None:
        """Hard-link files that another version has with the same size and tag, instead of fetching them."""
        for old in self._versions():
            record = _read_record(old) or {}
            known = {(name, size, tag) for name, size, tag in record.get("files", ()) if tag}
            root = old / str(record.get("root"))
            for item, path in paths:
                if (item.path, item.size, item.tag) in known and not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with contextlib.suppress(OSError):  # then it is fetched
                        if (root / item.path).stat().st_size == item.size:
                            # a hard link; refused across file systems and by some network ones
                            os.link(root / item.path, path)

    def _check_size(self, listing: Listing, paths: list[tuple[RemoteFile, Path]], limit: int) -> None:
        """Refuse, before the first byte, what exceeds the limit or the free space."""
        size = listing.size or 0
        if size > limit:
            raise FathomError(
                f"{self.address} has {format_bytes(size)}, more than the limit of {format_bytes(limit)}; "
                "raise it with FATHOM_REMOTE_MAX_GB"
            )
        make_folder(self.folder, "set FATHOM_HOME to a writable folder")
        here = sum(_bytes_here(path) for _, path in paths)
        free = shutil.disk_usage(self.folder).free
        if size - here + _SPARE_BYTES > free and size > here:  # a transfer that is complete already needs no space
            raise FathomError(
                f"{self.address} needs {format_bytes(size - here)} more, and {format_bytes(free)} are free below "
                f"{cache_root()}; free some space or set FATHOM_HOME elsewhere"
            )

    def _read(self, version: str) -> LocalCopy | None:
        """Return a copy if it is here and complete."""
        folder = self.folder / version
        # a version from a file must not lead out of the folder
        if Path(version).name != version or version.startswith(".") or (record := _read_record(folder)) is None:
            return None
        path = folder / str(record["root"])
        if record.get("is_unpacked"):
            # its files were packed: sizes are not known one by one
            return LocalCopy(path, version) if path.is_dir() else None
        sizes = ((path / name if path.is_dir() else path, size) for name, size, _ in record["files"])
        # None: the server gave no size
        is_whole = all(file.exists() and size in (None, _bytes_here(file)) for file, size in sizes)
        return LocalCopy(path, version) if is_whole and path.exists() else None

    def _versions(self) -> list[Path]:
        """Return the folders of complete copies, the most recently confirmed first."""
        # the time of _touch, not of fetching
        found = [(path.stat().st_mtime, path.parent) for path in self.folder.glob(f"*/{_SOURCE}")]
        # ".part-…" is unfinished
        return [folder for _, folder in sorted(found, reverse=True) if not folder.name.startswith(".")]

    def _touch(self, version: str) -> None:
        with contextlib.suppress(OSError):
            os.utime(self.folder / version / _SOURCE)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process fetch at a time."""
        from filelock import FileLock, Timeout

        make_folder(self.folder, "set FATHOM_HOME to a writable folder")
        lock = FileLock(self.folder / ".lock")
        with contextlib.suppress(NotImplementedError):  # a file system without locks
            try:
                lock.acquire(timeout=0)  # first without waiting, to be able to say why it will wait
            except Timeout:
                notify(f"another process is fetching {self.address}; waiting for it")
                lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _open_source(address: str) -> RemoteSource:
    if split_address(address).scheme == "s3":
        from fathom.data.fetch.bucket import Bucket

        return Bucket(address)
    from fathom.data.fetch.web_source import WebFile

    if address.endswith("/"):
        raise UsageError(
            f"{address}: a folder cannot be listed over http; give a file, or an archive such as photos.zip"
        )
    return WebFile(address)


def _ask(source: RemoteSource) -> Listing:
    """List, with one retry."""
    try:
        return source.list_files()
    except TransferFailed as error:
        if not error.is_retryable:
            raise
        return source.list_files()


def _without_tags(listing: Listing) -> Listing:
    """Return a listing without sizes and tags, for a server that gives other ones each time."""
    return Listing(tuple(RemoteFile(item.path, None, "") for item in listing.files), listing.is_folder)


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / _SOURCE).read_text())
        # root is joined to a path: it must stay below the folder
        is_ours = record["schema"] == _SCHEMA and not {"..", ""} & set(str(record["root"]).split("/"))
        return record if is_ours and isinstance(record["files"], list) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _limit_bytes() -> int:
    text = os.environ.get("FATHOM_REMOTE_MAX_GB", "")
    try:
        limit = float(text) if text else _DEFAULT_LIMIT_GB
        if not limit > 0:
            raise ValueError
        return int(limit * 1e9)  # decimal, as disks are sold
    except (ValueError, OverflowError):
        raise UsageError(f"FATHOM_REMOTE_MAX_GB={text}: expected a number of gigabytes above 0") from None


def _bytes_here(path: Path) -> int:
    for place in (path, path.with_name(f"{path.name}.part")):  # the file, or what has arrived of it
        with contextlib.suppress(OSError):
            return place.stat().st_size
    return 0


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]  # 64 bits: versions of one address only
