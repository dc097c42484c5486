"""ResNet: blocks that add what they compute to what they were given, so that depth does not hurt.

Source:  He, Zhang, Ren & Sun 2016, arXiv:1512.03385, table 1; notes N1 §2.11
"""

from __future__ import annotations

from collections.abc import Sequence

from fathom.scratch.layers.activations import ReLU
from fathom.scratch.layers.blocks import Residual
from fathom.scratch.layers.conv import Conv2d
from fathom.scratch.layers.initializers import initialize, kaiming_normal_
from fathom.scratch.layers.linear import Flatten, Linear
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.layers.normalization import BatchNorm
from fathom.scratch.layers.pooling import GlobalAvgPool, MaxPool2d

# depth: how often each of the four stages repeats its block
STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def resnet(
    input_shape: Sequence[int], num_classes: int, depth: int = 18, small: bool = True, width: int = 64
) -> Module:
    """A stem, four stages of residual blocks, one dense layer.

    Args:
        depth: layers with weights: 18 or 34.
        small: a 3×3 stem that keeps the image's size, for images below 64 pixels.
        width: channels of the first stage; each later one doubles them.

    Shape:   X (N, C, H, W) -> logits (N, num_classes)
    """
    if depth not in STAGES:
        raise ValueError(f"resnet: depth is one of {', '.join(map(str, STAGES))}, got {depth!r}")
    layers: dict[str, Module]
    if small:
        layers = {"conv1": Conv2d(input_shape[0], width, kernel_size=3, padding=1, bias=False)}
    else:
        layers = {"conv1": Conv2d(input_shape[0], width, kernel_size=7, stride=2, padding=3, bias=False)}
    layers |= {"bn1": BatchNorm(width), "relu": ReLU()}
    if not small:
        layers["maxpool"] = MaxPool2d(3, stride=2, padding=1)
    channels = width
    for stage, num_blocks in enumerate(STAGES[depth]):
        blocks = []
        for index in range(num_blocks):
            # The first block of every stage but the first halves height and width.
            blocks.append(Residual(channels, width * 2**stage, stride=2 if stage > 0 and index == 0 else 1))
            channels = width * 2**stage  # 16, 32, 64, 128 for width 16
        layers[f"layer{stage + 1}"] = Sequential(*blocks)
    net = Sequential(**layers, avgpool=GlobalAvgPool(), flatten=Flatten(), fc=Linear(channels, num_classes))
    initialize(net, kaiming_normal_)
    return net
