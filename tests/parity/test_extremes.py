"""Where numbers are small, large, unsigned or on a bound: the right value, torch's or a closed form's."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import fathom.scratch as s
from fathom.scratch import Tensor

INTEGERS = ("bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64")


# Unsigned and small integers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_sums_of_integers_are_int64_and_may_become_negative(dtype, axis):
    array = np.array([[1, 0, 1], [1, 1, 0]], dtype)
    ours, theirs = Tensor(array), torch.from_numpy(array)
    for found, expected in (
        (ours.sum(axis), theirs.sum() if axis is None else theirs.sum(axis)),
        (ours.sum(axis) - 5, (theirs.sum() if axis is None else theirs.sum(axis)) - 5),
        (ours.cumsum(axis or 0) - 5, theirs.cumsum(axis or 0) - 5),
        (-ours.sum(axis), -(theirs.sum() if axis is None else theirs.sum(axis))),
    ):
        assert found.dtype == np.int64
        assert found.tolist() == expected.tolist()


def test_large_unsigned_sums_do_not_wrap():
    assert (Tensor(np.full(300, 255, np.uint8)).sum() - 5).item() == 300 * 255 - 5
    assert (Tensor(np.full(3, 2**32 - 1, np.uint32)).sum() - 2**40).item() == 3 * (2**32 - 1) - 2**40


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
def test_the_smaller_of_integers(dtype):
    a, b = np.array([0, 3, 100], dtype), np.array([2, 0, 100], dtype)
    assert Tensor(a).minimum(Tensor(b)).tolist() == torch.minimum(torch.tensor(a), torch.tensor(b)).tolist()
    assert Tensor(a).min().item() == 0
    assert Tensor(np.array([-128, 5], np.int8)).min().item() == -128  # which has no −(−128)
    assert Tensor(np.array([True, False])).min().item() is False


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int64"])
@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid"])
def test_functions_of_integers_are_float32(name, dtype):
    array = np.array([1, 3, 80]).astype(dtype)
    ours, theirs = getattr(Tensor(array), name)(), getattr(torch, name)(torch.tensor(array))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-6)


# Small and large signals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e-150, 1e-20, 1.0, 1e150, 1e160, 1e300])
@pytest.mark.parametrize("p", [2, 3.5])
def test_the_norm_and_its_gradient_where_powers_under_and_overflow(size, p):
    shape = np.array([[3.0, -4.0, 0.0], [1.0, 2.0, 2.0]])
    x = Tensor(shape * size, requires_grad=True)
    norm = x.norm(p, 1)
    norm.sum().backward()
    exact = (np.abs(shape) ** p).sum(1) ** (1 / p)
    np.testing.assert_allclose(norm.data / size, exact, rtol=1e-12)
    np.testing.assert_allclose(
        x.grad.data, np.sign(shape) * (np.abs(shape) / exact[:, None]) ** (p - 1), rtol=1e-12, atol=1e-300
    )
    _, slope = s.jvp(lambda x: x.norm(p, 1), shape * size, np.ones((2, 3)))
    np.testing.assert_allclose(slope.data, x.grad.data.sum(1), rtol=1e-12)


def test_the_norm_of_float32_below_the_root_of_the_smallest():
    x = Tensor(np.array([3e-23, 4e-23], np.float32), requires_grad=True)
    norm = x.norm()
    norm.backward()
    assert norm.item() == pytest.approx(5e-23, rel=1e-6)
    np.testing.assert_allclose(x.grad.data, [0.6, 0.8], rtol=1e-6)


def test_the_norm_of_zeros_infinities_and_nothing():
    zero = Tensor(np.zeros(3), requires_grad=True)
    zero.norm().backward()
    assert zero.grad.tolist() == [0.0, 0.0, 0.0]
    with np.errstate(invalid="ignore"):
        assert Tensor(np.array([np.inf, 1.0])).norm().item() == np.inf
        assert np.isnan(Tensor(np.array([np.nan, 1.0])).norm().item())
    assert Tensor(np.zeros(0)).norm().item() == 0


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_clipping_by_a_norm_whose_squares_under_or_overflow(size):
    parameter = s.Parameter(np.zeros(2))
    parameter.grad = Tensor(np.array([3.0, 4.0]) * size)
    assert s.clip_by_norm([parameter], 0.5 * size) == pytest.approx(5 * size, rel=1e-14)
    np.testing.assert_allclose(parameter.grad.data / size, [0.3, 0.4], rtol=1e-14)


@pytest.mark.parametrize("logit", [-800.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0])
@pytest.mark.parametrize("target", [0.0, 1.0, 0.3])
def test_the_loss_of_sure_and_right_logits_keeps_its_digits(logit, target):
    """y log(1 + e^−o) + (1 − y) log(1 + e^o): a sum of positive numbers, so that no digit is lost. torch loses some."""
    loss = s.bce_with_logits(Tensor(np.array([logit])), Tensor(np.array([target])))
    exact = target * np.logaddexp(0, -logit) + (1 - target) * np.logaddexp(0, logit)
    assert loss.item() == pytest.approx(exact, rel=1e-13, abs=0)


# Bounds -------------------------------------------------------------------------------------------------------------


def test_bce_on_its_bounds():
    p, y = (np.array([0.0, 1.0, 0.3, 0.0, 1.0, 0.5]), np.array([0.0, 1.0, 0.2, 1.0, 0.0, 1.0]))
    ours = Tensor(p, requires_grad=True), Tensor(y, requires_grad=True)
    theirs = torch.tensor(p, requires_grad=True), torch.tensor(y, requires_grad=True)
    value, twin = s.bce(*ours, reduction="sum"), F.binary_cross_entropy(*theirs, reduction="sum")
    assert value.item() == pytest.approx(twin.item(), rel=1e-14)
    value.backward()
    twin.backward()
    for each, other in zip(ours, theirs, strict=True):
        # torch's bound of 1e-12 below the fraction is a float32
        np.testing.assert_allclose(each.grad.data, other.grad.numpy(), rtol=1e-8)


@pytest.mark.parametrize("size", [(181, 181), (182, 181), (1, 40_000)])
def test_max_pooling_with_more_than_32767_places_in_a_window(size):
    """An int16 counts to 32,767."""
    X = np.random.default_rng(0).standard_normal((1, 2, *size))
    X[0, 0, -1, -1] = X[0, 1, -1, -3] = 9.0  # the largest entries lie beyond
    x = Tensor(X, requires_grad=True)
    s.max_pool2d(x, size).sum().backward()
    t = torch.tensor(X, requires_grad=True)
    F.max_pool2d(t, size).sum().backward()
    assert np.array_equal(x.grad.data, t.grad.numpy())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("num_axes", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_same_padding_of_even_kernels(num_axes, kernel):
    """N1 §2.3.1: of k − 1 places ⌈(k − 1)/2⌉ on one side, ⌊(k − 1)/2⌋ on the other; torch has the larger half behind,
    "same_lower" in front."""
    rng = np.random.default_rng(kernel)
    X = rng.standard_normal((2, 2, *(6, 5, 4)[:num_axes]))
    W, b = rng.standard_normal((3, 2, *(kernel, 3, 2)[:num_axes])), rng.standard_normal(3)
    ours, theirs = getattr(s, f"conv{num_axes}d"), getattr(F, f"conv{num_axes}d")
    pads = [(k - 1) - (k - 1) // 2 if first else (k - 1) // 2 for k in reversed(W.shape[2:]) for first in (True, False)]
    for padding, twin in (
        ("same", lambda X, W, b: theirs(X, W, b, padding="same")),
        ("same_lower", lambda X, W, b: theirs(F.pad(X, pads), W, b)),
    ):
        leaves = [Tensor(a, requires_grad=True) for a in (X, W, b)]
        twins = [torch.tensor(a, requires_grad=True) for a in (X, W, b)]
        Y, T = ours(*leaves, padding=padding), twin(*twins)
        assert Y.shape[2:] == X.shape[2:]
        np.testing.assert_allclose(Y.data, T.detach().numpy(), rtol=1e-10, atol=1e-12)
        slow = s.conv_by_definition(*leaves, padding=padding)
        np.testing.assert_allclose(slow.data, Y.data, rtol=1e-10, atol=1e-12)
        (Y * Y).sum().backward()
        (T * T).sum().backward()
        for each, other in zip(leaves, twins, strict=True):
            np.testing.assert_allclose(each.grad.data, other.grad.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
def test_a_layer_with_same_padding_and_an_even_kernel():
    layer, twin = (
        s.Conv2d(2, 3, (4, 2), padding="same").double(),
        torch.nn.Conv2d(2, 3, (4, 2), padding="same").double(),
    )
    layer.load_state_dict({name: value.numpy() for name, value in twin.state_dict().items()})
    X = np.random.default_rng(0).standard_normal((1, 2, 5, 5))
    np.testing.assert_allclose(layer(Tensor(X)).data, twin(torch.tensor(X)).detach().numpy(), rtol=1e-10)


def test_infinite_gradients_of_what_is_left_out_do_not_become_nan():
    for ours, theirs in (
        (lambda x: s.where(x > 0, x.sqrt(), 0.0), lambda x: torch.where(x > 0, x.sqrt(), 0.0)),
        (lambda x: x.relu() * np.inf, lambda x: x.relu() * np.inf),
        (lambda x: x.clip(1.0, 3.0) * np.inf, lambda x: x.clamp(1.0, 3.0) * np.inf),
    ):
        x, t = Tensor(np.array([-1.0, 2.0]), requires_grad=True), torch.tensor([-1.0, 2.0], requires_grad=True)
        with np.errstate(all="ignore"):
            ours(x).backward(np.ones(2))
        theirs(t).backward(torch.ones(2))
        np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=1e-6)
