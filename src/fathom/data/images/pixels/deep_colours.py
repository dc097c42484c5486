"""Colours of more than 8 bits in formats of which Pillow keeps 8: PPM, JPEG 2000, AVIF, SGI. Loads without torch.

The numbers come back on the full range of 16 bits, as Pillow returns grey ones: the largest of a file is 65535.

Source:  netpbm's ppm(5); ISO/IEC 15444-1, A.5.1 (SIZ); AV1 in ISOBMFF, 2.3.3; the SGI image file format, 1.0
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL.ImageFile import ImageFile

from fathom.errors import FathomError, missing_library

_TOP = 65535
NEED_CODECS = ("JPEG2000", "AVIF")
_HEADERS = 1 << 16  # bytes in which JPEG 2000 and AVIF say how deep they are
_SIZ = b"\xff\x4f\xff\x51"  # the start of a JPEG 2000 codestream, and the marker of its sizes
_DEPTH_PLACE = 42  # bytes from there to the depth of the first component
_AV1_CONFIG = b"av1C"
_HIGH_DEPTH, _TWELVE_BITS = 0x40, 0x20  # of the third byte of an AV1 configuration
_SGI_HEADER = 512  # bytes


def count_bits(image: ImageFile, place: str | Path | bytes) -> int:
    """Return the bits of a colour where Pillow, which opened the image, would keep 8 of more; else 8.

    Args:
        place: the file of the image, or its bytes.
    """
    if image.mode.startswith(("I", "F")):  # deep grey, which Pillow keeps
        return 8
    if image.format == "PPM":
        return _maximum(image).bit_length()
    if image.format == "SGI":
        return 8 * _beginning(place, 4)[3]
    if image.format in NEED_CODECS:
        return _coded_bits(image.format, _beginning(place, _HEADERS))
    return 8


def decode_colours(image: ImageFile, place: str | Path | bytes, bits: int) -> np.ndarray:
    """Decode such an image with all of its bits.

    Shape:   -> uint16 (H, W, C)
    Args:
        bits: those that ``count_bits`` returned.
    Raises:  FathomError where a library is missing that the format needs, and for a run-length coded SGI image
    """
    content = place if isinstance(place, bytes) else Path(place).read_bytes()
    if image.format == "PPM":
        return _spread(_read_ppm(image, content), _maximum(image))
    if image.format == "SGI":
        return _read_sgi(image, content)
    codecs = import_codecs(str(image.format))
    pixels = np.asarray((codecs.jpeg2k_decode if image.format == "JPEG2000" else codecs.avif_decode)(content))
    if pixels.dtype.kind == "i":  # signed numbers of JPEG 2000: the least becomes 0, as Pillow has it
        pixels = pixels + (1 << (bits - 1))
    return _spread(pixels if pixels.ndim == 3 else pixels[:, :, None], (1 << bits) - 1)


def _spread(pixels: np.ndarray, top: int) -> np.ndarray:
    """Return whole numbers from 0 to ``top`` on the full range of 16 bits."""
    return pixels if top == _TOP else (pixels * (_TOP / top)).round().clip(0, _TOP).astype(np.uint16)


def _beginning(place: str | Path | bytes, count: int) -> bytes:
    if isinstance(place, bytes):
        return place[:count]
    with open(place, "rb") as file:
        return file.read(count)


def _maximum(image: ImageFile) -> int:
    """Return the largest number that a PPM says it may hold."""
    found = image.tile[0].args if image.tile else ()
    return int(found[1]) if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], int) else 255


def _coded_bits(kind: str, head: bytes) -> int:
    if kind == "JPEG2000":
        place = head.find(_SIZ) + _DEPTH_PLACE
        # without the highest bit, which says that numbers are signed; the depth is counted from 0
        return (head[place] & 0x7F) + 1 if place >= _DEPTH_PLACE and place < len(head) else 8
    config = head.partition(_AV1_CONFIG)[2]
    if len(config) < 4 or not config[2] & _HIGH_DEPTH:
        return 8
    return 12 if config[2] & _TWELVE_BITS else 10


def import_codecs(kind: str) -> Any:
    """Import what decodes JPEG 2000 and AVIF.

    Args:
        kind: the format, as Pillow calls it.
    Raises:  FathomError saying how to install it, and how to do without
    """
    try:
        return importlib.import_module("imagecodecs")
    except ImportError:
        instead = " (data.options.values=uint8 with convert=true reads 8)" if kind == "AVIF" else ""
        raise missing_library(f"{kind} of more than 8 bits{instead}", "imagecodecs", "tiff") from None


def _read_ppm(image: ImageFile, content: bytes) -> np.ndarray:
    tile = image.tile[0]
    shape = image.height, image.width, 3
    count = image.height * image.width * 3
    if tile.codec_name == "ppm":
        if len(content) < tile.offset + 2 * count:
            raise FathomError("is damaged or truncated (its pixels end early)")
        return np.frombuffer(content, ">u2", count, tile.offset).astype(np.uint16).reshape(shape)
    words = re.sub(rb"#[^\n]*", b"", content[tile.offset :]).split()
    if len(words) < count:
        raise FathomError("is damaged or truncated (its pixels end early)")
    return np.array(words[:count], dtype=np.uint16).reshape(shape)


def _read_sgi(image: ImageFile, content: bytes) -> np.ndarray:
    channels, shape = len(image.getbands()), (image.height, image.width)
    count = channels * image.height * image.width
    if content[2]:  # run-length coded
        raise FathomError("is a packed SGI image of 16 bits, which is not read; save it as 16-bit PNG or TIFF")
    if len(content) < _SGI_HEADER + 2 * count:
        raise FathomError("is damaged or truncated (its pixels end early)")
    planes = np.frombuffer(content, ">u2", count, _SGI_HEADER).astype(np.uint16).reshape(channels, *shape)
    return planes[:, ::-1].transpose(1, 2, 0)  # (H, W, C); rows are written from the bottom up
