"""One picture from its file, as bytes of pixels. Loads without torch, so that an exported model needs none."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fathom.errors import FathomError, UsageError

if TYPE_CHECKING:
    from PIL import Image

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})
# only these decoders of Pillow are tried: others hand files to outside programs (EPS) or are rarely exercised
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 50_000_000
_ORIENTATION = 0x0112  # the EXIF tag


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
    check_form(channels, size)
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = f"the picture ({len(source):,} bytes)" if isinstance(source, bytes) else str(source)
    try:
        # Pillow's own warning at a higher limit would come before this function can refuse
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
        with opened as image:
            if image.width * image.height > MAX_PIXELS:
                raise FathomError(
                    f"{name} has {image.width:,}×{image.height:,} pixels, more than the limit of {MAX_PIXELS:,}; "
                    f"make it smaller"
                )
            if size is not None and image.format == "JPEG":
                # lets the decoder leave out detail that is far below the size asked for
                image.draft(None, (2 * max(size), 2 * max(size)))
            image.load()
            upright: Image.Image = image
            with contextlib.suppress(Exception):  # a picture is no worse for a broken EXIF block
                if image.getexif().get(_ORIENTATION, 1) != 1:
                    upright = ImageOps.exif_transpose(image)
            picture = _convert(upright, channels, is_png=image.format == "PNG")
            if size is not None and picture.size != (size[1], size[0]):
                picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.array(picture, dtype=np.uint8)
    except FathomError:
        raise
    except UnidentifiedImageError:
        raise FathomError(f"{name} is not a picture in a known format ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError:
        raise FathomError(f"{name} has far more pixels than the limit of {MAX_PIXELS:,}; make it smaller") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise FathomError(f"cannot read {name} ({error.strerror})") from error
    except Exception as error:  # a decoder given damaged bytes may raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FathomError(f"{name} is damaged or truncated ({reason})") from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if channels == 3 else pixels[None]


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
    return image.convert("RGB" if channels == 3 else "L")


def check_form(channels: int, size: tuple[int, int] | None) -> None:
    """Refuse a number of channels and a size that no picture can be brought to.

    Raises:  UsageError
    """
    if channels not in (1, 3):
        raise UsageError(f"pictures of {channels} channels: choose 1 (grey) or 3 (colour)")
    if size is not None and not (len(size) == 2 and min(size) >= 1 and size[0] * size[1] <= MAX_PIXELS):
        raise UsageError(f"picture size {size}: it must be (height, width), both at least 1")
