"""One picture from its file, as bytes of pixels. Loads without torch, so that an exported model needs none."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fathom.data.picture_formats import FORMATS, SUFFIXES
from fathom.data.plain_jpeg import decode_plain_jpeg
from fathom.errors import FathomError, UsageError

if TYPE_CHECKING:
    from PIL import Image

_MOST_BYTES = 1 << 28
MAX_PIXELS = 50_000_000
_ORIENTATION = 0x0112  # the EXIF tag


class Picture(NamedTuple):
    """A decoded picture: pixels uint8 (C, H, W), its own (height, width) as it stood in the file, its format."""

    pixels: np.ndarray
    size: tuple[int, int]
    format: str


def read_picture(source: str | Path | bytes, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode a picture from a file, or from its bytes.

    It is turned as its EXIF orientation says; transparent parts become white; 16-bit grey is scaled to 8 bits; of an
    animation the first frame counts. Another size is reached by stretching, bilinear, with every pixel having its
    part in a smaller result.

    Args:
        channels: 3 for colour, 1 for grey; other kinds of picture are converted.
        size: (height, width); None keeps the picture's own.

    Shape:   -> uint8 (channels, height, width)
    Raises:  FathomError, one line with the name, if it is missing, no picture, truncated or beyond MAX_PIXELS
    """
    with quiet_decoders():
        return decode_picture(source, channels, size).pixels


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Silence what Pillow warns of while it decodes: large pictures are refused by a limit of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode_picture(source: str | Path | bytes, channels: int, size: tuple[int, int] | None = None) -> Picture:
    """Do what ``read_picture`` does, for callers that silence the decoders once for many pictures."""
    check_form(channels, size)
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = f"the picture ({len(source):,} bytes)" if isinstance(source, bytes) else source
    try:
        content = source if isinstance(source, bytes) else _read_small(source)
        plain = None if content is None else decode_plain_jpeg(content, MAX_PIXELS, 2 * max(size) if size else None)
        if plain is not None:
            return Picture(_bring(plain, channels, size), (plain.height, plain.width), "JPEG")
        with Image.open(source if content is None else io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            kind = image.format or ""
            if width * height > MAX_PIXELS:
                raise FathomError(
                    f"{name} has {width:,}×{height:,} pixels, more than the limit of {MAX_PIXELS:,}; make it smaller"
                )
            if size is not None and kind == "JPEG":
                # lets the decoder leave out detail that is far below the size asked for
                image.draft(None, (2 * max(size), 2 * max(size)))
            image.load()
            upright: Image.Image = image
            with contextlib.suppress(Exception):  # a picture is no worse for a broken EXIF block
                if image.getexif().get(_ORIENTATION, 1) != 1:
                    upright = ImageOps.exif_transpose(image)
            return Picture(_bring(upright, channels, size, is_png=kind == "PNG"), (height, width), kind)
    except FathomError:
        raise
    except UnidentifiedImageError:
        raise FathomError(f"{name} {_explain_unknown(source)}") from None
    except Image.DecompressionBombError:
        raise FathomError(f"{name} has far more pixels than the limit of {MAX_PIXELS:,}; make it smaller") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise FathomError(f"cannot read {name} ({error.strerror})") from error
    except Exception as error:  # a decoder given damaged bytes may raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FathomError(f"{name} is damaged or truncated ({reason})") from error


def _read_small(path: str | Path) -> bytes | None:
    """Read a file whole, unless it is so large that a decoder should take it piece by piece."""
    with open(path, "rb", buffering=0) as file:
        return file.read() if os.fstat(file.fileno()).st_size <= _MOST_BYTES else None


def _bring(image: Image.Image, channels: int, size: tuple[int, int] | None, *, is_png: bool = False) -> np.ndarray:
    """Give the pixels (C, H, W) of a picture in the form asked for."""
    from PIL import Image

    picture = _convert(image, channels, is_png=is_png)
    if size is not None and picture.size != (size[1], size[0]):
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    width, height = picture.size
    return np.frombuffer(picture.tobytes(), np.uint8).reshape(height, width, channels).transpose(2, 0, 1).copy()


def has_foreign_suffix(path: str, kind: str) -> bool:
    """Whether a file's name says another format than its content has."""
    return os.path.splitext(path)[1].lower() not in SUFFIXES.get(kind, ())


def _explain_unknown(source: str | Path | bytes) -> str:
    is_empty = not source if isinstance(source, bytes) else Path(source).stat().st_size == 0
    return "is empty" if is_empty else f"is not a picture in a known format ({', '.join(FORMATS)})"


def _convert(image: Image.Image, channels: int, *, is_png: bool) -> Image.Image:
    from PIL import Image

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


def check_form(channels: int, size: tuple[int, int] | None) -> None:
    """Refuse a number of channels and a size that no picture can be brought to.

    Raises:  UsageError
    """
    if channels not in (1, 3):
        raise UsageError(f"pictures of {channels} channels: choose 1 (grey) or 3 (colour)")
    if size is not None and not (len(size) == 2 and min(size) >= 1 and size[0] * size[1] <= MAX_PIXELS):
        raise UsageError(f"picture size {size}: it must be (height, width), both at least 1")
