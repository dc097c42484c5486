"""What a file says of its image before it is decoded: the one place that tells its size. Loads without torch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from fathom.data.images.formats import FORMATS
from fathom.data.images.pixels.deep import find_values, raw_mode
from fathom.data.images.pixels.deep_colours import NEED_CODECS, count_bits
from fathom.data.images.pixels.form import Layout, Values
from fathom.data.images.pixels.layout import find_layout
from fathom.data.images.pixels.npy import MAGIC, open_npy, values_of
from fathom.data.images.pixels.tiff import TiffHeader, is_tiff, read_tiff_header
from fathom.errors import FathomError

_ORIENTATION = 0x0112  # the EXIF tag
_LYING = (5, 6, 7, 8)  # its values that exchange height and width
_FIRST_BYTES = 16


@dataclass(frozen=True)
class Header:
    """What is known of an image from its header.

    Attributes:
        size: (height, width), turned upright.
        channels: 1 for grey, 3 for colour, else the number of bands; None where the layout would tell.
        layout: of an array of three dimensions; "either" where its shape does not tell.
        tiff: the tags of one that Pillow does not read as bytes.
        needs_codecs: the format, where a library besides Pillow decodes all of its bits.
    """

    size: tuple[int, int]
    channels: int | None
    values: Values
    layout: Layout | Literal["either"] | None = None
    tiff: TiffHeader | None = None
    shape: tuple[int, ...] = ()
    needs_codecs: str = ""

    def resolve(self, layout: Layout | None) -> tuple[tuple[int, int], int | None]:
        """Return size and channels where arrays that could be read both ways have a layout."""
        if self.layout is None or layout is None or len(self.shape) != 3:
            return self.size, self.channels
        at = 0 if layout == "chw" else 2
        height, width = (side for i, side in enumerate(self.shape) if i != at)
        return (height, width), self.shape[at]


def read_header(path: str | Path) -> Header:
    """Read what is known of an image from its header.

    Raises:  nearly anything, where it is damaged or no image
    """
    with open(path, "rb") as file:
        first = file.read(_FIRST_BYTES)
        if first.startswith(MAGIC):
            array = open_npy(path)
            return of_array(array.shape, values_of(array))
        if is_tiff(first):
            file.seek(0)
            tiff = read_tiff_header(file)
            if not tiff.is_plain:
                return of_tiff(tiff)
    with Image.open(path, formats=FORMATS) as image:
        is_deep = image.format != "TIFF" and count_bits(image, path) > 8
        values = "uint8" if image.format == "TIFF" else "uint16" if is_deep else find_values(image)
        needs_codecs = image.format if is_deep and image.format in NEED_CODECS else ""
        return Header(upright_size(image), 1 if is_grey(image) else 3, values, needs_codecs=needs_codecs)


def of_array(shape: tuple[int, ...], values: Values) -> Header:
    """Return the header of an array."""
    if len(shape) == 2:
        return Header((shape[0], shape[1]), 1, values)
    if len(shape) != 3:
        raise FathomError(f"holds an array of {len(shape)} dimensions")
    layout = find_layout(shape)
    header = Header((0, 0), None, values, layout, shape=shape)
    if layout not in ("chw", "hwc"):
        return header
    size, channels = header.resolve(layout)
    return Header(size, channels, values, layout, shape=shape)


def of_tiff(tiff: TiffHeader) -> Header:
    """Return the header of a TIFF that Pillow does not read as bytes."""
    if tiff.bands is not None:
        found = of_array(tiff.bands, tiff.values)
        return Header(found.size, found.channels, found.values, found.layout, tiff, found.shape)
    return Header(tiff.size, tiff.channels, tiff.values, tiff=tiff)


def is_grey(image: Image.Image) -> bool:
    """Whether an image that Pillow opened has one channel."""
    # LA;16B is grey with alpha; with 8 bits LA counts as colour, as it always did
    return image.mode in ("1", "L") or image.mode.startswith(("I", "F")) or raw_mode(image) == "LA;16B"


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the (height, width) that an image will have once it is decoded and turned, from its headers alone."""
    height, width = image.height, image.width
    with contextlib.suppress(Exception):  # as for decoding: an image is no worse for a broken EXIF block
        # Pillow has turned the size of a TIFF already, and would decode a PNG whole to look for what is behind
        has_headers = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        if has_headers and image.getexif().get(_ORIENTATION, 1) in _LYING:
            return width, height
    return height, width


def count_pages(image: Image.Image) -> int:
    """Return how many images an MPO file holds; an animation counts as one."""
    return int(getattr(image, "n_frames", 1)) if image.format == "MPO" else 1
