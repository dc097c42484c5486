"""Folders of data sets: that in FATHOM_DATA, then the cache. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path

from fathom.errors import FathomError
from fathom.files import expand_home


def cache_root() -> Path:
    """Return the cache folder: FATHOM_HOME if set, else the platform's; it need not exist yet."""
    home = os.environ.get("FATHOM_HOME")
    if home:
        return expand_home(home).absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("fathom", appauthor=False))


def measure_cache() -> dict[str, int]:
    """Return the bytes in each folder of the cache, by its name."""
    sizes: dict[str, int] = {}
    root = cache_root()
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.is_dir():
            files = (os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)
            # lstat: a link counts for itself, not its target
            sizes[folder.name] = sum(os.lstat(file).st_size for file in files)
    return sizes


def data_roots() -> list[Path]:
    """Return the folders to look for data sets in, in order.

    Raises:  FathomError if FATHOM_DATA names something that is not a folder
    """
    roots = [cache_root() / "data"]
    own = os.environ.get("FATHOM_DATA")
    if own:
        folder = expand_home(own).absolute()
        if not folder.is_dir():
            raise FathomError(f"FATHOM_DATA names {folder}, which is not a folder; correct it or unset it")
        roots.insert(0, folder)
    return roots


def make_cache_folder(*parts: str) -> Path:
    """Make the folder ``<cache>/data/<parts>`` if need be, and check that it is writable.

    Raises:  FathomError, naming the folder, if it cannot be made or written to
    """
    folder = cache_root().joinpath("data", *parts)
    make_folder(folder, "set FATHOM_HOME to a writable folder")
    return folder


def make_folder(folder: Path, advice: str = "choose a writable one") -> None:
    """Make ``folder`` if need be.

    Raises:  FathomError, naming the folder, if it cannot be made or written to
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FathomError(f"cannot make the folder {folder} ({error.strerror or error}); {advice}") from error
    if not os.access(folder, os.W_OK | os.X_OK):  # to make files in a folder takes x as well
        raise FathomError(f"the folder {folder} is not writable; {advice}")
