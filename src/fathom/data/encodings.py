"""In which encoding bytes are written that are no UTF-8, told by the characters they would be."""

from __future__ import annotations

import codecs
import re

from fathom.errors import UsageError

_SHARE = 0.6  # of pairs that are among the commonest characters; of other encodings' letters it is a third at most
_KOREAN = 0.95  # of a Korean text's pairs; of a Chinese one's about half, whose characters go on to 0xd7
_FOREIGN = re.compile(rb"[\x80-\xff][\x40-\xff]?")
_CONTROLS = re.compile(rb"[\x80-\x9f]")  # of Latin-1; Windows has quotes and dashes there
# Where the standards put the characters of daily use: GB 2312's first level, Big5's first level, the syllables of
# KS X 1001, kana and first-level kanji of JIS X 0208.
_COMMON = {
    "gb18030": re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa1-\xa3\xa4-\xc6](?:[\x40-\x7e]|[\xa1-\xfe])"),
    "euc-kr": re.compile(rb"[\xa1-\xa3\xb0-\xc8][\xa1-\xfe]"),
    "cp932": re.compile(rb"[\x81-\x83\x88-\x97][\x40-\xfc]"),
}
WESTERN = ("latin-1", "cp1252")  # what is left where no other characters are found
_SHOWN = {
    "utf-16": "UTF-16",
    "utf-32": "UTF-32",
    "gb18030": "GBK (gb18030)",
    "big5": "Big5",
    "euc-kr": "EUC-KR",
    "cp932": "Shift JIS (cp932)",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
}


def check_encoding(encoding: str) -> None:
    """Refuse an encoding that does not exist."""
    try:
        # "hex" and "rot13" are codecs too, of no text
        is_text = getattr(codecs.lookup(encoding), "_is_text_encoding", True)
    except (LookupError, TypeError, ValueError):
        is_text = False
    if not is_text or encoding in ("undefined", "idna", "punycode"):
        known = "such as utf-16, latin-1, cp1252, gb18030, big5"
        raise UsageError(f"unknown encoding {encoding!r}; {known}") from None


def encoding_of_mark(head: bytes) -> str | None:
    """Return what a byte-order mark says: "utf-8-sig", "utf-16", "utf-32"; None without one."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # before UTF-16, whose mark is the first half of it
        return "utf-32"
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def guess_encoding(text: bytes) -> str:
    """Return the encoding whose commonest characters the bytes are: in Latin letters most stand alone.

    Returns: "gb18030", "big5", "euc-kr", "cp932", or else "cp1252" or "latin-1"
    """
    pairs = _FOREIGN.findall(text)
    shares = {}
    for encoding, common in _COMMON.items():
        try:
            text.decode(encoding)
        except UnicodeDecodeError:
            continue
        shares[encoding] = sum(common.fullmatch(pair) is not None for pair in pairs) / len(pairs)
    if shares.get("euc-kr", 1) < _KOREAN:  # its syllables are a part of GB 2312's first level
        del shares["euc-kr"]
    elif "euc-kr" in shares:
        return "euc-kr"
    best = max(shares, key=lambda encoding: shares[encoding], default="latin-1")
    # "é" before a letter is a pair of Big5 too: there, pairs end in letters; in Chinese half of them do not.
    high = sum(len(pair) == 2 and pair[1] > 0x7F for pair in pairs) / len(pairs)
    return best if shares.get(best, 0) >= _SHARE and high > 0.3 else _western(text)


def name_encoding(encoding: str) -> str:
    """Return what messages call an encoding."""
    return _SHOWN.get(encoding, encoding)


def _western(text: bytes) -> str:
    if not _CONTROLS.search(text):
        return "latin-1"
    try:
        text.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
