"""Normalisation: mean 0 and variance 1 of every feature over the batch, or of every sample over its features.

Batch normalisation uses the batch's own mean and variance in training, and keeps moving averages of them, which it uses
in evaluation.

Three traps. The variance that normalises is the biased one, divided by n. The one that enters the moving average is
here, as in torch, the unbiased one, divided by n − 1; the book keeps the biased one. And torch's momentum is the weight
of the batch's value, new = (1 − momentum)·old + momentum·batch; the book's is that of the old.

Layer normalisation takes mean and variance of each sample, over its own features: batch and evaluation play no part.

Source:  notes N1 §2.10; Ioffe & Szegedy 2015, arXiv:1502.03167; Ba et al. 2016, arXiv:1607.06450
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fathom.scratch.engine.autograd import Edge, both_ways
from fathom.scratch.engine.checks import as_sizes, check_batch, check_float, check_number, check_shape
from fathom.scratch.engine.moving import plain
from fathom.scratch.engine.tensor import Tensor, record
from fathom.scratch.layers.module import Module, Parameter


@dataclass(frozen=True)
class MovingAverage:
    """How the averages that evaluation uses follow the batches: new = (1 − momentum)·old + momentum·batch, as torch's.

    Args:
        momentum: weight of the batch
        unbiased: whether the batch's variance is divided by n − 1, as torch's, or by n, as the book's
    """

    momentum: float = 0.1
    unbiased: bool = True


def batch_norm(
    X: Tensor,
    gamma: Tensor,
    beta: Tensor,
    moving_mean: np.ndarray,
    moving_var: np.ndarray,
    training: bool,
    eps: float = 1e-5,
    average: MovingAverage = MovingAverage(),
) -> Tensor:
    """Return y = γ (x − μ)/√(σ² + ε) + β, with μ and σ² for each feature of (N, C) or each channel of (N, C, …).

    Args:
        moving_mean, moving_var: of shape (C,), updated in place in training, used in evaluation
        training: says which; it has nothing to do with whether gradients are recorded
        average: how they are updated

    Shape:   X (N, C, …), gamma (C,), beta (C,), moving_mean (C,), moving_var (C,) -> (N, C, …)
    Equals:  torch.nn.functional.batch_norm
    Raises:  ValueError if shapes do not fit, or in training if there is one value only for each channel
    """
    num_channels = _check(X, gamma, beta, moving_mean, moving_var, training)
    axes = (0, *range(2, X.ndim))  # all but the channels
    column = (1, num_channels, *(1,) * (X.ndim - 2))  # how (C,) stretches over X
    count = X.numel() // num_channels  # values of a channel

    if training:
        mean = X.data.mean(axis=axes)  # (C,)
        centred = X.data - mean.reshape(column)  # (N, C, …)
        var = np.square(centred).mean(axis=axes)  # (C,), biased
        kept = var * (count / (count - 1)) if average.unbiased else var  # Bessel's correction
        moving_mean += average.momentum * (plain(mean) - moving_mean)  # in place: the arrays are the layer's buffers
        moving_var += average.momentum * (plain(kept) - moving_var)
    else:
        centred = X.data - moving_mean.astype(X.dtype).reshape(column)
        var = moving_var.astype(X.dtype)
    scale = (1 / np.sqrt(var + np.asarray(eps, X.dtype))).reshape(column)  # (1, C, 1, 1)
    X_hat = centred * scale  # (N, C, …), mean 0 and variance 1 of each channel in training
    factor = gamma.data.reshape(column) * scale  # dY/dX where μ and σ² are constants
    Y = X_hat * gamma.data.reshape(column) + beta.data.reshape(column)

    def by_input(G: np.ndarray) -> np.ndarray:
        if not training:
            return factor * G  # the averages do not depend on this batch
        # μ and σ² depend on x too: what G has of them, a constant and a multiple of X_hat, falls out
        mean_G = G.mean(axis=axes, keepdims=True)  # (1, C, 1, …)
        mean_GX = (G * X_hat).mean(axis=axes, keepdims=True)  # how much G grows along X_hat
        return factor * (G - mean_G - X_hat * mean_GX)

    return record(
        "batch_norm",
        Y,
        both_ways(X, by_input, gamma),  # symmetric: what x_i does to y_j is what x_j does to y_i
        Edge(gamma, lambda G: (G * X_hat).sum(axis=axes), X, push=lambda T: T.reshape(column) * X_hat),
        Edge(beta, lambda G: G.sum(axis=axes), push=lambda T: T.reshape(column)),
    )


def _check(
    X: Tensor, gamma: Tensor, beta: Tensor, moving_mean: np.ndarray, moving_var: np.ndarray, training: bool
) -> int:
    """See that shapes fit, and return the number of channels."""
    check_float("batch_norm", "X", X)
    if X.ndim < 2:
        raise ValueError(f"batch_norm: X has shape {X.shape}, expected (N, C) or (N, C, …)")
    check_batch("batch_norm", "X", X)
    num_channels = X.shape[1]
    for argument, value in (("gamma", gamma), ("beta", beta)):
        check_shape("batch_norm", argument, value, (num_channels,), f", one for each channel of X {X.shape}")
    for argument, array in (("moving_mean", moving_mean), ("moving_var", moving_var)):
        if array.shape != (num_channels,):
            raise ValueError(f"batch_norm: {argument} has shape {array.shape}, expected ({num_channels},)")
    if training and X.numel() == num_channels:
        raise ValueError(
            f"batch_norm: X has shape {X.shape}, expected more than one value for each channel: in training the "
            "variance of one value is 0"
        )
    return num_channels


class BatchNorm(Module):
    """Batch normalisation as a layer, for features (N, C) and for channels (N, C, …) alike.

    Args:
        unbiased: False keeps the book's biased variance in the moving average

    Shape:   X (N, num_features, …) -> (N, num_features, …)
    Equals:  torch.nn.BatchNorm1d, BatchNorm2d, BatchNorm3d; parameters and buffers bear torch's names
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        unbiased: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        as_sizes("BatchNorm", "num_features", num_features, 1, low=1)
        self.eps = check_number("BatchNorm", "eps", eps)
        self.average = MovingAverage(momentum, unbiased)
        self.weight = Parameter(np.ones(num_features, dtype))
        self.bias = Parameter(np.zeros(num_features, dtype))
        self._buffers["running_mean"] = np.zeros(num_features, dtype)
        self._buffers["running_var"] = np.ones(num_features, dtype)

    def forward(self, X: Tensor) -> Tensor:
        mean, var = self._buffers["running_mean"], self._buffers["running_var"]
        return batch_norm(X, self.weight, self.bias, mean, var, self.training, self.eps, self.average)


