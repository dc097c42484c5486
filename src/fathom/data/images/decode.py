"""One image from its file, as pixels. Loads without torch, so that an exported model needs none."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fathom.data.images.formats import FORMATS, KNOWN, NUMPY, explain_foreign
from fathom.data.images.pixels.deep import find_values, fit_pixels, take_pixels
from fathom.data.images.pixels.deep_colours import count_bits, decode_colours
from fathom.data.images.pixels.form import COLOURS, MAX_PIXELS, PixelForm, Values, check_form
from fathom.data.images.pixels.header import count_pages, upright_size
from fathom.data.images.pixels.layout import channels_last, turn_upright
from fathom.data.images.pixels.npy import MAGIC, open_npy, values_of
from fathom.data.images.pixels.plain_jpeg import decode_plain_jpeg
from fathom.data.images.pixels.tiff import TiffHeader, is_tiff, quiet_libtiff, read_tiff, read_tiff_header
from fathom.errors import FathomError, UsageError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_FIRST_BYTES = 1 << 16  # 64 KiB: most small images in one read
_MOST_BYTES = 1 << 28  # 256 MiB; larger files are left to the decoder
_ORIENTATION = 0x0112  # the EXIF tag
_FURTHER = b"MPF\0"  # the mark of a JPEG with further images behind, in its header
_HEADER_BYTES = 1 << 14  # in which it is looked for


class DecodedImage(NamedTuple):
    """A decoded image.

    Attributes:
        data: its pixels, one after the other, the channels of one beside each other.
        shape: (height, width, channels) of ``data``.
        size: its own (height, width) in the file, turned upright.
        format: as Pillow calls it.
        dtype: type of a number in ``data``.
        pages: images in the file, of which this is the first.
    """

    data: bytes
    shape: tuple[int, int, int]
    size: tuple[int, int]
    format: str
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    pages: int = 1

    @property
    def pixels(self) -> np.ndarray:
        """The pixels, (C, H, W)."""
        return np.frombuffer(self.data, self.dtype).reshape(self.shape).transpose(2, 0, 1).copy()


def read_image(source: str | Path | bytes, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode an image from a file, or from its bytes, to 8 bits.

    It is turned as its EXIF orientation says; transparent parts become white; 16-bit grey is scaled to 8 bits; of an
    animation the first frame counts. Another size is reached by stretching, bilinear, with every pixel having its
    part in a smaller result.

    Args:
        channels: 3 for colour, 1 for grey; other kinds of image are converted.
        size: (height, width); None keeps the image's own.

    Shape:   -> uint8 (channels, height, width)
    Raises:  FathomError, one line with the name, if it is missing, no image, truncated or beyond MAX_PIXELS
    """
    if channels not in COLOURS:
        raise UsageError(f"images of {channels} channels: choose 1 (grey) or 3 (colour)")
    return read_pixels(source, PixelForm(channels, size))


def read_pixels(source: str | Path | bytes, form: PixelForm) -> np.ndarray:
    """Decode an image from a file, or from its bytes, to a form.

    Shape:   -> (form.channels, height, width) of ``form.dtype``, NaN where a value is not finite
    Raises:  FathomError as ``read_image``, and if its values or its channels are not those of the form
    """
    with silence_decoders():
        return ImageReader(form).read(source).pixels


