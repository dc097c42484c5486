"""One image from its file, as bytes of pixels. Loads without torch, so that an exported model needs none."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fathom.data.images.formats import FORMATS
from fathom.data.images.plain_jpeg import decode_plain_jpeg
from fathom.errors import FathomError, UsageError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_FIRST_BYTES = 1 << 16
_MOST_BYTES = 1 << 28
MAX_PIXELS = 50_000_000
_ORIENTATION = 0x0112  # the EXIF tag
_LYING = (5, 6, 7, 8)  # its values that exchange height and width


class DecodedImage(NamedTuple):
    """A decoded image.

    Attributes:
        data: its pixels, byte by byte, the channels of one beside each other.
        shape: (height, width, channels) of ``data``.
        size: its own (height, width) in the file, turned upright.
        format: as Pillow calls it.
    """

    data: bytes
    shape: tuple[int, int, int]
    size: tuple[int, int]
    format: str

    @property
    def pixels(self) -> np.ndarray:
        """The pixels, uint8 (C, H, W)."""
        return np.frombuffer(self.data, np.uint8).reshape(self.shape).transpose(2, 0, 1).copy()


def read_image(source: str | Path | bytes, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode an image from a file, or from its bytes.

    It is turned as its EXIF orientation says; transparent parts become white; 16-bit grey is scaled to 8 bits; of an
    animation the first frame counts. Another size is reached by stretching, bilinear, with every pixel having its
    part in a smaller result.

    Args:
        channels: 3 for colour, 1 for grey; other kinds of image are converted.
        size: (height, width); None keeps the image's own.

    Shape:   -> uint8 (channels, height, width)
    Raises:  FathomError, one line with the name, if it is missing, no image, truncated or beyond MAX_PIXELS
    """
    with silence_decoders():
        return ImageReader(channels, size).read(source).pixels


@contextlib.contextmanager
def silence_decoders() -> Iterator[None]:
    """Silence what Pillow warns of while it decodes: large images are refused by a limit of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class ImageReader:
    """Does what ``read_image`` does, many times over, for a caller that silences the decoders and has one thread."""

    def __init__(self, channels: int, size: tuple[int, int] | None = None) -> None:
        check_form(channels, size)
        self.channels, self.size = channels, size
        self._largest_side = 2 * max(size) if size else None
        self._canvas: Image.Image | None = None  # of many images most have the size of the one before

    def read(self, source: str | Path | bytes) -> DecodedImage:
        """Decode an image.

        Raises:  as ``read_image``
        """
        try:
            content = source if isinstance(source, bytes) else _read_small(source)
            if content is not None:
                plain = decode_plain_jpeg(content, MAX_PIXELS, self._largest_side, self._canvas)
                if plain is not None:
                    self._canvas = plain
                    return self._convert_image(plain, (plain.height, plain.width), "JPEG")
            return self._open(source, content)
        except Exception as error:  # a decoder given damaged bytes may raise nearly anything
            raise _explain(source, error) from error

    def _open(self, source: str | Path | bytes, content: bytes | None) -> DecodedImage:
        with Image.open(source if content is None else io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            kind = image.format or ""
            if width * height > MAX_PIXELS:
                raise FathomError(
                    f"{_name(source)} has {width:,}×{height:,} pixels, more than the limit of {MAX_PIXELS:,}; make it "
                    "smaller"
                )
            if self._largest_side is not None and kind == "JPEG":
                # lets the decoder leave out detail that is far below the size asked for
                image.draft(None, (self._largest_side, self._largest_side))
            image.load()
            upright: Image.Image = image
            with contextlib.suppress(Exception):  # an image is no worse for a broken EXIF block
                if (orientation := image.getexif().get(_ORIENTATION, 1)) != 1:
                    upright = ImageOps.exif_transpose(image)
                    if orientation in _LYING:
                        height, width = width, height
            return self._convert_image(upright, (height, width), kind)

    def _convert_image(self, image: Image.Image, own: tuple[int, int], kind: str) -> DecodedImage:
        """Return an image in the form asked for."""
        image = _convert(image, self.channels, is_png=kind == "PNG")
        if self.size is not None and image.size != (self.size[1], self.size[0]):
            image = image.resize((self.size[1], self.size[0]), Image.Resampling.BILINEAR)
        return DecodedImage(image.tobytes(), (image.height, image.width, self.channels), own, kind)


def _name(source: str | Path | bytes) -> str:
    return f"the image ({len(source):,} bytes)" if isinstance(source, bytes) else str(source)


def _explain(source: str | Path | bytes, error: Exception) -> FathomError:
    """Make the one line for what a decoder, or the operating system, raised."""
    name = _name(source)
    if isinstance(error, FathomError):
        return error
    if isinstance(error, UnidentifiedImageError):
        return FathomError(f"{name} {_explain_unknown(source)}")
    if isinstance(error, Image.DecompressionBombError):
        return FathomError(f"{name} has far more pixels than the limit of {MAX_PIXELS:,}; make it smaller")
    if isinstance(error, (FileNotFoundError, IsADirectoryError, PermissionError)):
        return FathomError(f"cannot read {name} ({error.strerror})")
    reason = " ".join(str(error).split()) or type(error).__name__
    return FathomError(f"{name} is damaged or truncated ({reason})")


def _read_small(path: str | Path) -> bytes | None:
    """Read a file whole, unless it is so large that a decoder should take it piece by piece."""
    handle = os.open(path, _FLAGS)  # half the time of open(), which counts for small files
    try:
        content = os.read(handle, _FIRST_BYTES)
        if len(content) < _FIRST_BYTES:
            return content
        with os.fdopen(handle, "rb", closefd=False) as file:
            return content + file.read() if os.fstat(handle).st_size <= _MOST_BYTES else None
    finally:
        os.close(handle)


def _explain_unknown(source: str | Path | bytes) -> str:
    is_empty = not source if isinstance(source, bytes) else Path(source).stat().st_size == 0
    return "is empty" if is_empty else f"is not an image in a known format ({', '.join(FORMATS)})"


def _convert(image: Image.Image, channels: int, *, is_png: bool) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits; Pillow's conversion would clip at 255
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        highest = values.max(initial=0)
        if image.mode.startswith("I;16") or is_png or highest > 255:
            top = 65535.0
        else:
            top = 1.0 if image.mode == "F" and highest <= 1 else 255.0
        image = Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = "RGB" if channels == 3 else "L"
    return image if image.mode == mode else image.convert(mode)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the (height, width) that an image will have once it is decoded and turned, from its headers alone."""
    height, width = image.height, image.width
    with contextlib.suppress(Exception):  # as for decoding: an image is no worse for a broken EXIF block
        # Pillow has turned the size of a TIFF already, and would decode a PNG whole to look for what is behind
        has_headers = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        if has_headers and image.getexif().get(_ORIENTATION, 1) in _LYING:
            return width, height
    return height, width


def check_form(channels: int, size: tuple[int, int] | None) -> None:
    """Refuse a number of channels and a size that no image can be brought to.

    Raises:  UsageError
    """
    if channels not in (1, 3):
        raise UsageError(f"images of {channels} channels: choose 1 (grey) or 3 (colour)")
    if size is not None and not (len(size) == 2 and min(size) >= 1 and size[0] * size[1] <= MAX_PIXELS):
        raise UsageError(f"image size {size}: it must be (height, width), both at least 1")
