"""The engine's behaviour beside torch's: what accumulates, what is freed, what may be overwritten, what is an error.

Each scenario is one function, run with our tensors and with torch's. Both must end with the same gradients, or both
must refuse.
"""

import numpy as np
import pytest
import torch

import fathom.scratch as s


class Ours:
    """What a scenario needs, on our side."""

    no_grad, cat, where = staticmethod(s.no_grad), staticmethod(s.cat), staticmethod(s.where)
    is_grad_enabled = staticmethod(s.is_grad_enabled)

    @staticmethod
    def leaf(values):
        return s.Tensor(np.array(values, np.float64), requires_grad=True)

    @staticmethod
    def constant(values):
        return s.Tensor(np.array(values, np.float64))


class Torch:
    """The same on torch's."""

    no_grad, where = torch.no_grad, torch.where
    cat = staticmethod(lambda tensors: torch.cat(tensors))
    is_grad_enabled = staticmethod(torch.is_grad_enabled)

    @staticmethod
    def leaf(values):
        return torch.tensor(values, dtype=torch.float64, requires_grad=True)

    @staticmethod
    def constant(values):
        return torch.tensor(values, dtype=torch.float64)


def accumulates(lib, x):
    (x * x).sum().backward()
    (3 * x).sum().backward()


def zeroes(lib, x):
    (x * x).sum().backward()
    x.grad.zero_()
    (3 * x).sum().backward()


def many_uses(lib, x):
    y = x.exp()
    (y * x + y * y + y).sum().backward()


def diamond_of_chains(lib, x):
    a = x * 2
    b = a.tanh() * a
    c = (b + a).exp()
    (c * b).mean().backward()


def asked_for_later(lib, x):
    y = lib.constant([1.0, 2.0, 3.0]).requires_grad_(True)
    (x * y * y).sum().backward()
    (x.detach() * y).sum().backward()
    assert y.grad.tolist() == [2 * 1 * 0.5 + 0.5, 2 * 2 * -1.0 - 1.0, 2 * 3 * 2.0 + 2.0]


def gradient_given(lib, x):
    (x * x).backward(lib.constant([1.0, 0.0, -2.0]))


def detached(lib, x):
    u = (x * x).detach()
    (u * x).sum().backward()


def not_recorded(lib, x):
    with lib.no_grad():
        assert not lib.is_grad_enabled()
        y = x * x
    assert lib.is_grad_enabled()
    assert not y.requires_grad
    (y * x).sum().backward()


def branch_without_gradient(lib, x):
    c = lib.constant([1.0, 2.0, 3.0])
    d = (c * c).exp()
    assert not d.requires_grad
    (d * x).sum().backward()
    assert c.grad is None


def second_backward_retained(lib, x):
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()


def second_backward_where_nothing_was_saved(lib, x):
    y = (x + 1).sum()
    y.backward()
    y.backward()


def retained(lib, x):
    y = x * x
    y.retain_grad()
    (y * y).sum().backward()
    x.grad += y.grad


def grad_of_the_inside_is_not_kept(lib, x):
    y = x * x
    assert not y.is_leaf
    assert x.is_leaf
    y.sum().backward()


def write_into_computed(lib, x):
    y = x * 2
    y[0] = 5.0
    y[1:] = x[:2] * x[1:]
    (y * y).sum().backward()


def write_where_it_was_read(lib, x):
    y = x * 1
    y[1] = y[0] + y[2]
    y[0] = y[1] * 3
    y.sum().backward()


def write_into_constant(lib, x):
    y = lib.constant([0.0, 0.0, 0.0])
    y[1] = x[0] * x[2]
    y[2:] = x[:1]
    assert y.requires_grad
    (y * y).sum().backward()


def in_place_operators(lib, x):
    y = x * 1
    y += x
    y *= x
    y -= 1
    y /= x * x + 1
    y.sum().backward()


def in_place_after_sum(lib, x):
    y = x * 2
    z = y + 1  # saves nothing of y
    y += 10
    (z * x).sum().backward()


def under_no_grad_a_leaf_may_change(lib, x):
    (x * x).sum().backward()
    with lib.no_grad():
        x -= 0.5 * x.grad
    x.grad = None
    (x * x).sum().backward()


