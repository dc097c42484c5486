"""One process at a time in a run folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fathom.errors import FathomError


@contextlib.contextmanager
def lock_run(path: Path, name: str = ".lock") -> Iterator[None]:
    """Keep other processes from training in the same run folder; ``name`` is the lock's file.

    Raises:  FathomError if one does
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path / name, timeout=0)  # the system's lock: a killed process leaves none behind
    try:
        with contextlib.suppress(NotImplementedError):  # a file system without locks
            lock.acquire()
    except Timeout:
        raise FathomError(f"{path}: another process is training this run; wait for it or stop it first") from None
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path, name: str = ".lock") -> bool:
    """Whether a process trains in the run folder right now; the folder is left as it is."""
    if not (path / name).exists():
        return False  # no lock file: nobody trained here yet
    try:
        with lock_run(path, name):
            return False  # taken and given back at once
    except FathomError:
        return True
    except OSError:  # read-only: then nobody trains there
        return False
