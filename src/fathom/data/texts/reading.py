"""Reading a text file, whatever it may really be. Torch-free, so that reading can overlap the import of torch."""

from __future__ import annotations

import codecs
from pathlib import Path

from fathom.errors import FathomError, UsageError

_MOST_BYTES = 1 << 31


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """Read a text file; a byte-order mark is dropped, line ends become a newline.

    Raises:  FathomError if it cannot be read, is empty, binary or in another encoding (with the place);
        UsageError for an unknown encoding
    """
    path = Path(path)
    _find_codec(encoding)
    try:
        size = path.stat().st_size
        content = b"" if size > _MOST_BYTES else path.read_bytes()
    except OSError as error:
        raise FathomError(f"{path}: cannot be read ({error.strerror or error})") from error
    if size > _MOST_BYTES:
        raise FathomError(f"{path}: {size:,} bytes are more than the {_MOST_BYTES:,} that are held in memory")
    return decode_text(content, path, encoding)


def decode_text(content: bytes, path: object, encoding: str = "utf-8") -> str:
    """Do what ``read_text`` does with bytes that were read already; ``path`` is what errors call them."""
    name = _find_codec(encoding)
    if name == "utf-8":
        content = content.removeprefix(codecs.BOM_UTF8)
        for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            if content.startswith(mark):
                raise FathomError(f"{path}: this text is in UTF-16; set data.options.encoding=utf-16")
    if not name.startswith(("utf-16", "utf-32")) and b"\0" in content:
        raise FathomError(f"{path}: not a text: byte {content.index(0) + 1:,} is zero, as in binary files")
    try:
        text = content.decode(name)
    except UnicodeDecodeError as error:
        raise FathomError(f"{path}: {_explain(content, error, name)}") from None
    except (LookupError, UnicodeError) as error:
        raise FathomError(f"{path}: cannot be read as {encoding} ({error})") from None
    if not text.strip():
        raise FathomError(f"{path}: " + ("only whitespace" if text else "the file is empty"))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _find_codec(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except (LookupError, TypeError):
        raise UsageError(f"unknown encoding {encoding!r}; such as utf-8, utf-16, latin-1, cp1252, gb18030") from None


def _explain(content: bytes, error: UnicodeDecodeError, name: str) -> str:
    before = content[: error.start]
    line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
    byte = content[error.start]
    return (
        f"not text in {name}: byte 0x{byte:02x} at line {line}, byte {column} of it; "
        "set data.options.encoding to the one it is in, such as latin-1, cp1252 or gb18030"
    )
