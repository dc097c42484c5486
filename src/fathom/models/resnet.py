"""ResNet: blocks that add what they compute to what they were given, so that depth does not hurt.

Source: He, Zhang, Ren & Sun 2016, arXiv:1512.03385, table 1; notes N1 §2.11
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from fathom.models.facts import IMAGENET, Paper
from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_count, check_image, use_small
from fathom.models.registration import register_model

PAPER = Paper(
    "He, Zhang, Ren & Sun", 2016, "Deep residual learning for image recognition", "https://arxiv.org/abs/1512.03385"
)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the shortcut around them.

    Shape:   X (N, C_in, H, W) -> (N, C, ⌈H/stride⌉, ⌈W/stride⌉)
    Source:  figure 5, left
    """

    expansion = 1  # channels that come out, over those in between

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(in_channels, channels, stride)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = self.relu(self.bn1(self.conv1(X)))  # (N, C, H', W')
        Y = self.bn2(self.conv2(Y))  # (N, C, H', W')
        return self.relu(Y + self.downsample(X))  # (N, C, H', W')


class Bottleneck(nn.Module):
    """A 1x1 convolution that narrows, a 3x3, a 1x1 that widens fourfold, and the shortcut around them.

    Shape:   X (N, C_in, H, W) -> (N, 4·C, ⌈H/stride⌉, ⌈W/stride⌉)
    Source:  figure 5, right
    """

    expansion = 4  # 64 in between, 256 out: table 1

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        # The paper has the stride in conv1; here, as torchvision has it, no input is skipped (ResNet v1.5).
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.relu = nn.ReLU()
        self.downsample = shortcut(in_channels, 4 * channels, stride)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = self.relu(self.bn1(self.conv1(X)))  # (N, C, H, W)
        Y = self.relu(self.bn2(self.conv2(Y)))  # (N, C, H', W')
        Y = self.bn3(self.conv3(Y))  # (N, 4·C, H', W')
        return self.relu(Y + self.downsample(X))  # (N, 4·C, H', W')


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Build the identity where the input has the output's shape, else a 1x1 convolution: option B of §3.3.

    Shape:   X (N, C_in, H, W) -> (N, C_out, ⌈H/stride⌉, ⌈W/stride⌉)
    """
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
    )


# depth: the block and how often each of the four stages repeats it (table 1)
STAGES: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}

published = partial(register_model, paper=PAPER, form=IMAGENET)


# The published counts are torchvision's; the paper gives FLOPs only.
@published("resnet18", description="residual blocks", parameters=11_689_512, fixed={"depth": 18})
@published("resnet34", description="residual blocks", parameters=21_797_672, fixed={"depth": 34})
@published("resnet50", description="residual bottlenecks", parameters=25_557_032, fixed={"depth": 50})
@published("resnet101", description="residual bottlenecks", parameters=44_549_160, fixed={"depth": 101})
@published("resnet152", description="residual bottlenecks", parameters=60_192_808, fixed={"depth": 152})
def resnet(
    input_shape: tuple[int, ...], num_classes: int, *, depth: int = 18, small: bool | None = None, width: int = 64
) -> nn.Module:
    """Build ResNet: a stem, four stages of residual blocks, one dense layer. Its weights have torchvision's names.

    Args:
        depth: number of layers with weights: 18, 34, 50, 101 or 152.
        small: a 3x3 stem that keeps the image's size; None means: for images below 64 pixels.
        width: channels of the first stage, 64 as published; each later one doubles them.

    Shape:   X (N, C, H, W) -> logits (N, num_classes)
    """
    block, repeats = STAGES[check_choice("depth of resnet", depth, STAGES)]
    check_count("width", width)
    channels, _, _ = check_image(f"resnet{depth}", input_shape)
    layers: OrderedDict[str, nn.Module]
    if use_small(small, input_shape):
        # As for CIFAR-10 in §4.2: the full stem would leave 7 of 28 pixels.
        layers = OrderedDict(
            conv1=nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False),  # (N, 64, 28, 28)
            bn1=nn.BatchNorm2d(width),
            relu=nn.ReLU(),
        )
    else:
        layers = OrderedDict(  # at (3, 224, 224)
            conv1=nn.Conv2d(channels, width, kernel_size=7, stride=2, padding=3, bias=False),  # (N, 64, 112, 112)
            bn1=nn.BatchNorm2d(width),
            relu=nn.ReLU(),
            maxpool=nn.MaxPool2d(3, stride=2, padding=1),  # (N, 64, 56, 56)
        )

    # At (3, 224, 224) the stages end in 56, 28, 14 and 7 pixels a side, with 64, 128, 256 and 512 channels, of
    # bottlenecks four times as many.
    channels = width
    for stage, num_blocks in enumerate(repeats):
        blocks = []
        for index in range(num_blocks):
            # The first block of every stage but the first halves height and width.
            stride = 2 if stage > 0 and index == 0 else 1
            blocks.append(block(channels, width * 2**stage, stride))
            channels = width * 2**stage * block.expansion
        layers[f"layer{stage + 1}"] = nn.Sequential(*blocks)

    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)  # (N, 512, 1, 1)
    layers["flatten"] = nn.Flatten()  # (N, 512)
    layers["fc"] = nn.Linear(channels, num_classes)  # (N, num_classes)
    net = nn.Sequential(layers)
    # He et al. 2015, as in §3.4; 0.01 lets the first logits be near zero.
    initialize(net, {"fc": "normal:0.01", "*": "kaiming_normal"})
    return net
