"""Values of more than 8 bits: the one scale of a set, what to say of it, how it is augmented and looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from fathom.data.images.pixels.form import COLOURS, WORDS, PixelForm
from fathom.data.images.pixels.moments import COUNT, HIGH, LOW
from fathom.data.loaders.memory import Augmentation
from fathom.phrases import counted, significant
from fathom.preprocess import PixelScale

_EXACT = 1 << 24  # past it float32 does not hold every whole number
_LEAST_LEVELS = 1 << 12  # of float32 between the ends of a scale, as a good camera has


def find_scale(form: PixelForm, moments: np.ndarray) -> PixelScale | None:
    """Return which values are 0 and 1: those of the range given, else the ends of the training images; None for bytes.

    Shape:   moments float64 (C, 5), of all training images
    """
    if form.window is not None:
        return PixelScale(*form.window, clips=True)
    if form.is_plain:
        return None
    known = moments[moments[:, COUNT] > 0]
    if not len(known):
        return PixelScale(0.0, 1.0)  # not one finite value
    low, high = float(known[:, LOW].min()), float(known[:, HIGH].max())
    return PixelScale(low, high if high > low else low + max(1.0, abs(low)))


def describe_values(form: PixelForm, scale: PixelScale | None, moments: np.ndarray, of_files: np.ndarray) -> list[str]:
    """Say in a line how values become what a network sees, and why; and what of them is missing or lost.

    Shape:   moments float64 (C, 5) of the training images, of_files float64 (N, C, 5)
    """
    notes = []
    bands = "" if form.has_colours else f"{form.channels} channels of "
    if scale is not None:
        ends = f"{show_number(scale.low)} … {show_number(scale.high)} become 0 … 1"
        why = (
            "as --range says, values outside are clipped"
            if scale.clips
            else "the least and the largest value of the training images; --range LO,HI sets another"
        )
        kept = "" if form.dtype == np.uint8 else ", kept as " + ("16 bits" if form.values == "uint16" else "float32")
        notes.append(f"values: {bands}{WORDS[form.values]}{kept}; one scale for all images: {ends} ({why})")
    elif bands:
        notes.append(f"values: {bands}{WORDS[form.values]}, 0 to 255; a mean and a standard deviation for each channel")
    if form.values in ("integer", "float"):
        notes += _describe_missing(of_files, math.prod(form.size or ()))
        notes += _describe_rounding(moments)
    return notes


def _describe_missing(of_files: np.ndarray, pixels: int) -> list[str]:
    """Count values that are not finite, after resizing, in images of so many pixels."""
    found = of_files[..., COUNT]  # (N, C)
    files = int((found < pixels).any(1).sum())
    if not files:
        return []
    share = 1 - found.sum() / (pixels * found.size)
    return [
        f"missing: {counted(files, 'file')} with values that are not finite (NaN or inf), {100 * share:.2g} % of all; "
        "a network gets the mean of the channel instead"
    ]


def _describe_rounding(moments: np.ndarray) -> list[str]:
    """Say where float32 is too coarse for values far from 0."""
    known = moments[moments[:, COUNT] > 0]
    if not len(known):
        return []
    low, high = known[:, LOW].min(), known[:, HIGH].max()
    step = float(np.spacing(np.float32(max(abs(low), abs(high)))))
    if high == low or (high - low) / step >= _LEAST_LEVELS:
        return []
    return [
        f"precision: float32 keeps steps of {significant(step)} at values as large as {show_number(high)}: "
        f"{(high - low) / step:,.0f} levels are left; subtract an offset from the files beforehand"
    ]


def describe_pages(pages: np.ndarray) -> list[str]:
    """Say in a line how many further images in files are passed over."""
    more = pages[pages > 1]
    if not len(more):
        return []
    further = counted(int(more.sum() - len(more)), "further image")
    return [
        f"pages: {counted(len(more), 'file')} with more than one image (pages of a TIFF, previews in an MPO): the "
        f"first is taken, {further} passed over"
    ]


def show_number(value: float) -> str:
    """Write an end of a scale.

    >>> show_number(-1024.0), show_number(65535.0), show_number(0.12345678)
    ('-1,024', '65,535', '0.1235')
    """
    return f"{value:,.0f}" if value == round(value) and abs(value) < _EXACT else significant(value)


def show_as_bytes(pixels: np.ndarray, scale: PixelScale | None) -> np.ndarray:
    """Return an image as it can be looked at: on the scale of its set, of many bands the first three, of two the first.

    Shape:   pixels (C, H, W) -> uint8 (1, H, W) or (3, H, W)
    """
    shown = pixels if len(pixels) in COLOURS else pixels[: 3 if len(pixels) > 3 else 1]
    if scale is None:
        return shown
    values = (shown.astype(np.float64) - scale.low) / (scale.high - scale.low)
    return (np.nan_to_num(values).clip(0, 1) * 255).round().astype(np.uint8)


class ScaledAugmentation:
    """Augment stored values in 0…1, where augmentation works, and bring them back to their units.

    Args:
        augment: changes images in 0…1.
        mean: of each channel, in 0…1; it takes the place of values that are not finite.
    """

    def __init__(self, augment: Augmentation, scale: PixelScale, mean: Sequence[float]) -> None:
        self.augment, self.scale = augment, scale
        self.mean = torch.tensor(list(mean), dtype=torch.float32).view(-1, 1, 1)  # (C, 1, 1)

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the changed batch.

        Shape:   images (B, C, H, W) of any type -> float32 (B, C, H, W), in the same units
        """
        low, span = self.scale.low, self.scale.high - self.scale.low
        X = images.float().sub(low).div_(span)  # (B, C, H, W), in 0…1
        X = torch.where(X.isfinite(), X, self.mean.to(X.device))
        return self.augment(X, generator).mul(span).add_(low)