def layer_norm(X: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> Tensor:
    """Return y = γ (x − μ)/√(σ² + ε) + β, with μ and the biased σ² of each sample over its last axis.

    Shape:   X (…, n), gamma (n,), beta (n,) -> (…, n)
    Equals:  torch.nn.functional.layer_norm over the last axis
    Raises:  ValueError if shapes do not fit
    """
    check_float("layer_norm", "X", X)
    if X.ndim == 0:
        raise ValueError("layer_norm: X has shape (), expected (…, n)")
    for argument, value in (("gamma", gamma), ("beta", beta)):
        check_shape("layer_norm", argument, value, X.shape[-1:], f", one for each feature of X {X.shape}")
    centred = X.data - X.data.mean(axis=-1, keepdims=True)  # (…, n)
    var = np.square(centred).mean(axis=-1, keepdims=True)  # (…, 1), biased
    scale = 1 / np.sqrt(var + np.asarray(eps, X.dtype))
    X_hat = centred * scale  # (…, n), mean 0 and variance 1 of each sample

    def through(G: np.ndarray) -> np.ndarray:
        # as in batch_norm: the parts of G along a constant and along X_hat fall out
        mean_G = G.mean(axis=-1, keepdims=True)
        mean_GX = (G * X_hat).mean(axis=-1, keepdims=True)
        return scale * (G - mean_G - X_hat * mean_GX)

    axes = tuple(range(X.ndim - 1))  # all but the features
    return record(
        "layer_norm",
        X_hat * gamma.data + beta.data,
        # γ differs along the axis of the means: on the way back it comes first, on the way forward last
        Edge(X, lambda G: through(G * gamma.data), gamma, push=lambda T: through(T) * gamma.data),
        Edge(gamma, lambda G: (G * X_hat).sum(axis=axes), X, push=lambda T: T * X_hat),
        Edge(beta, lambda G: G.sum(axis=axes), push=lambda T: T),
    )


class LayerNorm(Module):
    """Layer normalisation as a layer, over the last axis.

    Shape:   X (…, num_features) -> (…, num_features)
    Equals:  torch.nn.LayerNorm; parameters bear torch's names
    """

    def __init__(self, num_features: int, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        super().__init__()
        as_sizes("LayerNorm", "num_features", num_features, 1, low=1)
        self.eps = check_number("LayerNorm", "eps", eps)
        self.weight = Parameter(np.ones(num_features, dtype))
        self.bias = Parameter(np.zeros(num_features, dtype))

    def forward(self, X: Tensor) -> Tensor:
        return layer_norm(X, self.weight, self.bias, self.eps)
