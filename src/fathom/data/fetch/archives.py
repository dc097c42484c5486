"""Read and unpack tar and zip archives that may be hostile: plain files only, inside their folder, bounded in size."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fathom.address import is_remote
from fathom.data.fetch.paths import make_folder
from fathom.errors import FathomError
from fathom.files import describe_failure, expand_home, sync_tree
from fathom.phrases import format_bytes

_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_MEMBERS = 2_000_000  # of an archive of images
_MAC_FOLDER = "__MACOSX"  # what macOS puts beside the files it packs


def is_archive(name: str) -> bool:
    """Return by its name whether a file is a packed folder."""
    return name.lower().endswith(ARCHIVES)


def is_packed(place: str | Path) -> bool:
    """Return by its name whether a path is that of an archive on this machine, which need not exist any more."""
    path = expand_home(place)
    return is_archive(path.name) and not is_remote(place) and not path.is_dir()


def stem_of(name: str) -> str:
    """Return the name of an archive without its ending.

    >>> stem_of("photos.tar.gz"), stem_of(".zip")
    ('photos', 'data')
    """
    ending = next((ending for ending in ARCHIVES if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)] or "data"


def find_root(folder: Path) -> Path:
    """Return the folder that holds the data: skip outer folders whose only content is a folder of folders."""
    while len(inside := _visible(folder)) == 1 and inside[0].is_dir() and any(p.is_dir() for p in _visible(inside[0])):
        folder = inside[0]
    return folder


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith((".", _MAC_FOLDER))]


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
            if not member.name or "\0" in member.name:
                raise FathomError(f"{where} has an invalid name; the archive is refused")
            if path.is_absolute() or ".." in path.parts or "\\" in member.name:  # a backslash parts folders on Windows
                raise FathomError(f"{where} points outside its folder; the archive is refused")
            if not member.is_plain:
                raise FathomError(f"{where} is a link or device, not a plain file; the archive is refused")
            total += member.size  # as declared, before a byte is unpacked: a bomb is refused for what it says
            if total > max_bytes:
                raise TooLarge(f"{where} exceeds {format_bytes(max_bytes)} in all; the archive is refused")
            if count > max_members:
                raise FathomError(f"{where} exceeds {max_members:,} members; the archive is refused")
            content = member.read()
            if content is not None:
                yield path, content
    except (*_DAMAGE, OSError, NotImplementedError) as error:
        reason = str(error)
        if "\n" in reason:  # tarfile lists, line by line, why each kind of compression failed
            reason = "it is neither a tar nor a zip archive"
        elif reason == "File is not a zip file":  # it starts like one
            reason = "it is truncated: the list of its files, at the end, is missing"
        raise FathomError(f"cannot read the archive {archive} ({reason}); delete it to download it again") from error


class TooLarge(FathomError):
    """An archive exceeds the limit of bytes."""


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
                if info.flag_bits & 1:  # bit 0 of the general-purpose flags: encrypted
                    raise zipfile.BadZipFile("it is encrypted")
                return None if info.is_dir() else zipped.read(info)  # never more than the checked size

            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if it was not packed on Unix
            name = info.orig_filename if "\0" in info.orig_filename else info.filename  # the latter ends at a NUL
            yield _Member(name, kind in (0, stat.S_IFREG, stat.S_IFDIR), info.file_size, read)


def _is_zip(archive: Path) -> bool:
    with archive.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")  # a first member, or the end of an empty archive


def unpack(
    archive: Path,
    destination: Path,
    *,
    max_bytes: int,
    max_members: int = 1000,
    on_write: Callable[[int, int], None] = lambda num_bytes, num_files: None,
) -> Path:
    """Unpack an archive to the new folder ``destination``, all or nothing; do nothing if it exists.

    Args:
        on_write: called with the (bytes, files) written since the last call.
    Raises:  FathomError as ``read_members``, or if the disk refuses
    """
    if destination.exists():
        return destination
    make_folder(destination.parent)
    from filelock import FileLock

    partial = destination.with_name(f".{destination.name}.part")  # same folder: a rename crosses no file system
    with FileLock(destination.with_name(f".{destination.name}.lock")):
        if destination.exists():  # another process unpacked it while this one waited
            return destination
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed process
        try:
            partial.mkdir()
            for path, content in read_members(archive, max_bytes=max_bytes, max_members=max_members):
                if _MAC_FOLDER in path.parts:
                    continue
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_bytes(content)
                on_write(len(content), 1)
            sync_tree(partial)  # before the rename, or a power cut could leave the name without the content
            partial.rename(destination)
        except OSError as error:
            raise describe_failure("unpack", f"{archive} to {destination}", error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return destination
