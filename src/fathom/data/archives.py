"""Read and unpack tar and zip archives that may be hostile: plain files only, inside their folder, bounded in size."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fathom.data.paths import make_folder
from fathom.errors import FathomError

_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is a packed folder."""
    return name.lower().endswith(ARCHIVES)


def read_members(archive: Path, *, max_bytes: int, max_members: int = 1000) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the (path, content) of each regular file in a tar archive, compressed or not, or a zip archive.

    Raises:  FathomError at the first member that is a link or device, has an absolute or climbing path or is too
        large, and for a damaged archive
    """
    total = 0
    try:
        for count, member in enumerate(_zip_members(archive) if _is_zip(archive) else _tar_members(archive), start=1):
            path = PurePosixPath(member.name)
            where = f"archive {archive}: member {member.name!r}"
            if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
                raise FathomError(f"{where} points outside its folder; the archive is refused")
            if not member.is_plain:
                raise FathomError(f"{where} is a link or device, not a plain file; the archive is refused")
            total += member.size
            if total > max_bytes or count > max_members:
                raise FathomError(
                    f"{where} goes beyond {max_bytes:,} bytes or {max_members:,} members; the archive is refused"
                )
            content = member.read()
            if content is not None:
                yield path, content
    except (*_DAMAGE, OSError, NotImplementedError) as error:
        # tarfile lists, line by line, why each kind of compression is not the file's
        reason = "it is neither a tar nor a zip archive" if "\n" in str(error) else error
        raise FathomError(
            f"cannot read the archive {archive} ({reason}); remove it to have it fetched again"
        ) from error


@dataclass(frozen=True)
class _Member:
    name: str
    is_plain: bool  # a file or a folder
    size: int
    read: Callable[[], bytes | None]  # None for a folder


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as tar:
        for info in tar:

            def read(info: tarfile.TarInfo = info) -> bytes | None:
                file = tar.extractfile(info)
                return None if file is None else file.read()

            yield _Member(info.name, info.isreg() or info.isdir(), info.size, read)


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as zipped:
        for info in zipped.infolist():

            def read(info: zipfile.ZipInfo = info) -> bytes | None:
                if info.flag_bits & 1:
                    raise zipfile.BadZipFile("it is encrypted")
                return None if info.is_dir() else zipped.read(info)  # never more than the size that was checked

            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where it was packed on another system than Unix
            yield _Member(info.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR), info.file_size, read)


def _is_zip(archive: Path) -> bool:
    with archive.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(archive: Path, destination: Path, *, max_bytes: int, max_members: int = 1000) -> Path:
    """Unpack an archive to the new folder ``destination``, all or nothing; do nothing if it is there.

    Raises:  FathomError for what ``read_members`` refuses and for a disk that does
    """
    if destination.exists():
        return destination
    make_folder(destination.parent)
    from filelock import FileLock

    partial = destination.with_name(f".{destination.name}.part")
    with FileLock(destination.with_name(f".{destination.name}.lock")):
        if destination.exists():  # another process unpacked it while this one waited
            return destination
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed process
        try:
            partial.mkdir()
            for path, content in read_members(archive, max_bytes=max_bytes, max_members=max_members):
                _write(partial / path, content)
            partial.rename(destination)
        except OSError as error:
            raise FathomError(
                f"cannot unpack {archive} to {destination} ({error.strerror or error}); free some space"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return destination


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
