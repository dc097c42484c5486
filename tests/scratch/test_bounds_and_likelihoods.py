"""The λ of a hard bound against scipy's constrained minimum; likelihoods against scipy's and torch's densities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

import fathom.scratch as s
from fathom.scratch.learning.likelihoods import huber_constant

rng = np.random.default_rng(0)
X = rng.standard_normal((30, 4)) * [1.0, 2.0, 0.5, 1.0]
Y = X @ [1.0, -2.0, 3.0, 0.5] + rng.standard_normal(30)
PREDICTION, TARGET = rng.standard_normal((2, 7, 3))
REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda a: a}


@pytest.mark.parametrize("max_norm", [0.3, 1.0, 3.0])
def test_the_multiplier_gives_the_solution_under_the_bound(max_norm: float) -> None:
    penalty = s.multiplier(s.Tensor(X), s.Tensor(Y), max_norm)
    w = s.bounded_least_squares(s.Tensor(X), s.Tensor(Y), max_norm).data
    assert np.linalg.norm(w) == pytest.approx(max_norm, rel=1e-12)
    # Karush, Kuhn and Tucker: the loss descends straight out of the ball
    np.testing.assert_allclose(X.T @ (X @ w - Y), -penalty * w, rtol=1e-9, atol=1e-9)
    found = optimize.minimize(
        lambda v: 0.5 * np.square(X @ v - Y).sum(),
        np.zeros(4),
        jac=lambda v: X.T @ (X @ v - Y),
        constraints={"type": "ineq", "fun": lambda v: max_norm**2 - v @ v, "jac": lambda v: -2 * v},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(w, found.x, atol=1e-5)


def test_a_wide_bound_does_nothing_and_a_narrow_one_costs_more() -> None:
    free = np.linalg.lstsq(X, Y, rcond=None)[0]
    assert s.multiplier(s.Tensor(X), s.Tensor(Y), np.linalg.norm(free) * 1.001) == 0
    np.testing.assert_allclose(s.bounded_least_squares(s.Tensor(X), s.Tensor(Y), 99.0).data, free)
    penalties = [s.multiplier(s.Tensor(X), s.Tensor(Y), norm) for norm in (0.1, 0.5, 2.0)]
    assert penalties == sorted(penalties, reverse=True)
    with pytest.raises(ValueError, match="max_norm must be a number above 0"):
        s.multiplier(s.Tensor(X), s.Tensor(Y), 0.0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_are_likelihoods(reduction: str) -> None:
    reduce, prediction, target = REDUCTIONS[reduction], s.Tensor(PREDICTION), s.Tensor(TARGET)
    for ours, density in (
        (s.normal_nll(prediction, target, 0.7, reduction), stats.norm(PREDICTION, 0.7).logpdf(TARGET)),
        (s.laplace_nll(prediction, target, 1.3, reduction), stats.laplace(PREDICTION, 1.3).logpdf(TARGET)),
    ):
        np.testing.assert_allclose(ours.data, reduce(-density), rtol=1e-12)
    labels, ones = np.array([0, 2, 1, 1, 0, 2, 2]), (TARGET > 0).astype(float)
    logits = torch.from_numpy(PREDICTION)
    bernoulli = -torch.distributions.Bernoulli(logits=logits).log_prob(torch.from_numpy(ones))
    np.testing.assert_allclose(s.bernoulli_nll(prediction, s.Tensor(ones), reduction).data, reduce(bernoulli.numpy()))
    categorical = -torch.distributions.Categorical(logits=logits).log_prob(torch.from_numpy(labels))
    ours = s.categorical_nll(prediction, s.Tensor(labels), reduction)
    np.testing.assert_allclose(ours.data, reduce(categorical.numpy()))


@pytest.mark.parametrize("delta", [0.2, 1.0, 3.0])
def test_huber_s_density_has_area_one(delta: float) -> None:
    def density(y: float) -> float:
        return float(np.exp(-s.huber_nll(s.Tensor(np.array([0.5])), s.Tensor(np.array([y])), delta).item()))

    pieces = [integrate.quad(density, *ends)[0] for ends in ((-np.inf, 0.5 - delta), (0.5 - delta, 0.5 + delta))]
    assert 2 * pieces[0] + pieces[1] == pytest.approx(1, abs=1e-8)
    # far out the normal density
    assert huber_constant(30.0) == pytest.approx(np.log(np.sqrt(2 * np.pi)))


def test_the_loss_has_the_gradient_of_the_likelihood() -> None:
    """The constant changes nothing that is learned; a scale is a factor of the learning rate."""
    for nll, loss, factor in (
        (lambda p, t: s.normal_nll(p, t, 0.5), s.half_squared, 4.0),
        (lambda p, t: s.laplace_nll(p, t, 0.5), s.l1, 2.0),
        (s.huber_nll, s.huber, 1.0),
    ):
        gradients = []
        for each in (nll, loss):
            prediction = s.Tensor(PREDICTION, requires_grad=True)
            each(prediction, s.Tensor(TARGET)).backward()
            gradients.append(prediction.grad.data)
        np.testing.assert_allclose(gradients[0], factor * gradients[1])
