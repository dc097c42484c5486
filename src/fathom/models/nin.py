"""Network in Network: 1x1 convolutions and a global average in place of dense layers.

Source: Lin, Chen & Yan 2014, arXiv:1312.4400; sizes of the full form: notes N1 §2.8, Dive into Deep Learning §8.3
"""

from __future__ import annotations

from torch import nn

from fathom.models.facts import IMAGENET, Paper
from fathom.models.initializers import initialize
from fathom.models.options import check_image, check_probability, use_small
from fathom.models.registration import register_model

PAPER = Paper("Lin, Chen & Yan", 2014, "Network in network", "https://arxiv.org/abs/1312.4400")


@register_model("nin", description="1x1 convolutions for dense layers", paper=PAPER, form=IMAGENET)
def nin(
    input_shape: tuple[int, ...], num_classes: int, *, small: bool | None = None, dropout: float = 0.5
) -> nn.Module:
    """Build blocks of one convolution and two 1x1 convolutions; the last block has one channel a class.

    Args:
        small: the paper's network for CIFAR-10 with half its channels; None means: for images below 64 pixels.
        dropout: probability of dropping an input of the last block (small: of the last two).

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 59, small: 7
    """
    check_probability("dropout", dropout)
    # The last block goes without its last ReLU: its channels' averages are the logits, which may be negative.
    if use_small(small, input_shape):
        channels, _, _ = check_image("nin with small=true", input_shape, minimum=7)
        # Half of 192, 160, 96; 192, 192, 192; 192, 192, 10 in the authors' settings for CIFAR-10. At (1, 28, 28):
        net = nn.Sequential(
            nin_block((channels, 96, 80, 48), kernel_size=5, padding=2),  # (N, 48, 28, 28)
            nn.MaxPool2d(3, stride=2),  # (N, 48, 13, 13)
            nn.Dropout(dropout),
            nin_block((48, 96, 96, 96), kernel_size=5, padding=2),  # (N, 96, 13, 13)
            nn.AvgPool2d(3, stride=2),  # (N, 96, 6, 6)
            nn.Dropout(dropout),
            nin_block((96, 96, 96, num_classes), kernel_size=3, padding=1)[:-1],  # (N, num_classes, 6, 6)
            nn.AdaptiveAvgPool2d(1),  # (N, num_classes, 1, 1)
            nn.Flatten(),  # (N, num_classes)
        )
    else:
        channels, _, _ = check_image("nin with small=false", input_shape, minimum=59)
        # 11 at a stride of 4, then 5, 3, 3, and channels of 96, 256, 384: AlexNet's of 2012. At (3, 224, 224):
        net = nn.Sequential(
            nin_block((channels, 96, 96, 96), kernel_size=11, stride=4, padding=4),  # (N, 96, 56, 56)
            nn.MaxPool2d(3, stride=2),  # (N, 96, 27, 27)
            nin_block((96, 256, 256, 256), kernel_size=5, padding=2),  # (N, 256, 27, 27)
            nn.MaxPool2d(3, stride=2),  # (N, 256, 13, 13)
            nin_block((256, 384, 384, 384), kernel_size=3, padding=1),  # (N, 384, 13, 13)
            nn.MaxPool2d(3, stride=2),  # (N, 384, 6, 6)
            nn.Dropout(dropout),
            nin_block((384, num_classes, num_classes, num_classes), kernel_size=3, padding=1)[:-1],
            nn.AdaptiveAvgPool2d(1),  # (N, num_classes, 1, 1)
            nn.Flatten(),  # (N, num_classes)
        )
    initialize(net, "kaiming_normal")
    return net


def nin_block(channels: tuple[int, int, int, int], kernel_size: int, padding: int, stride: int = 1) -> nn.Sequential:
    """Build a convolution, then two 1x1 convolutions: a small dense network that slides over the image.

    Shape:   X (N, C_in, H, W) -> (N, C_out, H', W')
    """
    first, second, third, fourth = channels
    return nn.Sequential(
        nn.Conv2d(first, second, kernel_size, stride, padding),  # (N, second, H', W')
        nn.ReLU(),
        nn.Conv2d(second, third, kernel_size=1),  # (N, third, H', W')
        nn.ReLU(),
        nn.Conv2d(third, fourth, kernel_size=1),  # (N, fourth, H', W')
        nn.ReLU(),
    )