def in_place_on_detached_shows(lib, x):
    y = x * 1
    d = y.detach()
    d[0] = 9.0
    (y * x.detach() * x).sum().backward()


def view_shares_memory(lib, x):
    with lib.no_grad():
        x.reshape(3, 1)[1, 0] = 7.0
        x[2:] *= 2
    (x * x).sum().backward()


def clone_does_not(lib, x):
    with lib.no_grad():
        x.clone()[1] = 7.0
    (x * x).sum().backward()


def picks_with_repeats(lib, x):
    (x[[0, 0, 2]] * lib.constant([1.0, 2.0, 3.0])).sum().backward()


def number_and_branch(lib, x):
    y = lib.where(x > 0, x * 2, x * x)
    lib.cat([y, x]).sum().backward()


def overwritten_in_between(lib, x):
    y = x * 1
    z = y.exp() * 1
    y[0] = 2.0  # exp saved its result, not y
    (z + y).sum().backward()


SAME = [value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == __name__]
SAME = [scenario for scenario in SAME if not isinstance(scenario, type)]


@pytest.mark.parametrize("scenario", SAME, ids=lambda scenario: scenario.__name__)
def test_same_gradients(scenario):
    x, t = Ours.leaf([0.5, -1.0, 2.0]), Torch.leaf([0.5, -1.0, 2.0])
    scenario(Ours, x)
    scenario(Torch, t)
    np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=1e-12)
    np.testing.assert_array_equal(x.data, t.detach().numpy())


# Both must refuse ---------------------------------------------------------------------------------------------------


def _second_backward(lib, x):
    y = (x * x).sum()
    y.backward()
    y.backward()


def _second_backward_through_a_shared_part(lib, x):
    y = x.exp()
    y.sum().backward()
    (y * 2).sum().backward()


def _not_scalar(lib, x):
    (x * x).backward()


def _nothing_recorded(lib, x):
    lib.constant([1.0]).sum().backward()


def _write_into_leaf(lib, x):
    x[0] = 1.0


def _add_into_leaf(lib, x):
    x += 1


def _write_into_what_exp_saved(lib, x):
    y = x.exp()
    y[0] = 1.0
    y.sum().backward()


def _write_into_what_a_product_saved(lib, x):
    y = x * 1
    z = y * y
    y += 1
    z.sum().backward()


def _write_through_a_view(lib, x):
    y = x * 1
    z = y * y
    y.detach().reshape(3, 1)[0, 0] = 4.0
    z.sum().backward()


def _write_where_a_product_was_read(lib, x):
    y = x * 1
    y[1] = y[0] * y[2]  # a product saves both; another place of the same memory is written to
    y.sum().backward()


def _write_into_what_a_norm_saved(lib, x):
    y = x * 1
    z = y.norm()
    with lib.no_grad():
        y[0] = 3.0
    z.backward()


def _step_before_backward(lib, x):
    loss = (x * x).sum()
    with lib.no_grad():
        x -= 0.1
    loss.backward()


def _view_of_wrong_size(lib, x):
    x.view(2, 2)


def _view_that_would_copy(lib, x):
    lib.constant([[1.0, 2.0], [3.0, 4.0]]).T.view(4)


def _number_out_of_tensor(lib, x):
    x.item()


def _array_of_a_leaf(lib, x):
    x.numpy()


REFUSED = [
    value
    for name, value in list(globals().items())
    if name.startswith("_") and getattr(value, "__module__", "") == __name__
]


@pytest.mark.parametrize("scenario", REFUSED, ids=lambda scenario: scenario.__name__)
def test_same_refusals(scenario):
    for lib in (Ours, Torch):
        x = lib.leaf([0.5, -1.0, 2.0])
        with pytest.raises((RuntimeError, ValueError)) as caught:
            scenario(lib, x)
        if lib is Ours:
            assert "\n" not in str(caught.value)
            assert str(caught.value)


def test_nothing_is_added_when_backward_refuses():
    x = Ours.leaf([1.0, 2.0])
    y = x.exp()
    z = (x * 3).sum() + y.sum()
    y += 1
    with pytest.raises(RuntimeError, match="exp saved"):
        z.backward()
    assert x.grad is None


