"""Files that are read once, as those of ``fathom predict``, wherever they lie. Torch-free."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from fathom.address import is_remote
from fathom.errors import FathomError


def fetch_input(source: str | Path) -> Path:
    """Return the place on this machine of a file that is to be read once.

    Raises:  as ``local_copy``; FathomError for a device, which need not end
    """
    if not is_remote(source):
        with contextlib.suppress(OSError, ValueError):  # what cannot be read is told of by whoever reads it
            mode = os.stat(source).st_mode
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                raise FathomError(f"cannot read {source}: it is a device, not a file; - stands for standard input")
        return Path(source)
    from fathom.data.fetch.copies import local_copy

    return local_copy(str(source)).path
