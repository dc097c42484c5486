"""LeNet-5, the first convolutional network in wide use.

Source: LeCun, Bottou, Bengio & Haffner 1998, in the form of notes N1 §2.5 and Dive into Deep Learning §7.6
"""

from __future__ import annotations

from torch import nn

from fathom.models.facts import FASHION, Paper
from fathom.models.initializers import initialize
from fathom.models.options import check_choice, check_image
from fathom.models.pooling import AvgPool2d
from fathom.models.registration import register_model

PAPER = Paper(
    "LeCun, Bottou, Bengio & Haffner",
    1998,
    "Gradient-based learning applied to document recognition",
    "https://doi.org/10.1109/5.726791",
)

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
POOLINGS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "avg": AvgPool2d}


@register_model("lenet", description="LeNet-5 with ReLU and max-pooling", paper=PAPER, form=FASHION, parameters=61_706)
@register_model(
    "lenet_sigmoid",
    description="LeNet-5 with sigmoid and average pooling",
    paper=PAPER,
    form=FASHION,
    parameters=61_706,
    fixed={"activation": "sigmoid", "pooling": "avg"},
)
def lenet(
    input_shape: tuple[int, ...], num_classes: int, *, activation: str = "relu", pooling: str = "max"
) -> nn.Module:
    """Build LeNet: two convolutions with pooling find patterns, three dense layers turn them into classes.

    Args:
        activation: relu, sigmoid (as published) or tanh.
        pooling: max or avg (as published).

    Shape:   X (N, C, H, W) -> logits (N, num_classes); H and W at least 12
    """
    channels, height, width = check_image("lenet", input_shape, minimum=12)
    act = ACTIVATIONS[check_choice("activation", activation, ACTIVATIONS)]
    pool: type[nn.Module] = POOLINGS[check_choice("pooling", pooling, POOLINGS)]
    # Half of each side, less the 4 that a 5x5 kernel takes off, halved again.
    num_features = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
    # 6, 16, 120 and 84 are the widths of the paper's C1, C3, C5 and F6 (§II.B; 84 is 7x12, the bitmap of a printed
    # letter). Padding 2 makes of 28 pixels the paper's 32. At (1, 28, 28):
    net = nn.Sequential(
        nn.Conv2d(channels, 6, kernel_size=5, padding=2),  # (N, 6, 28, 28)
        act(),
        pool(2),  # (N, 6, 14, 14)
        nn.Conv2d(6, 16, kernel_size=5),  # (N, 16, 10, 10)
        act(),
        pool(2),  # (N, 16, 5, 5)
        nn.Flatten(),  # (N, 400)
        nn.Linear(num_features, 120),  # (N, 120)
        act(),
        nn.Linear(120, 84),  # (N, 84)
        act(),
        nn.Linear(84, num_classes),  # (N, num_classes)
    )
    initialize(net, "xavier_uniform")  # as the book does, §7.6.1
    return net
