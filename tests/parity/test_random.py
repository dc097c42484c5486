"""Dropout beside torch's: random, so compared by the values that occur, how often, and what the gradient is."""

import numpy as np
import pytest
import torch

import fathom.scratch as s


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("as_layer", [False, True])
def test_dropout_as_torch(p, as_layer):
    torch.manual_seed(0)
    s.manual_seed(0)
    values = np.random.default_rng(7).uniform(1, 2, (200, 100))
    x, t = s.Tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    y = s.Dropout(p)(x) if as_layer else s.dropout(x, p)
    u = torch.nn.Dropout(p)(t)
    y.sum().backward()
    u.sum().backward()
    for result, grad in ((y.data, x.grad.data), (u.detach().numpy(), t.grad.numpy())):
        kept = result != 0
        np.testing.assert_allclose(result[kept], values[kept] / (1 - p), rtol=1e-12)
        np.testing.assert_allclose(grad, kept / (1 - p), rtol=1e-12)
        n = values.size  # six standard errors of a share and of the mean it gives
        error = 6 * np.sqrt(p * (1 - p) / n)
        assert abs(kept.mean() - (1 - p)) <= error
        assert abs(result.mean() - values.mean()) <= 2 * error / (1 - p) + 1e-12


def test_dropout_is_the_identity_in_evaluation():
    x = s.randn(5, 5)
    assert np.array_equal(s.Dropout(0.9).eval()(x).data, x.data)
    assert np.array_equal(s.dropout(x, 0.9, training=False).data, x.data)


def test_other_masks_each_time_and_the_same_from_the_same_seed():
    X = s.ones(100)
    s.manual_seed(4)
    first, second = s.dropout(X).data, s.dropout(X).data
    s.manual_seed(4)
    again = s.dropout(X).data
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again)


def test_normal_numbers_make_the_wrong_mask():
    """The slip `randn(...) > p`: at p = 0.5 it keeps 31 % where half should stay."""
    s.manual_seed(0)
    wrong = (s.randn(100, 100) > 0.5).data.mean()
    right = (s.dropout(s.ones(100, 100), 0.5).data != 0).mean()
    assert wrong == pytest.approx(0.3085, abs=0.03)
    assert right == pytest.approx(0.5, abs=0.03)
