"""AlexNet, which won ImageNet in 2012 and made deep learning the way to do computer vision.

Source: Krizhevsky, Sutskever & Hinton 2012; the numbers are those of the single tower of Krizhevsky 2014,
        arXiv:1404.5997, which torchvision publishes; notes N1 §2.6
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from fathom.models.facts import IMAGENET, Paper
from fathom.models.initializers import initialize
from fathom.models.options import check_image, check_probability, use_small
from fathom.models.registration import register_model

PAPER = Paper(  # the single tower, not the two of 2012
    "Krizhevsky",
    2014,
    "One weird trick for parallelizing convolutional neural networks",
    "https://arxiv.org/abs/1404.5997",
)
PAPER_2012 = Paper(
    "Krizhevsky, Sutskever & Hinton",
    2012,
    "ImageNet classification with deep convolutional neural networks",
    "https://doi.org/10.1145/3065386",
)


@register_model(
    "alexnet", description="five convolutions, three dense layers", paper=PAPER, form=IMAGENET, parameters=61_100_840
)
def alexnet(
    input_shape: tuple[int, ...], num_classes: int, *, small: bool | None = None, dropout: float = 0.5
) -> nn.Module:
    """Build AlexNet: five convolutions, three dense layers. The names of the weights are torchvision's.

    Args:
        small: half the channels, and kernels that fit 28 and 32 pixels; None means: for images below 64 pixels.
        dropout: probability of dropping an input of the two hidden dense layers.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 63, small: 15
    """
    check_probability("dropout", dropout)  # 0.5 as published (2012, §4.2)
    if use_small(small, input_shape):
        channels, _, _ = check_image("alexnet with small=true", input_shape, minimum=15)
        features, num_channels, grid, num_hidden = small_features(channels), 128, 2, 512  # 512: ours
    else:
        channels, _, _ = check_image("alexnet with small=false", input_shape, minimum=63)
        features, num_channels, grid, num_hidden = full_features(channels), 256, 6, 4096  # 2012, §3.5
    net = nn.Sequential(
        OrderedDict(
            features=features,
            avgpool=nn.AdaptiveAvgPool2d(grid),  # (N, 256, 6, 6): does nothing at the published size
            flatten=nn.Flatten(),  # (N, 9216)
            classifier=nn.Sequential(
                nn.Dropout(dropout),
                nn.Linear(num_channels * grid * grid, num_hidden),  # (N, 4096)
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_hidden),  # (N, 4096)
                nn.ReLU(),
                nn.Linear(num_hidden, num_classes),  # (N, num_classes)
            ),
        )
    )
    # The authors' 0.01 (2012, §5) for the logits; for the rest He et al. 2015, with which no ReLU starts dead.
    initialize(net, {"classifier.6": "normal:0.01", "*": "kaiming_normal"})
    return net


@register_model(
    "alexnet_96",
    description="the AlexNet of the book: 96 channels first, one tower",
    paper=PAPER_2012,
    form=IMAGENET,
    parameters=50_844_008,
)
def alexnet_96(
    input_shape: tuple[int, ...], num_classes: int, *, small: bool | None = None, dropout: float = 0.5
) -> nn.Module:
    """Build the AlexNet of the book and the notes: the channels of 2012 in one tower, which the paper cut in two.

    Args:
        small: half the channels, and kernels that fit 28 and 32 pixels; None means: for images below 64 pixels.
        dropout: probability of dropping an output of the two hidden dense layers.

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 65, small: 15
    Source:  notes N1 §2.6.2; Dive into Deep Learning §8.1.2, with 46,764,746 parameters at (1, 224, 224) and 10 classes
    """
    check_probability("dropout", dropout)
    if use_small(small, input_shape):
        channels, _, _ = check_image("alexnet_96 with small=true", input_shape, minimum=15)
        features, num_channels, grid, num_hidden = small_features(channels, (48, 128, 192, 192, 128)), 128, 2, 512
    else:
        channels, _, _ = check_image("alexnet_96 with small=false", input_shape, minimum=65)
        features = full_features(channels, (96, 256, 384, 384, 256), padding=1)
        num_channels, grid, num_hidden = 256, 5, 4096
    net = nn.Sequential(
        OrderedDict(
            features=features,
            avgpool=nn.AdaptiveAvgPool2d(grid),  # (N, 256, 5, 5): does nothing at 224 pixels
            flatten=nn.Flatten(),  # (N, 6400)
            classifier=nn.Sequential(
                nn.Linear(num_channels * grid * grid, num_hidden),  # (N, 4096)
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_hidden),  # (N, 4096)
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(num_hidden, num_classes),  # (N, num_classes)
            ),
        )
    )
    initialize(net, {"classifier.6": "normal:0.01", "*": "kaiming_normal"})  # as above
    return net


def full_features(channels: int, widths: Sequence[int] = (64, 192, 384, 256, 256), padding: int = 2) -> nn.Sequential:
    """Build the five convolutions for images of 224 pixels.

    Args:
        channels: of the images.
        widths: channels of the convolutions, first to last.
        padding: of the first one.

    Shape:   X (N, C, H, W) -> (N, 256, H', W')
    """
    first, second, third, fourth, fifth = widths
    # Channels and kernels: Krizhevsky 2014, the single tower. Windows of 3 at a stride of 2 overlap (2012, §3.4).
    # At (3, 224, 224):
    return nn.Sequential(
        nn.Conv2d(channels, first, kernel_size=11, stride=4, padding=padding),  # (N, 64, 55, 55)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 64, 27, 27)
        nn.Conv2d(first, second, kernel_size=5, padding=2),  # (N, 192, 27, 27)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 192, 13, 13)
        nn.Conv2d(second, third, kernel_size=3, padding=1),  # (N, 384, 13, 13)
        nn.ReLU(),
        nn.Conv2d(third, fourth, kernel_size=3, padding=1),  # (N, 256, 13, 13)
        nn.ReLU(),
        nn.Conv2d(fourth, fifth, kernel_size=3, padding=1),  # (N, 256, 13, 13)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 256, 6, 6)
    )


def small_features(channels: int, widths: Sequence[int] = (32, 96, 192, 128, 128)) -> nn.Sequential:
    """Build the five convolutions at half their width, without the first stride, for images of 28 or 32 pixels.

    Shape:   X (N, C, H, W) -> (N, 128, H', W')
    """
    first, second, third, fourth, fifth = widths
    # At (1, 28, 28):
    return nn.Sequential(
        nn.Conv2d(channels, first, kernel_size=5, padding=2),  # (N, 32, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 32, 13, 13)
        nn.Conv2d(first, second, kernel_size=5, padding=2),  # (N, 96, 13, 13)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 96, 6, 6)
        nn.Conv2d(second, third, kernel_size=3, padding=1),  # (N, 192, 6, 6)
        nn.ReLU(),
        nn.Conv2d(third, fourth, kernel_size=3, padding=1),  # (N, 128, 6, 6)
        nn.ReLU(),
        nn.Conv2d(fourth, fifth, kernel_size=3, padding=1),  # (N, 128, 6, 6)
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),  # (N, 128, 2, 2)
    )
