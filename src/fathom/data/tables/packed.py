"""Files of rows as bytes: unpacked by their endings, and as CSV where they are not written so. Torch-free."""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import importlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from fathom.data.row_files import CONVERTED, PACKED
from fathom.data.tables.converted import convert
from fathom.errors import FathomError, UsageError, missing_library
from fathom.files import describe_failure

_MAC_FOLDER = "__MACOSX"  # what macOS puts beside the files it packs
# what each of the readers raises at a damaged file
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)
_KINDS = {".xz": "xz", ".bz2": "bz2", ".zst": "zstd", ".zip": "zip"}


def row_ending(path: str | Path) -> str:
    """Return the ending of a file of rows under its packing: ".csv" of rows.csv.gz, of a zip that of the file in it.

    Raises:  FathomError for a zip that is none, or of several files
    """
    path = Path(path)
    packing = path.suffix.lower()
    if packing == ".zip":
        return PurePosixPath(_member(path)).suffix.lower()  # the ending of the file inside; its own is always .zip
    return path.with_suffix("").suffix.lower() if packing in PACKED else packing


def is_converted(path: str | Path) -> bool:
    """Return whether a file is read by way of a CSV: JSON, Parquet, Excel."""
    return row_ending(path) in CONVERTED


def open_rows(path: Path) -> IO[bytes]:
    """Open a file of rows as the bytes of a CSV or of what it is, unpacked.

    Raises:  OSError; FathomError for an archive that is none, or of several files, and for content that is no table
    """
    if not is_converted(path):
        return open_packed(path)
    return io.BytesIO(convert_file(path)[0])


def convert_file(path: Path) -> tuple[bytes, str]:
    """Return a file of JSON, Parquet or Excel as a CSV in UTF-8, and a note on it that a user should read.

    Raises:  OSError; FathomError if it is none, or a library is missing
    """
    state = path.stat()  # for the cache: a file that changed is converted again
    return convert(open_packed, path, row_ending(path), (state.st_mtime_ns, state.st_size))


@contextlib.contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Turn what goes wrong while a file of rows is read into the one-line error for it.

    Raises:  FathomError
    """
    try:
        yield
    except FathomError:
        raise
    except OSError as error:
        if not isinstance(error, gzip.BadGzipFile):  # a subclass of OSError that means content, not the disk
            raise describe_failure("read", path, error) from error
        raise _damaged(path, error) from error
    except csv.Error as error:
        raise FathomError(f"{path}: not a table: {error}") from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    except Exception as error:
        # by name: the library may be absent
        if type(error).__name__ == "ZstdError":  # of a library that need not be there
            raise _damaged(path, error) from error
        raise


def _damaged(path: str | Path, error: Exception) -> FathomError:
    kind = _KINDS.get(Path(path).suffix.lower(), "gzip")
    return FathomError(f"{path}: incomplete {kind} file ({error})")


def open_packed(path: Path) -> IO[bytes]:
    """Open a file as its bytes, unpacked by its ending.

    Raises:  OSError; FathomError for an archive that is none, or of several files
    """
    ending = path.suffix.lower()
    if ending == ".zip":
        return zipfile.ZipFile(path).open(_member(path))
    if ending == ".zst":
        return _open_zstd(path)
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return cast("IO[bytes]", openers.get(ending, open)(path, "rb"))


def _open_zstd(path: Path) -> IO[bytes]:
    for module in ("compression.zstd", "zstandard"):  # the first is Python's own from 3.14 on
        with contextlib.suppress(ImportError):
            return cast("IO[bytes]", importlib.import_module(module).open(path, "rb"))
    raise missing_library(f"{path}: zstd", "zstandard", "tables")


def _member(path: Path) -> str:
    """Return the name of the one file in a zip archive."""
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
