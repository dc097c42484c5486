"""In which form the pixels of a set are held: how many channels, which size, which values. Loads without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from fathom.errors import UsageError, unknown

Values = Literal["uint8", "uint16", "integer", "float"]
Layout = Literal["hwc", "chw"]

MAX_PIXELS = 50_000_000
MOST_CHANNELS = 32
COLOURS = (1, 3)  # channels of ordinary images, grey and colour: others are bands
WORDS: dict[Values, str] = {
    "uint8": "8-bit values",
    "uint16": "16-bit values",
    "integer": "signed or 32-bit whole numbers",
    "float": "floating numbers",
}
_TYPES: dict[Values, Any] = {"uint8": np.uint8, "uint16": np.uint16, "integer": np.float32, "float": np.float32}


@dataclass(frozen=True)
class PixelForm:
    """The form that every image of a set is brought to.

    Attributes:
        channels: 1 (grey), 3 (colour), or the number of bands.
        size: (height, width); None keeps each image's own.
        values: what the files hold: bytes and 16-bit values are kept as they are, all others as float32.
        converts: whether files of other values are brought to these, the full range of one as that of the other;
            else they are refused.
        layout: where the channels of an array of three dimensions are; None tells by its shape.
        window: least and largest value; what is outside becomes the nearer one.
    """

    channels: int
    size: tuple[int, int] | None = None
    values: Values = "uint8"
    converts: bool = True
    layout: Layout | None = None
    window: tuple[float, float] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a stored pixel."""
        return np.dtype(_TYPES[self.values])

    @property
    def is_plain(self) -> bool:
        """Whether the values are bytes from 0 to 255, on no other scale."""
        return self.values == "uint8" and self.window is None

    @property
    def has_colours(self) -> bool:
        """Whether images are grey or colour, so that one can be made the other."""
        return self.channels in COLOURS

    def describe(self) -> dict[str, Any]:
        """Return what ``model.json`` must know of the files to read further ones alike, besides their size."""
        found: dict[str, Any] = {"values": self.values, "converts": self.converts}
        return found if self.layout is None else found | {"layout": self.layout}

    @classmethod
    def of_model(cls, stored: Mapping[str, Any]) -> PixelForm:
        """Return the form that a model reads, by what ``model.json`` or an export says of its input."""
        window = (stored["low"], stored["high"]) if stored.get("clips") else None
        return cls(
            stored["channels"],
            (stored["height"], stored["width"]),
            stored.get("values") or "uint8",
            # models from before files had a form were trained on what was brought to 8 bits
            stored.get("converts", True) is not False,
            stored.get("layout"),
            window,
        )


def check_form(form: PixelForm) -> None:
    """Refuse a form that no image can be brought to.

    Raises:  UsageError
    """
    size = form.size
    check_channels(form.channels)
    if size is not None and not (len(size) == 2 and min(size) >= 1 and size[0] * size[1] <= MAX_PIXELS):
        raise UsageError(f"image size {size}: it must be (height, width), both at least 1")
    if form.values not in get_args(Values):
        raise unknown("kind of pixel values", form.values, get_args(Values))
    if form.layout not in (None, *get_args(Layout)):
        raise unknown("layout of arrays", form.layout, get_args(Layout))
    if form.window is not None:
        check_range(form.window)


def check_channels(channels: int) -> None:
    """Refuse a number of channels that images do not have.

    Raises:  UsageError
    """
    if not 1 <= channels <= MOST_CHANNELS:
        raise UsageError(
            f"images of {channels} channels: choose 1 (grey), 3 (colour), or the number of bands, {MOST_CHANNELS} at "
            "most"
        )


def check_range(window: tuple[float, float]) -> None:
    """Refuse a range that is none.

    Raises:  UsageError
    """
    if not (np.isfinite(window).all() and window[0] < window[1]):
        raise UsageError(f"--range {window[0]:g},{window[1]:g}: two finite numbers, the lower one first")
