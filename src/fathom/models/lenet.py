"""LeNet-5, the first convolutional network in wide use.

Source: LeCun, Bottou, Bengio & Haffner 1998, in the form of notes N1 §2.5 and Dive into Deep Learning §7.6
"""

from __future__ import annotations

from torch import nn

from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_image
from fathom.models.pooling import AvgPool2d

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
POOLINGS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "avg": AvgPool2d}


def lenet(
    input_shape: tuple[int, ...], num_classes: int, *, activation: str = "relu", pooling: str = "max"
) -> nn.Module:
    """Two convolutions with pooling find patterns, three dense layers turn them into classes.

    Args:
        activation: relu, sigmoid (as published) or tanh.
        pooling: max or avg (as published).

    Shape:   (N, C, H, W) with H, W >= 12 -> logits (N, num_classes)
    """
    channels, height, width = check_image("lenet", input_shape, minimum=12)
    act = ACTIVATIONS[check_choice("activation", activation, ACTIVATIONS)]
    pool: type[nn.Module] = POOLINGS[check_choice("pooling", pooling, POOLINGS)]
    num_features = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
    # At (1, 28, 28):
    net = nn.Sequential(
        nn.Conv2d(channels, 6, kernel_size=5, padding=2),  # (6, 28, 28)
        act(),
        pool(2),  # (6, 14, 14)
        nn.Conv2d(6, 16, kernel_size=5),  # (16, 10, 10)
        act(),
        pool(2),  # (16, 5, 5)
        nn.Flatten(),  # (400,)
        nn.Linear(num_features, 120),
        act(),
        nn.Linear(120, 84),
        act(),
        nn.Linear(84, num_classes),
    )
    initialize(net, "xavier_uniform")
    return net
