"""ConvNeXt: a convolutional network built with what was learned from transformers.

Source:  Liu et al. 2022, arXiv:2201.03545
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.models.facts import IMAGENET, Paper
from fathom.models.options import check_image, use_small
from fathom.models.registration import register_model

PAPER = Paper("Liu et al.", 2022, "A ConvNet for the 2020s", "https://arxiv.org/abs/2201.03545")

_STD, _EPS = 0.02, 1e-6  # of the weights at the start and in the norms, as published
# blocks of each stage, channels of each. The small form is ours.
FORMS: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "few pixels": ((2, 2, 4), (48, 96, 192)),
}
# What a block adds is scaled by this at first: 1e-6 as published. A short training would not lift so small a number;
# 0.1 is what Touvron et al. 2021, arXiv:2103.17239, §2, take for networks of up to 18 blocks.
_SCALE, _SCALE_OF_FEW = 1e-6, 0.1


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel.

    Shape:   X (N, C, H, W) -> (N, C, H, W)
    """

    def forward(self, X: Tensor) -> Tensor:
        X = X.permute(0, 2, 3, 1)  # (N, H, W, C): torch normalises the last axes
        return F.layer_norm(X, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class ToLast(nn.Module):
    """Channels last, for layers that work on the last axis, or back again.

    Shape:   X (N, C, H, W) -> (N, H, W, C); or, back, (N, H, W, C) -> (N, C, H, W)
    """

    def __init__(self, *, back: bool = False) -> None:
        super().__init__()
        self.order = (0, 3, 1, 2) if back else (0, 2, 3, 1)

    def forward(self, X: Tensor) -> Tensor:
        return X.permute(self.order)


class Block(nn.Module):
    """A wide convolution of each channel by itself, then a network for each pixel, added to what came in.

    Shape:   X (N, C, H, W) -> (N, C, H, W)
    """

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=7, padding=3, groups=channels),  # (N, C, H, W)
            ToLast(),
            nn.LayerNorm(channels, eps=_EPS),
            nn.Linear(channels, 4 * channels),  # (N, H, W, 4·C)
            nn.GELU(),
            nn.Linear(4 * channels, channels),  # (N, H, W, C)
            ToLast(back=True),
        )
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), scale))

    def forward(self, X: Tensor) -> Tensor:
        return X + self.layer_scale * self.block(X)  # (N, C, H, W)


class ConvNeXt(nn.Module):
    """A stem of patches, stages of blocks with a halving between, a norm and a dense layer.

    Shape:   X (N, C, H, W) -> logits (N, num_classes)
    """

    def __init__(
        self, channels: int, num_classes: int, form: tuple[Sequence[int], Sequence[int]], *, side: int, scale: float
    ) -> None:
        super().__init__()
        blocks, widths = form
        stem = nn.Conv2d(channels, widths[0], kernel_size=side, stride=side)  # (N, 96, 56, 56) at (3, 224, 224)
        layers: list[nn.Module] = [nn.Sequential(stem, ChannelNorm(widths[0], eps=_EPS))]
        for stage, (number, width) in enumerate(zip(blocks, widths, strict=True)):
            if stage:  # half the side, twice the channels
                before = widths[stage - 1]
                halve = nn.Conv2d(before, width, kernel_size=2, stride=2)
                layers.append(nn.Sequential(ChannelNorm(before, eps=_EPS), halve))
            layers.append(nn.Sequential(*(Block(width, scale) for _ in range(number))))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)  # (N, 768, 1, 1)
        last = widths[-1]
        self.classifier = nn.Sequential(ChannelNorm(last, eps=_EPS), nn.Flatten(), nn.Linear(last, num_classes))
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(layer.weight, std=_STD)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, X: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(X)))  # (N, num_classes)


published = partial(register_model, paper=PAPER, form=IMAGENET)


# The published counts are torchvision's; table 9 of the paper rounds them to 29 and 50 million.
@published(
    "convnext_tiny", description="convolutions in a transformer's plan", parameters=28_589_128, fixed={"size": "tiny"}
)
@published("convnext_small", description="the same, deeper", parameters=50_223_688, fixed={"size": "small"})
def convnext(
    input_shape: tuple[int, ...], num_classes: int, *, size: str = "tiny", small: bool | None = None
) -> nn.Module:
    """Build ConvNeXt. Its weights have torchvision's names.

    Args:
        size: tiny or small.
        small: patches of 2 pixels and three stages of 48, 96 and 192 channels; None means: for images below 64 pixels.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 32, small: 8
    """
    is_small = use_small(small, input_shape)
    side, scale = (2, _SCALE_OF_FEW) if is_small else (4, _SCALE)
    channels, _, _ = check_image(f"convnext_{size}", input_shape, minimum=8 if is_small else 32)
    return ConvNeXt(channels, num_classes, FORMS["few pixels" if is_small else size], side=side, scale=scale)
