"""The book's convolutional building blocks and LeNet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fathom.d2l.frame.generations import accepts_old
from fathom.d2l.frame.module import Classifier
from fathom.models.pooling import AvgPool2d


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Slide a kernel over a matrix: two-dimensional cross-correlation.

    Shape:   X (H, W), K (h, w) -> (H − h + 1, W − w + 1)
    Equals:  torch.nn.functional.conv2d for one channel
    """
    dtype = torch.promote_types(torch.promote_types(X.dtype, K.dtype), torch.float32)
    return F.conv2d(X.to(dtype)[None, None], K.to(dtype)[None, None])[0, 0]


def init_cnn(module: nn.Module) -> None:
    """Draw the weights of linear and convolutional layers from Glorot's uniform distribution; for ``net.apply``."""
    if type(module) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)  # type: ignore[arg-type]


class LeNet(Classifier):
    """LeNet-5 with sigmoids and average pooling.

    Shape:   X (N, 1, 28, 28) -> (N, num_classes)
    Source:  LeCun, Bottou, Bengio & Haffner 1998
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5, padding=2),  # (N, 6, 28, 28)
            nn.Sigmoid(),
            AvgPool2d(kernel_size=2, stride=2),  # (N, 6, 14, 14)
            nn.LazyConv2d(16, kernel_size=5),  # (N, 16, 10, 10)
            nn.Sigmoid(),
            AvgPool2d(kernel_size=2, stride=2),  # (N, 16, 5, 5)
            nn.Flatten(),  # (N, 400)
            nn.LazyLinear(120),
            nn.Sigmoid(),
            nn.LazyLinear(84),
            nn.Sigmoid(),
            nn.LazyLinear(num_classes),
        )


def _conv(in_channels: int | None, out_channels: int, kernel_size: int, **options: Any) -> nn.Conv2d:
    if in_channels is None:
        return nn.LazyConv2d(out_channels, kernel_size, **options)
    return nn.Conv2d(in_channels, out_channels, kernel_size, **options)


def _old_residual(
    input_channels: int, num_channels: int, use_1x1conv: bool = False, strides: int = 1
) -> dict[str, Any]:
    return {
        "num_channels": num_channels,
        "use_1x1conv": use_1x1conv,
        "strides": strides,
        "input_channels": input_channels,
    }


def _second_is_number(*args: Any, **_: Any) -> bool:
    return len(args) > 1 and not isinstance(args[1], bool)


class Residual(nn.Module):
    """Two 3×3 convolutions with batch normalisation, and a shortcut around them.

    Earlier editions put the input's channels first; ``Residual(64, 128)`` is accepted as well.

    Shape:   X (N, C, H, W) -> (N, num_channels, -(-H//strides), -(-W//strides))
    Source:  He, Zhang, Ren & Sun 2016, arXiv:1512.03385
    """

    @accepts_old(_old_residual, prefer_old=_second_is_number)
    def __init__(
        self,
        num_channels: int,
        use_1x1conv: bool = False,
        strides: int = 1,
        *,
        input_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = _conv(input_channels, num_channels, 3, padding=1, stride=strides)
        self.conv2 = _conv(None if input_channels is None else num_channels, num_channels, 3, padding=1)
        self.conv3 = _conv(input_channels, num_channels, 1, stride=strides) if use_1x1conv else None
        self.bn1: nn.Module = nn.LazyBatchNorm2d() if input_channels is None else nn.BatchNorm2d(num_channels)
        self.bn2: nn.Module = nn.LazyBatchNorm2d() if input_channels is None else nn.BatchNorm2d(num_channels)

    def forward(self, X: Tensor) -> Tensor:
        """Add the convolutions' output to the input."""
        Y = F.relu(self.bn1(self.conv1(X)))  # (N, num_channels, H', W'), H' = ⌈H/strides⌉
        Y = self.bn2(self.conv2(Y))  # (N, num_channels, H', W')
        if self.conv3 is not None:
            X = self.conv3(X)  # (N, num_channels, H', W')
        return F.relu(Y + X)


class ResNeXtBlock(nn.Module):
    """A residual block whose 3×3 convolution is grouped.

    Args:
        groups: channels per group, as in the book; there are ``num_channels · bot_mul / groups`` groups.
        bot_mul: channels of the grouped convolution over those of the block.

    Shape:   X (N, C, H, W) -> (N, num_channels, -(-H//strides), -(-W//strides))
    Source:  Xie, Girshick, Dollár, Tu & He 2017, arXiv:1611.05431
    """

    def __init__(
        self, num_channels: int, groups: int, bot_mul: float, use_1x1conv: bool = False, strides: int = 1
    ) -> None:
        super().__init__()
        width = round(num_channels * bot_mul)
        self.conv1 = nn.LazyConv2d(width, kernel_size=1)
        self.conv2 = nn.LazyConv2d(width, kernel_size=3, stride=strides, padding=1, groups=width // groups)
        self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1)
        self.bn1, self.bn2, self.bn3 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()
        self.conv4 = nn.LazyConv2d(num_channels, kernel_size=1, stride=strides) if use_1x1conv else None
        self.bn4 = nn.LazyBatchNorm2d() if use_1x1conv else None

    def forward(self, X: Tensor) -> Tensor:
        """Add the convolutions' output to the input."""
        Y = F.relu(self.bn1(self.conv1(X)))  # (N, num_channels · bot_mul, H, W)
        Y = F.relu(self.bn2(self.conv2(Y)))  # (N, num_channels · bot_mul, H', W'), H' = ⌈H/strides⌉
        Y = self.bn3(self.conv3(Y))  # (N, num_channels, H', W')
        if self.conv4 is not None and self.bn4 is not None:
            X = self.bn4(self.conv4(X))
        return F.relu(Y + X)
