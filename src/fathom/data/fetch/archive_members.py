"""The members of a tar or zip archive, one after another, and what the format has to show that none is damaged or lost.

A zip has a checksum of every member and their number, gzip and xz a checksum at the end, bzip2 one of every block; a
tar has checksums of its headers and blocks of zeros behind the last member.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from fathom.data.encodings import WESTERN, guess_encoding
from fathom.errors import UsageError

_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # a first member, or the end of an empty archive
_BLOCK = 512  # bytes; a tar consists of such
_CHUNK = 1 << 20
_FILL = 1 << 20  # zeros that fill the last record, 10,240 bytes mostly, are no content
_MAGIC = b"ustar"  # in the header of every member that tar writes today
_END_OF_ZIP = b"PK\x05\x06"
_LONGEST_END = 22 + 65_535  # bytes of the end of a zip, and of the comment that may follow
_UTF8_FLAG = 0x800  # of a zip member: its name is UTF-8
_DOS = 0  # the system that a zip member says it was packed on
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class NameReading:
    """How the names of an archive's members are read, where the archive itself does not say that they are UTF-8.

    Attributes:
        encoding: in which they are; None finds it.
        on_found: called with the encoding that was found, where that is not UTF-8.
    """

    encoding: str | None = None
    on_found: Callable[[str], None] | None = None


class Damaged(tarfile.TarError):
    """An archive is not whole."""


@dataclass(frozen=True)
class Member:
    """A member of an archive: a file, a folder, or what is refused."""

    name: str
    is_plain: bool  # a file or a folder
    size: int
    read: Callable[[], bytes | None]  # None for a folder


def iterate_members(archive: Path, max_tail: int, names: NameReading) -> Iterator[Member]:
    """Return the members of an archive in their order; the end of it is checked behind the last one.

    Args:
        max_tail: bytes that may follow the last member of a tar, besides a fill of zeros.
        names: how those of the members are read.
    Raises:  OSError, or one of ``DAMAGE``
    """
    with archive.open("rb") as file:
        head = file.read(6)
    if head.startswith(_ZIP):
        yield from _zip_members(archive, names)
        return
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), open)
    with cast("IO[bytes]", opener(archive, "rb")) as stream:
        yield from _tar_members(_Tail(stream), _Names(lambda: _tar_names(opener, archive), names), max_tail)


class _Tail:
    """A stream that is read forwards, and remembers what was read last."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.last = stream, b""
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        """Read some bytes."""
        self.last = self.stream.read(size)
        return self.last


class _Names:
    """Turns the bytes of names into text: UTF-8, else the encoding that all of the other names together seem to be in.

    Args:
        list_all: returns the bytes of all names.
        reading: what is known of the encoding.
        plain: the encoding where it is none of the Chinese ones.
    """

    def __init__(self, list_all: Callable[[], Iterable[bytes]], reading: NameReading, plain: str = "latin-1") -> None:
        self.list_all, self.reading, self.plain, self.encoding = list_all, reading, plain, ""

    def decode(self, name: bytes, *, is_utf8: bool = False) -> str:
        """Return a name.

        Args:
            is_utf8: whether the archive says so.
        Raises:  UsageError for a name that is not written in the encoding that was asked for
        """
        if self.reading.encoding is not None and not is_utf8:
            try:
                return name.decode(self.reading.encoding)
            except UnicodeError:
                raise UsageError(f"a name in it, {name!r}, is not written in {self.reading.encoding}") from None
        try:
            return name.decode()
        except UnicodeDecodeError:
            if not self.encoding:
                foreign = {name for name in self.list_all() if not _is_utf8(name)}
                found = guess_encoding(b"\n".join(sorted(foreign)))
                self.encoding = self.plain if found in WESTERN else found
                if self.reading.on_found is not None:
                    self.reading.on_found(self.encoding)
            return name.decode(self.encoding, "replace")


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _tar_members(stream: _Tail, names: _Names, max_tail: int) -> Iterator[Member]:
    with tarfile.open(fileobj=cast("Any", stream), mode="r:", encoding="utf-8") as tar:
        files: dict[str, tarfile.TarInfo] = {}  # so far; a hard link, as backups have them, is one of these again
        for info in tar:
            content = files.get(info.linkname, info) if info.islnk() else info

            def read(content: tarfile.TarInfo = content) -> bytes | None:
                file = tar.extractfile(content)
                return None if file is None else file.read()

            if content.isreg():
                files[info.name] = content
            yield Member(
                # the newer form of a tar says a name that is not ASCII once more, in UTF-8
                names.decode(info.name.encode("utf-8", "surrogateescape"), is_utf8="path" in info.pax_headers),
                content.isreg() or content.isdir(),
                content.size,
                read,
            )
    _check_end(stream, max_tail)


