"""Network in Network: 1x1 convolutions and a global average in place of dense layers.

Source: Lin, Chen & Yan 2014, arXiv:1312.4400; sizes of the full form: notes N1 §2.8, Dive into Deep Learning §8.3
"""

from __future__ import annotations

from torch import nn

from fathom.models.initializers import initialize
from fathom.models.options import check_image, check_probability, use_small


def nin(
    input_shape: tuple[int, ...], num_classes: int, *, small: bool | None = None, dropout: float = 0.5
) -> nn.Module:
    """Blocks of one convolution and two 1x1 convolutions; the last block has one channel a class.

    Args:
        small: the paper's network for CIFAR-10 with half its channels; None means: for images below 64 pixels.
        dropout: probability of dropping an input of the last block (small: of the last two).

    Shape:   (N, C, H, W) with H, W >= 59, small: 7 -> logits (N, num_classes)
    """
    check_probability("dropout", dropout)
    # The last block goes without its last ReLU: its channels' averages are the logits, which may be negative.
    if use_small(small, input_shape):
        channels, _, _ = check_image("nin with small=true", input_shape, minimum=7)
        net = nn.Sequential(
            nin_block((channels, 96, 80, 48), kernel_size=5, padding=2),
            nn.MaxPool2d(3, stride=2),
            nn.Dropout(dropout),
            nin_block((48, 96, 96, 96), kernel_size=5, padding=2),
            nn.AvgPool2d(3, stride=2),
            nn.Dropout(dropout),
            nin_block((96, 96, 96, num_classes), kernel_size=3, padding=1)[:-1],
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
    else:
        channels, _, _ = check_image("nin with small=false", input_shape, minimum=59)
        net = nn.Sequential(
            nin_block((channels, 96, 96, 96), kernel_size=11, stride=4, padding=4),
            nn.MaxPool2d(3, stride=2),
            nin_block((96, 256, 256, 256), kernel_size=5, padding=2),
            nn.MaxPool2d(3, stride=2),
            nin_block((256, 384, 384, 384), kernel_size=3, padding=1),
            nn.MaxPool2d(3, stride=2),
            nn.Dropout(dropout),
            nin_block((384, num_classes, num_classes, num_classes), kernel_size=3, padding=1)[:-1],
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
    initialize(net, "kaiming_normal")
    return net


def nin_block(channels: tuple[int, int, int, int], kernel_size: int, padding: int, stride: int = 1) -> nn.Sequential:
    """A convolution, then two 1x1 convolutions: a small dense network that slides over the image."""
    first, second, third, fourth = channels
    return nn.Sequential(
        nn.Conv2d(first, second, kernel_size, stride, padding),
        nn.ReLU(),
        nn.Conv2d(second, third, kernel_size=1),
        nn.ReLU(),
        nn.Conv2d(third, fourth, kernel_size=1),
        nn.ReLU(),
    )
