"""Whole trajectories beside torch's: schedules that follow the loss, clipping, penalties, moving statistics."""

import numpy as np
import pytest
import torch

import fathom.scratch as s


def test_plateau_follows_as_torchs_does():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3, threshold=1e-2, eps=0)
    plateau = s.Plateau(gamma=0.5, patience=3, threshold=1e-2)
    losses = [1.0, 0.9, 0.895, 0.894, 0.9, 0.91, 0.92, 0.5, *[0.499] * 12, 0.1, float("nan"), 0.1, 0.1, 0.1, 0.1]
    factors = []
    for loss in losses:
        schedule.step(loss)
        factors.append(plateau.observe(loss))
        assert factors[-1] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert len(set(factors)) > 3


@pytest.mark.parametrize("penalty", ["l1", "l2", None])
@pytest.mark.parametrize("clip", ["norm", "value", None])
def test_twenty_steps_with_penalty_and_clipping(penalty, clip):
    rng = np.random.default_rng(0)
    start = rng.standard_normal((3, 2))
    w, v = s.Parameter(start.copy()), torch.nn.Parameter(torch.tensor(start))
    optimizer, twin = s.SGD([w], 0.1), torch.optim.SGD([v], 0.1, weight_decay=0.05 if penalty == "l2" else 0.0)
    for _ in range(20):
        X, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
        loss = s.half_squared(s.Tensor(X) @ w, s.Tensor(y), "sum")
        # the notes' ½ by hand on torch's side, whose squared loss has none
        other = torch.nn.functional.mse_loss(torch.tensor(X) @ v, torch.tensor(y), reduction="sum") / 2
        if clip is None and penalty == "l2":
            loss = loss + 0.05 * s.l2_penalty([w])  # added to the loss, against weight decay in the optimiser
        elif penalty == "l2":
            loss, other = loss + 0.05 * s.l2_penalty([w]), other + 0.025 * v.square().sum()
            twin.param_groups[0]["weight_decay"] = 0.0
        elif penalty == "l1":
            loss, other = loss + 0.05 * s.l1_penalty([w]), other + 0.05 * v.abs().sum()
        for each, value in ((optimizer, loss), (twin, other)):
            each.zero_grad()
            value.backward()
        if clip == "norm":
            found = s.clip_by_norm([w], 1.5, eps=1e-6)
            assert found == pytest.approx(torch.nn.utils.clip_grad_norm_([v], 1.5).item(), rel=1e-12)
        elif clip == "value":
            s.clip_by_value([w], 0.8)
            torch.nn.utils.clip_grad_value_([v], 0.8)
        optimizer.step()
        twin.step()
        np.testing.assert_allclose(w.data, v.detach().numpy(), rtol=1e-9)


def test_clipping_without_the_millionth_ends_on_the_norm():
    w = s.Parameter(np.zeros(4))
    w.grad = s.Tensor(np.array([3.0, 4.0, 0.0, 0.0]))
    assert s.clip_by_norm([w], 1.0) == 5.0
    assert np.linalg.norm(w.grad.data) == pytest.approx(1.0, rel=1e-15)
    w.grad.data *= 1.2
    assert s.clip_by_norm([w], 1.0) == pytest.approx(1.2)
    assert np.linalg.norm(w.grad.data) == pytest.approx(1.0, rel=1e-15)
    assert s.clip_by_norm([w], 2.0) == pytest.approx(1.0)
    assert np.linalg.norm(w.grad.data) == pytest.approx(1.0, rel=1e-15)  # below the limit nothing changes


@pytest.mark.parametrize("unbiased", [True, False])
def test_moving_variance_of_the_book_and_of_torch(unbiased):
    """torch keeps the unbiased variance, the book the biased one: n/(n − 1) between them."""
    ours, theirs = s.BatchNorm(2, unbiased=unbiased).double(), torch.nn.BatchNorm1d(2).double()
    X = np.random.default_rng(0).standard_normal((5, 2))
    ours(s.Tensor(X))
    theirs(torch.tensor(X))
    gained = ours.state_dict()["running_var"] - 0.9
    expected = (theirs.running_var.numpy() - 0.9) * (1 if unbiased else 4 / 5)
    np.testing.assert_allclose(gained, expected, rtol=1e-9)


def test_least_squares_is_where_gradient_descent_goes():
    rng = np.random.default_rng(0)
    X = s.with_ones(s.Tensor(rng.standard_normal((50, 2))))
    y = X @ s.Tensor(np.array([2.0, -3.4, 4.2])) + s.Tensor(0.01 * rng.standard_normal(50))
    w = s.Parameter(np.zeros(3))
    optimizer = s.SGD([w], lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        s.half_squared(X @ w, y).backward()
        optimizer.step()
    np.testing.assert_allclose(w.data, s.least_squares(X, y).data, rtol=1e-9)
