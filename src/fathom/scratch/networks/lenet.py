"""LeNet-5.

Source:  LeCun, Bottou, Bengio & Haffner 1998, in the form of notes N1 §2.5 and Dive into Deep Learning §7.6
"""

from __future__ import annotations

from collections.abc import Sequence

from fathom.scratch.layers.activations import ReLU, Sigmoid
from fathom.scratch.layers.conv import Conv2d
from fathom.scratch.layers.initializers import initialize, xavier_uniform_
from fathom.scratch.layers.linear import Flatten, Linear
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.layers.pooling import AvgPool2d, MaxPool2d

ACTIVATIONS: dict[str, type[Module]] = {"relu": ReLU, "sigmoid": Sigmoid}
POOLINGS: dict[str, type[MaxPool2d] | type[AvgPool2d]] = {"max": MaxPool2d, "avg": AvgPool2d}


def lenet(input_shape: Sequence[int], num_classes: int, activation: str = "relu", pooling: str = "max") -> Module:
    """Two convolutions with pooling, three dense layers.

    Args:
        activation: relu, or sigmoid as published.
        pooling: max, or avg as published.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 12
    """
    if activation not in ACTIVATIONS or pooling not in POOLINGS:
        raise ValueError(
            f"lenet: activation is one of {', '.join(ACTIVATIONS)}, pooling one of {', '.join(POOLINGS)}, "
            f"got {activation!r} and {pooling!r}"
        )
    act, pool = ACTIVATIONS[activation], POOLINGS[pooling]
    channels, height, width = input_shape
    num_features = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
    # At (1, 28, 28):
    net = Sequential(
        Conv2d(channels, 6, kernel_size=5, padding=2),  # (6, 28, 28)
        act(),
        pool(2),  # (6, 14, 14)
        Conv2d(6, 16, kernel_size=5),  # (16, 10, 10)
        act(),
        pool(2),  # (16, 5, 5)
        Flatten(),  # (400,)
        Linear(num_features, 120),
        act(),
        Linear(120, 84),
        act(),
        Linear(84, num_classes),
    )
    initialize(net, xavier_uniform_)
    return net
