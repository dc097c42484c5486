"""TIFF files that Pillow reads in part or not at all: many bands, 16 bits in colour, half precision. Torch-free.

What a file holds is told by its tags alone, so that the library for such files is needed only where there is one.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import functools
import importlib
import io
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL
from PIL import TiffImagePlugin

from fathom.data.images.pixels.form import Values
from fathom.data.images.pixels.layout import find_layout, turn_upright
from fathom.errors import FathomError, missing_library

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two of BigTIFF
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _DESCRIPTION, _ORIENTATION = 254, 256, 257, 258, 262, 270, 274
_SAMPLES, _EXTRA, _FORMAT = 277, 338, 339
_RGB, _CMYK = 2, 5  # values of _PHOTOMETRIC
_ALPHA = (1, 2)  # of _EXTRA
_REDUCED = 1 | 4  # bits of _SUBFILE: a smaller version of another page, a mask
_MOST_PAGES = 1000  # that are counted
_MOST_VALUES = 1 << 28
_PILLOW_READS = {(16, "uint16"), (12, "uint16"), (16, "integer"), (32, "integer"), (32, "float"), (64, "float")}

for _name in ("PIL", "tifffile"):  # without a handler their messages would go to the terminal, one for each file
    logging.getLogger(_name).addHandler(logging.NullHandler())


@dataclass(frozen=True)
class TiffHeader:
    """What the tags of a TIFF file say.

    Attributes:
        size: (height, width), turned upright.
        channels: bands, without transparency.
        is_plain: whether Pillow reads it whole, as bytes in grey or colour.
        needs_library: whether Pillow does not read it.
        pages: full pages; one where they are bands of one image.
        bands: shape of the array that the pages are, where they are bands.
    """

    size: tuple[int, int]
    channels: int
    values: Values
    is_plain: bool
    needs_library: bool
    pages: int
    bands: tuple[int, ...] | None
    orientation: int
    has_alpha: bool


def is_tiff(first: bytes) -> bool:
    """Whether a file is a TIFF by its first bytes."""
    return first[:4] in _MAGIC


def read_tiff_header(file: BinaryIO) -> TiffHeader:
    """Read the tags.

    Raises:  nearly anything, where the file is damaged
    """
    pages = _read_pages(file)
    first = pages[0]
    bits, kinds = _tuple(first.get(_BITS, 1)), _tuple(first.get(_FORMAT, 1))
    samples, photometric = int(first.get(_SAMPLES, 1)), int(first.get(_PHOTOMETRIC, 1))
    extra = _tuple(first.get(_EXTRA, ()))
    has_alpha = samples in (2, 4) and bool(set(extra) & set(_ALPHA))
    channels = samples - has_alpha
    values = _find_values(max(bits), kinds)
    height, width = int(first[_HEIGHT]), int(first[_WIDTH])
    bands = _find_bands(str(first.get(_DESCRIPTION, "")), (height, width), len(pages)) if samples == 1 else None
    if bands is not None:
        index = (0 if find_layout(bands) == "chw" else 2) if find_layout(bands) in ("chw", "hwc") else 0
        channels, (height, width) = bands[index], [side for i, side in enumerate(bands) if i != index]
    orientation = int(first.get(_ORIENTATION, 1))
    if orientation >= 5:
        height, width = width, height
    is_plain = values == "uint8" and bands is None and (channels in (1, 3) or photometric == _CMYK)
    pillow_reads = bands is None and samples == 1 and (max(bits), values) in _PILLOW_READS
    return TiffHeader(
        (height, width),
        3 if photometric == _CMYK else channels,
        values,
        is_plain,
        not (is_plain or pillow_reads),
        1 if bands is not None else sum(not int(page.get(_SUBFILE, 0)) & _REDUCED for page in pages),
        bands,
        orientation,
        has_alpha,
    )


def read_tiff(source: str | Path | bytes, header: TiffHeader) -> np.ndarray:
    """Read the pixels, as they are in the file.

    Shape:   -> (H, W, C), or the array that its pages are, (C, H, W) or (H, W, C); of any type
    Raises:  FathomError if tifffile, or a decoder that it asks for, is not installed
    """
    tifffile = import_tifffile()
    height, width = header.size
    if height * width * header.channels > _MOST_VALUES:
        raise FathomError(f"has {height:,}×{width:,}×{header.channels} values, more than the limit of {_MOST_VALUES:,}")
    with tifffile.TiffFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as opened:
        try:
            if header.bands is not None:
                return np.asarray(opened.series[0].asarray()).reshape(header.bands)
            page = opened.pages[0]
            pixels = np.asarray(page.asarray())
        except ValueError as error:
            if "imagecodecs" in str(error):
                raise missing_library("this compression of TIFF", "imagecodecs", "tiff") from None
            raise
        axes = page.axes.replace("I", "S").replace("C", "S")
    if axes.startswith("S"):
        pixels = np.moveaxis(pixels, 0, -1)
    return turn_upright(pixels[:, :, None] if pixels.ndim == 2 else pixels, header.orientation)


def import_tifffile() -> Any:
    """Import tifffile.

    Raises:  FathomError saying how to install it
    """
    try:
        return importlib.import_module("tifffile")
    except ImportError:
        raise missing_library(
            "a TIFF of many bands, or of 16 bits in colour,", "tifffile imagecodecs", "tiff"
        ) from None


@functools.cache
def quiet_libtiff() -> None:
    """Let Pillow's libtiff write no lines of its own to the terminal; what is wrong with a file raises all the same."""
    place = Path(PIL.__file__).parent
    found = [*place.parent.glob("pillow.libs/libtiff*"), *place.glob(".dylibs/libtiff*")]
    library = str(found[0]) if found else ctypes.util.find_library("tiff")
    if library is not None:
        with contextlib.suppress(OSError, AttributeError):  # a Pillow that was built otherwise may be louder
            opened = ctypes.CDLL(library)  # the one that is loaded already
            opened.TIFFSetErrorHandler(None)
            opened.TIFFSetWarningHandler(None)


