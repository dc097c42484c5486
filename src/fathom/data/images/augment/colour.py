"""Change the colours of a batch of images, each by its own factor.

Images are floating, in 0…1; a factor is one number per image. Results stay in 0…1.
"""

from __future__ import annotations

import torch
from torch import Tensor

# What a grey image takes of red, green and blue: Rec. 601 luma, in torchvision's rounding
_LUMA = (0.2989, 0.587, 0.114)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply each image by its factor: 0 is black, 1 leaves it.

    Shape:   images (B, C, H, W), factor (B,) -> (B, C, H, W)
    Equals:  torchvision.transforms.v2.functional.adjust_brightness
    """
    return (images * _per_image(factor, images)).clamp_(0, 1)  # (B, C, H, W)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move each image away from the mean of its grey version (of bands, their mean): 0 is flat grey, 1 leaves it.

    Shape:   images (B, C, H, W), factor (B,) -> (B, C, H, W)
    Equals:  torchvision.transforms.v2.functional.adjust_contrast
    """
    return _blend(images, _grey(images).mean((1, 2, 3), keepdim=True), factor)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move each image away from its grey version: 0 is grey, 1 leaves it.

    Shape:   images (B, 3, H, W), factor (B,) -> (B, 3, H, W)
    Equals:  torchvision.transforms.v2.functional.adjust_saturation
    """
    return _blend(images, _grey(images), factor)


def adjust_hue(images: Tensor, factor: Tensor) -> Tensor:
    """Turn the hue of each image by its factor, in turns of the colour circle (−0.5 … 0.5); 0 leaves it.

    With hue h in sixths of the circle, value v and chroma c, a channel is v − c·clamp(min(k, 4 − k), 0, 1) where
    k = (n + h) mod 6 and n = 5, 3, 1 for red, green, blue: the usual table of six cases in one line.

    Shape:   images (B, 3, H, W), factor (B,) -> (B, 3, H, W)
    Equals:  torchvision.transforms.v2.functional.adjust_hue
    """
    red, green, blue = images.unbind(1)  # (B, H, W) each, as all below
    value = images.amax(1)
    chroma = value - images.amin(1)
    safe = torch.where(chroma == 0, torch.ones_like(chroma), chroma)  # grey has no hue; any will do
    hue = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    # 5, 3, 1: in sixths of the circle, how far each channel's curve is shifted against k
    n = torch.tensor([5.0, 3.0, 1.0], dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    k = (n + (hue[:, None] + 6 * _per_image(factor, images))).remainder_(6)  # (B, 3, H, W)
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp_(0, 1)  # (B, 3, H, W)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    share = _per_image(factor, images)  # (B, 1, 1, 1)
    return (images * share).add_(other * (1 - share)).clamp_(0, 1)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images if images.shape[1] == 1 else images.mean(1, keepdim=True)  # (B, 1, H, W)
    weights = torch.tensor(_LUMA, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)  # (B, 1, H, W)


def _per_image(factor: Tensor, images: Tensor) -> Tensor:
    return factor.to(images.dtype).view(-1, 1, 1, 1)  # (B, 1, 1, 1)
