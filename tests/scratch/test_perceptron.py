"""The perceptron's rule beside SGD of torch, the bound on its updates, and XOR, which it cannot learn."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from fathom.data.sources import digits
from fathom.scratch.studies.perceptron import Perceptron, bound, margin, radius, xor


def separable(seed, num_examples=30, num_inputs=3):
    """Examples on both sides of a plane, none nearer to it than a little."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((num_examples, num_inputs))
    distance = X @ generator.standard_normal(num_inputs) + 0.3
    kept = np.abs(distance) > 0.2
    return X[kept], np.where(distance > 0, 1, -1)[kept]


def two_digits(first, second):
    arrays = digits.load()
    chosen = np.isin(arrays.train_labels, (first, second))
    X = arrays.train_images[chosen].reshape(chosen.sum(), -1) / 255
    return X, np.where(arrays.train_labels[chosen] == first, -1, 1)


def test_rule_is_sgd_with_batch_size_1():
    X, y = separable(0)
    ours = Perceptron(3)
    ours.fit(X, y, max_epochs=2)
    w, b = torch.zeros(3, dtype=torch.float64, requires_grad=True), torch.zeros((), dtype=torch.float64)
    b.requires_grad_()
    optimizer = torch.optim.SGD([w, b], lr=1.0)
    for _ in range(2):
        for x_i, y_i in zip(torch.from_numpy(X), torch.from_numpy(y), strict=True):
            height = -y_i * (x_i @ w + b)
            # relu's slope at 0 is 0 in torch, the rule's is 1: where it matters, at the start, the loss is the height
            loss = height if height.item() >= 0 else 0 * height
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    np.testing.assert_allclose(ours.w, w.detach().numpy(), rtol=1e-12)
    assert ours.b == pytest.approx(b.item())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_never_more_updates_than_the_bound(seed):
    X, y = separable(seed)
    perceptron = Perceptron(X.shape[1])
    outcome = perceptron.fit(X, y)
    assert outcome.converged
    np.testing.assert_array_equal(perceptron(X), y)
    assert outcome.num_updates <= bound(radius(X), margin(X, y))


def test_bound_is_tight_for_one_example():
    X, y = np.array([[0.0, 0.0]]), np.array([1])  # r = 0, ρ = 1: one update, and the bound says one
    assert Perceptron(2).fit(X, y).num_updates == 1
    assert bound(radius(X), margin(X, y)) == pytest.approx(1)


@pytest.mark.parametrize("pair", [(0, 1), (4, 9)])
def test_digits_are_separated_within_the_bound(pair):
    X, y = two_digits(*pair)
    outcome = Perceptron(64).fit(X, y)
    assert outcome.converged
    assert 0 < outcome.num_updates <= bound(radius(X), margin(X, y)) < 1000


def test_margin_is_that_of_a_support_vector_machine():
    X, y = two_digits(4, 9)
    augmented = np.column_stack([X, np.ones(len(X))])
    # The hard margin through the origin of the points with 1 appended; both signs make its intercept 0
    machine = SVC(kernel="linear", C=1e8, tol=1e-8).fit(np.vstack([augmented, -augmented]), np.append(y, -y))
    best = 1 / np.linalg.norm(machine.coef_)
    assert 0.99 * best <= margin(X, y) <= best * (1 + 1e-6)


def test_xor_goes_round_for_ever():
    X, y = xor()
    outcome = Perceptron(2).fit(X, y, max_epochs=50)
    assert not outcome.converged
    assert outcome.repeats
    assert margin(X, y) == 0
    assert bound(radius(X), 0.0) == math.inf


def test_what_is_not_separable_ends_with_max_epochs():
    generator = np.random.default_rng(0)
    X, y = generator.standard_normal((40, 2)), generator.choice([-1, 1], 40)
    outcome = Perceptron(2).fit(X, y, max_epochs=7)
    assert (outcome.num_epochs, outcome.converged, outcome.repeats) == (7, False, False)
    assert margin(X, y, max_steps=2000) == 0


def test_refusals():
    X, y = xor()
    with pytest.raises(ValueError, match=r"y must hold -1 and 1 alone, got \[0, 1\]"):
        Perceptron(2).fit(X, (y + 1) // 2)
    with pytest.raises(ValueError, match=r"got \(4, 2\) and \(3,\)"):
        margin(X, y[:3])
    with pytest.raises(ValueError, match=r"expected X of shape \(N, 3\), got \(4, 2\)"):
        Perceptron(3).fit(X, y)