def _read_pages(file: BinaryIO) -> list[Mapping[int, Any]]:
    head = file.read(8)
    if head[2:3] == b"+" or head[3:4] == b"+":  # BigTIFF has a longer header
        head += file.read(8)
    directory: Any = TiffImagePlugin.ImageFileDirectory_v2(head)
    pages: list[Mapping[int, Any]] = []
    seen: set[int] = set()
    while directory.next and directory.next not in seen and len(pages) < _MOST_PAGES:
        seen.add(directory.next)
        file.seek(directory.next)
        try:
            directory.load(file)
        except Exception:
            if not pages:
                raise
            break
        pages.append(dict(directory))
    return pages


def _tuple(value: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in value) if isinstance(value, tuple) else (int(value),)


def _find_values(bits: int, kinds: tuple[int, ...]) -> Values:
    """Return the kind of values: SampleFormat 1 and 4 are unsigned, 2 signed, 3 floating."""
    if 3 in kinds:
        return "float"
    if 2 in kinds or bits > 16:
        return "integer"
    return "uint8" if bits <= 8 else "uint16"


def _find_bands(description: str, size: tuple[int, int], pages: int) -> tuple[int, ...] | None:
    """Return the shape of the one array that the pages are, as tifffile and ImageJ note it; None if they are pages."""
    if pages < 2:
        return None
    if description.startswith('{"shape":'):
        try:
            shape = tuple(int(side) for side in json.loads(description)["shape"])
        except (ValueError, KeyError, TypeError):
            return None
        shape = tuple(side for side in shape if side != 1)
        is_whole = len(shape) == 3 and shape == (pages, *size)
        return shape if is_whole and find_layout(shape) is not None else None
    if description.startswith("ImageJ="):
        found = dict(re.findall(r"^(channels|slices|frames)=(\d+)$", description, re.MULTILINE))
        if found == {"channels": str(pages)}:
            return (pages, *size)
    return None