def _tar_names(opener: Callable[..., Any], archive: Path) -> list[bytes]:
    with opener(archive, "rb") as stream, tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as tar:
        return [info.name.encode("utf-8", "surrogateescape") for info in tar]


def _check_end(stream: _Tail, max_tail: int) -> None:
    """Check that the members end where a tar says so; reading to the end lets a compressed one check its sum.

    Raises:  Damaged; as the stream
    """
    # tarfile takes a header that it cannot read for the end
    if len(stream.last) < _BLOCK:
        raise Damaged("it is truncated: the blocks that end a tar are missing")
    if stream.last.count(0) != _BLOCK:
        raise Damaged("it is damaged: what follows the last file is not the header of one")
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if _MAGIC in chunk:
            raise Damaged("it is two archives in one file: join them with tar --concatenate")
        if size > max_tail + _FILL:
            raise Damaged("more bytes follow its last file than files may hold")


def _zip_members(archive: Path, reading: NameReading) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as zipped:
        infos = zipped.infolist()
        _check_count(archive, len(infos))
        # cp437 is what the standard says, and what Python decoded the name with
        names = _Names(lambda: (_raw_name(info) for info in infos), reading, plain="cp437")
        for info in infos:

            def read(info: zipfile.ZipInfo = info) -> bytes | None:
                if info.flag_bits & 1:  # bit 0 of the general-purpose flags: encrypted
                    raise zipfile.BadZipFile("it is encrypted")
                return None if info.is_dir() else zipped.read(info)  # never more than the checked size

            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if it was not packed on Unix
            name = names.decode(_raw_name(info), is_utf8=bool(info.flag_bits & _UTF8_FLAG))
            if info.create_system == _DOS and "/" not in name:
                name = name.replace("\\", "/")  # old programs of Windows part folders so, against the standard
            yield Member(name, kind in (0, stat.S_IFREG, stat.S_IFDIR), info.file_size, read)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a name."""
    # ``filename`` ends at a NUL, and has / for what parts folders on this system
    name = info.orig_filename if "\0" in info.orig_filename else info.filename
    if info.flag_bits & _UTF8_FLAG:
        return name.encode()
    try:
        return name.encode("cp437")
    except UnicodeEncodeError:  # from the field that says the name in Unicode
        return name.encode()


def _check_count(archive: Path, found: int) -> None:
    """Compare the number of members that a zip promises at its end with those that are listed.

    Raises:  BadZipFile
    """
    with archive.open("rb") as file:
        file.seek(-min(_LONGEST_END, os.path.getsize(archive)), os.SEEK_END)
        tail = file.read()
    place = tail.rfind(_END_OF_ZIP)
    promised = int.from_bytes(tail[place + 10 : place + 12], "little")
    # past 65,534 the number stands elsewhere, or what is left of it in 16 bits
    if promised not in (found & 0xFFFF, 0xFFFF):
        raise zipfile.BadZipFile(f"it is damaged: its list has {found:,} of {promised:,} files")
