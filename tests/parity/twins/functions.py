"""Activations, and layers as functions, beside torch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

import fathom.scratch as s
from fathom.scratch import Tensor
from twins.drawing import (
    any_shape,
    normal,
    normalised,
    seeds,
    shaped,
    windows,
    with_axis,
)
from twins.rows import Case, Function, Values


def normalise(training: bool) -> tuple[Callable, Callable]:
    """batch_norm, and its moving statistics joined to what it returns so that they are compared too."""

    def ours(X: Tensor, gamma: Tensor, beta: Tensor) -> Any:
        mean, var = np.full(X.shape[1], 0.3), np.full(X.shape[1], 1.7)
        Y = s.batch_norm(X, gamma, beta, mean, var, training, 1e-3, s.MovingAverage(momentum=0.2))
        return Y, Tensor(mean), Tensor(var)

    def theirs(X: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> Any:
        mean = torch.full((X.shape[1],), 0.3, dtype=X.dtype)
        var = torch.full((X.shape[1],), 1.7, dtype=X.dtype)
        Y = F.batch_norm(X, mean, var, gamma, beta, training, momentum=0.2, eps=1e-3)
        return Y, mean, var

    return ours, theirs


TABLE: dict[str, Any] = {
    # Activations
    "step": Function(
        s.step, lambda X: torch.heaviside(X.detach(), torch.zeros_like(X)) + 0 * X, any_shape(prepare=np.round)
    ),
    "relu": Function(s.relu, F.relu, any_shape()),
    "prelu": Function(s.prelu, F.prelu, st.one_of(shaped("ncab", "c"), shaped("nc", "c"))),
    "sigmoid": Function(s.sigmoid, torch.sigmoid, any_shape()),
    "scaled_sigmoid": Function(s.scaled_sigmoid, lambda X: 4 * torch.sigmoid(X) - 2, any_shape()),
    "tanh": Function(s.tanh, torch.tanh, any_shape()),
    "softmax": Function(s.softmax, lambda X, axis: torch.softmax(X, axis), with_axis(lambda X: 300 * X)),
    "softmax_naive": Function(s.softmax_naive, lambda X, axis: torch.softmax(X, axis), with_axis()),
    "log_softmax": Function(s.log_softmax, lambda X, axis: torch.log_softmax(X, axis), with_axis(lambda X: 300 * X)),
    # Layers as functions
    "linear": Function(s.linear, F.linear, st.one_of(shaped("nk", "mk", "m"), shaped("k", "mk"), shaped("abk", "mk"))),
    "conv1d": Function(s.conv1d, F.conv1d, windows(1)),
    "conv2d": Function(s.conv2d, F.conv2d, windows(2)),
    "conv3d": Function(s.conv3d, F.conv3d, windows(3)),
    "corr1d": Function(
        s.corr1d,
        lambda X, K: F.conv1d(X[None, None], K[None, None])[0, 0],
        st.builds(lambda a, b: Case([normal(a, 5), normal(b, 2)]), seeds, seeds),
    ),
    "corr2d": Function(
        s.corr2d,
        lambda X, K: F.conv2d(X[None, None], K[None, None])[0, 0],
        st.builds(lambda a, b: Case([normal(a, 4, 5), normal(b, 2, 3)]), seeds, seeds),
    ),
    "corr3d": Function(
        s.corr3d,
        lambda X, K: F.conv3d(X[None, None], K[None, None])[0, 0],
        st.builds(lambda a, b: Case([normal(a, 3, 4, 3), normal(b, 2, 3, 1)]), seeds, seeds),
    ),
    "conv_by_definition": Function(s.conv_by_definition, F.conv2d, windows(2)),
    "convolution": Function(
        s.convolution, lambda X, W, b, **options: F.conv2d(X, W.flip(2, 3), b, **options), windows(2)
    ),
    "pointwise": Function(s.pointwise, lambda X, W, b: F.conv2d(X, W[:, :, None, None], b), shaped("ncab", "oc", "o")),
    "conv_transpose2d": Function(s.conv_transpose2d, F.conv_transpose2d, windows(2, transposed=True)),
    **{
        f"max_pool{n}d": Function(
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(s, f"max_pool{n}d")
            ),
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(F, f"max_pool{n}d")
            ),
            windows(n, kernel=False),
        )
        for n in (1, 2, 3)
    },
    **{
        f"avg_pool{n}d": Function(
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(s, f"avg_pool{n}d")
            ),
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(F, f"avg_pool{n}d")
            ),
            windows(n, kernel=False),
        )
        for n in (1, 2, 3)
    },
    "global_avg_pool": Function(s.global_avg_pool, lambda X: F.adaptive_avg_pool2d(X, 1), shaped("ncab")),
    "global_max_pool": Function(s.global_max_pool, lambda X: torch.amax(X, (2, 3), keepdim=True), shaped("ncab")),
    "batch_norm": Function(*normalise(training=True), normalised()),
    "output_size": Values(
        lambda X, **o: Tensor([s.output_size(n, k, t, p) for n, k, t, p in zip(X.shape[2:], *o.values(), strict=True)]),
        lambda X, kernel, stride, padding: torch.tensor(F.max_pool2d(X, kernel, stride, padding).shape[2:]),
        windows(2, kernel=False),
    ),
    "transposed_size": Values(
        lambda X, W, b, **o: Tensor(
            [s.transposed_size(n, k, t, p) for n, k, t, p in zip(X.shape[2:], W.shape[2:], *o.values(), strict=True)]
        ),
        lambda X, W, b, **o: torch.tensor(F.conv_transpose2d(X, W, b, **o).shape[2:]),
        windows(2, transposed=True),
    ),
}
