"""What may be said of images in files. Loads without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fathom.choices import Cache
from fathom.data.images.pixels.form import Layout, Values

LARGEST_SIDE = 224


@dataclass(frozen=True)
class ImageOptions:
    """How image files become samples.

    Attributes:
        size: (height, width) to bring every image to; None takes the commonest size.
        largest_side: that size is at most, in pixels.
        smallest_side: returns the least pixels of a side for so many channels, where ``size`` is None; called for small
            images only.
        channels: 1, 3 or a number of bands; None takes the bands that the files have, and of grey and colour 3 unless
            every image looked into is grey.
        values: what kind of values the files hold; None finds out.
        converts: whether files of other values are converted, see ``PixelForm``; else they are refused.
        layout: where the channels of arrays are; None tells by their shapes.
        window: the least and the largest value, for a scale of all; None takes those of the training images.
        workers: processes that decode; None is one per core.
        cache: keep the decoded images in memory ("memory") or do not ("none"); "auto" does where they fit. Except with
            "none", what the pass over the files found is kept on the disk too, see ``kept_surveys``.
        max_broken: share of the files that may be missing or broken; they are left out, and the notes say which.
        refuses_broken: whether more than that is an error; ``fathom check`` lists however many there are.
        is_normalised_elsewhere: models bring mean and standard deviation with them; those of the images do not matter.
    """

    size: tuple[int, int] | None = None
    largest_side: int = LARGEST_SIDE
    smallest_side: Callable[[int], int] | None = None
    channels: int | None = None
    values: Values | None = None
    converts: bool = False
    layout: Layout | None = None
    window: tuple[float, float] | None = None
    workers: int | None = None
    cache: Cache = "auto"
    max_broken: float = 0.5  # past it the files are hardly what somebody meant
    refuses_broken: bool = True
    is_normalised_elsewhere: bool = False
