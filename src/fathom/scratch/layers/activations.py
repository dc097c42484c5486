"""Activations: what stands between linear layers, so that together they are more than one linear layer.

Source:  notes N0, N1 §1.4.1 (step, sigmoid, tanh, ReLU), §1.3 (softmax); He et al. 2015 (PReLU)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Edge, both_ways
from fathom.scratch.engine.checks import check_float
from fathom.scratch.engine.operations import where
from fathom.scratch.engine.tensor import Tensor, record
from fathom.scratch.engine.value import as_axes
from fathom.scratch.layers.module import Module, Parameter


def step(X: Tensor) -> Tensor:
    """Return 1 above 0, else 0: the perceptron's. Its derivative is 0 everywhere: nothing before it learns by gradient.
    Shape:   X (…) -> (…)

    Equals:  torch.heaviside with 0 at 0
    """
    # both_ways: the diagonal of J is 0 either way
    return record("step", (X.data > 0).astype(X.dtype), both_ways(X, np.zeros_like))


def relu(X: Tensor) -> Tensor:
    """Return max(x, 0). Kink: the derivative at 0 is taken as 0.
    Shape:   X (…) -> (…)

    Equals:  torch.nn.functional.relu
    """
    return X.relu()


def prelu(X: Tensor, slope: Tensor) -> Tensor:
    """Return x above 0, slope·x below, the slope being learned. Kink: the derivative at 0 is taken as the slope.

    Shape:   X (N, C, …), slope (C,) -> (N, C, …); or slope (1,)
    Equals:  torch.nn.functional.prelu
    """
    check_float("prelu", "X", X)
    # axis 1 holds the channels, as everywhere
    num_channels = X.shape[1] if X.ndim > 1 else 1  # (N,) has none
    if slope.shape not in ((1,), (num_channels,)):
        raise ValueError(f"prelu: slope has shape {slope.shape}, expected (1,) or ({num_channels},), one a channel")
    each = slope.reshape(-1, *[1] * (X.ndim - 2)) if X.ndim > 2 else slope  # (C, 1, 1): along the channels
    return where(X > 0, X, each * X)  # x = 0 takes the branch of the slope: its derivative there is the slope


def sigmoid(X: Tensor) -> Tensor:
    """Return 1/(1 + e^−x), between 0 and 1; its derivative is at most 1/4.
    Shape:   X (…) -> (…)

    Equals:  torch.sigmoid
    """
    return X.sigmoid()


def scaled_sigmoid(X: Tensor) -> Tensor:
    """Return 4/(1 + e^−x) − 2 = 2·tanh(x/2), between −2 and 2; its derivative at 0 is 1, a sigmoid's is 1/4.
    Shape:   X (…) -> (…)

    Equals:  4 * torch.sigmoid − 2
    Source:  notes N1 §1.7.2
    """
    return 2 * (0.5 * X).tanh()  # no difference of near equals


def tanh(X: Tensor) -> Tensor:
    """Return (1 − e^−2x)/(1 + e^−2x), between −1 and 1; its derivative at 0 is 1.
    Shape:   X (…) -> (…)

    Equals:  torch.tanh
    """
    return X.tanh()


def softmax_naive(X: Tensor, axis: int = -1) -> Tensor:
    """Return e^x over the sum of all e^x, as the formula says it: nan from x = 89 on in float32, 710 in float64.
    Shape:   X (…) -> (…)

    Equals:  torch.softmax where nothing overflows
    """
    E = X.exp()  # overflows: that is the point
    return E / E.sum(axis, keepdims=True)


def softmax(X: Tensor, axis: int = -1) -> Tensor:
    """Return e^x over the sum of all e^x. The largest x is taken off first: the same result, and nothing overflows.

    Shape:   X (…) -> (…); along the axis the entries are positive and sum to 1
    Equals:  torch.softmax
    """
    check_float("softmax", "X", X)
    (where,) = as_axes("softmax", axis, X.ndim)  # one axis only: the distribution runs along it
    E = np.exp(X.data - X.data.max(axis=where, keepdims=True))  # at most 1
    Y = E / E.sum(axis=where, keepdims=True)  # at least one term is 1: no division by 0
    # dY_i/dX_j = Y_i (δ_ij − Y_j), the same with i and j exchanged
    return record(
        "softmax", Y, both_ways(X, lambda G: Y * (G - (G * Y).sum(axis=where, keepdims=True)), saves_result=True)
    )


def log_softmax(X: Tensor, axis: int = -1) -> Tensor:
    """Return x − log Σ e^x, with the largest x taken off first; never the logarithm of a softmax that became 0.
    Shape:   X (…) -> (…)

    Equals:  torch.log_softmax
    """
    check_float("log_softmax", "X", X)
    (where,) = as_axes("log_softmax", axis, X.ndim)
    shifted = X.data - X.data.max(axis=where, keepdims=True)  # at most 0
    Y = shifted - np.log(np.exp(shifted).sum(axis=where, keepdims=True))  # (…), all ≤ 0
    # dY_i/dX_j = δ_ij − e^(Y_j)
    edge = Edge(  # J is not symmetric: the way back sums G, the way forward weights T by the softmax
        X,
        lambda G: G - np.exp(Y) * G.sum(axis=where, keepdims=True),
        push=lambda T: T - (np.exp(Y) * T).sum(axis=where, keepdims=True),
        saves_result=True,
    )
    return record("log_softmax", Y, edge)


class Step(Module):
    """``step`` as a layer.

    Shape:   X (…) -> (…)
    """

    def forward(self, X: Tensor) -> Tensor:
        return step(X)


class ReLU(Module):
    """``relu`` as a layer.
    Shape:   X (…) -> (…)

    Equals:  torch.nn.ReLU
    """

    def forward(self, X: Tensor) -> Tensor:
        return X.relu()


class PReLU(Module):
    """``prelu`` as a layer; the slope starts at 1/4.
    Shape:   X (N, C, …) -> (N, C, …); C is num_parameters unless that is 1

    Equals:  torch.nn.PReLU
    """

    def __init__(self, num_parameters: int = 1, slope: float = 0.25, dtype: Any = np.float32) -> None:
        super().__init__()
        self.weight = Parameter(np.full(num_parameters, slope, dtype))  # 1/4 is the paper's

    def forward(self, X: Tensor) -> Tensor:
        return prelu(X, self.weight)


class Sigmoid(Module):
    """``sigmoid`` as a layer.
    Shape:   X (…) -> (…)

    Equals:  torch.nn.Sigmoid
    """

    def forward(self, X: Tensor) -> Tensor:
        return X.sigmoid()


class ScaledSigmoid(Module):
    """``scaled_sigmoid`` as a layer.
    Shape:   X (…) -> (…)

    Equals:  4 * torch.nn.Sigmoid − 2
    """

    def forward(self, X: Tensor) -> Tensor:
        return scaled_sigmoid(X)


class Tanh(Module):
    """``tanh`` as a layer.
    Shape:   X (…) -> (…)

    Equals:  torch.nn.Tanh
    """

    def forward(self, X: Tensor) -> Tensor:
        return X.tanh()


class Softmax(Module):
    """``softmax`` over the last axis as a layer.
    Shape:   X (…) -> (…)

    Equals:  torch.nn.Softmax(dim=-1)
    """

    def forward(self, X: Tensor) -> Tensor:
        return softmax(X)
