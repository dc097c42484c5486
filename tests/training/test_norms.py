"""Normalised gradients and bounded weights: against their formulas, in a trainer, and the twins from scratch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import fathom.scratch as s
from fathom.build.assemble import build_callbacks
from fathom.build.configure import configure
from fathom.errors import UsageError
from fathom.module import Regressor
from fathom.settings.settings import Settings
from fathom.training.callbacks import BoundWeights, NormalizeGradients
from fathom.training.optimizers import normalize_gradients_, project_
from fathom.training.trainer import Trainer

torch.manual_seed(0)
GRADIENTS = [torch.randn(3, 4, dtype=torch.float64), torch.randn(5, dtype=torch.float64)]


def joint(tensors: Any) -> float:
    return float(torch.cat([tensor.flatten() for tensor in tensors]).norm())


def parameters() -> list[torch.Tensor]:
    found = [torch.zeros_like(g, requires_grad=True) for g in GRADIENTS]
    for parameter, g in zip(found, GRADIENTS, strict=True):
        parameter.grad = g.clone()
    return found


@pytest.mark.parametrize("norm", [0.01, 1.0, 50.0])
def test_gradients_get_the_norm_and_keep_their_direction(norm: float) -> None:
    mine = parameters()
    assert float(normalize_gradients_(mine, norm)) == pytest.approx(joint(GRADIENTS))
    for parameter, g in zip(mine, GRADIENTS, strict=True):
        torch.testing.assert_close(parameter.grad, g * norm / joint(GRADIENTS))
    ours = [s.Parameter(np.zeros(g.shape)) for g in GRADIENTS]
    for ours_each, g in zip(ours, GRADIENTS, strict=True):
        ours_each.grad = s.Tensor(g.numpy().copy())
    assert s.normalize_gradients(ours, norm) == pytest.approx(joint(GRADIENTS))
    for ours_each, parameter in zip(ours, mine, strict=True):
        np.testing.assert_allclose(ours_each.grad.data, parameter.grad.numpy(), rtol=1e-12)


def test_zero_gradients_and_weights_stay_zero() -> None:
    zero = torch.zeros(3, requires_grad=True)
    zero.grad = torch.zeros(3)
    normalize_gradients_([zero], 1.0)
    project_([zero], 1.0)
    assert torch.equal(zero.grad, torch.zeros(3))
    assert torch.equal(zero, torch.zeros(3))
    normalize_gradients_([], 1.0)


@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_weights_go_to_the_nearest_point_of_the_ball(max_norm: float) -> None:
    weights = [g.clone() for g in GRADIENTS]
    assert float(project_(weights, max_norm)) == pytest.approx(joint(GRADIENTS))
    factor = min(1.0, max_norm / joint(GRADIENTS))
    for weight, g in zip(weights, GRADIENTS, strict=True):
        torch.testing.assert_close(weight, g * factor)
    ours = [s.Parameter(g.numpy().copy()) for g in GRADIENTS]
    s.project(ours, max_norm)
    for mine, weight in zip(ours, weights, strict=True):
        np.testing.assert_allclose(mine.data, weight.numpy(), rtol=1e-12)


def test_a_trainer_ends_where_the_bound_s_solution_lies() -> None:
    """Full-batch descent under ‖w‖ ≤ θ finds the weights of ridge regression with the multiplier as its λ."""
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((40, 3)), np.array([2.0, -1.0, 0.5])
    y = X @ w + 0.1 * rng.standard_normal(40)
    net = nn.Linear(3, 1, bias=False)
    # the mean of (ŷ − y)² has the same minimum under the bound
    module = Regressor(net, loss="squared", lr=0.1)
    batch = (torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None])
    Trainer(max_epochs=300, callbacks=[BoundWeights(1.5)], progress=False).fit(module, [batch])
    expected = s.bounded_least_squares(s.Tensor(X), s.Tensor(y), 1.5)
    np.testing.assert_allclose(net.weight.detach().numpy()[0], expected.data, atol=1e-4)
    assert net.weight.norm().item() == pytest.approx(1.5, abs=1e-5)


def test_every_step_is_equally_long() -> None:
    torch.manual_seed(1)
    net = nn.Linear(3, 1)
    module = Regressor(net, loss="squared", lr=0.25)
    before = [p.detach().clone() for p in net.parameters()]
    batch = (torch.randn(8, 3), 1000 * torch.randn(8, 1))
    Trainer(max_epochs=1, callbacks=[NormalizeGradients(2.0)], progress=False).fit(module, [batch])
    assert joint([p.detach() - b for p, b in zip(net.parameters(), before, strict=True)]) == pytest.approx(
        0.5, rel=1e-5
    )


def test_options_of_a_run() -> None:
    def config(**training: Any) -> Any:
        return configure(Settings({"model": {"name": "mlp"}, "data": {"name": "digits"}, "training": training}))

    found = build_callbacks(config(gradient_norm=2.0, max_weight_norm=3.0), None)
    assert [(type(c).__name__, vars(c)) for c in found] == [
        ("BoundWeights", {"max_norm": 3.0}),
        ("NormalizeGradients", {"norm": 2.0}),
    ]
    with pytest.raises(
        UsageError, match=r"training\.gradient_norm gives all gradients one norm, and --clip-norm bounds"
    ):
        config(gradient_norm=1.0, clip_norm=1.0)
    for name in ("gradient_norm", "max_weight_norm"):
        with pytest.raises(UsageError, match=name):
            config(**{name: 0})
    for make in (NormalizeGradients, BoundWeights):
        with pytest.raises(UsageError, match="must be above 0"):
            make(-1.0)
