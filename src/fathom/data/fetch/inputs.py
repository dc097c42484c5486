"""Files that are read once, such as those of ``fathom predict``, local or remote. Torch-free."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from fathom.address import is_remote
from fathom.errors import FathomError


def fetch_input(source: str | Path, *, unpacks: bool = False, encoding: str | None = None) -> Path:
    """Return the local path of a file that is to be read once.

    Args:
        unpacks: whether a remote archive becomes a folder.
        encoding: of the names in it; None finds it.
    Raises:  as ``local_copy``; FathomError for a device, which may be endless
    """
    if not is_remote(source):
        with contextlib.suppress(OSError, ValueError):  # what cannot be read fails later, with a message
            mode = os.stat(source).st_mode
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                raise FathomError(f"cannot read {source}: it is a device, not a file; use - for standard input")
        return Path(source)
    from fathom.data.fetch.copies import local_copy

    return local_copy(str(source), unpacks=unpacks, encoding=encoding).path
