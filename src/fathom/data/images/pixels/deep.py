"""Arrays of pixels brought to the form of a set: channels, size and type, no value rounded. Loads without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from fathom.data.images.pixels.form import WORDS, PixelForm, Values
from fathom.errors import FathomError

_LUMA = np.array([0.299, 0.587, 0.114])  # Rec. 601, as Pillow's conversion to grey
_BYTE_STEP = 257  # 65535 / 255: the full range of 8 bits as that of 16, as PNG defines it
_HIGH_AND_LOW = {"RGB;16B": ("RGB;16B", "RGB;16L"), "RGBA;16B": ("RGBA;16B", "RGBA;16L")}


def find_values(image: Image.Image) -> Values:
    """Return the kind of values of an image that Pillow opened, before it is decoded."""
    if image.mode.startswith("F"):
        return "float"
    if image.mode.startswith("I") or _has_deep_colours(image):
        return "uint16"  # Pillow has signed and 32-bit whole numbers of TIFF alone
    return "uint8"


def take_pixels(image: Image.Image) -> tuple[np.ndarray, bool]:
    """Return the pixels of an image that Pillow opened, all bits of 16-bit colours too, and whether the last is alpha.

    Shape:   -> (H, W, C)
    """
    if _has_deep_colours(image):
        pixels = _decode_deep_png(image)
        return pixels, pixels.shape[2] in (2, 4)
    pixels = np.asarray(image)
    if image.mode == "I" and image.format == "TIFF" and image.tag_v2.get(339, (1,))[0] == 1:  # type: ignore[attr-defined]
        pixels = pixels.view(np.uint32)  # Pillow reads the bits of unsigned numbers as signed ones
    return pixels[:, :, None] if pixels.ndim == 2 else pixels, False


def _has_deep_colours(image: Image.Image) -> bool:
    """Whether it is a PNG with 16 bits in more than one channel, of which Pillow would keep 8."""
    return image.format == "PNG" and raw_mode(image) in (*_HIGH_AND_LOW, "LA;16B")


def raw_mode(image: Image.Image) -> str:
    """Return how Pillow names the pixels in the file of an image that it opened and did not decode yet."""
    tiles = getattr(image, "tile", ())
    return str(tiles[0].args) if tiles else ""


def _decode_deep_png(image: Any) -> np.ndarray:
    """Decode a PNG twice: for its high bytes, and, as if it were of the other byte order, for the low ones.

    Shape:   -> uint16 (H, W, C), the last of two or four channels being alpha
    """
    tile = image.tile[0]
    if tile.args == "LA;16B":  # four bytes a pixel, as RGBA has
        image._mode = "RGBA"
        image.tile = [tile._replace(args="RGBA")]
        image.load()
        content = np.asarray(image).astype(np.uint16)
        return content[..., 0::2] << 8 | content[..., 1::2]
    parts: list[np.ndarray] = []
    for raw in _HIGH_AND_LOW[str(tile.args)]:
        image.fp.seek(0)
        opened: Any = Image.open(image.fp, formats=("PNG",))  # not closed: the file is that of the image
        opened.tile = [opened.tile[0]._replace(args=raw)]
        opened.load()
        parts.append(np.asarray(opened).astype(np.uint16))
    return parts[0] << 8 | parts[1]


def fit_pixels(pixels: np.ndarray, values: Values, form: PixelForm, *, has_alpha: bool = False) -> np.ndarray:
    """Bring pixels to a form. Values that are not finite become NaN, and a resized pixel is the mean of the others.

    Shape:   pixels (H, W, C) of any type -> (form.channels, H', W') of ``form.dtype``
    Raises:  FathomError, in words that follow the file's name, if the values or the channels are others
    """
    pixels = _convert_values(pixels, values, form)
    if has_alpha:
        pixels = _without_alpha(pixels)
    pixels = _convert_channels(pixels, form)
    with np.errstate(over="ignore"):  # what float32 does not hold becomes infinite, and so missing
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)  # (C, H, W); it holds 16 bits
    if form.values in ("integer", "float"):
        planes = np.where(np.isfinite(planes), planes, np.float32(np.nan))
    if form.window is not None:
        planes = planes.clip(*form.window)
    if form.size is not None and planes.shape[1:] != form.size:
        planes = np.stack([_resize(plane, form.size) for plane in planes])
    if form.values in ("uint8", "uint16"):
        planes = planes.round()
    return planes.astype(form.dtype, copy=False)


def _convert_values(pixels: np.ndarray, values: Values, form: PixelForm) -> np.ndarray:
    if pixels.dtype == bool:
        pixels = pixels * np.uint8(255)
    if values == form.values or (values, form.values) == ("uint16", "integer"):
        return pixels
    if form.converts:
        if (values, form.values) == ("uint8", "uint16"):
            return pixels.astype(np.uint16) * _BYTE_STEP
        if (values, form.values) == ("uint16", "uint8"):
            return (pixels / _BYTE_STEP).round().astype(np.uint8)
        if form.values in ("integer", "float"):
            return pixels
    raise FathomError(f"holds {WORDS[values]}, not {WORDS[form.values]} as the others")


def _without_alpha(pixels: np.ndarray) -> np.ndarray:
    """Lay an image over white; floating numbers have no white, and lose their alpha."""
    colours, alpha = pixels[..., :-1], pixels[..., -1:]
    if pixels.dtype not in (np.uint8, np.uint16):
        return colours
    top = np.iinfo(pixels.dtype).max
    share = alpha / top
    return (colours * share + top * (1 - share)).round().astype(pixels.dtype)


def _convert_channels(pixels: np.ndarray, form: PixelForm) -> np.ndarray:
    found = pixels.shape[2]
    if found == form.channels:
        return pixels
    if form.channels == 3 and found == 1:
        return np.repeat(pixels, 3, axis=2)
    if form.channels == 1 and found == 3:
        return (pixels @ _LUMA)[:, :, None]
    raise FathomError(f"has {found} channels, not {form.channels} as the others")


def _resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch one channel, bilinear, each pixel having its part in a smaller result; missing ones have none.

    Shape:   float32 (H, W) -> float32 size
    """
    known = np.isfinite(plane)
    if known.all():
        return _stretch(plane, size)
    share = _stretch(known.astype(np.float32), size)
    total = _stretch(np.where(known, plane, np.float32(0)), size)
    # a share that is rounding alone is none
    return np.where(share > 1e-4, total / np.where(share > 1e-4, share, 1), np.nan).astype(np.float32)


def _stretch(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(plane)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))
