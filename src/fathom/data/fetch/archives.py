"""Read and unpack tar and zip archives that may be hostile: plain files only, inside their folder, bounded in size."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from fathom.address import is_remote
from fathom.data.fetch.archive_members import DAMAGE, NameReading, iterate_members
from fathom.data.fetch.paths import make_folder
from fathom.data.fetch.progress import notify
from fathom.errors import FathomError, UsageError
from fathom.files import describe_failure, expand_home, sync_tree
from fathom.phrases import format_bytes

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_MEMBERS = 2_000_000  # of an archive of images
_ENCODING = "data.options.archive_encoding"
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


def read_members(
    archive: Path, *, max_bytes: int, max_members: int = 1000, names: NameReading | None = None
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the (path, content) of each regular file in a tar archive, compressed or not, or a zip archive.

    Whoever reads to the end has all that was packed: checksums, counts and the marks of the end are compared.

    Args:
        names: how those of the members are read.
    Raises:  FathomError at the first member that is a link or device, has an absolute or climbing path or is too
        large, and for a damaged archive
    """
    total = 0
    try:
        for count, member in enumerate(iterate_members(archive, max_bytes, names or NameReading()), start=1):
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
    except UsageError as error:  # names in another encoding than was asked for
        raise UsageError(f"{archive}: {error}") from None
    except (*DAMAGE, OSError, NotImplementedError) as error:
        raise FathomError(
            f"cannot read the archive {archive} ({_describe_damage(error)}); delete it to download it again"
        ) from error


def name_reading(archive: str, encoding: str | None) -> NameReading:
    """Return how names in an archive are read, and say so on standard error where the encoding is found."""

    def say(found: str) -> None:
        notify(
            f"{archive}: names of files are not UTF-8, and read as {found}; "
            f"--set {_ENCODING}=NAME, or of predict and eval --encoding NAME, reads them otherwise"
        )

    return NameReading(encoding, say)


def _describe_damage(error: Exception) -> str:
    """Say what is wrong with an archive, in a line."""
    reason = str(error)
    if re.match("truncated header|empty file|empty header|invalid header|bad checksum", reason):
        return "it is neither a tar nor a zip archive, or its beginning is damaged"
    if reason.startswith("File name in directory"):
        return "it is damaged: its list of files and the files have different names"
    if reason == "File is not a zip file":  # it starts like one
        return "it is truncated: the list of its files, at the end, is missing"
    if isinstance(error, EOFError) or reason == "unexpected end of data":
        return "it is truncated"
    if "CRC" in reason or reason.startswith(("Corrupt", "Invalid data stream", "Error -3")):
        return f"it is damaged: {reason}"
    if reason.startswith("Not a gzipped file"):
        return "it is damaged: other data follow its end"
    return reason


class TooLarge(FathomError):
    """An archive exceeds the limit of bytes."""


def unpack(
    archive: Path,
    destination: Path,
    *,
    max_bytes: int,
    max_members: int = 1000,
    on_write: Callable[[int, int], None] = lambda num_bytes, num_files: None,
    names: NameReading | None = None,
) -> Path:
    """Unpack an archive to the new folder ``destination``, all or nothing; do nothing if it exists.

    Args:
        on_write: called with the (bytes, files) written since the last call.
        names: as ``read_members`` takes it.
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
            for path, content in read_members(archive, max_bytes=max_bytes, max_members=max_members, names=names):
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
