"""In which encoding a file of rows is written, found out from all of its bytes, packed or not."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from fathom.data.tables.packed import open_rows
from fathom.errors import UsageError

_CHUNK = 1 << 20
_SAMPLE = 1 << 22  # bytes looked into where they are no UTF-8
_SHARE = 0.6  # of pairs that are among the commonest characters; of other encodings' letters it is a third at most
_FOREIGN = re.compile(rb"[\x80-\xff][\x40-\xff]?")
# Where the standards put the characters of daily use: GB 2312's first level, Big5's first level.
_COMMON = {
    "gb18030": re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa1-\xa3\xa4-\xc6](?:[\x40-\x7e]|[\xa1-\xfe])"),
}


def find_encoding(path: Path) -> str:
    """Return UTF-8 (with a byte-order mark "utf-8-sig"), "utf-16", "gb18030", "big5", or else "latin-1".

    Raises:  OSError, EOFError if it cannot be read
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_rows(path) as file:
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
    with open_rows(path) as file:
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
