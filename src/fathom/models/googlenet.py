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
from typing import Any

import torch
from torch import nn

from fathom.errors import UsageError
from fathom.models.facts import IMAGENET, Paper
from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_flag, check_image, check_probability, use_small
from fathom.models.registration import register_model

SZEGEDY = Paper("Szegedy et al.", 2015, "Going deeper with convolutions", "https://arxiv.org/abs/1409.4842")
IOFFE = Paper(
    "Ioffe & Szegedy",
    2015,
    "Batch normalization: accelerating deep network training by reducing internal covariate shift",
    "https://arxiv.org/abs/1502.03167",
)
SZEGEDY_V3 = Paper(
    "Szegedy et al.",
    2016,
    "Rethinking the Inception architecture for computer vision",
    "https://arxiv.org/abs/1512.00567",
)
SZEGEDY_V4 = Paper(
    "Szegedy et al.",
    2017,
    "Inception-v4, Inception-ResNet and the impact of residual connections on learning",
    "https://arxiv.org/abs/1602.07261",
)

VARIANTS = ("v1", "bn", "v3", "residual")

# Table 1 of the paper, its columns #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
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
    """Convolution, batch normalisation if wanted, ReLU; height and width stay unless there is a stride.

    Shape:   X (N, C_in, H, W) -> (N, C_out, H', W')
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: tuple[int, int], batch_norm: bool, stride: int = 1
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=not batch_norm)
        # 0.001: as in the authors' code in TensorFlow, and so in torchvision
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if batch_norm else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.relu(self.bn(self.conv(X)))  # (N, C_out, H', W')


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 and 3x3; 1x1 and 5x5; pooling and 1x1. Their channels are joined.

    Shape:   X (N, C_in, H, W) -> (N, c1 + c3 + c5 + c_pool, H, W); the c as in ``BLOCKS``
    Source:  figure 2b
    """

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
        Y1 = self.branch1(X)  # (N, c1, H, W)
        Y2 = self.branch2(X)  # (N, c3, H, W)
        Y3 = self.branch3(X)  # (N, c5, H, W)
        Y4 = self.branch4(X)  # (N, c_pool, H, W)
        return torch.cat((Y1, Y2, Y3, Y4), dim=1)  # (N, c1 + c3 + c5 + c_pool, H, W)


class ResidualInception(nn.Module):
    """An Inception block that adds to its input.

    Shape:   X (N, C_in, H, W) -> (N, c1 + c3 + c5 + c_pool, H, W); the c as in ``BLOCKS``
    """

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
        Y = self.expand(self.inception(X))  # (N, C_out, H, W)
        # 0.2: scaled by 0.1 to 0.3 the sums stay small enough to train (2017, §3.3).
        return self.relu(self.shortcut(X) + 0.2 * Y)  # (N, C_out, H, W)


def conv_chain(in_channels: int, out_channels: int, kernels: Kernels, batch_norm: bool) -> list[nn.Module]:
    """Make one convolution unit after another; the first changes the number of channels."""
    widths = [in_channels] + [out_channels] * (len(kernels) - 1)
    return [ConvUnit(width, out_channels, kernel, batch_norm) for width, kernel in zip(widths, kernels, strict=True)]


def num_outputs(table: tuple[int, ...]) -> int:
    """Return the number of channels that come out of a block."""
    return table[0] + table[2] + table[4] + table[5]


published = partial(register_model, form=IMAGENET)


def _only(variant: str) -> dict[str, Any]:
    """Return the fixed options of a variant that torchvision does not publish; it has ``bn`` alone."""
    return {"variant": variant, "as_torchvision": False}


