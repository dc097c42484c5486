"""Two networks made to train quickly on small images."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from fathom.errors import UsageError
from fathom.models.facts import FASHION, Paper
from fathom.models.options import check_count, check_image, check_probability
from fathom.models.registration import register_model

SPRINGENBERG = Paper(
    "Springenberg et al.",
    2015,
    "Striving for simplicity: the all convolutional net",
    "https://arxiv.org/abs/1412.6806",
)
PAGE = Paper("Page", 2018, "How to train your ResNet", "https://myrtle.ai/learn/how-to-train-your-resnet/")


@register_model("compact", description="two convolutions on 2x2 patches", paper=SPRINGENBERG, form=FASHION)
def compact(input_shape: tuple[int, ...], num_classes: int, *, dropout: float = 0.0) -> nn.Module:
    """Build two convolutions on patches of 2x2 pixels, which become channels: a quarter of the positions to convolve.

    Args:
        dropout: probability of dropping one of the 128 hidden units.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W even
    Source:  patches as channels: Shi et al. 2016, arXiv:1609.05158, backwards; a stride instead of pooling:
             Springenberg et al. 2015, arXiv:1412.6806
    """
    check_probability("dropout", dropout)
    channels, height, width = check_image("compact", input_shape, minimum=2)
    if height % 2 or width % 2:
        raise UsageError(f"compact needs images of even height and width; got {height}x{width}")
    num_features = 64 * -(-height // 4) * -(-width // 4)  # sides halved twice, the second time rounded up
    # 32, 64 and 128 channels and units: ours. A bias before a normalisation would do nothing. At (1, 28, 28):
    layers = [
        nn.PixelUnshuffle(2),  # (N, 4, 14, 14)
        nn.Conv2d(4 * channels, 32, kernel_size=3, padding=1, bias=False),  # (N, 32, 14, 14)
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1, bias=False),  # (N, 64, 7, 7)
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Flatten(),  # (N, 3136)
        nn.Linear(num_features, 128),  # (N, 128)
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(128, num_classes),  # (N, num_classes)
    ]
    return nn.Sequential(*(layer for layer in layers if dropout or not isinstance(layer, nn.Dropout)))


class Residual(nn.Module):
    """Two convolution units and the shortcut around them.

    Shape:   X (N, C, H, W) -> (N, C, H, W)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.unit1 = conv_unit(channels, channels)
        self.unit2 = conv_unit(channels, channels)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X + self.unit2(self.unit1(X))  # (N, C, H, W)


class Scale(nn.Module):
    """Multiply by a constant.

    Shape:   X (…,) -> (…,)
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X * self.factor  # (…,)

    def extra_repr(self) -> str:
        return str(self.factor)


def conv_unit(in_channels: int, out_channels: int, pool: bool = False) -> nn.Sequential:
    """Build a convolution, pooling if wanted, batch normalisation and ReLU.

    Pooling first leaves a quarter of the work to what follows (Page, part 8, "Bag of tricks").

    Shape:   X (N, C_in, H, W) -> (N, C_out, H', W'); pooling halves H and W
    """
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)  # (N, C_out, H, W)
    ]
    if pool:
        layers.append(nn.MaxPool2d(2))  # (N, C_out, H/2, W/2)
    return nn.Sequential(*layers, nn.BatchNorm2d(out_channels), nn.ReLU())


@register_model("resnet9", description="small, quick residual network", paper=PAGE, form=FASHION)
def resnet9(input_shape: tuple[int, ...], num_classes: int, *, width: int = 64) -> nn.Module:
    """Build ResNet-9: eight convolutions, two shortcuts, a dense layer; 94 % on CIFAR-10 in minutes of a GPU.

    Args:
        width: channels of the stem, 64 as published; the last stage has eight times as many.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 8
    Source:  Page 2018, How to train your ResNet, https://myrtle.ai/learn/how-to-train-your-resnet/
    """
    check_count("width", width)
    channels, _, _ = check_image("resnet9", input_shape, minimum=8)
    return nn.Sequential(  # at (3, 32, 32) and the published width
        OrderedDict(
            stem=conv_unit(channels, width),  # (N, 64, 32, 32)
            stage1=nn.Sequential(conv_unit(width, 2 * width, pool=True), Residual(2 * width)),  # (N, 128, 16, 16)
            stage2=conv_unit(2 * width, 4 * width, pool=True),  # (N, 256, 8, 8)
            stage3=nn.Sequential(conv_unit(4 * width, 8 * width, pool=True), Residual(8 * width)),  # (N, 512, 4, 4)
            pool=nn.AdaptiveMaxPool2d(1),  # (N, 512, 1, 1)
            flatten=nn.Flatten(),  # (N, 512)
            fc=nn.Linear(8 * width, num_classes, bias=False),  # (N, num_classes)
            # As published: the first logits are near zero.
            scale=Scale(0.125),  # (N, num_classes)
        )
    )
