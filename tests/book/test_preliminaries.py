"""The chapter on preliminaries, a program a section."""

import numpy as np
import pytest
import torch
from torch.distributions.multinomial import Multinomial

from fathom.d2l import torch as d2l


def test_calculus_draws_a_curve_and_its_tangent():
    x = np.arange(0, 3, 0.1)
    d2l.plot(x, [3 * x**2 - 4 * x, 2 * x - 3], "x", "f(x)", legend=["f(x)", "tangent"])
    axes = d2l.plt.gca()
    curve, tangent = axes.lines
    gap = curve.get_ydata() - tangent.get_ydata()
    assert gap.min() == pytest.approx(0, abs=1e-9)  # they touch at x = 1 and cross nowhere
    assert x[gap.argmin()] == pytest.approx(1)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "f(x)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["f(x)", "tangent"]
    assert tuple(d2l.plt.gcf().get_size_inches()) == (3.5, 2.5)


def test_axes_are_set_as_told():
    d2l.use_svg_display()
    d2l.set_figsize((5, 4))
    axes = d2l.plt.gca()
    d2l.set_axes(axes, "t", "v", [1, 10], [1, 100], "log", "log", ["line"])
    assert (axes.get_xlim(), axes.get_ylim()) == ((1, 10), (1, 100))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert tuple(d2l.plt.gcf().get_size_inches()) == (5, 4)


@pytest.mark.parametrize(
    ("X", "Y", "num_lines"),
    [
        ([1, 4, 9], None, 1),
        ([[1, 4, 9], [1, 2, 3]], None, 2),
        ([0, 1, 2], [[1, 4, 9], [1, 2, 3]], 2),
        ([[0, 1, 2], [5, 6]], [[1, 4, 9], [1, 2]], 2),
        (torch.arange(3.0, requires_grad=True), torch.arange(3.0) ** 2, 1),
        (torch.arange(3), torch.ones(4, 3), 4),
        (range(3), [torch.tensor(float(i)) for i in range(3)], 1),
        (np.arange(3), [np.arange(3)] * 6, 6),  # more lines than formats
    ],
)
def test_plot_understands_one_line_and_several(X, Y, num_lines):
    d2l.plot(X, Y, xlim=[0, 3])
    assert len(d2l.plt.gca().lines) == num_lines


def test_probability_plots_how_frequencies_settle():
    counts = Multinomial(1, torch.tensor([0.5, 0.5])).sample((2000,)).cumsum(0)
    estimates = counts / counts.sum(1, keepdim=True)
    d2l.set_figsize((4.5, 3.5))
    d2l.plt.plot(d2l.numpy(estimates[:, 0]), label="heads")
    d2l.plt.plot(d2l.numpy(estimates[:, 1]), label="tails")
    d2l.plt.axhline(y=0.5, color="black", linestyle="dashed")
    d2l.plt.gca().set_xlabel("samples")
    d2l.plt.legend()
    assert len(d2l.plt.gca().lines) == 3
    assert abs(float(estimates[-1, 0]) - 0.5) < 0.05


def test_aliases_are_torch_s():
    X = d2l.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    assert d2l.size(X) == 6
    assert d2l.reduce_sum(X, 0, keepdims=True).tolist() == [[5, 7, 9]]
    assert d2l.reduce_mean(X).item() == 3.5
    assert d2l.argmax(X, axis=1).tolist() == [2, 2]
    assert isinstance(d2l.numpy(X), np.ndarray)
    assert d2l.astype(X, d2l.int32).dtype == torch.int32
    assert d2l.transpose(X).shape == d2l.reshape(X, (3, 2)).shape == d2l.swapaxes(X, 0, 1).shape == (3, 2)
    assert d2l.expand_dims(X, 1).shape == (2, 1, 3)
    assert d2l.repeat(X, 2, 1).shape == (4, 3)
    assert d2l.concat((X, X), 1).shape == (2, 6)
    assert d2l.to(X, d2l.cpu()) is X
    a, b = d2l.meshgrid(d2l.linspace(-1, 1, 3), d2l.linspace(0, 1, 2))  # no warning about the order of axes
    assert a.shape == b.shape == (3, 2)
    assert torch.equal(d2l.batch_matmul(X[None], X.t()[None])[0], d2l.matmul(X, X.t()))
    for name in ("sin", "cos", "tanh", "sinh", "cosh", "exp", "log", "abs", "sigmoid", "ones_like", "zeros_like"):
        assert getattr(d2l, name) is getattr(torch, name)
    assert d2l.nn_Module is torch.nn.Module
