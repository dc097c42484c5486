"""Derivatives of derivatives: a tangent carried through a walk back, equal to torch's."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import fathom.scratch as S

RNG = np.random.default_rng(3)
A, B, W = (RNG.normal(size=shape) for shape in ((4, 4), (4,), (3, 4)))
K, IMAGE = RNG.normal(size=(2, 1, 2, 2)), RNG.normal(size=(1, 1, 4, 3))
SHIFT = RNG.normal(size=(2,))


def pair(ours, theirs, shape=(4,)):
    return ours, theirs, RNG.normal(size=shape)


# f: tensor -> scalar, ours and torch's; constants stand on either side
FUNCTIONS = {
    "cubes": pair(lambda x: (x**3).sum(), lambda x: (x**3).sum()),
    "tensor on the left": pair(
        lambda x: (S.Tensor(B) * (S.Tensor(A) @ (x / 3).exp())).sum(),
        lambda x: (torch.tensor(B) * (torch.tensor(A) @ torch.exp(x / 3))).sum(),
    ),
    "quotients": pair(
        lambda x: (S.Tensor(B) / (x * x + 1) - x / (2 + x.exp())).sum(),
        lambda x: (torch.tensor(B) / (x * x + 1) - x / (2 + torch.exp(x))).sum(),
    ),
    "tanh, sigmoid, log": pair(
        lambda x: (S.tanh(x) * S.sigmoid(x) + (x * x + 1).log()).sum(),
        lambda x: (torch.tanh(x) * torch.sigmoid(x) + torch.log(x * x + 1)).sum(),
    ),
    "a layer and its softmax": pair(
        lambda x: (S.softmax(S.Tensor(W) @ x, -1) * S.Tensor(W[:, 0])).sum(),
        lambda x: (F.softmax(torch.tensor(W) @ x, -1) * torch.tensor(W[:, 0])).sum(),
    ),
    "cross-entropy": pair(
        lambda x: S.cross_entropy((S.Tensor(W) @ (x * x)).reshape(1, 3), S.Tensor(np.array([1]))),
        lambda x: F.cross_entropy((torch.tensor(W) @ (x * x)).reshape(1, 3), torch.tensor([1])),
    ),
    "mean and variance": pair(
        lambda x: (x * x * x).mean() * x.var() + x.sum() ** 2,
        lambda x: (x * x * x).mean() * x.var() + x.sum() ** 2,
    ),
    "parts and shapes": pair(
        lambda x: (x[1:] * x[:-1]).sum() + (x.reshape(2, 2) @ x.reshape(2, 2).T).sum(),
        lambda x: (x[1:] * x[:-1]).sum() + (x.reshape(2, 2) @ x.reshape(2, 2).T).sum(),
    ),
    "joined": pair(
        lambda x: (S.cat([x, x * x]) ** 2).sum() + S.stack([x, x**3]).sum() ** 2,
        lambda x: (torch.cat([x, x * x]) ** 2).sum() + torch.stack([x, x**3]).sum() ** 2,
    ),
    "relu": pair(lambda x: (S.relu(x) ** 3).sum(), lambda x: (torch.relu(x) ** 3).sum()),
    "largest": pair(lambda x: x.max() ** 3, lambda x: x.max() ** 3),
    "a matrix": pair(lambda x: ((x @ x) ** 2).sum(), lambda x: ((x @ x) ** 2).sum(), (3, 3)),
    "two layers": pair(
        lambda x: (S.tanh(S.Tensor(W) @ S.tanh(S.Tensor(A) @ x)) ** 2).sum(),
        lambda x: (torch.tanh(torch.tensor(W) @ torch.tanh(torch.tensor(A) @ x)) ** 2).sum(),
    ),
    "convolution": pair(
        lambda x: (S.tanh(S.conv2d(x, S.Tensor(K), S.Tensor(SHIFT))) ** 2).sum(),
        lambda x: (torch.tanh(F.conv2d(x, torch.tensor(K), torch.tensor(SHIFT))) ** 2).sum(),
        (1, 1, 4, 3),
    ),
    "filters": pair(
        lambda k: (S.conv2d(S.Tensor(IMAGE), k, S.Tensor(SHIFT)) ** 3).sum(),
        lambda k: (F.conv2d(torch.tensor(IMAGE), k, torch.tensor(SHIFT)) ** 3).sum(),
        (2, 1, 2, 2),
    ),
    "layer norm": pair(
        lambda x: (S.layer_norm(x.reshape(2, 2), S.Tensor(B[:2]), S.Tensor(B[2:])) ** 3).sum(),
        lambda x: (F.layer_norm(x.reshape(2, 2), (2,), torch.tensor(B[:2]), torch.tensor(B[2:])) ** 3).sum(),
    ),
    "a constant": pair(lambda x: S.Tensor(B).sum(), lambda x: (x * 0).sum() + torch.tensor(B).sum()),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equal_torchs(name):
    ours, theirs, x = FUNCTIONS[name]
    v = RNG.normal(size=x.shape)
    point = torch.tensor(x)
    expected = torch.autograd.functional.hessian(theirs, point).reshape(x.size, x.size).numpy()
    np.testing.assert_allclose(S.hessian(ours, x).data, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(S.hvp(ours, x, v).data.ravel(), expected @ v.ravel(), rtol=1e-8, atol=1e-9)
    slope = torch.func.grad(theirs)(point).numpy()
    np.testing.assert_allclose(S.gradient(ours, x).data, slope, rtol=1e-8, atol=1e-9)
    # forward over forward: the second derivative along v
    value, along = S.jvp(lambda y: S.jvp(ours, y, v)[1], x, v)
    np.testing.assert_allclose(value.data, (slope * v).sum(), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(along.data, v.ravel() @ expected @ v.ravel(), rtol=1e-8, atol=1e-9)


def test_third_derivatives():
    x, v = np.array([0.5, -1.0]), np.array([2.0, 3.0])
    third = S.jvp(lambda y: S.hvp(lambda z: (z**3).sum(), y, v), x, v)[1]
    np.testing.assert_allclose(third.data, 6 * v * v)  # of Σ z³: 6 in every place


@pytest.mark.parametrize("inner", ["jvp", "gradient"])
def test_two_directions_are_not_taken_for_one(inner):
    """d/dx (x · d/dy (x + y)) is 1, and 2 if both tangents are mixed up."""

    def slope(x, y):
        if inner == "jvp":
            return S.jvp(lambda y: (x + y).sum(), y, np.ones(1))[1]
        return S.gradient(lambda y: (x + y).sum(), y).sum()

    _, derivative = S.jvp(lambda x: (x * slope(x, np.array([2.0]))).sum(), np.array([3.0]), np.ones(1))
    assert float(derivative.data) == 1


def test_what_cannot_be_is_said():
    x = np.ones(2)
    with pytest.raises((RuntimeError, TypeError), match="derivative"):
        S.gradient(lambda y: S.gradient(lambda z: (z**3).sum(), y).sum(), x)
    with pytest.raises((RuntimeError, TypeError), match="derivative"):
        S.gradient(lambda y: S.jvp(lambda z: (z**3).sum(), y, x)[1], x)
