"""In which encoding a file of rows is written, found out from all of its bytes, packed or not."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from fathom.errors import FathomError, UsageError

_CHUNK = 1 << 20
_SAMPLE = 1 << 22  # bytes looked into where they are no UTF-8
_SHARE = 0.6  # of pairs that are among the commonest characters; of other encodings' letters it is a third at most
_FOREIGN = re.compile(rb"[\x80-\xff][\x40-\xff]?")
# Where the standards put the characters of daily use: GB 2312's first level, Big5's first level.
_COMMON = {
    "gb18030": re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa1-\xa3\xa4-\xc6](?:[\x40-\x7e]|[\xa1-\xfe])"),
}


def open_packed(path: Path) -> IO[bytes]:
    """Open a file of rows, unpacked by its ending: .gz, .bz2, .xz, or .zip with one file in it.

    Raises:  OSError; FathomError for an archive that is none, or of several files
    """
    ending = path.suffix.lower()
    if ending == ".zip":
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise FathomError(f"{path}: not a zip archive ({error})") from None
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if len(names) != 1:
            raise FathomError(f"{path}: a table needs an archive of one file; there are {len(names):,}")
        return archive.open(names[0])
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return cast("IO[bytes]", openers.get(ending, open)(path, "rb"))


def find_encoding(path: Path) -> str:
    """Return UTF-8 (with a byte-order mark "utf-8-sig"), "utf-16", "gb18030", "big5", or else "latin-1".

    Raises:  OSError, EOFError if it cannot be read
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_packed(path) as file:
        head = file.read(_CHUNK)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        chunk = head
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return guess_encoding(b"".join(_foreign_lines(path)))
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def check_encoding(encoding: str) -> None:
    """Refuse an encoding that does not exist."""
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise UsageError(
            f"data.options.encoding: unknown encoding {encoding!r}; such as gb18030, big5, cp1252"
        ) from None


def _foreign_lines(path: Path) -> Iterator[bytes]:
    """Return the lines with bytes beyond ASCII, so many as are enough to tell the encoding."""
    size = 0
    with open_packed(path) as file:
        for line in file:
            if not line.isascii():
                size += len(line)
                yield line
            if size > _SAMPLE:
                return


def guess_encoding(text: bytes) -> str:
    """Return the encoding whose commonest characters the bytes are: in Latin letters most stand alone.

    Args:
        text: some of it beyond ASCII, and no UTF-8.
    """
    pairs = _FOREIGN.findall(text)
    shares = {}
    for encoding, common in _COMMON.items():
        try:
            text.decode(encoding)
        except UnicodeDecodeError:
            continue
        shares[encoding] = sum(common.fullmatch(pair) is not None for pair in pairs) / len(pairs)
    best = max(shares, key=lambda encoding: shares[encoding], default="latin-1")
    # "é" before a letter is a pair of Big5 too: there, pairs end in letters; in Chinese half of them do not.
    high = sum(len(pair) == 2 and pair[1] > 0x7F for pair in pairs) / len(pairs)
    return best if shares.get(best, 0) >= _SHARE and high > 0.3 else "latin-1"
