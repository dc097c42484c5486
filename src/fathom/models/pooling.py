"""Average pooling whose gradient is computed the quick way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AvgPool2d(nn.AvgPool2d):
    """``nn.AvgPool2d`` for windows that tile the image: same values, same gradients, a quicker backward pass on a CPU.

    Each input pixel lies in exactly one window, so its gradient is that of the window divided by the window's size:
    nearest-neighbour upsampling, which torch vectorises over channels in every format, where its own backward pass of
    average pooling is slow in bfloat16 (a sixth of a training step of LeNet).

    Shape:   X (N, C, H, W) -> (N, C, H//k, W//k)
    Equals:  torch.nn.AvgPool2d; whatever does not tile is left to it
    """

    def forward(self, X: Tensor) -> Tensor:
        """Average each window."""
        if X.requires_grad and X.device.type == "cpu" and not torch.compiler.is_compiling() and self._tiles(X):
            return _Tiles.apply(X, self.kernel_size)  # (N, C, H/k, W/k)
        return super().forward(X)

    def _tiles(self, X: Tensor) -> bool:
        k = self.kernel_size
        if not isinstance(k, int) or self.stride != k or self.padding or self.divisor_override or X.ndim != 4:
            return False
        return X.shape[2] % k == 0 and X.shape[3] % k == 0


class _Tiles(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, k: int) -> Tensor:
        ctx.k = k
        return F.avg_pool2d(X, k)  # (N, C, H/k, W/k)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, None]:
        # G (N, C, H/k, W/k): each pixel had a share of 1/k² in its window
        return F.interpolate(G / ctx.k**2, scale_factor=ctx.k, mode="nearest"), None  # (N, C, H, W)