@published("googlenet", description="nine Inception blocks", paper=SZEGEDY, parameters=6_998_552, fixed=_only("v1"))
@published("googlenet_bn", description="GoogLeNet, with batch norm", paper=IOFFE, fixed={"variant": "bn"})
@published("googlenet_v3", description="GoogLeNet, factorised", paper=SZEGEDY_V3, fixed=_only("v3"))
@published("googlenet_residual", description="GoogLeNet, residual", paper=SZEGEDY_V4, fixed=_only("residual"))
def googlenet(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    variant: str = "v1",
    small: bool | None = None,
    dropout: float = 0.4,  # §5 of the paper
    as_torchvision: bool = False,
) -> nn.Module:
    """Build GoogLeNet: a stem, nine Inception blocks, a global average and one dense layer.

    Args:
        variant: v1, bn, v3 or residual; see the top of the file.
        small: a stem of stride 1 and a quarter of the channels; None means: for images below 64 pixels.
        dropout: probability of dropping an input of the dense layer.
        as_torchvision: with variant bn and small=false, the network that torchvision publishes under the name of
            googlenet: 3x3 for the 5x5, 2x2 in the last pooling. The names of its weights are the same.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 31, small: 8
    """
    check_choice("variant", variant, VARIANTS)
    check_probability("dropout", dropout)
    is_small = use_small(small, input_shape)
    if check_flag("as_torchvision", as_torchvision) and (variant != "bn" or is_small):
        raise UsageError("as_torchvision goes with variant=bn at full size only (small=false)")
    name = "googlenet" if variant == "v1" else f"googlenet_{variant}"
    minimum = 8 if is_small else 15 if as_torchvision else 31
    channels, _, _ = check_image(f"{name} with small={str(is_small).lower()}", input_shape, minimum=minimum)
    layers = stem(channels, variant != "v1", is_small)
    channels, divisor = (48, 4) if is_small else (192, 1)

    for block, published_table in BLOCKS.items():
        if block == "4a":
            layers["maxpool3"] = halve()  # (N, 480, 14, 14)
        elif block == "5a":
            layers["maxpool4"] = nn.MaxPool2d(2, ceil_mode=True) if as_torchvision else halve()  # (N, 832, 7, 7)
        table = tuple(num_channels // divisor for num_channels in published_table)
        if variant == "residual":
            layers[f"inception{block}"] = ResidualInception(channels, table)
        else:
            kernels = TORCHVISION if as_torchvision else FACTORISED[block[0]] if variant == "v3" else PLAIN
            layers[f"inception{block}"] = Inception(channels, table, kernels, batch_norm=variant != "v1")
        channels = num_outputs(table)  # 256, 480; 512, 512, 512, 528, 832; 832, 1024: table 1, column output size

    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)  # (N, 1024, 1, 1)
    layers["flatten"] = nn.Flatten()  # (N, 1024)
    layers["dropout"] = nn.Dropout(dropout)
    layers["fc"] = nn.Linear(channels, num_classes)  # (N, num_classes)
    net = nn.Sequential(layers)
    initialize(net, {"fc": "normal:0.01", "*": "kaiming_normal"})
    return net


def stem(channels: int, batch_norm: bool, is_small: bool) -> OrderedDict[str, nn.Module]:
    """Build the layers before the first block; the small ones halve height and width once and not three times."""
    unit = partial(ConvUnit, batch_norm=batch_norm)
    if is_small:
        return OrderedDict(  # at (1, 28, 28)
            conv1=unit(channels, 16, (3, 3)),  # (N, 16, 28, 28)
            conv2=unit(16, 16, (1, 1)),  # (N, 16, 28, 28)
            conv3=unit(16, 48, (3, 3)),  # (N, 48, 28, 28)
            maxpool2=halve(),  # (N, 48, 14, 14)
        )
    return OrderedDict(  # at (3, 224, 224); 64, 64 and 192: table 1
        conv1=unit(channels, 64, (7, 7), stride=2),  # (N, 64, 112, 112)
        maxpool1=halve(),  # (N, 64, 56, 56)
        conv2=unit(64, 64, (1, 1)),  # (N, 64, 56, 56)
        conv3=unit(64, 192, (3, 3)),  # (N, 192, 56, 56)
        maxpool2=halve(),  # (N, 192, 28, 28)
    )


def halve() -> nn.MaxPool2d:
    """Build the pooling between stages; the paper's framework rounds sizes up.

    Shape:   X (N, C, H, W) -> (N, C, H//2, W//2)
    """
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)
