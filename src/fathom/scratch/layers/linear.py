"""The linear layer: every output is a weighted sum of all inputs.

Source:  notes N1 §1.2; Dive into Deep Learning §3.1
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fathom.scratch.engine.checks import as_sizes, check_float, check_shape
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.initializers import uniform_
from fathom.scratch.layers.module import Module, Parameter


def linear(X: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """Return Y = X Wᵀ + b.

    Shape:   X (…, n), W (m, n), b (m,) -> (…, m)
    Equals:  torch.nn.functional.linear
    Raises:  ValueError if the shapes do not fit
    """
    check_float("linear", "X", X)
    if W.ndim != 2 or X.ndim == 0 or X.shape[-1] != W.shape[1]:  # n: inputs, m: outputs
        raise ValueError(f"linear: X has shape {X.shape}, expected (…, n) with W (m, n), which has shape {W.shape}")
    Y = X @ W.T  # (…, m)
    if b is None:
        return Y
    check_shape("linear", "b", b, (W.shape[0],), f", one for each row of W {W.shape}")
    return Y + b


class Linear(Module):
    """A linear layer. Both parameters start uniform within ±1/√n, as torch's do.

    Shape:   X (…, in_features) -> (…, out_features)
    Equals:  torch.nn.Linear
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: Any = np.float32) -> None:
        super().__init__()
        as_sizes("Linear", "in_features and out_features", (in_features, out_features), 2, low=1)
        bound = 1 / np.sqrt(in_features)  # torch's kaiming_uniform_ with a = √5 comes to this
        self.weight = Parameter(uniform_(Tensor(np.empty((out_features, in_features), dtype)), -bound, bound))
        # the bound of the weight, as torch
        self.bias = Parameter(uniform_(Tensor(np.empty(out_features, dtype)), -bound, bound)) if bias else None

    def forward(self, X: Tensor) -> Tensor:
        return linear(X, self.weight, self.bias)


class Flatten(Module):
    """Join all axes but the first: images become rows.

    Shape:   X (N, …) -> (N, D'); D' is the product of the rest
    Equals:  torch.nn.Flatten
    """

    def forward(self, X: Tensor) -> Tensor:
        return X.flatten(1)  # (N, C·H·W)
