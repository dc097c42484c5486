"""The Time Machine by H. G. Wells, the text that the book's language models learn from. Torch-free.

Source:  Project Gutenberg, 1898 edition, as the book serves it (published SHA-1
         090b5e7e70c295757f55df93cb0a180b9691891a)
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fathom.data.fetch.download import fetch
from fathom.data.fetch.paths import data_roots, make_cache_folder
from fathom.data.texts.reading import read_text
from fathom.errors import FathomError

FILE = "timemachine.txt"
SHA256 = "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516"
URLS = (
    "https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
    "https://d2l-data.s3.amazonaws.com/timemachine.txt",
)
FORM = {"lower": True, "clean": "letters"}  # as the book reads it: 173,428 letters and spaces
_NUM_BYTES = 178_979  # of the file, and no more is taken from the network


def load() -> str:
    """Read the text from FATHOM_DATA, else the cache, else the network.

    Raises:  FathomError, naming the file, if it is altered or cannot be had
    """
    path = locate()
    if path is None:
        path = fetch(URLS, make_cache_folder("text") / FILE, checksum=f"sha256:{SHA256}", max_bytes=_NUM_BYTES)
    verify(path)
    return read_text(path, "utf-8").text


def locate() -> Path | None:
    """Name the file, in the folder ``text`` of a root or in the root itself; None if there is none."""
    for root in data_roots():
        for folder in (root / "text", root):  # text/ as the cache has it, or the file alone
            if (folder / FILE).is_file():
                return folder / FILE
    return None


def verify(path: Path) -> None:
    """Check the file's checksum.

    Raises:  FathomError if it is unreadable or altered
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FathomError(f"cannot read {path} ({error.strerror or error})") from error
    if hashlib.sha256(content, usedforsecurity=False).hexdigest() != SHA256:
        raise FathomError(
            f"{path} has the wrong checksum; delete it to download it again, or put the book's file in its place"
        )