# Kinks --------------------------------------------------------------------------------------------------------------


def torch_bce(X):
    return torch.nn.functional.binary_cross_entropy(X, torch.ones_like(X))


KINKS = {
    "abs": (lambda X: X.abs(), lambda X: X.abs()),
    "relu": (lambda X: X.relu(), torch.relu),
    "clip": (lambda X: X.clip(-1, 1), lambda X: X.clip(-1, 1)),
    "clip to one side": (lambda X: X.clip(low=0), lambda X: X.clip(min=0)),
    "maximum": (lambda X: X.maximum(-X), lambda X: X.maximum(-X)),
    "minimum": (lambda X: X.minimum(0 * X), lambda X: X.minimum(0 * X)),
    "max": (lambda X: X.max(0), lambda X: torch.amax(X, 0)),
    "min": (lambda X: X.min(0), lambda X: torch.amin(X, 0)),
    "norm": (lambda X: (0 * X + X * 0).norm(), lambda X: (0 * X + X * 0).norm()),
    "norm of rows": (lambda X: X.norm(2, 1), lambda X: torch.linalg.vector_norm(X, 2, 1)),
    "max_pool2d": (
        lambda X: s.max_pool2d(X[None, None], 2, 1),
        lambda X: torch.nn.functional.max_pool2d(X[None, None], 2, 1),
    ),
    "prelu": (
        lambda X: s.prelu(X, s.Tensor(np.array([0.25]))),
        lambda X: torch.nn.functional.prelu(X, torch.tensor([0.25], dtype=X.dtype)),
    ),
    "l1": (lambda X: s.l1(X, 0 * X), lambda X: torch.nn.functional.l1_loss(X, 0 * X)),
    "huber": (lambda X: s.huber(X, 0 * X), lambda X: torch.nn.functional.huber_loss(X, 0 * X)),
    "smooth_l1": (lambda X: s.smooth_l1(X, 0 * X), lambda X: torch.nn.functional.smooth_l1_loss(X, 0 * X)),
    "bce_with_logits": (
        lambda X: s.bce_with_logits(X, 0 * X),
        lambda X: torch.nn.functional.binary_cross_entropy_with_logits(X, 0 * X),
    ),
    "bce": (
        lambda X: s.bce(X.square() / 4, s.ones_like(X)) + s.bce(1 - X.square() / 4, s.ones_like(X)),
        lambda X: torch_bce(X.square() / 4) + torch_bce(1 - X.square() / 4),
    ),
    "0 ** 2": (lambda X: X**2, lambda X: X**2),
    "0 ** 0": (lambda X: X**0, lambda X: X**0),
    "2 ** X": (lambda X: 2**X, lambda X: 2**X),
}


@pytest.mark.parametrize(("ours", "theirs"), KINKS.values(), ids=KINKS)
def test_kinks_are_decided_as_torch_does(ours, theirs):
    values = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, -2.0]])
    x, t = Ours.leaf(values), torch.tensor(values, requires_grad=True)
    ours(x).sum().backward()
    theirs(t).sum().backward()
    # 1e-8: the 1e-12 by which torch's bce divides at p = 0 is a float32 number
    np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=1e-8, atol=1e-15)


# Types --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["bool", "int64", "float32", "float64"])
@pytest.mark.parametrize("second", ["bool", "int64", "float32", "float64", 3, 0.1, True])
@pytest.mark.parametrize("shape", [(2,), ()])
def test_types_of_results_are_torchs(first, second, shape):
    x = np.ones(shape, first)
    y = second if not isinstance(second, str) else np.full((2,), 2, second)
    wrap = [s.Tensor, torch.as_tensor]
    is_bool = "bool" in (first, second) or second is True
    results = []
    for make in wrap:
        a = make(x)
        b = make(y) if isinstance(y, np.ndarray) else y
        # torch subtracts no bools
        results.append([a * b, a / b, b * a, b / a, a > b] + ([] if is_bool else [a - b, b - a]))
    for ours, theirs in zip(*results, strict=True):
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(ours.data, theirs.numpy())
