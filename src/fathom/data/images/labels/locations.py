"""Where the files are that a label file names. Loads without torch."""

from __future__ import annotations

import os
from pathlib import Path

from fathom.data.images.formats import EXTENSIONS
from fathom.errors import FathomError


def find_sample(images: Path, files: list[str]) -> list[Path | None]:
    """Find the files that some rows name, as far as they are below ``images``."""
    suffixes = sorted(EXTENSIONS)
    base = go_down(images, next((file for file in files if file), ""))
    found: list[Path | None] = []
    for file in files:
        path = Path(os.path.normpath(base / file.replace("\\", "/")))
        found.append(_find(path, suffixes) if file and path.is_relative_to(os.path.normpath(base)) else None)
    return found


def go_down(images: Path, file: str) -> Path:
    """Return the folder that names are relative to: ``images``, or the only one in it, as in what somebody packed."""
    suffixes = sorted(EXTENSIONS)
    base = images
    while _find(base / file, suffixes) is None:
        inside = [path for path in base.iterdir() if not path.name.startswith(".")]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
            return images
        base = inside[0]
    return base


def locate(table: Path, images: Path, number: int, file: str, suffixes: list[str]) -> Path | None:
    """Find the file that a row names, below ``images`` and nowhere else; None where there is none."""
    path = Path(os.path.normpath(images / file.replace("\\", "/")))
    if not path.is_relative_to(os.path.normpath(images)):
        raise FathomError(f"{table}: row {number} names {file}, which is not below {images}")
    return _find(path, suffixes)


def _find(path: Path, suffixes: list[str]) -> Path | None:
    """Find a file by its name, with a suffix or without; None where there is none."""
    if _is_file(path):
        return path
    if path.suffix.lower() in EXTENSIONS:
        return None
    for suffix in suffixes:
        candidate = path.with_name(path.name + suffix)
        if _is_file(candidate):
            suffixes.remove(suffix)
            suffixes.insert(0, suffix)  # most likely that of the next one too
            return candidate
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # of a folder that may not be looked into
        raise FathomError(f"cannot read the folder {path.parent} ({error.strerror})") from error
