"""Read and unpack tar archives that may be hostile: plain files only, inside their folder, of bounded size."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from fathom.data.paths import make_folder
from fathom.errors import FathomError


def read_members(archive: Path, *, max_bytes: int, max_members: int = 1000) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the (path, content) of each regular file in a tar archive, compressed or not.

    Raises:  FathomError at the first member that is a link or device, has an absolute or climbing path or is too
        large, and for a damaged archive
    """
    total = 0
    try:
        with tarfile.open(archive) as tar:
            for count, member in enumerate(tar, start=1):
                path = PurePosixPath(member.name)
                where = f"archive {archive}: member {member.name!r}"
                if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
                    raise FathomError(f"{where} points outside its folder; the archive is refused")
                if not (member.isreg() or member.isdir()):
                    raise FathomError(f"{where} is a link or device, not a plain file; the archive is refused")
                total += member.size
                if total > max_bytes or count > max_members:
                    raise FathomError(
                        f"{where} goes beyond {max_bytes:,} bytes or {max_members:,} members; the archive is refused"
                    )
                content = tar.extractfile(member)
                if content is not None:
                    yield path, content.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise FathomError(f"cannot read the archive {archive} ({error}); remove it to have it fetched again") from error


def unpack(archive: Path, destination: Path, *, max_bytes: int) -> Path:
    """Unpack a tar archive to the new folder ``destination``, all or nothing; do nothing if it is there.

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
            for path, content in read_members(archive, max_bytes=max_bytes):
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
