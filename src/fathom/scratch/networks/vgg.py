"""VGG, small: blocks of 3×3 convolutions, each ended by a pooling that halves height and width.

Source:  Simonyan & Zisserman 2015, arXiv:1409.1556; notes N1 §2.7
"""

from __future__ import annotations

from collections.abc import Sequence

from fathom.scratch.layers.activations import ReLU
from fathom.scratch.layers.conv import Conv2d
from fathom.scratch.layers.dropout import Dropout
from fathom.scratch.layers.initializers import initialize, kaiming_normal_
from fathom.scratch.layers.linear import Flatten, Linear
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.layers.pooling import GlobalAvgPool, MaxPool2d

# depth: (convolutions, channels) of each block, as published
BLOCKS = {
    11: ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    13: ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    16: ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
}
NUM_HIDDEN = 256  # published: 4096, for images of 224 pixels


def vgg(
    input_shape: Sequence[int], num_classes: int, depth: int = 11, divisor: int = 4, dropout: float = 0.5
) -> Module:
    """Five blocks with a part of the published channels, three dense layers.

    Args:
        depth: layers with weights: 11, 13 or 16.
        divisor: of the published channels.
        dropout: probability of dropping a hidden unit of the dense layers.

    Shape:   X (N, C, H, W) -> logits (N, num_classes)
    """
    if depth not in BLOCKS:
        raise ValueError(f"vgg: depth is one of {', '.join(map(str, BLOCKS))}, got {depth!r}")
    channels, height, width = input_shape
    features: list[Module] = []
    for num_convs, published in BLOCKS[depth]:
        for _ in range(num_convs):
            features += [Conv2d(channels, published // divisor, kernel_size=3, padding=1), ReLU()]
            channels = published // divisor
        # Rounding up: 28 pixels become 14, 7, 4, 2, 1. What is down to one pixel stays.
        features.append(MaxPool2d((min(2, height), min(2, width)), ceil_mode=True))
        height, width = -(-height // 2), -(-width // 2)
    net = Sequential(
        features=Sequential(*features),
        avgpool=GlobalAvgPool(),
        flatten=Flatten(),
        classifier=Sequential(
            Linear(channels, NUM_HIDDEN),
            ReLU(),
            Dropout(dropout),
            Linear(NUM_HIDDEN, NUM_HIDDEN),
            ReLU(),
            Dropout(dropout),
            Linear(NUM_HIDDEN, num_classes),
        ),
    )
    initialize(net, kaiming_normal_)
    return net
