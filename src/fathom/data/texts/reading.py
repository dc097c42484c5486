"""Reading a text file, whatever it may really be. Torch-free, so that reading can overlap the import of torch."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from fathom.data.encodings import WESTERN, check_encoding, encoding_of_mark, guess_encoding, name_encoding
from fathom.data.row_files import PACKED
from fathom.data.tables.packed import open_packed, readable
from fathom.errors import FathomError

OPTION = "data.options.encoding"  # of training; ``fathom predict`` has one of its own
_MOST_BYTES = 1 << 31  # 2 GiB: text, tokens and numbers are all held in memory
_SAMPLE = 1 << 22  # bytes looked into where they are no UTF-8
# Accented letters among all: in French and German below 5 %, in Czech and Vietnamese, which Latin-1 cannot write, 20 to
# 30 %; in Cyrillic, Greek or Arabic nearly all.
_MOST_ACCENTED = 0.2
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]")
_ACCENTED = re.compile(rb"[\x80-\xff]")
# GB 18030 reads its older forms too
_SAME = {"utf-8-sig": "utf-8", "iso8859-1": "latin-1", "gbk": "gb18030", "gb2312": "gb18030"}
_WIDE = ("utf-16", "utf-32")  # every encoding of these families writes zero bytes


class TextFile(NamedTuple):
    """What a file says, the encoding it is in, and whether that was found out and is no UTF-8."""

    text: str
    encoding: str = "utf-8"
    is_guessed: bool = False

    def describe(self, name: object) -> str:
        """Say how a file was read, for the user to see."""
        return f"{name} is not in UTF-8; it is read as {name_encoding(self.encoding)}"


def read_text(
    path: str | Path, encoding: str | None = None, *, expected: str | None = None, option: str = OPTION
) -> TextFile:
    """Read a text file, packed or not; a byte-order mark is dropped, line ends become a newline.

    Args:
        encoding: of the file; None finds it out from all of its bytes.
        expected: what to take if they are no UTF-8, such as the encoding of a model's training text.
        option: what sets the encoding, for messages.
    Raises:  FathomError if it cannot be read, is empty, binary or in another encoding (with the place);
        UsageError for an unknown encoding
    """
    path = Path(path)
    if encoding is not None:
        check_encoding(encoding)
    try:
        size = path.stat().st_size
        content = b"" if size > _MOST_BYTES else _read_bytes(path)  # not read where it is refused below
    except OSError as error:
        raise FathomError(f"{path}: cannot be read ({error.strerror or error})") from error
    size = max(size, len(content))  # of a packed file more than it takes on the disk
    if size > _MOST_BYTES:
        raise FathomError(f"{path}: {size:,} bytes are more than the {_MOST_BYTES:,} that are held in memory")
    return decode_text(content, path, encoding, expected=expected, option=option)


def _read_bytes(path: Path) -> bytes:
    """Return the content of a file, unpacked if it is packed; of a very large one the beginning."""
    if path.suffix.lower() not in PACKED:
        return path.read_bytes()
    with readable(path), open_packed(path) as file:
        return file.read(_MOST_BYTES + 1)


def decode_text(
    content: bytes,
    path: object,
    encoding: str | None = None,
    *,
    expected: str | None = None,
    option: str = OPTION,
) -> TextFile:
    """Do what ``read_text`` does with bytes that were read already; ``path`` is what errors call them."""
    try:
        name = _find_encoding(content, expected) if encoding is None else _codec(encoding)
    except UnicodeDecodeError as error:
        raise FathomError(f"{path}: {_explain(content, error, 'utf-8', option)}") from None
    if name == "utf-8":
        content = content.removeprefix(codecs.BOM_UTF8)
        if encoding is not None and (mark := encoding_of_mark(content)):  # UTF-16 given as UTF-8 by mistake is named
            raise FathomError(f"{path}: this text is in {name_encoding(mark)}; set {option} to {mark}")
    if not name.startswith(_WIDE) and b"\0" in content:  # UTF-8 may hold zero, text does not
        raise FathomError(f"{path}: not a text: byte {content.index(0) + 1:,} is zero, as in binary files")
    try:
        text = content.decode(name)
    except UnicodeDecodeError as error:
        raise FathomError(f"{path}: {_explain(content, error, name, option)}") from None
    except (LookupError, UnicodeError) as error:
        raise FathomError(f"{path}: cannot be read as {encoding} ({error})") from None
    if not text.strip():
        raise FathomError(f"{path}: " + ("only whitespace" if text else "the file is empty"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # after decoding: in UTF-16 these are no single bytes
    return TextFile(text, name, is_guessed=encoding is None and name != "utf-8")


def _codec(encoding: str) -> str:
    """Return Python's name of an encoding, the same for all of its spellings; of UTF-8 the mark is dropped anyway."""
    check_encoding(encoding)
    name = codecs.lookup(encoding).name
    return _SAME.get(name, name)


def _find_encoding(content: bytes, expected: str | None) -> str:
    """Return the encoding of the bytes: by their mark, else UTF-8, else the expected one, else a guess.

    Raises:  UnicodeDecodeError if they are no UTF-8, and in letters that cannot be told apart
    """
    if mark := encoding_of_mark(content):
        return _codec(mark)
    wide = expected if expected and expected.startswith(_WIDE) else None
    if b"\0" in content:
        # without a mark only the expected one can be it
        return wide or "utf-8"  # which refuses it
    # the beginning, unless all of that is ASCII
    sample = content[:_SAMPLE] if not content[:_SAMPLE].isascii() else content
    foreign = b"".join(line for line in sample.splitlines(keepends=True) if not line.isascii())
    has_expected = expected is not None and expected not in ("utf-8", wide) and _fits(content, expected)
    try:
        text = content.decode("utf-8")
        # two bytes a character: "学习" in GBK is "ѧϰ" in UTF-8
        # text in Greek or Cyrillic stays UTF-8 unless the guess agrees too
        is_chance = has_expected and foreign and max(text) < "\u0800" and guess_encoding(foreign) == expected
        return str(expected) if is_chance else "utf-8"
    except UnicodeDecodeError as error:
        not_utf8 = error
    if has_expected:
        return str(expected)
    guess = guess_encoding(foreign)
    # too many accents for a Western text: better to ask than to read noise
    if guess in WESTERN and len(_ACCENTED.findall(sample)) > _MOST_ACCENTED * len(_LETTERS.findall(sample)):
        raise not_utf8
    return guess


def _fits(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except (LookupError, UnicodeError):
        return False
    return True


def _explain(content: bytes, error: UnicodeDecodeError, name: str, option: str) -> str:
    before = content[: error.start]
    line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1  # counted from 1
    byte = content[error.start]
    return (
        f"not text in {name}: byte 0x{byte:02x} at line {line}, byte {column} of it; "
        f"set {option} to the one it is in, such as latin-1, cp1252 or gb18030"
    )
