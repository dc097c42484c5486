"""Losses beside torch's."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import distributions
from torch.nn import functional as F

import fathom.scratch as s
from twins.drawing import (
    any_shape,
    classified,
    probability,
    reductions,
    shaped,
)
from twins.rows import Function


def reduced(values: torch.Tensor, reduction: str) -> torch.Tensor:
    return values if reduction == "none" else getattr(values, reduction)()


TABLE: dict[str, Any] = {
    # Losses
    "squared": Function(s.squared, F.mse_loss, any_shape(2, 1, reduction=reductions)),
    "half_squared": Function(
        s.half_squared,
        lambda X, Y, reduction: F.mse_loss(X, Y, reduction=reduction) / 2,
        any_shape(2, 1, reduction=reductions),
    ),
    "l1": Function(s.l1, F.l1_loss, any_shape(2, 1, reduction=reductions)),
    "huber": Function(s.huber, F.huber_loss, any_shape(2, 1, reduction=reductions, delta=st.floats(0.1, 3))),
    "smooth_l1": Function(s.smooth_l1, F.smooth_l1_loss, any_shape(2, 1, reduction=reductions, beta=st.floats(0, 3))),
    "nll": Function(s.nll, F.nll_loss, classified(reduction=reductions)),
    "cross_entropy": Function(
        s.cross_entropy,
        F.cross_entropy,
        classified(reduction=reductions, label_smoothing=st.sampled_from([0.0, 0.1, 1.0])),
    ),
    "soft_targets": Function(
        s.soft_targets,
        lambda o, t, temperature: (
            temperature**2
            * F.kl_div(
                (o / temperature).log_softmax(1),
                (t / temperature).log_softmax(1),
                reduction="batchmean",
                log_target=True,
            )
        ),
        shaped("nc", "nc", temperature=st.floats(0.5, 8)),
    ),
    "bce_with_logits": Function(
        lambda X, Y, **o: s.bce_with_logits(40 * X, Y.sigmoid(), **o),
        lambda X, Y, **o: F.binary_cross_entropy_with_logits(40 * X, Y.sigmoid(), **o),
        any_shape(2, 1, reduction=reductions),
    ),
    "bce": Function(s.bce, F.binary_cross_entropy, any_shape(2, 1, prepare=probability, reduction=reductions)),
    # Likelihoods
    "normal_nll": Function(
        s.normal_nll,
        lambda X, Y, std, reduction: reduced(-distributions.Normal(X, std).log_prob(Y), reduction),
        any_shape(2, 1, reduction=reductions, std=st.floats(0.2, 5)),
    ),
    "laplace_nll": Function(
        s.laplace_nll,
        lambda X, Y, scale, reduction: reduced(-distributions.Laplace(X, scale).log_prob(Y), reduction),
        any_shape(2, 1, reduction=reductions, scale=st.floats(0.2, 5)),
    ),
    "bernoulli_nll": Function(
        lambda X, Y, **o: s.bernoulli_nll(X, Y.sigmoid(), **o),
        lambda X, Y, reduction: reduced(
            -distributions.Bernoulli(logits=X, validate_args=False).log_prob(Y.sigmoid()), reduction
        ),
        any_shape(2, 1, reduction=reductions),
    ),
    "categorical_nll": Function(
        s.categorical_nll,
        lambda X, labels, reduction: reduced(-distributions.Categorical(logits=X).log_prob(labels), reduction),
        classified(reduction=reductions),
    ),
    "multi_margin": Function(
        s.multi_margin, F.multi_margin_loss, classified(reduction=reductions, margin=st.floats(0, 3))
    ),
}