@contextlib.contextmanager
def silence_decoders() -> Iterator[None]:
    """Silence what Pillow warns of while it decodes: large images are refused by a limit of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class ImageReader:
    """Does what ``read_pixels`` does, many times over, for a caller that silences the decoders and has one thread."""

    def __init__(self, form: PixelForm) -> None:
        check_form(form)
        self.form = form
        self._is_ordinary = form.is_plain and form.has_colours  # grey or colour in bytes: what Pillow makes itself
        self._scales_down = self._is_ordinary and form.converts
        # a JPEG may be decoded to half its size and less, but not below twice what is asked for
        self._largest_side = 2 * max(form.size) if form.size else None
        self._canvas: Image.Image | None = None  # of many images most have the size of the one before

    def read(self, source: str | Path | bytes) -> DecodedImage:
        """Decode an image.

        Raises:  as ``read_pixels``
        """
        try:
            content = source if isinstance(source, bytes) else _read_small(source)
            if content is not None and self._is_ordinary:
                plain = decode_plain_jpeg(content, MAX_PIXELS, self._largest_side, self._canvas)
                # further images behind: Pillow counts them
                if plain is not None and content.find(_FURTHER, 0, _HEADER_BYTES) < 0:
                    self._canvas = plain
                    return self._convert_image(plain, (plain.height, plain.width), "JPEG")
            return self._open(source, content)
        except Exception as error:  # a decoder given damaged bytes may raise nearly anything
            raise _explain(source, error) from error

    def _open(self, source: str | Path | bytes, content: bytes | None) -> DecodedImage:
        place = source if content is None else content
        first = _first_bytes(place)
        if first.startswith(MAGIC):
            array = open_npy(place)
            pixels = channels_last(array, self.form.layout)
            return self._fit(pixels, values_of(array), pixels.shape[:2], NUMPY)
        tiff = _read_tags(place) if is_tiff(first) else None
        # of 8 bits Pillow takes the first three of more bands, where colours are asked for
        takes_colours = self._scales_down or (self._is_ordinary and tiff is not None and tiff.values == "uint8")
        if tiff is not None and tiff.needs_library and not takes_colours:
            return self._take_tiff(place, tiff)
        try:
            return self._open_with_pillow(place, tiff)
        except UnidentifiedImageError:  # a TIFF that Pillow does not know may still be one
            if tiff is None:
                raise
            return self._take_tiff(place, tiff)

    def _open_with_pillow(self, place: str | Path | bytes, tiff: TiffHeader | None) -> DecodedImage:
        with Image.open(io.BytesIO(place) if isinstance(place, bytes) else place, formats=FORMATS) as image:
            kind = image.format or ""
            _check_size(image.height, image.width)
            own = upright_size(image)
            # of JPEG 2000 Pillow rounds the brightest values of 8 bits to 256, which is 0
            takes_eight = self._scales_down and kind != "JPEG2000"
            bits = 8 if takes_eight or tiff is not None else count_bits(image, place)
            values = "uint16" if bits > 8 else find_values(image) if tiff is None else tiff.values
            pages = count_pages(image) if tiff is None else tiff.pages
            if bits > 8 or (values != "uint8" and not self._scales_down):
                if bits > 8:
                    pixels = decode_colours(image, place, bits)
                    has_alpha = pixels.shape[2] in (2, 4)
                else:
                    pixels, has_alpha = take_pixels(image)
                pixels = turn_upright(pixels, image.getexif().get(_ORIENTATION, 1))
                return self._fit(pixels, values, pixels.shape[:2], kind, pages, has_alpha=has_alpha)
            if self._largest_side is not None and kind == "JPEG":
                # lets the decoder leave out detail that is far below the size asked for
                image.draft(None, (self._largest_side, self._largest_side))
            image.load()
            upright: Image.Image = image
            with contextlib.suppress(Exception):  # an image is no worse for a broken EXIF block
                if image.getexif().get(_ORIENTATION, 1) != 1:
                    upright = ImageOps.exif_transpose(image)
            return self._convert_image(upright, upright_size(image) if kind == "PNG" else own, kind, pages)

    def _take_tiff(self, place: str | Path | bytes, tiff: TiffHeader) -> DecodedImage:
        _check_size(*tiff.size)
        pixels = channels_last(read_tiff(place, tiff), self.form.layout if tiff.bands else "hwc")
        size = pixels.shape[:2]
        return self._fit(pixels, tiff.values, size, "TIFF", tiff.pages, has_alpha=tiff.has_alpha)

    def _convert_image(self, image: Image.Image, own: tuple[int, int], kind: str, pages: int = 1) -> DecodedImage:
        """Return an image of 8 bits in the form asked for."""
        form = self.form
        if not self._is_ordinary:
            channels = form.channels if form.has_colours else 1 if image.mode in ("1", "L") else 3
            pixels = np.asarray(_convert(image, channels, is_png=kind == "PNG"))
            return self._fit(pixels[:, :, None] if channels == 1 else pixels, "uint8", own, kind, pages)
        image = _convert(image, form.channels, is_png=kind == "PNG")
        if form.size is not None and image.size != (form.size[1], form.size[0]):
            image = image.resize((form.size[1], form.size[0]), Image.Resampling.BILINEAR)
        shape = image.height, image.width, form.channels
        return DecodedImage(image.tobytes(), shape, own, kind, pages=pages)

    def _fit(
        self,
        pixels: np.ndarray,
        values: Values,
        own: tuple[int, ...],
        kind: str,
        pages: int = 1,
        *,
        has_alpha: bool = False,
    ) -> DecodedImage:
        height, width = own
        _check_size(height, width)  # before pixels are worked on
        planes = fit_pixels(pixels, values, self.form, has_alpha=has_alpha)  # (C, H, W)
        content = np.ascontiguousarray(planes.transpose(1, 2, 0))
        shape = planes.shape[1], planes.shape[2], planes.shape[0]
        return DecodedImage(content.tobytes(), shape, (height, width), kind, planes.dtype, pages)


def _first_bytes(place: str | Path | bytes, number: int = 16) -> bytes:
    if isinstance(place, bytes):
        return place[:number]
    with open(place, "rb") as file:
        return file.read(number)


def _read_tags(place: str | Path | bytes) -> TiffHeader | None:
    """Read the tags of a TIFF; None where they are damaged, which Pillow can say."""
    quiet_libtiff()
    with contextlib.suppress(Exception), io.BytesIO(place) if isinstance(place, bytes) else open(place, "rb") as file:
        return read_tiff_header(file)
    return None


def _check_size(height: int, width: int) -> None:
    if width * height > MAX_PIXELS:
        raise FathomError(f"has {width:,}×{height:,} pixels, more than the limit of {MAX_PIXELS:,}; make it smaller")


def _name(source: str | Path | bytes) -> str:
    return f"the image ({len(source):,} bytes)" if isinstance(source, bytes) else str(source)


def _explain(source: str | Path | bytes, error: Exception) -> FathomError:
    """Make the one line for what a decoder, or the operating system, raised."""
    name = _name(source)
    if isinstance(error, FathomError):  # in words that follow the name, unless it is in them
        return error if str(error).startswith((name, "this ", "a TIFF")) else FathomError(f"{name} {error}")
    if isinstance(error, UnidentifiedImageError):
        return FathomError(f"{name} {_explain_unknown(source)}")
    if isinstance(error, Image.DecompressionBombError):
        return FathomError(f"{name} has far more pixels than the limit of {MAX_PIXELS:,}; make it smaller")
    if isinstance(error, OSError) and error.errno is not None:  # of the system, and not of a decoder
        return FathomError(f"cannot read {name} ({error.strerror})")
    reason = " ".join(str(error).split()) or type(error).__name__
    return FathomError(f"{name} is damaged or truncated ({reason})")


def _read_small(path: str | Path) -> bytes | None:
    """Read a file whole, unless it is so large that a decoder should take it piece by piece."""
    handle = os.open(path, _FLAGS)  # half the time of open(), which counts for small files
    try:
        content = os.read(handle, _FIRST_BYTES)
        if len(content) < _FIRST_BYTES:  # a short read is the end of the file
            return content
        with os.fdopen(handle, "rb", closefd=False) as file:
            return content + file.read() if os.fstat(handle).st_size <= _MOST_BYTES else None
    finally:
        os.close(handle)


def _explain_unknown(source: str | Path | bytes) -> str:
    is_empty = not source if isinstance(source, bytes) else Path(source).stat().st_size == 0
    if is_empty:
        return "is empty"
    return explain_foreign(_first_bytes(source, 132)) or f"is not an image in a known format ({', '.join(KNOWN)})"


def _convert(image: Image.Image, channels: int, *, is_png: bool) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits; Pillow's conversion would clip at 255
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        highest = values.max(initial=0)
        if image.mode.startswith("I;16") or is_png or highest > 255:
            top = 65535.0  # 16 bits in all
        else:
            top = 1.0 if image.mode == "F" and highest <= 1 else 255.0  # floats within 0…1 are taken for shares
        image = Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        # what is transparent shows white, as on paper
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = "RGB" if channels == 3 else "L"
    return image if image.mode == mode else image.convert(mode)
