"""GoogLeNet: nine Inception blocks, each looking at its input at four scales at once.

Source:  Szegedy et al. 2015, arXiv:1409.4842, table 1; notes N1 §2.9
"""

from __future__ import annotations

from collections.abc import Sequence

from fathom.scratch.layers.blocks import ConvUnit, Inception
from fathom.scratch.layers.dropout import Dropout
from fathom.scratch.layers.initializers import initialize, kaiming_normal_
from fathom.scratch.layers.linear import Flatten, Linear
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.layers.pooling import GlobalAvgPool, MaxPool2d

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


def googlenet(input_shape: Sequence[int], num_classes: int, small: bool = True, dropout: float = 0.4) -> Module:
    """A stem, nine Inception blocks, a global average, one dense layer.

    Args:
        small: a stem of stride 1 and a quarter of the channels, for images below 64 pixels.
        dropout: probability of dropping an input of the dense layer.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 31, small 8
    """
    image_channels = input_shape[0]
    layers: dict[str, Module]
    if small:
        divisor, channels = 4, 48  # a quarter of the paper's 64 and 192
        layers = {
            "conv1": ConvUnit(image_channels, 16, 3),
            "conv2": ConvUnit(16, 16, 1),
            "conv3": ConvUnit(16, 48, 3),
            "maxpool2": halve(),
        }
    else:
        divisor, channels = 1, 192  # as published
        layers = {
            "conv1": ConvUnit(image_channels, 64, 7, stride=2),
            "maxpool1": halve(),
            "conv2": ConvUnit(64, 64, 1),
            "conv3": ConvUnit(64, 192, 3),
            "maxpool2": halve(),
        }
    for block, published in BLOCKS.items():
        if block in ("4a", "5a"):
            layers[f"maxpool{int(block[0]) - 1}"] = halve()
        c1, reduce3, c3, reduce5, c5, c_pool = (size // divisor for size in published)
        layers[f"inception{block}"] = Inception(channels, (c1, reduce3, c3, reduce5, c5, c_pool))
        channels = c1 + c3 + c5 + c_pool  # joined along the channels
    net = Sequential(
        **layers, avgpool=GlobalAvgPool(), flatten=Flatten(), dropout=Dropout(dropout), fc=Linear(channels, num_classes)
    )
    initialize(net, kaiming_normal_)
    return net


def halve() -> MaxPool2d:
    """The pooling between stages; the paper's framework rounds sizes up."""
    return MaxPool2d(3, stride=2, ceil_mode=True)
