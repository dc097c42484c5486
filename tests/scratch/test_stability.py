"""Signals through depth: beside torch's autograd, and against the closed forms of the notes."""

import numpy as np
import pytest
import torch

from fathom.scratch.studies.stability import (
    ACTIVATIONS,
    INITIALIZERS,
    Signal,
    classify_signal,
    fit_half,
    product_of_matrices,
    sigmoid,
    signal_by_depth,
)

TWINS = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "4·sigmoid−2": lambda x: 4 * torch.sigmoid(x) - 2,
    "tanh": torch.tanh,
    "relu": torch.relu,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_variances_equal_those_of_autograd(activation):
    ours = signal_by_depth("xavier", activation, num_layers=6, width=16, batch_size=8, seed=5)
    generator = np.random.default_rng(5)
    weights = [torch.from_numpy(generator.normal(0, (2 / 32) ** 0.5, (16, 16))) for _ in range(6)]
    h = torch.from_numpy(generator.standard_normal((8, 16))).requires_grad_()
    layers = [h]
    for W in weights:
        layers.append(TWINS[activation](layers[-1] @ W.T))
        layers[-1].retain_grad()
    layers[-1].backward(torch.from_numpy(generator.standard_normal((8, 16))))
    expected = Signal(*(np.array([t.var(correction=0).item() for t in ts])
                        for ts in (layers, [layer.grad for layer in layers])))  # fmt: skip
    np.testing.assert_allclose(ours.activations, expected.activations, rtol=1e-12)
    np.testing.assert_allclose(ours.gradients, expected.gradients, rtol=1e-12)


def test_starts_have_the_deviations_of_torch():
    weight = torch.empty(300, 500)  # (n_out, n_in)
    for name, fill in (("xavier", torch.nn.init.xavier_uniform_), ("kaiming", torch.nn.init.kaiming_uniform_)):
        fill(weight)
        assert INITIALIZERS[name](500, 300) == pytest.approx(weight.std().item(), rel=0.02)


def test_variance_is_multiplied_by_n_times_gamma():
    signal = signal_by_depth("normal 1", "identity", num_layers=2, width=400, batch_size=50)
    np.testing.assert_allclose(signal.activations[1:] / signal.activations[:-1], 400, rtol=0.05)
    np.testing.assert_allclose(signal.gradients[:-1] / signal.gradients[1:], 400, rtol=0.05)


@pytest.mark.parametrize(
    ("initializer", "activation", "activations", "gradients"),
    [
        ("xavier", "tanh", "steady", "steady"),
        ("xavier", "4·sigmoid−2", "steady", "steady"),
        ("xavier", "sigmoid", "steady", "vanishes"),
        ("xavier", "relu", "vanishes", "vanishes"),
        ("kaiming", "relu", "steady", "steady"),
        ("normal 0.01", "relu", "vanishes", "vanishes"),
        ("normal 1", "relu", "explodes", "explodes"),
    ],
)
def test_what_the_notes_say_holds_at_50_layers(initializer, activation, activations, gradients):
    signal = signal_by_depth(initializer, activation)
    assert (classify_signal(signal.activations), classify_signal(signal.gradients, start=-1)) == (
        activations,
        gradients,
    )


def test_overflow_counts_as_exploding():
    assert classify_signal(np.array([1.0, np.inf])) == "explodes"


def test_product_of_100_matrices_explodes_or_vanishes():
    assert product_of_matrices()[-1] > 1e20
    assert product_of_matrices(std=0.2)[-1] < 1e-20
    assert product_of_matrices(3).shape == (3,)


def test_fp16_range_is_that_of_torch():
    info = torch.finfo(torch.float16)
    below, coarse, inside, beyond = info.smallest_normal / 4096, info.smallest_normal / 2, 1.0, 2 * info.max
    fit = fit_half(np.array([below, coarse, inside, beyond, 0.0]))
    assert (fit.zero, fit.coarse, fit.infinite) == (0.25, 0.25, 0.25)
    values = 1e-7 * np.random.default_rng(0).standard_normal(1000)
    half = torch.from_numpy(values).half()
    assert fit_half(values).zero == (half == 0).double().mean().item() > 0.1
    assert fit_half(values, scale=2.0**14).zero == 0
    assert fit_half(np.zeros(3)).zero == 0


def test_sigmoid_never_overflows():
    x = np.array([-1000.0, -3.0, 0.0, 1000.0])
    np.testing.assert_allclose(sigmoid(x), torch.sigmoid(torch.from_numpy(x)).numpy(), rtol=1e-14, atol=1e-16)


def test_refusals():
    with pytest.raises(ValueError, match="got 'xavir' and 'tanh'"):
        signal_by_depth("xavir", "tanh")
    with pytest.raises(ValueError, match="must be at least 1, got 0, 128, 128"):
        signal_by_depth("xavier", "tanh", num_layers=0)


def test_small_signals_keep_their_digits():
    """4 σ(x) − 2 is x for small x, its own formula is 0 there; σ(x) is e^x far below 0, and so are both slopes."""
    x = np.array([-1e-30, -1e-17, 1e-48, 1e-10])
    function, slope = ACTIVATIONS["4·sigmoid−2"]
    np.testing.assert_allclose(function(x), x, rtol=1e-12)
    np.testing.assert_allclose(slope(x), 1.0, rtol=1e-12)
    far = np.array([-700.0, -100.0, -40.0])
    np.testing.assert_allclose(sigmoid(far), np.exp(far), rtol=1e-12)
    np.testing.assert_allclose(ACTIVATIONS["sigmoid"][1](-far), np.exp(far), rtol=1e-12)  # 1 − σ(40) would be 0
    np.testing.assert_allclose(ACTIVATIONS["tanh"][1](far / 2), 4 * np.exp(far), rtol=1e-12)


def test_the_small_start_shrinks_4_sigmoid_as_it_does_tanh():
    """Through 50 layers of deviation 0.01 and width 128 a signal shrinks to (0.01² · 128)^25, 5e-48, not to 0."""
    adjusted, tanh = (signal_by_depth("normal 0.01", name) for name in ("4·sigmoid−2", "tanh"))
    sizes = np.sqrt(adjusted.activations / adjusted.activations[0])
    np.testing.assert_allclose(sizes[1:], np.sqrt(tanh.activations / tanh.activations[0])[1:], rtol=0.02)
    assert 1e-48 < sizes[-1] < 1e-47
