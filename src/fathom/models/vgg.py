"""VGG: deeper than AlexNet by repeating one block of 3x3 convolutions.

Source: Simonyan & Zisserman 2015, arXiv:1409.1556, table 1; notes N1 §2.7
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from torch import nn

from fathom.models.facts import IMAGENET, Paper
from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_flag, check_image, check_probability, use_small
from fathom.models.registration import register_model

PAPER = Paper(
    "Simonyan & Zisserman",
    2015,
    "Very deep convolutional networks for large-scale image recognition",
    "https://arxiv.org/abs/1409.1556",
)

# depth: (convolutions, channels) of each block: columns A, B, D and E of table 1. A pooling that halves height and
# width ends a block. Channels double from 64 to 512, where they stay (§2.1).
BLOCKS = {
    11: ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    13: ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    16: ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    19: ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}

published = partial(register_model, description="blocks of 3x3 convolutions", paper=PAPER, form=IMAGENET)


# The published counts are torchvision's; table 2 of the paper rounds them to 133, 133, 138 and 144 million.
@published("vgg11", parameters=132_863_336, fixed={"depth": 11})
@published("vgg13", parameters=133_047_848, fixed={"depth": 13})
@published("vgg16", parameters=138_357_544, fixed={"depth": 16})
@published("vgg19", parameters=143_667_240, fixed={"depth": 19})
def vgg(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    depth: int = 11,
    small: bool | None = None,
    batch_norm: bool = False,
    dropout: float = 0.5,
) -> nn.Module:
    """Build VGG: five blocks of convolutions, three dense layers. The names of the weights are torchvision's.

    Args:
        depth: number of layers with weights: 11, 13, 16 or 19.
        small: a quarter of the channels and dense layers of 256; None means: for images below 64 pixels.
        batch_norm: normalise between each convolution and its ReLU.
        dropout: probability of dropping a hidden unit of the dense layers.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 32, small: 1
    """
    check_choice("depth of vgg", depth, BLOCKS)
    check_flag("batch_norm", batch_norm)
    check_probability("dropout", dropout)  # 0.5 as published (§3.1)
    if use_small(small, input_shape):
        channels, _, _ = check_image(f"vgg{depth} with small=true", input_shape)
        divisor, grid, num_hidden = 4, 1, 256  # 256: ours
    else:
        channels, _, _ = check_image(f"vgg{depth} with small=false", input_shape, minimum=32)
        divisor, grid, num_hidden = 1, 7, 4096  # 7: 224 halved five times; 4096: table 1, AlexNet's

    net = nn.Sequential(
        OrderedDict(
            features=make_features(channels, depth, divisor, batch_norm),  # (N, 512, 7, 7)
            avgpool=nn.AdaptiveAvgPool2d(grid),  # (N, 512, 7, 7): does nothing at the published size
            flatten=nn.Flatten(),  # (N, 25088)
            classifier=nn.Sequential(
                nn.Linear(512 // divisor * grid * grid, num_hidden),  # (N, 4096)
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_hidden),  # (N, 4096)
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_classes),  # (N, num_classes)
            ),
        )
    )
    # The authors started the deeper networks from a trained one of 11 layers (§3.1). The start of He et al. 2015,
    # arXiv:1502.01852, keeps the size of the signal through all 19.
    initialize(net, {"classifier.6": "normal:0.01", "*": "kaiming_normal"})
    return net


def make_features(channels: int, depth: int, divisor: int, batch_norm: bool) -> nn.Sequential:
    """Build the five blocks, with one ``divisor``-th of the published channels.

    Shape:   X (N, C, H, W) -> (N, 512/divisor, H', W')
    """
    # At (3, 224, 224) the blocks end in (64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7).
    layers: list[nn.Module] = []
    for num_convs, num_channels in BLOCKS[depth]:
        for _ in range(num_convs):
            layers.append(nn.Conv2d(channels, num_channels // divisor, kernel_size=3, padding=1))  # (N, C', H, W)
            channels = num_channels // divisor
            if batch_norm:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU())
        # Rounding up lets the small form halve 28 pixels five times: 14, 7, 4, 2, 1.
        layers.append(nn.MaxPool2d(2, ceil_mode=divisor > 1))  # (N, C', H/2, W/2)
    return nn.Sequential(*layers)
