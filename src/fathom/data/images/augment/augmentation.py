"""Random changes to whole batches of training images, every image by its own draw.

All take a batch (B, C, H, W), uint8 in 0…255 or floating in 0…1, and a ``torch.Generator``, the only source of
chance: the same state gives the same result, and the global generators are left alone. Flips, crops and cut-out keep
uint8 (a quarter of the traffic); what has to compute with brightness gives floating images in 0…1. The input is never
written to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from fathom.data.images.augment.colour import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation
from fathom.data.images.augment.geometry import as_float, crop, flip, resized_crop, rotate
from fathom.errors import UsageError


class Augmentation(Protocol):
    """One random change, or a sequence of them."""

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the changed batch; the images passed in stay as they are."""

    def check(self, shape: Sequence[int]) -> None:
        """Raise UsageError if the change makes no sense for images of ``shape`` (C, H, W)."""


@dataclass(frozen=True)
class Flip:
    """Mirror left and right, with probability ``p``.

    Shape:   images (B, C, H, W) -> (B, C, H, W); of the same type
    Equals:  torchvision.transforms.v2.RandomHorizontalFlip, image by image
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        _require(0 <= self.p <= 1, f"flip: p={self.p} is not a probability")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        self.check(images.shape[1:])
        return flip(images, _uniform((0, 1), images, generator) < self.p, dimension=3)

    def check(self, shape: Sequence[int]) -> None:
        _check_image(shape)


@dataclass(frozen=True)
class VerticalFlip:
    """Mirror top and bottom, with probability ``p``. Sensible for leaves and stars, not for houses.

    Shape:   images (B, C, H, W) -> (B, C, H, W); of the same type
    Equals:  torchvision.transforms.v2.RandomVerticalFlip, image by image
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        _require(0 <= self.p <= 1, f"vflip: p={self.p} is not a probability")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        self.check(images.shape[1:])
        return flip(images, _uniform((0, 1), images, generator) < self.p, dimension=2)

    def check(self, shape: Sequence[int]) -> None:
        _check_image(shape)


@dataclass(frozen=True)
class Crop:
    """Shift by up to ``padding`` pixels each way; what comes into view is the mirrored image, or zeros.

    Args:
        padding: largest shift in pixels.
        mode: "reflect" or "zero".

    Shape:   images (B, C, H, W) -> (B, C, H, W); of the same type
    Equals:  torchvision.transforms.v2.RandomCrop(size, padding), image by image
    """

    padding: int = 4  # He et al. 2016, arXiv:1512.03385, §4.2, for the 32 pixels of CIFAR-10
    mode: str = "reflect"

    def __post_init__(self) -> None:
        _require(self.padding >= 1, f"crop: padding={self.padding} must be at least 1")
        _require(self.mode in ("reflect", "zero"), f"crop: mode={self.mode!r} must be 'reflect' or 'zero'")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        self.check(images.shape[1:])
        top, left = (_integers(0, 2 * self.padding + 1, images, generator) for _ in range(2))  # (B,) each
        return crop(images, top, left, self.padding, self.mode)

    def check(self, shape: Sequence[int]) -> None:
        _check_image(shape)
        if self.mode == "reflect" and self.padding >= min(shape[1:]):
            raise UsageError(
                f"crop: padding={self.padding} reaches past the mirror image of {shape[1]}×{shape[2]} images; "
                f"choose at most {min(shape[1:]) - 1}, or mode=zero"
            )


