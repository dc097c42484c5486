"""Endings of files of rows that are no plain text: packed, or converted to CSV while they are read. Torch-free."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from fathom.errors import FathomError, UsageError
from fathom.files import describe_failure

PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
CONVERTED = {
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".json": "JSON",
    ".parquet": "Parquet",
    ".feather": "Feather",
    ".xlsx": "Excel",
}
"""By ending, what such a file is called."""

_MAC_FOLDER = "__MACOSX"  # what macOS puts beside the files it packs


def row_ending(path: str | Path) -> str:
    """Return the ending of a file of rows under its packing: ".csv" of rows.csv.gz, of a zip that of the file in it.

    Raises:  FathomError for a zip that is none, or of several files
    """
    path = Path(path)
    packing = path.suffix.lower()
    if packing == ".zip":
        return PurePosixPath(only_member(path)).suffix.lower()  # the ending of the file inside; its own is always .zip
    return path.with_suffix("").suffix.lower() if packing in PACKED else packing


def only_member(path: Path) -> str:
    """Return the name of the one file in a zip archive.

    Raises:  FathomError for what is no such archive, or encrypted; UsageError for several files
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        if isinstance(error, OSError):
            raise describe_failure("read", path, error) from error
        raise FathomError(f"{path}: not a zip archive ({error})") from None
    infos = [info for info in infos if not info.filename.startswith(_MAC_FOLDER)]  # one file, besides what macOS adds
    names = [info.filename for info in infos]
    if len(names) != 1:
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
        held = f"{len(names):,}: {shown}" if names else "none"
        raise UsageError(f"{path}: one file is needed in it, and it has {held}; unpack it and name the file")
    if infos[0].flag_bits & 1:  # bit 0 of the general-purpose flags: encrypted
        raise FathomError(f"{path}: {names[0]} is encrypted; pack it again without a password")
    return names[0]
