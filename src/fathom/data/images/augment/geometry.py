"""Move and mirror the pixels of a batch of images, each image by its own numbers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def as_float(images: Tensor) -> Tensor:
    """Return images in 0…1, floating; floating ones are passed on.

    Shape:   images (…,) -> (…,)
    """
    return images if images.is_floating_point() else images.float().mul_(1 / 255)


def flip(images: Tensor, mirrored: Tensor, dimension: int) -> Tensor:
    """Mirror those images whose ``mirrored`` is true, along dimension 2 (top and bottom) or 3 (left and right).

    Shape:   images (B, C, H, W), mirrored bool (B,) -> (B, C, H, W); of the same type
    """
    # choosing whole images from both versions is three times as fast as torch.where on uint8
    choice = torch.arange(len(images), device=images.device) + len(images) * mirrored  # (B,), into 2B images
    return torch.cat([images, images.flip(dimension)]).index_select(0, choice)  # (B, C, H, W)


def crop(images: Tensor, top: Tensor, left: Tensor, padding: int, mode: str) -> Tensor:
    """Cut from each padded image the window whose corner is (top, left); both are 0 … 2·padding.

    Shape:   images (B, C, H, W), top (B,), left (B,) -> (B, C, H, W); of the same type
    """
    num, channels, rows, columns = images.shape
    y = top[:, None] + torch.arange(rows, device=images.device)  # (B, H)
    x = left[:, None] + torch.arange(columns, device=images.device)  # (B, W)
    if mode == "zero":
        images = F.pad(images, (padding,) * 4)  # (B, C, H + 2·padding, W + 2·padding)
    else:  # no padded copy: the mirrored pixels are read where they lie
        y, x = ((index - padding).abs() for index in (y, x))
        y, x = rows - 1 - (rows - 1 - y).abs(), columns - 1 - (columns - 1 - x).abs()  # (B, H), (B, W)
    # one gather over flattened pixels costs half of one along each side
    flat = (y[:, :, None] * images.shape[3] + x[:, None, :]).view(num, 1, -1).expand(-1, channels, -1)  # (B, C, H·W)
    return images.flatten(2).gather(2, flat).view(num, channels, rows, columns)  # (B, C, H, W)


def resized_crop(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Stretch a box of each image to the full size, bilinearly; nothing outside the box shows.

    Shape:   images (B, C, H, W), top (B,), left (B,), height (B,), width (B,) -> (B, C, H, W); boxes in pixels
    Equals:  torchvision.transforms.v2.functional.resized_crop(antialias=False)
    """
    images = as_float(images)

    def positions(start: Tensor, length: Tensor, size: int) -> Tensor:
        # pixel centres of the result, in pixels of the box, kept between the box's outermost centres
        centre = (torch.arange(size, device=images.device) + 0.5) * (length / size)[:, None] - 0.5
        inside = torch.minimum(centre.clamp(min=0), length[:, None] - 1) + start[:, None]  # (B, size)
        return (2 * inside + 1) / size - 1  # the unit of grid_sample: −1 … 1 from edge to edge

    y, x = (positions(*box) for box in ((top, height, images.shape[2]), (left, width, images.shape[3])))
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1).to(images.dtype)  # (B, H, W, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)  # (B, C, H, W)


def rotate(images: Tensor, degrees: Tensor, mode: str) -> Tensor:
    """Turn each image about its centre, counter-clockwise, bilinearly; what comes into view is mirrored, or zeros.

    Shape:   images (B, C, H, W), degrees (B,) -> (B, C, H, W)
    Equals:  torchvision.transforms.v2.functional.rotate(interpolation=BILINEAR), for mode "zero"
    """
    images = as_float(images)
    num, _, rows, columns = images.shape
    # pixel centres of the result about the middle, in pixels; y points down
    y = torch.arange(rows, device=images.device)[:, None] - (rows - 1) / 2  # (H, 1)
    x = torch.arange(columns, device=images.device)[None, :] - (columns - 1) / 2  # (1, W)
    angle = torch.deg2rad(degrees.float()).view(num, 1, 1)
    cos, sin = angle.cos(), angle.sin()  # (B, 1, 1)
    # where each comes from: turned back
    source = torch.stack([(cos * x - sin * y) * (2 / columns), (sin * x + cos * y) * (2 / rows)], -1)  # (B, H, W, 2)
    padding = "reflection" if mode == "reflect" else "zeros"
    grid = source.to(images.dtype)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode=padding, align_corners=False)  # (B, C, H, W)
