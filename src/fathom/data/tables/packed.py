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
from pathlib import Path
from typing import IO, Any, cast

from fathom.data.row_files import CONVERTED, only_member, row_ending
from fathom.data.tables.converted import convert
from fathom.errors import FathomError, missing_library
from fathom.files import describe_failure

# what each of the readers raises at a damaged file
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)
_KINDS = {".xz": "xz", ".bz2": "bz2", ".zst": "zstd", ".zip": "zip"}


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
        return zipfile.ZipFile(path).open(only_member(path))
    if ending == ".zst":
        return _open_zstd(path)
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return cast("IO[bytes]", openers.get(ending, open)(path, "rb"))


def _open_zstd(path: Path) -> IO[bytes]:
    for module in ("compression.zstd", "zstandard"):  # the first is Python's own from 3.14 on
        with contextlib.suppress(ImportError):
            return cast("IO[bytes]", importlib.import_module(module).open(path, "rb"))
    raise missing_library(f"{path}: zstd", "zstandard", "tables")
