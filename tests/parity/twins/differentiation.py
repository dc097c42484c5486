"""Derivatives by every way beside torch's; gradients clipped, weights penalised, least squares."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

import fathom.scratch as s
from fathom.scratch import Tensor
from twins.drawing import (
    any_shape,
    normal,
    seeds,
    shaped,
)
from twins.rows import Case, Function, Values


def clipped(by: Callable[..., Any], limit: float) -> Callable[..., Any]:
    """The gradients of two tensors after clipping."""

    def call(X: Any, Y: Any) -> Any:
        leaves = [each.detach().clone() for each in (X, Y)]
        for leaf, source in zip(leaves, (X, Y), strict=True):
            leaf.requires_grad = True
            leaf.grad = source.detach().clone()
        by(leaves, limit)
        return tuple(leaf.grad for leaf in leaves)

    return call


def torch_jacobian(x: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(A @ x) * x.square().sum()

    return torch.autograd.functional.jacobian(function, x).reshape(A.shape[0], x.numel())


def both_modes(x: Tensor, A: Tensor) -> Tensor:
    def function(x: Any) -> Any:
        return (A @ x).tanh() * x.square().sum()

    reverse, forward = s.jacobian(function, x), s.jacobian(function, x, mode="forward")
    np.testing.assert_allclose(reverse.data, forward.data, rtol=1e-9, atol=1e-12)
    return reverse


def smooth(x: Any, exp: Callable) -> Any:
    return (x * x).mean() * exp(x) / (1 + x.square()) - 0.1 * x**3


def gradient_by_differences(x: Tensor) -> Tensor:
    return s.numerical_gradient(lambda x: smooth(x, lambda v: v.exp()), x)[0]


def torch_gradient(x: torch.Tensor) -> torch.Tensor:
    return torch.autograd.functional.jacobian(lambda x: smooth(x, torch.exp).sum(), x)


TABLE: dict[str, Any] = {
    # Differentiation
    "jacobian": Values(both_modes, torch_jacobian, shaped("n", "mn")),
    "jvp": Values(
        lambda x, v: s.jvp(lambda x: smooth(x, lambda v: v.exp()), x, v),
        lambda x, v: torch.autograd.functional.jvp(lambda x: smooth(x, torch.exp), x, v),
        any_shape(2),
    ),
    "gradient": Values(
        lambda x: s.gradient(lambda x: smooth(x, lambda v: v.exp()).sum(), x), torch_gradient, any_shape()
    ),
    "hvp": Values(
        lambda x, v: s.hvp(lambda x: smooth(x, lambda v: v.exp()).sum(), x, v),
        lambda x, v: torch.autograd.functional.hvp(lambda x: smooth(x, torch.exp).sum(), x, v)[1],
        any_shape(2),
    ),
    "hessian": Values(
        lambda x: s.hessian(lambda x: smooth(x, lambda v: v.exp()).sum(), x),
        lambda x: torch.autograd.functional.hessian(lambda x: smooth(x, torch.exp).sum(), x),
        shaped("n"),
    ),
    "forward_gradient": Values(
        lambda x: s.forward_gradient(lambda x: smooth(x, lambda v: v.exp()).sum(), x), torch_gradient, any_shape()
    ),
    "numerical_gradient": Values(
        gradient_by_differences, torch_gradient, any_shape(), 1e-5, "differences are exact to about h² and rounding/h"
    ),
    # Gradients and weights held down
    "clip_by_norm": Values(
        clipped(partial(s.clip_by_norm, eps=1e-6), 0.7),
        clipped(torch.nn.utils.clip_grad_norm_, 0.7),
        any_shape(2),
    ),
    "clip_by_value": Values(clipped(s.clip_by_value, 0.7), clipped(torch.nn.utils.clip_grad_value_, 0.7), any_shape(2)),
    "l1_penalty": Function(lambda X, Y: s.l1_penalty([X, Y]), lambda X, Y: X.abs().sum() + Y.abs().sum(), any_shape(2)),
    "l2_penalty": Function(
        lambda X, Y: s.l2_penalty([X, Y]), lambda X, Y: (X.square().sum() + Y.square().sum()) / 2, any_shape(2)
    ),
    "least_squares": Values(
        lambda X, y: s.least_squares(s.with_ones(X), y),
        lambda X, y: torch.linalg.lstsq(torch.cat([X, torch.ones(len(X), 1)], 1), y).solution,
        st.builds(lambda a, b: Case([normal(a, 12, 3), normal(b, 12, 2)]), seeds, seeds),
    ),
}
