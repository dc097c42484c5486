"""Images as NumPy's ``.npy`` files; nothing in them is ever executed. Loads without torch."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from fathom.data.images.pixels.form import Values
from fathom.errors import FathomError

MAGIC = b"\x93NUMPY"
_MOST_VALUES = 1 << 28


def open_npy(source: str | Path | bytes) -> np.ndarray:
    """Open an array; of a file only the header is read at first.

    Raises:  FathomError, in words that follow the file's name, if it does not hold numbers, or too many
    """
    try:
        if isinstance(source, bytes):
            array = np.load(io.BytesIO(source), allow_pickle=False)
        else:
            array = np.load(source, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "pickle" in str(error) or "Python objects" in str(error):
            raise FathomError("holds Python objects, not numbers") from None
        raise
    if array.dtype.kind not in "buif":
        raise FathomError(f"holds values of type {array.dtype}; an image has whole or floating numbers")
    if array.size > _MOST_VALUES:
        raise FathomError(f"holds {array.size:,} values, more than the limit of {_MOST_VALUES:,}")
    return array


def values_of(array: np.ndarray) -> Values:
    """Return the kind of an array's values."""
    if array.dtype.kind == "f":
        return "float"
    if array.dtype.kind == "b" or array.dtype == np.uint8:
        return "uint8"
    return "uint16" if array.dtype.kind == "u" and array.dtype.itemsize == 2 else "integer"
