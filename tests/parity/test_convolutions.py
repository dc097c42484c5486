"""Convolutions beside more than one twin: padding by name, NumPy's convolution, the definition, sizes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import fathom.scratch as s
from fathom.scratch import Tensor

rng = np.random.default_rng(0)


@pytest.mark.parametrize("num_axes", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same", "full"])
def test_padding_by_name(num_axes, padding):
    X, W = rng.standard_normal((2, 2, *(5, 4, 3)[:num_axes])), rng.standard_normal((3, 2, *(3, 1, 3)[:num_axes]))
    ours = getattr(s, f"conv{num_axes}d")(Tensor(X), Tensor(W), padding=padding)
    twin = getattr(F, f"conv{num_axes}d")
    asked = padding if padding != "full" else [k - 1 for k in W.shape[2:]]  # torch has no name for it
    np.testing.assert_allclose(ours.data, twin(torch.tensor(X), torch.tensor(W), padding=asked).numpy(), rtol=1e-9)
    if padding == "same":
        assert ours.shape[2:] == X.shape[2:]


@pytest.mark.parametrize("num_axes", [1, 3])
def test_the_definition_for_signals_and_volumes(num_axes):
    X, W = rng.standard_normal((2, 2, *(5, 4, 3)[:num_axes])), rng.standard_normal((2, 2, *(3, 1, 2)[:num_axes]))
    b = rng.standard_normal(2)
    slow = s.conv_by_definition(Tensor(X), Tensor(W), Tensor(b), stride=2, padding=1)
    fast = getattr(s, f"conv{num_axes}d")(Tensor(X), Tensor(W), Tensor(b), stride=2, padding=1)
    np.testing.assert_allclose(slow.data, fast.data, rtol=1e-9)


def test_convolution_proper_is_numpys():
    x, k = rng.standard_normal(7), rng.standard_normal(3)
    full = s.convolution(Tensor(x[None, None]), Tensor(k[None, None]), padding="full")
    np.testing.assert_allclose(full.data[0, 0], np.convolve(x, k), rtol=1e-9)
    turned = s.conv1d(Tensor(x[None, None]), Tensor(k[None, None]), padding="full")
    np.testing.assert_allclose(turned.data[0, 0], np.correlate(x, k, "full"), rtol=1e-9)


def test_the_notes_edge_detector_and_the_kernel_that_learns_it():
    X = s.ones(6, 8, dtype=np.float64)
    X[:, 2:6] = 0
    K = Tensor(np.array([[1.0, -1.0]]))
    Y = s.corr2d(X, K)
    assert Y[0].tolist() == [0, 1, 0, 0, 0, -1, 0]
    assert not s.corr2d(X.T, K).data.any()  # it sees upright edges only
    layer = s.Conv2d(1, 1, (1, 2), bias=False).double()
    images, goal = X.reshape(1, 1, 6, 8), Y.reshape(1, 1, 6, 7)
    optimizer = s.SGD(layer.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        s.squared(layer(images), goal, "sum").backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.data[0, 0], K.data, atol=1e-3)


def test_a_pointwise_convolution_is_a_linear_layer_over_channels():
    X, W = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((6, 3))
    rows = s.linear(Tensor(X.transpose(0, 2, 3, 1).reshape(-1, 3)), Tensor(W))
    expected = rows.data.reshape(2, 4, 5, 6).transpose(0, 3, 1, 2)
    for found in (s.pointwise(Tensor(X), Tensor(W)), s.conv2d(Tensor(X), Tensor(W[:, :, None, None]))):
        np.testing.assert_allclose(found.data, expected, rtol=1e-9)


def test_max_pooling_tolerates_a_shift_and_nan_wins():
    X = s.zeros(1, 1, 4, 4)
    X[0, 0, 0, 0] = 1.0
    shifted = s.zeros(1, 1, 4, 4)
    shifted[0, 0, 1, 1] = 1.0
    assert np.array_equal(s.max_pool2d(X, 2).data, s.max_pool2d(shifted, 2).data)
    X[0, 0, 3, 3] = X[0, 0, 0, 2] = np.nan  # the last and the first of a window
    found = s.max_pool2d(X, 2).data
    np.testing.assert_array_equal(found, F.max_pool2d(torch.tensor(X.data), 2).numpy())


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_every_way_in_which_windows_meet_the_edge(kernel, ceil_mode):
    """Sizes 4 to 9, strides 1 to 5, all paddings: last windows that reach over the edge, or would lie beyond it."""
    for n in range(4, 10):
        X = rng.standard_normal((1, 1, n, 9 - n % 3))
        for stride in range(1, 6):
            for padding in range(kernel // 2 + 1):
                options = (kernel, stride, padding)
                x, t = Tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
                y, u = s.max_pool2d(x, *options, ceil_mode), F.max_pool2d(t, *options, ceil_mode=ceil_mode)
                np.testing.assert_array_equal(y.data, u.detach().numpy())
                y.sum().backward()
                u.sum().backward()
                np.testing.assert_array_equal(x.grad.data, t.grad.numpy())


def test_transposing_gives_the_size_back():
    X, W = rng.standard_normal((1, 2, 7, 5)), rng.standard_normal((3, 2, 3, 3))
    Y = s.conv2d(Tensor(X), Tensor(W), stride=2, padding=1)
    assert s.conv_transpose2d(Y, Tensor(W), stride=2, padding=1).shape == X.shape
    for n in range(3, 20):
        for stride in (1, 2, 3):
            smallest = s.transposed_size(s.output_size(n, 3, stride, 1), 3, stride, 1)
            assert s.output_size(smallest, 3, stride, 1) == s.output_size(n, 3, stride, 1)
            assert n - stride < smallest <= n
