"""Blocks: layers wired together, of which networks are made.

Source:  notes N1 §2.9, §2.11; Szegedy et al. 2015, arXiv:1409.4842, fig. 2b; He et al. 2016, arXiv:1512.03385, fig. 2
"""

from __future__ import annotations

from fathom.scratch.engine.operations import cat
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.activations import ReLU
from fathom.scratch.layers.conv import Conv2d
from fathom.scratch.layers.module import Module, Sequential
from fathom.scratch.layers.normalization import BatchNorm
from fathom.scratch.layers.pooling import MaxPool2d


class Identity(Module):
    """What goes in comes out.
    Shape:   X (…) -> (…)

    Equals:  torch.nn.Identity
    """

    def forward(self, X: Tensor) -> Tensor:
        return X


class Residual(Module):
    """Two 3×3 convolutions and a shortcut: y = relu(g(x) + x).

    The gradient of x is that through g plus 1 times that of y: however small the first, the second arrives.
    Where the shape changes, the shortcut is a 1×1 convolution of x.

    Shape:   X (N, in_channels, H, W) -> (N, channels, -(-H//stride), -(-W//stride))
    Equals:  torchvision.models.resnet.BasicBlock; parameters bear its names
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        # No bias: batch normalisation takes it out again
        self.conv1 = Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = BatchNorm(channels)
        self.conv2 = Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.bn2 = BatchNorm(channels)
        self.downsample: Module = Identity()  # the shortcut: nothing to learn while the shapes agree
        if stride != 1 or in_channels != channels:
            self.downsample = Sequential(
                Conv2d(in_channels, channels, kernel_size=1, stride=stride, bias=False), BatchNorm(channels)
            )

    def forward(self, X: Tensor) -> Tensor:
        Y = self.bn1(self.conv1(X)).relu()  # (N, channels, H/stride, W/stride)
        Y = self.bn2(self.conv2(Y))  # the same; no ReLU before the sum
        return (Y + self.downsample(X)).relu()  # the shortcut has the shape of Y


class ConvUnit(Module):
    """A convolution that keeps height and width, unless there is a stride, and ReLU.

    Shape:   X (N, in_channels, H, W) -> (N, out_channels, H', W'); H and W over the stride, rounded up, for odd kernels
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        # k // 2 on both sides keeps H and W for odd k
        self.conv = Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2)
        self.relu = ReLU()

    def forward(self, X: Tensor) -> Tensor:
        return self.relu(self.conv(X))


class Inception(Module):
    """Four ways through side by side, their channels joined: 1×1; 1×1 and 3×3; 1×1 and 5×5; 3×3 maximum and 1×1.

    A 5×5 kernel needs padding 2; with 1, as is easily copied from the branch beside it, its images are smaller and
    cannot be joined.

    Args:
        table: channels of the 1×1; of the 1×1 and the 3×3; of the 1×1 and the 5×5; of the 1×1 after pooling

    Shape:   X (N, in_channels, H, W) -> (N, C', H, W); C' = table[0] + table[2] + table[4] + table[5]
    Equals:  the block of fathom.models.googlenet; parameters bear its names
    """

    def __init__(self, in_channels: int, table: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        # reduce3 and reduce5: 1×1 outputs, the inputs of the large kernels
        c1, reduce3, c3, reduce5, c5, c_pool = table  # the paper's columns of table 1
        self.branch1 = ConvUnit(in_channels, c1, 1)
        self.branch2 = Sequential(ConvUnit(in_channels, reduce3, 1), ConvUnit(reduce3, c3, 3))  # padding 1
        self.branch3 = Sequential(ConvUnit(in_channels, reduce5, 1), ConvUnit(reduce5, c5, 5))  # padding 2
        self.branch4 = Sequential(MaxPool2d(3, stride=1, padding=1), ConvUnit(in_channels, c_pool, 1))

    def forward(self, X: Tensor) -> Tensor:
        # (N, c1 + c3 + c5 + c_pool, H, W)
        return cat([self.branch1(X), self.branch2(X), self.branch3(X), self.branch4(X)], axis=1)
