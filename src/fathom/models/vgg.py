"""VGG: deeper than AlexNet by repeating one block of 3x3 convolutions.

Source: Simonyan & Zisserman 2015, arXiv:1409.1556, table 1; notes N1 §2.7
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_flag, check_image, check_probability, use_small

# depth: (convolutions, channels) of each block; a pooling that halves height and width ends a block.
BLOCKS = {
    11: ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    13: ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    16: ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    19: ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}


def vgg(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    depth: int = 11,
    small: bool | None = None,
    batch_norm: bool = False,
    dropout: float = 0.5,
) -> nn.Module:
    """Five blocks of convolutions, three dense layers. The names of the weights are torchvision's.

    Args:
        depth: number of layers with weights: 11, 13, 16 or 19.
        small: a quarter of the channels and dense layers of 256; None means: for images below 64 pixels.
        batch_norm: normalise between each convolution and its ReLU.
        dropout: probability of dropping a hidden unit of the dense layers.

    Shape:   (N, C, H, W) with H, W >= 32, small: 1 -> logits (N, num_classes)
    """
    check_choice("depth of vgg", depth, BLOCKS)
    check_flag("batch_norm", batch_norm)
    check_probability("dropout", dropout)
    if use_small(small, input_shape):
        channels, _, _ = check_image(f"vgg{depth} with small=true", input_shape)
        divisor, grid, num_hidden = 4, 1, 256
    else:
        channels, _, _ = check_image(f"vgg{depth} with small=false", input_shape, minimum=32)
        divisor, grid, num_hidden = 1, 7, 4096

    features: list[nn.Module] = []
    for num_convs, num_channels in BLOCKS[depth]:
        for _ in range(num_convs):
            features.append(nn.Conv2d(channels, num_channels // divisor, kernel_size=3, padding=1))
            channels = num_channels // divisor
            if batch_norm:
                features.append(nn.BatchNorm2d(channels))
            features.append(nn.ReLU())
        # Rounding up lets the small form halve 28 pixels five times: 14, 7, 4, 2, 1.
        features.append(nn.MaxPool2d(2, ceil_mode=divisor > 1))

    net = nn.Sequential(
        OrderedDict(
            features=nn.Sequential(*features),
            avgpool=nn.AdaptiveAvgPool2d(grid),  # does nothing at the published size
            flatten=nn.Flatten(),
            classifier=nn.Sequential(
                nn.Linear(channels * grid * grid, num_hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_classes),
            ),
        )
    )
    # The authors started the deeper networks from a trained one of 11 layers. The start of He et al. 2015,
    # arXiv:1502.01852, keeps the size of the signal through all 19.
    initialize(net, {"classifier.6": "normal:0.01", "*": "kaiming_normal"})
    return net
