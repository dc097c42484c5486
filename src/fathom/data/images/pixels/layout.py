"""Where the channels of an array of pixels are. Loads without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from fathom.data.images.pixels.form import MOST_CHANNELS, Layout
from fathom.errors import FathomError


def find_layout(shape: Sequence[int]) -> Layout | Literal["either"] | None:
    """Tell (H, W, C) from (C, H, W) by the sizes; "either" where they do not tell, None where neither fits.

    Channels are 32 at most. Where both ends are as small, two equal sides beside a third that differs are those of an
    image; else the channels are fewer than half of the other end.

    >>> find_layout((13, 64, 64)), find_layout((20, 30, 4)), find_layout((13, 32, 32)), find_layout((12, 30, 13))
    ('chw', 'hwc', 'chw', 'either')
    """
    first, middle, last = shape
    is_first, is_last = first <= MOST_CHANNELS, last <= MOST_CHANNELS
    if is_first != is_last:
        return "chw" if is_first else "hwc"
    if not is_first:
        return None
    if (middle == last) != (middle == first):
        return "chw" if middle == last else "hwc"
    if 2 * min(first, last) > max(first, last):
        return "either"
    return "chw" if first < last else "hwc"


def channels_last(array: np.ndarray, layout: Layout | None) -> np.ndarray:
    """Return an array with its channels at the end.

    Shape:   array (H, W), (H, W, C) or (C, H, W) -> (H, W, C)
    Raises:  FathomError, in words that follow the file's name, if it is no image, or its shape could be read both ways
    """
    if array.ndim == 2:
        return array[:, :, None]
    shape = "×".join(map(str, array.shape))
    if array.ndim != 3 or 0 in array.shape:
        raise FathomError(f"holds an array of {shape or 'no dimensions'}; an image is (H, W), (H, W, C) or (C, H, W)")
    found = layout or find_layout(array.shape)
    if found is None:
        raise FathomError(f"holds an array of {shape}, of which no end has the {MOST_CHANNELS} channels at most")
    if found == "either":
        raise FathomError(
            f"holds an array of {shape}, in which the channels may be first or last: add --set data.options.layout=chw "
            "or hwc"
        )
    return array if found == "hwc" else array.transpose(1, 2, 0)


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image upright, by the eight values of the tag that TIFF and EXIF share.

    Shape:   pixels (H, W, C) -> (H, W, C), or (W, H, C) from 5 on
    Equals:  PIL.ImageOps.exif_transpose
    """
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
