"""Names of folders as text: on Linux a name is bytes, and may come from where UTF-8 was not written. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fathom.data.encodings import guess_encoding
from fathom.phrases import enumerated


def readable_names(names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the names with those that are not UTF-8 decoded, and a line that says so.

    Such names hold surrogates, which no file of text can. All of them are read in one encoding, see
    ``guess_encoding``; two that would become one keep their bytes in writing, as ``caf\\xe9``.

    >>> readable_names(["dog", "cat"])
    (('dog', 'cat'), [])
    """
    foreign = [name for name in names if not _is_text(name)]
    if not foreign:
        return tuple(names), []
    raw = {name: os.fsencode(name) for name in foreign}
    encoding = guess_encoding(b"\n".join(raw.values()))
    shown = [raw[name].decode(encoding, "backslashreplace") if name in raw else name for name in names]
    shown = [
        name if shown.count(name) == 1 else raw[old].decode("ascii", "backslashreplace") if old in raw else name
        for old, name in zip(names, shown, strict=True)
    ]
    decoded = enumerated([name for old, name in zip(names, shown, strict=True) if old in raw], 4)
    return tuple(shown), [f"classes: names of folders that are not UTF-8 are read as {encoding} ({decoded})"]


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
