"""What a folder holds: class folders, or images beside a file of their labels. Loads without torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fathom.data.images.folder_listing import ImageFiles, list_image_folder
from fathom.data.images.folders.layout import is_ordinary_file, list_folders, scan
from fathom.data.images.labels.file import read_image_table
from fathom.errors import FathomError, UsageError

_TABLES = (".csv", ".tsv")


def list_images(root: str | Path, *, levels: str | None = None, **columns: Any) -> ImageFiles:
    """List the images of class folders, or, where there are none, those that the one label file inside names.

    Args:
        levels: what the levels of folders mean, as ``list_image_folder`` takes them.
        columns: as ``read_image_table`` takes them; they ask for the label file.
    Raises:  FathomError, UsageError as ``list_image_folder`` and ``read_image_table``; UsageError for columns where
        there is no label file, and beside levels
    """
    root = Path(root)
    if levels is not None:
        if columns:
            raise UsageError(f"--levels is for folders, data.options.{next(iter(columns))} for a label file")
        return list_image_folder(root, levels)
    table = find_label_file(root) if root.is_dir() else None
    if table is None and columns:
        option = next(iter(columns))
        raise UsageError(f"data.options.{option} is for a label file; give the folder of its images with --images")
    if table is not None and columns:
        return _read_table(table, columns)
    try:
        return list_image_folder(root)
    except FathomError:
        if table is None:
            raise
    return _read_table(table, columns)


def find_label_file(root: Path) -> Path | None:
    """Find the only file of rows in a folder, or in the only folder in it, as what was packed has."""
    while True:
        names = [entry.name for entry in scan(root) if not entry.name.startswith(".") and is_ordinary_file(entry)]
        tables = [name for name in names if name.lower().endswith(_TABLES)]
        if tables:
            return root / tables[0] if len(tables) == 1 else None
        below = list_folders(root)
        if names or len(below) != 1:
            return None
        root = below[0]


def _read_table(table: Path, columns: dict[str, Any]) -> ImageFiles:
    """Read a label file whose names are relative to its own folder, or to the only folder beside it."""
    beside = list_folders(table.parent)
    try:
        files = read_image_table(table, table.parent, **columns)
    except FathomError as error:
        if isinstance(error, UsageError) or len(beside) != 1:
            raise
        files = read_image_table(table, beside[0], **columns)
    return replace(files, notes=(f"labels: those of {table.name}, which lies beside the images", *files.notes))