@dataclass(frozen=True)
class ResizedCrop:
    """Cut out a box of random area, shape and place, and stretch it to the full size.

    Args:
        area: range of the box's share of the image.
        ratio: range of its width over its height; drawn evenly on a logarithmic scale.

    Shape:   images (B, C, H, W) -> float32 (B, C, H, W)
    Equals:  torchvision.transforms.v2.RandomResizedCrop(size, area, ratio, antialias=False), image by image
    """

    area: tuple[float, float] = (0.08, 1.0)  # torchvision's, from Szegedy et al. 2015, arXiv:1409.4842, §6
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # from the same place

    def __post_init__(self) -> None:
        _require(0 < self.area[0] <= self.area[1] <= 1, f"resized_crop: area={self.area} must be a range within 0…1")
        _require(0 < self.ratio[0] <= self.ratio[1], f"resized_crop: ratio={self.ratio} must be a range above 0")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        self.check(images.shape[1:])
        return resized_crop(images, *self.draw_boxes(images, generator))

    def check(self, shape: Sequence[int]) -> None:
        _check_image(shape)

    def draw_boxes(self, images: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw boxes (top, left, height, width), in whole pixels inside the image.

        Ten draws are made for each image and the first that fits is taken; where none fits, the largest central box
        of an allowed shape.

        Shape:   images (B, C, H, W) -> top (B,), left (B,), height (B,), width (B,)
        """
        num, _, rows, columns = images.shape
        # 10: as in torchvision, and in the TensorFlow code of Inception before it
        share = _uniform(self.area, images, generator, (num, 10))  # (B, 10), as ratio, width, height and fits
        ratio = _uniform((math.log(self.ratio[0]), math.log(self.ratio[1])), images, generator, (num, 10)).exp()
        width = (share * ratio * (rows * columns)).sqrt().round()
        height = (share / ratio * (rows * columns)).sqrt().round()
        fits = (width >= 1) & (width <= columns) & (height >= 1) & (height <= rows)
        first = fits.int().argmax(1, keepdim=True)  # (B, 1): of equal maxima the first
        found = fits.any(1)  # (B,)
        shape = min(max(columns / rows, self.ratio[0]), self.ratio[1])
        whole_height = max(1, min(rows, round(columns / shape)))
        whole_width = max(1, min(columns, round(rows * shape)))
        height = torch.where(found, height.gather(1, first)[:, 0], whole_height)  # (B,)
        width = torch.where(found, width.gather(1, first)[:, 0], whole_width)  # (B,)
        down, right = (_uniform((0, 1), images, generator) for _ in range(2))
        top = torch.where(found, (down * (rows - height + 1)).floor(), (rows - whole_height) // 2)
        left = torch.where(found, (right * (columns - width + 1)).floor(), (columns - whole_width) // 2)
        return top, left, height, width


@dataclass(frozen=True)
class Rotate:
    """Turn about the centre by a random angle, drawn evenly from −degrees … degrees; the size stays.

    Args:
        degrees: the largest angle.
        mode: what comes into view: "reflect" is the mirrored image, "zero" is black.

    Shape:   images (B, C, H, W) -> float32 (B, C, H, W)
    Equals:  torchvision.transforms.v2.RandomRotation(degrees, interpolation=BILINEAR), image by image, for mode "zero"
    Source:  notes N1 §2.4
    """

    degrees: float = 15.0  # a tilt that no character loses its meaning by
    mode: str = "reflect"

    def __post_init__(self) -> None:
        _require(0 < self.degrees <= 180, f"rotate: degrees={self.degrees} must be above 0 and at most 180")
        _require(self.mode in ("reflect", "zero"), f"rotate: mode={self.mode!r} must be 'reflect' or 'zero'")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        self.check(images.shape[1:])
        return rotate(images, _uniform((-self.degrees, self.degrees), images, generator), self.mode)

    def check(self, shape: Sequence[int]) -> None:
        _check_image(shape)


@dataclass(frozen=True)
class Jitter:
    """Change brightness, contrast, saturation and hue, in this order, each by its own random factor.

    Args:
        brightness, contrast, saturation: the factor is drawn evenly from 1 − value … 1 + value, never below 0.
        hue: the turn is drawn evenly from −hue … hue; 0.5 reaches every colour.

    Saturation and hue need three channels; asked for on images of others they are an error rather than nothing.
    Shape:   images (B, C, H, W) -> float32 (B, C, H, W)
    Equals:  torchvision.transforms.v2.functional.adjust_*, image by image
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        strengths = (self.brightness, self.contrast, self.saturation, self.hue)
        _require(all(0 <= s < math.inf for s in strengths), f"jitter: strengths {strengths} must be 0 or more")
        _require(self.hue <= 0.5, f"jitter: hue={self.hue} must be at most 0.5, half the colour circle")
        _require(any(strengths), "jitter: give at least one of brightness, contrast, saturation, hue")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        self.check(images.shape[1:])
        images = as_float(images)
        for strength, adjust in (
            (self.brightness, adjust_brightness),
            (self.contrast, adjust_contrast),
            (self.saturation, adjust_saturation),
        ):
            if strength:
                images = adjust(images, _uniform((max(0.0, 1 - strength), 1 + strength), images, generator))
        if self.hue:
            images = adjust_hue(images, _uniform((-self.hue, self.hue), images, generator))
        return images

    def check(self, shape: Sequence[int]) -> None:
        _check_image(shape)
        if (self.saturation or self.hue) and shape[0] != 3:
            raise UsageError(
                f"jitter: saturation and hue need images of 3 colour channels, these have {shape[0]}; leave them out, "
                "brightness and contrast go with any number"
            )


@dataclass(frozen=True)
class Cutout:
    """Blacken a square of ``size`` pixels whose centre is anywhere; it may hang over the edge.

    Shape:   images (B, C, H, W) -> (B, C, H, W); of the same type
    Source:  DeVries and Taylor 2017, arXiv:1708.04552
    """

    size: int = 8

    def __post_init__(self) -> None:
        _require(self.size >= 1, f"cutout: size={self.size} must be at least 1")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        self.check(images.shape[1:])
        inside = []
        for length in images.shape[2:]:
            start = _integers(0, length, images, generator)[:, None] - self.size // 2  # (B, 1)
            place = torch.arange(length, device=images.device)  # (H,), then (W,)
            inside.append((place >= start) & (place < start + self.size))  # (B, H), then (B, W)
        outside = ~(inside[0][:, :, None] & inside[1][:, None, :])  # (B, H, W)
        # a product is far faster than masked_fill on uint8
        return images * outside[:, None].to(images.dtype)  # (B, C, H, W)

    def check(self, shape: Sequence[int]) -> None:
        _check_image(shape)
        if self.size > min(shape[1:]):
            raise UsageError(
                f"cutout: size={self.size} is larger than images of {shape[1]}×{shape[2]}; choose at most "
                f"{min(shape[1:])}"
            )


@dataclass(frozen=True)
class Noise:
    """Add normal noise of standard deviation ``std``.

    For images ``std`` is in units of the full range, and the result is cut to 0…1; for features and signals, (B, D) or
    (B, C, L), it is in their own units, those of a table being standard deviations of each column, and nothing is cut.

    Shape:   X (B, …) -> (B, …); float32 of uint8 images
    Source:  notes N1 §2.4, §3.4.1; Bishop 1995, "Training with noise is equivalent to Tikhonov regularization"
    """

    std: float = 0.05

    def __post_init__(self) -> None:
        _require(0 < self.std < math.inf, f"noise: std={self.std} must be above 0")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        images = as_float(images)
        noise = torch.randn(images.shape, generator=generator, device=generator.device)  # (B, …)
        noisy = noise.to(images.device, images.dtype).mul_(self.std).add_(images)
        return noisy.clamp_(0, 1) if images.ndim == 4 else noisy  # (B, C, H, W), else (B, D) or (B, C, L)

    def check(self, shape: Sequence[int]) -> None:
        """Accept every shape: features and signals too."""


@dataclass(frozen=True)
class Compose:
    """Apply several changes one after the other.

    Shape:   images (B, C, H, W) -> (B, C, H, W)
    """

    steps: tuple[Augmentation, ...]

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        for step in self.steps:
            images = step(images, generator)
        return images

    def check(self, shape: Sequence[int]) -> None:
        for step in self.steps:
            step.check(shape)


def _uniform(
    limits: tuple[float, float], images: Tensor, generator: Generator, shape: tuple[int, ...] | None = None
) -> Tensor:
    """Draw one number an image, (B,), or ``shape``, where the generator is, then bring them to the images."""
    drawn = torch.rand(shape or (len(images),), generator=generator, device=generator.device)
    return (drawn * (limits[1] - limits[0]) + limits[0]).to(images.device)


def _integers(low: int, high: int, images: Tensor, generator: Generator) -> Tensor:
    return torch.randint(low, high, (len(images),), generator=generator, device=generator.device).to(images.device)


def _check_image(shape: Sequence[int]) -> None:
    if len(shape) != 3:
        raise UsageError(f"augmentation is for images (C, H, W), not for samples of shape {tuple(shape)}")


def _require(condition: Any, message: str) -> None:
    if not condition:
        raise UsageError(message)
