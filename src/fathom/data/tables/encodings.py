"""In which encoding a file of rows is written, found out from all of its bytes, packed or not."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from fathom.data.encodings import encoding_of_mark, guess_encoding
from fathom.data.tables.packed import open_rows

_CHUNK = 1 << 20  # 1 MiB at a time: files may be larger than the memory
_SAMPLE = 1 << 22  # bytes looked into where they are no UTF-8


def find_encoding(path: Path) -> str:
    """Return UTF-8 (with a byte-order mark "utf-8-sig"), "utf-16", "utf-32", or else what ``guess_encoding`` says.

    Raises:  OSError, EOFError if it cannot be read
    """
    decoder = codecs.getincrementaldecoder("utf-8")()  # incremental: a character may lie across two chunks
    with open_rows(path) as file:
        head = file.read(_CHUNK)
        mark = encoding_of_mark(head)
        if mark in ("utf-16", "utf-32"):  # a mark of these settles it: text in them is no valid UTF-8
            return mark
        chunk = head
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)  # an unfinished character at the end is an error too
        except UnicodeDecodeError:
            return guess_encoding(b"".join(_foreign_lines(path)))
    return mark or "utf-8"


def _foreign_lines(path: Path) -> Iterator[bytes]:
    """Return the lines with bytes beyond ASCII, so many as are enough to tell the encoding."""
    size = 0
    with open_rows(path) as file:
        for line in file:
            if not line.isascii():  # lines of ASCII say nothing of the encoding
                size += len(line)
                yield line
            if size > _SAMPLE:
                return
