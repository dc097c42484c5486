"""AlexNet, which won ImageNet in 2012 and made deep learning the way to do computer vision.

Source: Krizhevsky, Sutskever & Hinton 2012; the numbers are those of the single tower of Krizhevsky 2014,
        arXiv:1404.5997, which torchvision publishes; notes N1 §2.6
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from fathom.models.initializers import initialize
from fathom.models.options import check_image, check_probability, use_small


def alexnet(
    input_shape: tuple[int, ...], num_classes: int, *, small: bool | None = None, dropout: float = 0.5
) -> nn.Module:
    """Five convolutions, three dense layers. The names of the weights are torchvision's.

    Args:
        small: half the channels, and kernels that fit 28 and 32 pixels; None means: for images below 64 pixels.
        dropout: probability of dropping an input of the two hidden dense layers.

    Shape:   (N, C, H, W) with H, W >= 63, small: 15 -> logits (N, num_classes)
    """
    check_probability("dropout", dropout)
    if use_small(small, input_shape):
        channels, _, _ = check_image("alexnet with small=true", input_shape, minimum=15)
        grid, num_hidden = 2, 512
        features = nn.Sequential(
            nn.Conv2d(channels, 32, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(32, 96, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(96, 192, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(192, 128, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(128, 128, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        num_features = 128 * grid * grid
    else:
        channels, _, _ = check_image("alexnet with small=false", input_shape, minimum=63)
        grid, num_hidden = 6, 4096
        features = nn.Sequential(
            nn.Conv2d(channels, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        num_features = 256 * grid * grid

    net = nn.Sequential(
        OrderedDict(
            features=features,
            avgpool=nn.AdaptiveAvgPool2d(grid),  # does nothing at the published size
            flatten=nn.Flatten(),
            classifier=nn.Sequential(
                nn.Dropout(dropout),
                nn.Linear(num_features, num_hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_hidden),
                nn.ReLU(),
                nn.Linear(num_hidden, num_classes),
            ),
        )
    )
    initialize(net, {"classifier.6": "normal:0.01", "*": "kaiming_normal"})
    return net
