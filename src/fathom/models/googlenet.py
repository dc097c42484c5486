"""GoogLeNet: nine Inception blocks, each looking at its input at four scales at once; and what became of the block.

Source: Szegedy et al. 2015, arXiv:1409.4842, table 1; notes N1 §2.9

The variants share the table of that paper, so that they differ in one idea each:

- ``v1``: as published.
- ``bn``: with batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167).
- ``v3``: with batch normalisation, and large kernels factorised (Szegedy et al. 2016, arXiv:1512.00567). These are the
  ideas of Inception-v3, not the network of that name, which has another table and 299x299 pixels.
- ``residual``: with batch normalisation and a shortcut around each block (Szegedy et al. 2017, arXiv:1602.07261).

The two auxiliary classifiers are left out: they only serve training, and little, as the 2016 paper found. So is the
local response normalisation, which VGG's authors found useless in the same year.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from fathom.errors import UsageError
from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_flag, check_image, check_probability, use_small

VARIANTS = ("v1", "bn", "v3", "residual")

# block: channels of 1x1; 1x1 before 3x3, 3x3; 1x1 before 5x5, 5x5; 1x1 after pooling
BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

Kernels = tuple[tuple[int, int], ...]
PLAIN: tuple[Kernels, Kernels] = (((3, 3),), ((5, 5),))
# stage: what v3 has for the 3x3 and for the 5x5. At equal channels two 3x3 see as far as one 5x5 for 18/25 of
# the weights; 1x7 and 7x1 see further for 14/25, and work best on grids of 12 to 20 (2016, §3.1 and §3.2).
FACTORISED: dict[str, tuple[Kernels, Kernels]] = {
    "3": (((3, 3),), ((3, 3), (3, 3))),
    "4": (((3, 3),), ((1, 7), (7, 1))),
    "5": (((1, 3), (3, 1)), ((3, 3), (3, 3))),
}
# torchvision's published weights have a 3x3 for the 5x5, by mistake: https://github.com/pytorch/vision/issues/906
TORCHVISION: tuple[Kernels, Kernels] = (((3, 3),), ((3, 3),))


class ConvUnit(nn.Module):
    """Convolution, batch normalisation if wanted, ReLU; height and width stay unless there is a stride."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: tuple[int, int], batch_norm: bool, stride: int = 1
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=not batch_norm)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if batch_norm else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.relu(self.bn(self.conv(X)))


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 and 3x3; 1x1 and 5x5; pooling and 1x1. Their channels are joined."""

    def __init__(
        self, in_channels: int, table: tuple[int, ...], kernels: tuple[Kernels, Kernels], batch_norm: bool
    ) -> None:
        super().__init__()
        c1, reduce3, c3, reduce5, c5, c_pool = table
        unit = partial(ConvUnit, batch_norm=batch_norm)
        self.branch1 = unit(in_channels, c1, (1, 1))
        self.branch2 = nn.Sequential(
            unit(in_channels, reduce3, (1, 1)), *conv_chain(reduce3, c3, kernels[0], batch_norm)
        )
        self.branch3 = nn.Sequential(
            unit(in_channels, reduce5, (1, 1)), *conv_chain(reduce5, c5, kernels[1], batch_norm)
        )
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), unit(in_channels, c_pool, (1, 1)))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.branch1(X), self.branch2(X), self.branch3(X), self.branch4(X)), dim=1)


class ResidualInception(nn.Module):
    """An Inception block that adds to its input."""

    def __init__(self, in_channels: int, table: tuple[int, ...]) -> None:
        super().__init__()
        out_channels = num_outputs(table)
        self.inception = Inception(in_channels, table, PLAIN, batch_norm=True)
        # No ReLU after it: the branches' outputs are never negative, what is added has to be.
        self.expand = nn.Conv2d(out_channels, out_channels, kernel_size=1)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.relu = nn.ReLU()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        # 0.2: scaled by 0.1 to 0.3 the sums stay small enough to train (2017, §3.3).
        return self.relu(self.shortcut(X) + 0.2 * self.expand(self.inception(X)))


def conv_chain(in_channels: int, out_channels: int, kernels: Kernels, batch_norm: bool) -> list[nn.Module]:
    """One convolution unit after another; the first changes the number of channels."""
    widths = [in_channels] + [out_channels] * (len(kernels) - 1)
    return [ConvUnit(width, out_channels, kernel, batch_norm) for width, kernel in zip(widths, kernels, strict=True)]


def num_outputs(table: tuple[int, ...]) -> int:
    """Channels that come out of a block."""
    return table[0] + table[2] + table[4] + table[5]


def googlenet(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    variant: str = "v1",
    small: bool | None = None,
    dropout: float = 0.4,
    as_torchvision: bool = False,
) -> nn.Module:
    """A stem, nine Inception blocks, a global average and one dense layer.

    Args:
        variant: v1, bn, v3 or residual; see the top of the file.
        small: a stem of stride 1 and a quarter of the channels; None means: for images below 64 pixels.
        dropout: probability of dropping an input of the dense layer.
        as_torchvision: with variant bn and small=false, the network that torchvision publishes under the name of
            googlenet: 3x3 for the 5x5, 2x2 in the last pooling. The names of its weights are the same.

    Shape:   (N, C, H, W) with H, W >= 31, small: 8 -> logits (N, num_classes)
    """
    check_choice("variant", variant, VARIANTS)
    check_probability("dropout", dropout)
    is_small = use_small(small, input_shape)
    if check_flag("as_torchvision", as_torchvision) and (variant != "bn" or is_small):
        raise UsageError("as_torchvision goes with variant=bn at full size only (small=false)")
    name = "googlenet" if variant == "v1" else f"googlenet_{variant}"
    unit = partial(ConvUnit, batch_norm=variant != "v1")
    layers: OrderedDict[str, nn.Module]
    if is_small:
        channels, _, _ = check_image(f"{name} with small=true", input_shape, minimum=8)
        divisor = 4
        layers = OrderedDict(
            conv1=unit(channels, 16, (3, 3)),
            conv2=unit(16, 16, (1, 1)),
            conv3=unit(16, 48, (3, 3)),
            maxpool2=halve(),
        )
        channels = 48
    else:
        channels, _, _ = check_image(f"{name} with small=false", input_shape, minimum=15 if as_torchvision else 31)
        divisor = 1
        layers = OrderedDict(
            conv1=unit(channels, 64, (7, 7), stride=2),
            maxpool1=halve(),
            conv2=unit(64, 64, (1, 1)),
            conv3=unit(64, 192, (3, 3)),
            maxpool2=halve(),
        )
        channels = 192

    for block, published in BLOCKS.items():
        stage = block[0]
        if block == "4a":
            layers["maxpool3"] = halve()
        elif block == "5a":
            layers["maxpool4"] = nn.MaxPool2d(2, ceil_mode=True) if as_torchvision else halve()
        table = tuple(num_channels // divisor for num_channels in published)
        if variant == "residual":
            layers[f"inception{block}"] = ResidualInception(channels, table)
        else:
            kernels = TORCHVISION if as_torchvision else FACTORISED[stage] if variant == "v3" else PLAIN
            layers[f"inception{block}"] = Inception(channels, table, kernels, batch_norm=variant != "v1")
        channels = num_outputs(table)

    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["dropout"] = nn.Dropout(dropout)
    layers["fc"] = nn.Linear(channels, num_classes)
    net = nn.Sequential(layers)
    initialize(net, {"fc": "normal:0.01", "*": "kaiming_normal"})
    return net


def halve() -> nn.MaxPool2d:
    """The pooling between stages; the paper's framework rounds sizes up."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)
