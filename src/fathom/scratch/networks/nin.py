"""Network in Network: 1×1 convolutions and a global average in place of dense layers.

Source:  Lin, Chen & Yan 2014, arXiv:1312.4400; notes N1 §2.8
"""

from __future__ import annotations

from collections.abc import Sequence

from fathom.scratch.layers.activations import ReLU
from fathom.scratch.layers.conv import Conv2d
from fathom.scratch.layers.dropout import Dropout
from fathom.scratch.layers.initializers import initialize, kaiming_normal_
from fathom.scratch.layers.linear import Flatten
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.layers.pooling import AvgPool2d, GlobalAvgPool, MaxPool2d


def nin(input_shape: Sequence[int], num_classes: int, dropout: float = 0.5) -> Module:
    """The paper's network for CIFAR-10 with half its channels; the last block has one channel a class.

    The last block goes without its last ReLU: its channels' averages are the logits, which may be negative.

    Args:
        dropout: probability of dropping an input of the last two blocks.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 7
    """
    net = Sequential(
        nin_block((input_shape[0], 96, 80, 48), kernel_size=5, padding=2),  # 192, 160, 96 as published, halved
        MaxPool2d(3, stride=2),  # ⌊(H − 3)/2⌋ + 1
        Dropout(dropout),
        nin_block((48, 96, 96, 96), kernel_size=5, padding=2),
        AvgPool2d(3, stride=2),
        Dropout(dropout),
        Sequential(*list(nin_block((96, 96, 96, num_classes), kernel_size=3, padding=1))[:-1]),
        GlobalAvgPool(),  # (N, num_classes, 1, 1)
        Flatten(),
    )
    initialize(net, kaiming_normal_)
    return net


def nin_block(channels: tuple[int, int, int, int], kernel_size: int, padding: int) -> Sequential:
    """A convolution, then two 1×1 convolutions: a small dense network that slides over the image."""
    first, second, third, fourth = channels
    return Sequential(
        Conv2d(first, second, kernel_size, padding=padding),
        ReLU(),
        Conv2d(second, third, kernel_size=1),
        ReLU(),
        Conv2d(third, fourth, kernel_size=1),
        ReLU(),
    )
