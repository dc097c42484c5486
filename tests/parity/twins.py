"""The table: every public name of fathom.scratch beside its twin in PyTorch, and how to draw what both are given.

A row is one of

- ``Function``: the same arrays go into both; values, and gradients of a random weighted sum, are compared.
- ``Layer``: parameters are copied from the twin; values, gradients of input and parameters, and 20 steps of SGD.
- ``Optimiser``: 20 steps on the same gradients.
- ``Curve``: a schedule, step by step.
- ``Law``: random numbers, compared by what they are distributed like.
- ``Values``: no gradient to compare.

All is float64, to 1e-9 relative; a row with a looser tolerance says why. Names without a twin have a reason below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.optim import lr_scheduler

import fathom.scratch as s
from fathom.scratch import Tensor


@dataclass
class Case:
    """What is given: arrays, of which floating-point ones get gradients, and options that both take."""

    arrays: list[np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Function:
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    cases: st.SearchStrategy[Case]
    tolerance: float = 1e-9
    why: str = ""


@dataclass
class Values(Function):
    """As Function, without gradients."""


@dataclass
class Layer:
    """``ours`` and ``theirs`` make the layer from the case's options; the case has the one input."""

    ours: Callable[..., s.Module]
    theirs: Callable[..., torch.nn.Module]
    cases: st.SearchStrategy[Case]


@dataclass
class Optimiser:
    ours: Callable[..., s.Optimizer]
    theirs: Callable[..., torch.optim.Optimizer]
    options: list[dict[str, Any]]


@dataclass
class Curve:
    """``ours`` gives the factor at a step; ``theirs`` makes torch's schedule for an optimiser with learning rate 1."""

    ours: Callable[[int], float]
    theirs: Callable[[torch.optim.Optimizer], Any]
    num_steps: int = 40


@dataclass
class Law:
    """Samples of both, equally many: mean and standard deviation are compared, and the ends unless they are normal."""

    ours: Callable[[], Any]
    theirs: Callable[[], torch.Tensor]
    ends: bool = True


# Drawing ------------------------------------------------------------------------------------------------------------

sides = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def any_shape(draw: Any, num: int = 1, min_axes: int = 0, prepare: Callable = lambda X: X, **options: Any) -> Case:
    """Arrays of one shape of up to four axes; options are strategies."""
    shape = draw(st.lists(sides, min_size=min_axes, max_size=4))
    arrays = [prepare(normal(draw(seeds), *shape)) for _ in range(num)]
    return Case(arrays, {key: draw(value) for key, value in options.items()})


@st.composite
def broadcasting(draw: Any, prepare: Callable = lambda X: X) -> Case:
    """Two arrays whose shapes stretch to one another's."""
    shape = draw(st.lists(sides, max_size=4))
    pair = []
    for _ in range(2):
        kept = shape[draw(st.integers(0, len(shape))) :]
        pair.append([1 if draw(st.booleans()) else size for size in kept])
    return Case([prepare(normal(draw(seeds), *each)) for each in pair])


@st.composite
def with_axis(draw: Any, prepare: Callable = lambda X: X, several: bool = False, keep: bool = False) -> Case:
    """An array and an axis of it, counted from the front or the back."""
    shape = draw(st.lists(sides, min_size=1, max_size=4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    options: dict[str, Any] = {"axis": axis}
    if several and draw(st.booleans()):
        options["axis"] = tuple(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    if keep:
        options["keepdims"] = draw(st.booleans())
    return Case([prepare(normal(draw(seeds), *shape))], options)


@st.composite
def shaped(draw: Any, *shapes: str, prepare: Callable = lambda X: X, **options: Any) -> Case:
    """Arrays of shapes given by letters, equal letters being equal sizes: "nk", "km"."""
    size = {letter: draw(sides) for letter in sorted(set("".join(shapes)))}
    arrays = [prepare(normal(draw(seeds), *(size[letter] for letter in shape))) for shape in shapes]
    return Case(arrays, {key: draw(value) for key, value in options.items()})


@st.composite
def products(draw: Any) -> Case:
    """Shapes that matmul takes: vectors, matrices, batches that broadcast."""
    n, k, m, batch = (draw(sides) for _ in range(4))
    left = draw(st.sampled_from([(k,), (n, k), (batch, n, k), (2, 1, n, k)]))
    right = draw(st.sampled_from([(k,), (k, m), (batch, k, m), (1, batch, k, m)]))
    return Case([normal(draw(seeds), *left), normal(draw(seeds), *right)])


@st.composite
def windows(draw: Any, num_axes: int, kernel: bool = True, transposed: bool = False) -> Case:
    """Input, kernels, bias and options of a convolution; or, without kernel, input and options of a pooling."""
    sizes = [draw(st.integers(3, 7 if num_axes < 3 else 4)) for _ in range(num_axes)]
    ks = [draw(st.integers(1, 3)) for _ in range(num_axes)]
    strides = tuple(draw(st.integers(1, 3)) for _ in range(num_axes))
    n, c_in, c_out = (draw(st.integers(1, 3)) for _ in range(3))
    X = normal(draw(seeds), n, c_in, *sizes)
    if not kernel:
        pads = tuple(draw(st.integers(0, k // 2)) for k in ks)
        return Case([X], {"kernel": tuple(ks), "stride": strides, "padding": pads})
    highest = [(k - 1) // 2 if transposed else 2 for k in ks]
    pads = tuple(draw(st.integers(0, most)) for most in highest)
    shape = (c_in, c_out, *ks) if transposed else (c_out, c_in, *ks)
    W, b = normal(draw(seeds), *shape), normal(draw(seeds), c_out)
    return Case([X, W, b], {"stride": strides, "padding": pads})


@st.composite
def classified(draw: Any, **options: Any) -> Case:
    """Scores and labels."""
    n, c = draw(sides), draw(st.integers(2, 5))
    seed = draw(seeds)
    labels = np.random.default_rng(seed).integers(0, c, n)
    return Case([3 * normal(seed, n, c), labels], {key: draw(value) for key, value in options.items()})


@st.composite
def images(draw: Any, num_axes: int = 2, smallest: int = 3, channels: int | None = None, **options: Any) -> Case:
    """One input of a layer, and options."""
    n, c = draw(st.integers(2, 3)), channels or draw(st.integers(1, 3))
    sizes = [draw(st.integers(smallest, smallest + 3)) for _ in range(num_axes)]
    drawn = {key: draw(value) if isinstance(value, st.SearchStrategy) else value for key, value in options.items()}
    return Case([normal(draw(seeds), n, c, *sizes)], {"channels": c, **drawn})


def positive(X: np.ndarray) -> np.ndarray:
    return np.abs(X) + 0.1


def probability(X: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-X))


def method(name: str, *arguments: Any) -> Callable[..., Any]:
    """Call the method of ours and of theirs that bears the same name."""
    return lambda X, *others, **options: getattr(X, name)(*others, *arguments, **options)


def dims(function: Callable[..., Any]) -> Callable[..., Any]:
    """torch's words for axis and keepdims."""

    def call(X: torch.Tensor, axis: Any = None, keepdims: bool = False) -> Any:
        return function(X, tuple(range(X.ndim)) if axis is None else axis, keepdim=keepdims)

    return call


reductions = st.sampled_from(["mean", "sum", "none"])


def write(X: Any, value: Any) -> Any:
    """Slices written into a computed tensor, in place."""
    Y = X * 2
    Y[0] = value
    Y[..., -1] = 0.7
    Y *= X
    Y += value
    return Y


def gru_of_the_book(cell: torch.nn.GRUCell) -> torch.nn.Module:
    """torch's GRU parameters in the book's formula: the reset gate before the matrix product."""

    class Book(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, parameter in cell.named_parameters():
                self.register_parameter(name, parameter)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = x[:, : cell.hidden_size] * 0.5
            (xr, xz, xn), (hr, hz, _) = (
                F.linear(*each).chunk(3, 1)
                for each in ((x, self.weight_ih, self.bias_ih), (h, self.weight_hh, self.bias_hh))
            )
            r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
            W, b = self.weight_hh.chunk(3)[2], self.bias_hh.chunk(3)[2]
            n = torch.tanh(xn + F.linear(r * h, W, b))
            return (1 - z) * n + z * h

    return Book()


class WithState(s.Module):
    """A cell of ours that begins with a state made from its input, under the cell's own parameter names."""

    def __init__(self, cell: Any, pair: bool = False) -> None:
        super().__init__()
        self.pair, self.cell = pair, cell
        for name, parameter in cell.named_parameters():
            setattr(self, name, parameter)
        del self.cell
        self.call = cell.forward

    def forward(self, x: Tensor) -> Tensor:
        h = x[:, : self.weight_hh.shape[1]] * 0.5
        return s.cat(self.call(x, (h, h.tanh())), axis=1) if self.pair else self.call(x, h)


class TorchWithState(torch.nn.Module):
    def __init__(self, cell: torch.nn.Module, pair: bool = False) -> None:
        super().__init__()
        self.pair, self.call = pair, cell.forward
        for name, parameter in cell.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x[:, : self.weight_hh.shape[1]] * 0.5
        return torch.cat(self.call(x, (h, h.tanh())), 1) if self.pair else self.call(x, h)


class OutputOnly(torch.nn.Module):
    """torch.nn.GRU with the parameter names of a cell of ours inside Recurrent."""

    def __init__(self, rnn: torch.nn.Module) -> None:
        super().__init__()
        self.rnn, self.cell = rnn, torch.nn.Module()
        for name, parameter in rnn.named_parameters():
            self.cell.register_parameter(name.removesuffix("_l0"), parameter)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.rnn(X)[0]


class FirstOutput(s.Module):
    def __init__(self, recurrent: s.Recurrent) -> None:
        super().__init__()
        self.cell, self.call = recurrent.cell, recurrent.forward

    def forward(self, X: Tensor) -> Tensor:
        return self.call(X)[0]


def basic_block(channels: int, out: int, stride: int) -> torch.nn.Module:
    from fathom.models.resnet import BasicBlock

    return BasicBlock(channels, out, stride)


def inception(channels: int) -> torch.nn.Module:
    from fathom.models.googlenet import PLAIN, Inception

    return Inception(channels, (2, 1, 3, 2, 2, 1), PLAIN, batch_norm=False)


def conv_unit(channels: int, kernel: int) -> torch.nn.Module:
    from fathom.models.googlenet import ConvUnit

    return ConvUnit(channels, 3, (kernel, kernel), batch_norm=False)


def mean_layer(channels: int) -> torch.nn.Module:
    return torch.nn.AdaptiveAvgPool2d(1)


def ignoring(kind: Callable[..., Any]) -> Callable[..., Any]:
    """A layer without options, for cases that name their channels."""
    return lambda channels: kind()


def normalise(training: bool) -> tuple[Callable, Callable]:
    """batch_norm, and its moving statistics joined to what it returns so that they are compared too."""

    def ours(X: Tensor, gamma: Tensor, beta: Tensor) -> Any:
        mean, var = np.full(X.shape[1], 0.3), np.full(X.shape[1], 1.7)
        Y = s.batch_norm(X, gamma, beta, mean, var, training, momentum=0.2, eps=1e-3)
        return Y, Tensor(mean), Tensor(var)

    def theirs(X: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> Any:
        mean = torch.full((X.shape[1],), 0.3, dtype=X.dtype)
        var = torch.full((X.shape[1],), 1.7, dtype=X.dtype)
        Y = F.batch_norm(X, mean, var, gamma, beta, training, momentum=0.2, eps=1e-3)
        return Y, mean, var

    return ours, theirs


@st.composite
def normalised(draw: Any) -> Case:
    c = draw(sides)
    shape = draw(st.sampled_from([(4, c), (3, c, 5), (2, c, 3, 2), (2, c, 2, 1, 3)]))
    return Case([normal(draw(seeds), *shape), normal(draw(seeds), c), normal(draw(seeds), c)])


def clipped(by: Callable[..., Any], limit: float) -> Callable[..., Any]:
    """The gradients of two tensors after clipping."""

    def call(X: Any, Y: Any) -> Any:
        leaves = [each.detach().clone() for each in (X, Y)]
        for leaf, source in zip(leaves, (X, Y), strict=True):
            leaf.requires_grad = True
            leaf.grad = source.detach().clone()
        by(leaves, limit)
        return tuple(leaf.grad for leaf in leaves)

    return call


def values(ours: Callable[[], Any], theirs: Callable[[], Any]) -> Values:
    """Values that are made from nothing."""
    return Values(ours, theirs, st.just(Case([])))


def torch_jacobian(x: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(A @ x) * x.square().sum()

    return torch.autograd.functional.jacobian(function, x).reshape(A.shape[0], x.numel())


def both_modes(x: Tensor, A: Tensor) -> Tensor:
    def function(x: Any) -> Any:
        return (A.data @ x).tanh() * x.square().sum()

    reverse, forward = s.jacobian(function, x), s.jacobian(function, x, mode="forward")
    np.testing.assert_allclose(reverse.data, forward.data, rtol=1e-9, atol=1e-12)
    return reverse


def smooth(x: Any, exp: Callable) -> Any:
    return (x * x).mean() * exp(x) / (1 + x.square()) - 0.1 * x**3


def gradient_by_differences(x: Tensor) -> Tensor:
    return s.numerical_gradient(lambda x: smooth(x, lambda v: v.exp()), x)[0]


def torch_gradient(x: torch.Tensor) -> torch.Tensor:
    return torch.autograd.functional.jacobian(lambda x: smooth(x, torch.exp).sum(), x)


# The table ----------------------------------------------------------------------------------------------------------

TENSOR: dict[str, Function] = {
    "+": Function(lambda X, Y: X + Y, lambda X, Y: X + Y, broadcasting()),
    "-": Function(lambda X, Y: X - Y, lambda X, Y: X - Y, broadcasting()),
    "*": Function(lambda X, Y: X * Y, lambda X, Y: X * Y, broadcasting()),
    "/": Function(lambda X, Y: X / Y, lambda X, Y: X / Y, broadcasting(positive)),
    "**": Function(lambda X, Y: X**Y, lambda X, Y: X**Y, broadcasting(positive)),
    "** 3": Function(lambda X: X**3, lambda X: X**3, any_shape()),
    "numbers": Function(
        lambda X: 2.1 - 3 / (1 + 0.3 * X) + 1.7**X - X / 0.4 + (-X),
        lambda X: 2.1 - 3 / (1 + 0.3 * X) + 1.7**X - X / 0.4 + (-X),
        any_shape(prepare=positive),
    ),
    "@": Function(lambda X, Y: X @ Y, lambda X, Y: X @ Y, products()),
    "exp": Function(method("exp"), method("exp"), any_shape()),
    "log": Function(method("log"), method("log"), any_shape(prepare=positive)),
    "sqrt": Function(method("sqrt"), method("sqrt"), any_shape(prepare=positive)),
    "square": Function(method("square"), method("square"), any_shape()),
    "sin": Function(method("sin"), method("sin"), any_shape()),
    "cos": Function(method("cos"), method("cos"), any_shape()),
    "tanh": Function(method("tanh"), method("tanh"), any_shape()),
    "sigmoid": Function(method("sigmoid"), method("sigmoid"), any_shape(prepare=lambda X: 20 * X)),
    "relu": Function(method("relu"), method("relu"), any_shape()),
    "abs": Function(method("abs"), method("abs"), any_shape()),
    "clip": Function(lambda X: X.clip(-0.5, 0.8), lambda X: X.clip(-0.5, 0.8), any_shape()),
    "maximum": Function(method("maximum"), method("maximum"), broadcasting()),
    "minimum": Function(method("minimum"), method("minimum"), broadcasting()),
    "sum": Function(method("sum"), dims(torch.sum), with_axis(several=True, keep=True)),
    "sum of all": Function(method("sum"), method("sum"), any_shape()),
    "mean": Function(method("mean"), dims(torch.mean), with_axis(several=True, keep=True)),
    "var": Function(
        lambda X, **o: X.var(correction=0, **o),
        lambda X, axis, keepdims: X.var(axis, correction=0, keepdim=keepdims),
        with_axis(several=True, keep=True),
    ),
    "max": Function(method("max"), dims(torch.amax), with_axis(several=True, keep=True)),
    "min": Function(method("min"), dims(torch.amin), with_axis(several=True, keep=True)),
    "argmax": Values(method("argmax"), method("argmax"), with_axis()),
    "argmin": Values(method("argmin"), method("argmin"), with_axis()),
    "cumsum": Function(method("cumsum"), method("cumsum"), with_axis()),
    "norm": Function(method("norm"), lambda X: torch.linalg.vector_norm(X), any_shape()),
    "norm along axes": Function(
        lambda X, axis, keepdims, p: X.norm(p, axis, keepdims),
        lambda X, axis, keepdims, p: torch.linalg.vector_norm(X, p, axis, keepdim=keepdims),
        st.tuples(with_axis(several=True, keep=True), st.sampled_from([1, 2, 3.5, np.inf])).map(
            lambda drawn: Case(drawn[0].arrays, {**drawn[0].options, "p": drawn[1]})
        ),
    ),
    "reshape": Function(lambda X: X.reshape(-1, 1), lambda X: X.reshape(-1, 1), any_shape()),
    "view": Function(lambda X: X.view(1, -1), lambda X: X.view(1, -1), any_shape()),
    "flatten": Function(method("flatten", 1), method("flatten", 1), any_shape(min_axes=2)),
    "transpose": Function(method("transpose", 0, -1), method("transpose", 0, -1), any_shape(min_axes=1)),
    "permute": Function(method("permute", 2, 0, 1), method("permute", 2, 0, 1), shaped("abc")),
    "T": Function(lambda X: X.T, lambda X: X.T, shaped("ab")),
    "unsqueeze": Function(lambda X, axis: X.unsqueeze(axis) * 2, lambda X, axis: X.unsqueeze(axis) * 2, with_axis()),
    "squeeze": Function(lambda X, axis: X.squeeze(axis) * 2, lambda X, axis: X.squeeze(axis) * 2, with_axis()),
    "broadcast_to": Function(
        method("broadcast_to", (2, 3, 4)),
        method("broadcast_to", (2, 3, 4)),
        st.builds(
            lambda shape, seed: Case([normal(seed, *shape)]), st.sampled_from([(4,), (3, 1), (1, 1, 4), ()]), seeds
        ),
    ),
    "[slice]": Function(lambda X: X[1:, ..., :2], lambda X: X[1:, ..., :2], any_shape(min_axes=2)),
    "[number]": Function(lambda X: X[-1] * X[0], lambda X: X[-1] * X[0], any_shape(min_axes=1)),
    "[None]": Function(lambda X: X[:, None, 0], lambda X: X[:, None, 0], shaped("ab")),
    "[places]": Function(lambda X: X[[0, -1, 0], [0, 0, -1]], lambda X: X[[0, -1, 0], [0, 0, -1]], shaped("ab")),
    "[mask]": Function(lambda X: X[X > 0] * 2, lambda X: X[X > 0] * 2, any_shape(min_axes=1)),
    "[…] = …": Function(write, write, st.tuples(shaped("ab", "b")).map(lambda drawn: drawn[0])),
    "clone": Function(lambda X: X.clone() * X, lambda X: X.clone() * X, any_shape()),
    "detach": Function(lambda X: (X * X).detach() * X, lambda X: (X * X).detach() * X, any_shape()),
    "comparisons": Values(
        lambda X, Y: s.stack([X < Y, X <= Y, X > Y, X >= Y, X == Y, X != Y]),
        lambda X, Y: torch.stack([X < Y, X <= Y, X > Y, X >= Y, X == Y, X != Y]),
        any_shape(2, prepare=np.round),
    ),
    "& | ^ ~": Values(
        lambda X, Y: s.stack([(X > 0) & (Y > 0), (X > 0) | (Y > 0), (X > 0) ^ (Y > 0), ~(X > 0)]),
        lambda X, Y: torch.stack([(X > 0) & (Y > 0), (X > 0) | (Y > 0), (X > 0) ^ (Y > 0), ~(X > 0)]),
        any_shape(2),
    ),
    "any, all": Values(
        lambda X: s.stack([(X > 1).any(), (X > -1).all()]),
        lambda X: torch.stack([(X > 1).any(), (X > -1).all()]),
        any_shape(),
    ),
    "astype": Function(
        lambda X: X.float().double() * X, lambda X: X.float().double() * X, any_shape(), 1e-6, "passes through float32"
    ),
    "long": Values(lambda X: (3 * X).long(), lambda X: (3 * X).long(), any_shape()),
    "zero_, fill_, copy_": Values(
        lambda X: s.stack([X.clone().zero_(), X.clone().fill_(3), X.clone().copy_(2 * X)]),
        lambda X: torch.stack([X.clone().zero_(), X.clone().fill_(3), X.clone().copy_(2 * X)]),
        any_shape(),
    ),
}

TABLE: dict[str, Any] = {
    # Tensors from nothing
    "tensor": values(lambda: s.tensor([[1, 2], [3, 4.5]]), lambda: torch.tensor([[1, 2], [3, 4.5]])),
    "zeros": values(lambda: s.zeros(2, 3), lambda: torch.zeros(2, 3)),
    "ones": values(lambda: s.ones((2, 3), dtype=np.float64), lambda: torch.ones((2, 3), dtype=torch.float64)),
    "full": values(lambda: s.full((2, 3), 3.14), lambda: torch.full((2, 3), 3.14)),
    "eye": values(lambda: s.eye(3), lambda: torch.eye(3)),
    "arange": values(
        lambda: (s.arange(5), s.arange(1, 4), s.arange(1, 2.5, 0.5), s.arange(12.0)),
        lambda: (torch.arange(5), torch.arange(1, 4), torch.arange(1, 2.5, 0.5), torch.arange(12.0)),
    ),
    "linspace": values(lambda: s.linspace(0, 1, 5), lambda: torch.linspace(0, 1, 5)),
    "zeros_like": Values(s.zeros_like, torch.zeros_like, any_shape()),
    "ones_like": Values(s.ones_like, torch.ones_like, any_shape()),
    "rand": Law(lambda: s.rand(100, 100), lambda: torch.rand(100, 100)),
    "randn": Law(lambda: s.randn(100, 100), lambda: torch.randn(100, 100), ends=False),
    "randint": Law(lambda: s.randint(3, 10, (100, 100)), lambda: torch.randint(3, 10, (100, 100))),
    "randperm": Law(lambda: s.randperm(1000), lambda: torch.randperm(1000)),
    "one_hot": Values(
        lambda scores, labels: s.one_hot(labels, 5), lambda scores, labels: F.one_hot(labels, 5), classified()
    ),
    # Tensors from several
    "cat": Function(lambda X, Y: s.cat([X, Y], axis=1), lambda X, Y: torch.cat([X, Y], 1), shaped("abc", "adc")),
    "stack": Function(lambda X, Y: s.stack([X, Y], axis=1), lambda X, Y: torch.stack([X, Y], 1), any_shape(2, 1)),
    "where": Function(
        lambda X, Y: s.where(X > Y, X * Y, Y) + s.where(X < Y, 0.1, X),
        lambda X, Y: torch.where(X > Y, X * Y, Y) + torch.where(X < Y, 0.1, X),
        broadcasting(),
    ),
    "logical_and": Values(s.logical_and, torch.logical_and, any_shape(2, prepare=np.round)),
    "logical_or": Values(s.logical_or, torch.logical_or, any_shape(2, prepare=np.round)),
    "logical_not": Values(s.logical_not, torch.logical_not, any_shape(prepare=np.round)),
    "dot": Function(s.dot, torch.dot, shaped("a", "a")),
    "mv": Function(s.mv, torch.mv, shaped("ab", "b")),
    "mm": Function(s.mm, torch.mm, shaped("ab", "bc")),
    "bmm": Function(s.bmm, torch.bmm, shaped("nab", "nbc")),
    "outer": Function(s.outer, torch.outer, shaped("a", "b")),
    # Activations
    "step": Function(
        s.step, lambda X: torch.heaviside(X.detach(), torch.zeros_like(X)) + 0 * X, any_shape(prepare=np.round)
    ),
    "relu": Function(s.relu, F.relu, any_shape()),
    "prelu": Function(s.prelu, F.prelu, st.one_of(shaped("ncab", "c"), shaped("nc", "c"))),
    "sigmoid": Function(s.sigmoid, torch.sigmoid, any_shape()),
    "tanh": Function(s.tanh, torch.tanh, any_shape()),
    "softmax": Function(s.softmax, lambda X, axis: torch.softmax(X, axis), with_axis(lambda X: 300 * X)),
    "softmax_naive": Function(s.softmax_naive, lambda X, axis: torch.softmax(X, axis), with_axis()),
    "log_softmax": Function(s.log_softmax, lambda X, axis: torch.log_softmax(X, axis), with_axis(lambda X: 300 * X)),
    # Layers as functions
    "linear": Function(s.linear, F.linear, st.one_of(shaped("nk", "mk", "m"), shaped("k", "mk"), shaped("abk", "mk"))),
    "conv1d": Function(s.conv1d, F.conv1d, windows(1)),
    "conv2d": Function(s.conv2d, F.conv2d, windows(2)),
    "conv3d": Function(s.conv3d, F.conv3d, windows(3)),
    "corr1d": Function(
        s.corr1d,
        lambda X, K: F.conv1d(X[None, None], K[None, None])[0, 0],
        st.builds(lambda a, b: Case([normal(a, 5), normal(b, 2)]), seeds, seeds),
    ),
    "corr2d": Function(
        s.corr2d,
        lambda X, K: F.conv2d(X[None, None], K[None, None])[0, 0],
        st.builds(lambda a, b: Case([normal(a, 4, 5), normal(b, 2, 3)]), seeds, seeds),
    ),
    "corr3d": Function(
        s.corr3d,
        lambda X, K: F.conv3d(X[None, None], K[None, None])[0, 0],
        st.builds(lambda a, b: Case([normal(a, 3, 4, 3), normal(b, 2, 3, 1)]), seeds, seeds),
    ),
    "conv_by_definition": Function(s.conv_by_definition, F.conv2d, windows(2)),
    "convolution": Function(
        s.convolution, lambda X, W, b, **options: F.conv2d(X, W.flip(2, 3), b, **options), windows(2)
    ),
    "pointwise": Function(s.pointwise, lambda X, W, b: F.conv2d(X, W[:, :, None, None], b), shaped("ncab", "oc", "o")),
    "conv_transpose2d": Function(s.conv_transpose2d, F.conv_transpose2d, windows(2, transposed=True)),
    **{
        f"max_pool{n}d": Function(
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(s, f"max_pool{n}d")
            ),
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(F, f"max_pool{n}d")
            ),
            windows(n, kernel=False),
        )
        for n in (1, 2, 3)
    },
    **{
        f"avg_pool{n}d": Function(
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(s, f"avg_pool{n}d")
            ),
            partial(
                lambda pool, X, kernel, stride, padding: pool(X, kernel, stride, padding), getattr(F, f"avg_pool{n}d")
            ),
            windows(n, kernel=False),
        )
        for n in (1, 2, 3)
    },
    "global_avg_pool": Function(s.global_avg_pool, lambda X: F.adaptive_avg_pool2d(X, 1), shaped("ncab")),
    "global_max_pool": Function(s.global_max_pool, lambda X: torch.amax(X, (2, 3), keepdim=True), shaped("ncab")),
    "batch_norm": Function(*normalise(training=True), normalised()),
    "output_size": Values(
        lambda X, **o: Tensor([s.output_size(n, k, t, p) for n, k, t, p in zip(X.shape[2:], *o.values(), strict=True)]),
        lambda X, kernel, stride, padding: torch.tensor(F.max_pool2d(X, kernel, stride, padding).shape[2:]),
        windows(2, kernel=False),
    ),
    "transposed_size": Values(
        lambda X, W, b, **o: Tensor(
            [s.transposed_size(n, k, t, p) for n, k, t, p in zip(X.shape[2:], W.shape[2:], *o.values(), strict=True)]
        ),
        lambda X, W, b, **o: torch.tensor(F.conv_transpose2d(X, W, b, **o).shape[2:]),
        windows(2, transposed=True),
    ),
    # Losses
    "squared": Function(s.squared, F.mse_loss, any_shape(2, 1, reduction=reductions)),
    "half_squared": Function(
        s.half_squared,
        lambda X, Y, reduction: F.mse_loss(X, Y, reduction=reduction) / 2,
        any_shape(2, 1, reduction=reductions),
    ),
    "l1": Function(s.l1, F.l1_loss, any_shape(2, 1, reduction=reductions)),
    "huber": Function(s.huber, F.huber_loss, any_shape(2, 1, reduction=reductions, delta=st.floats(0.1, 3))),
    "smooth_l1": Function(s.smooth_l1, F.smooth_l1_loss, any_shape(2, 1, reduction=reductions, beta=st.floats(0, 3))),
    "nll": Function(s.nll, F.nll_loss, classified(reduction=reductions)),
    "cross_entropy": Function(
        s.cross_entropy,
        F.cross_entropy,
        classified(reduction=reductions, label_smoothing=st.sampled_from([0.0, 0.1, 1.0])),
    ),
    "soft_targets": Function(
        s.soft_targets,
        lambda o, t, temperature: (
            temperature**2
            * F.kl_div(
                (o / temperature).log_softmax(1),
                (t / temperature).log_softmax(1),
                reduction="batchmean",
                log_target=True,
            )
        ),
        shaped("nc", "nc", temperature=st.floats(0.5, 8)),
    ),
    "bce_with_logits": Function(
        lambda X, Y, **o: s.bce_with_logits(40 * X, Y.sigmoid(), **o),
        lambda X, Y, **o: F.binary_cross_entropy_with_logits(40 * X, Y.sigmoid(), **o),
        any_shape(2, 1, reduction=reductions),
    ),
    "bce": Function(s.bce, F.binary_cross_entropy, any_shape(2, 1, prepare=probability, reduction=reductions)),
    "multi_margin": Function(
        s.multi_margin, F.multi_margin_loss, classified(reduction=reductions, margin=st.floats(0, 3))
    ),
    # Differentiation
    "jacobian": Values(both_modes, torch_jacobian, shaped("n", "mn")),
    "jvp": Values(
        lambda x, v: s.jvp(lambda x: smooth(x, lambda v: v.exp()), x, v),
        lambda x, v: torch.autograd.functional.jvp(lambda x: smooth(x, torch.exp), x, v),
        any_shape(2),
    ),
    "forward_gradient": Values(
        lambda x: s.forward_gradient(lambda x: smooth(x, lambda v: v.exp()).sum(), x), torch_gradient, any_shape()
    ),
    "numerical_gradient": Values(
        gradient_by_differences, torch_gradient, any_shape(), 1e-5, "differences are exact to about h² and rounding/h"
    ),
    # Gradients and weights held down
    "clip_by_norm": Values(
        clipped(partial(s.clip_by_norm, eps=1e-6), 0.7),
        clipped(torch.nn.utils.clip_grad_norm_, 0.7),
        any_shape(2),
    ),
    "clip_by_value": Values(clipped(s.clip_by_value, 0.7), clipped(torch.nn.utils.clip_grad_value_, 0.7), any_shape(2)),
    "l1_penalty": Function(lambda X, Y: s.l1_penalty([X, Y]), lambda X, Y: X.abs().sum() + Y.abs().sum(), any_shape(2)),
    "l2_penalty": Function(
        lambda X, Y: s.l2_penalty([X, Y]), lambda X, Y: (X.square().sum() + Y.square().sum()) / 2, any_shape(2)
    ),
    "least_squares": Values(
        lambda X, y: s.least_squares(s.with_ones(X), y),
        lambda X, y: torch.linalg.lstsq(torch.cat([X, torch.ones(len(X), 1)], 1), y).solution,
        st.builds(lambda a, b: Case([normal(a, 12, 3), normal(b, 12, 2)]), seeds, seeds),
    ),
    # Layers
    "Linear": Layer(
        lambda channels, out, bias: s.Linear(channels, out, bias),
        lambda channels, out, bias: torch.nn.Linear(channels, out, bias),
        images(0, out=sides, bias=st.booleans()),
    ),
    **{
        f"Conv{n}d": Layer(
            partial(lambda kind, channels, **o: kind(channels, **o), getattr(s, f"Conv{n}d")),
            partial(lambda kind, channels, **o: kind(channels, **o), getattr(torch.nn, f"Conv{n}d")),
            images(n, out_channels=sides, kernel_size=st.integers(1, 3), padding=st.integers(0, 1), bias=st.booleans()),
        )
        for n in (1, 2, 3)
    },
    "Flatten": Layer(ignoring(s.Flatten), ignoring(torch.nn.Flatten), images()),
    "Identity": Layer(ignoring(s.Identity), ignoring(torch.nn.Identity), images()),
    "ReLU": Layer(ignoring(s.ReLU), ignoring(torch.nn.ReLU), images()),
    "PReLU": Layer(lambda channels: s.PReLU(channels), lambda channels: torch.nn.PReLU(channels), images()),
    "Sigmoid": Layer(ignoring(s.Sigmoid), ignoring(torch.nn.Sigmoid), images()),
    "Tanh": Layer(ignoring(s.Tanh), ignoring(torch.nn.Tanh), images()),
    "Softmax": Layer(ignoring(s.Softmax), ignoring(partial(torch.nn.Softmax, -1)), images()),
    "BatchNorm": Layer(
        lambda channels: s.BatchNorm(channels), lambda channels: torch.nn.BatchNorm2d(channels), images()
    ),
    "MaxPool2d": Layer(
        lambda channels, ceil_mode: s.MaxPool2d(3, 2, 1, ceil_mode),
        lambda channels, ceil_mode: torch.nn.MaxPool2d(3, 2, 1, ceil_mode=ceil_mode),
        images(ceil_mode=st.booleans()),
    ),
    "AvgPool2d": Layer(lambda channels: s.AvgPool2d(3, 2, 1), lambda channels: torch.nn.AvgPool2d(3, 2, 1), images()),
    "GlobalAvgPool": Layer(ignoring(s.GlobalAvgPool), mean_layer, images()),
    "RNNCell": Layer(
        lambda channels: WithState(s.RNNCell(channels, 2)),
        lambda channels: TorchWithState(torch.nn.RNNCell(channels, 2)),
        images(0, channels=3),
    ),
    "GRUCell": Layer(
        lambda channels, book: WithState(s.GRUCell(channels, 2, reset_first=book)),
        lambda channels, book: (gru_of_the_book if book else TorchWithState)(torch.nn.GRUCell(channels, 2)),
        images(0, channels=3, book=st.booleans()),
    ),
    "LSTMCell": Layer(
        lambda channels: WithState(s.LSTMCell(channels, 2), pair=True),
        lambda channels: TorchWithState(torch.nn.LSTMCell(channels, 2), pair=True),
        images(0, channels=3),
    ),
    "Recurrent": Layer(
        lambda channels, kind: FirstOutput(s.Recurrent(getattr(s, f"{kind}Cell")(4, 2))),
        lambda channels, kind: OutputOnly(getattr(torch.nn, kind)(4, 2)),
        st.builds(
            lambda seed, kind: Case([normal(seed, 3, 2, 4)], {"channels": 4, "kind": kind}),
            seeds,
            st.sampled_from(["RNN", "GRU", "LSTM"]),
        ),
    ),
    "ConvUnit": Layer(
        lambda channels, kernel: s.ConvUnit(channels, 3, kernel), conv_unit, images(kernel=st.sampled_from([1, 3, 5]))
    ),
    "Residual": Layer(
        lambda channels, out, stride: s.Residual(channels, out, stride),
        basic_block,
        images(out=st.integers(1, 3), stride=st.integers(1, 2)),
    ),
    "Inception": Layer(lambda channels: s.Inception(channels, (2, 1, 3, 2, 2, 1)), inception, images()),
    "Sequential": Layer(
        lambda channels: s.Sequential(s.Conv2d(channels, 2, 3), s.Tanh(), s.Sequential(s.Flatten(), s.PReLU())),
        lambda channels: torch.nn.Sequential(
            torch.nn.Conv2d(channels, 2, 3), torch.nn.Tanh(), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.PReLU())
        ),
        images(),
    ),
    # Optimisers
    "SGD": Optimiser(
        s.SGD,
        torch.optim.SGD,
        [
            {"lr": 0.1},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            {"lr": 0.1, "momentum": 0.8, "dampening": 0.1},
        ],
    ),
    "Adam": Optimiser(
        s.Adam,
        torch.optim.Adam,
        [{}, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}, {"lr": 0.1, "amsgrad": True}],
    ),
    "AdamW": Optimiser(
        s.AdamW, torch.optim.AdamW, [{}, {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}, {"lr": 0.1}]
    ),
    # Schedules; what torch has no class for goes through its LambdaLR or SequentialLR
    "constant": Curve(s.constant, lambda o: lr_scheduler.ConstantLR(o, factor=1)),
    "warm_up": Curve(
        lambda t: s.warm_up(t, 10, 0.1), lambda o: lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=10)
    ),
    "piecewise": Curve(
        lambda t: s.piecewise(t, (10, 20), (1.0, 0.5, 0.05)),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.ConstantLR(o, factor, 99) for factor in (1.0, 0.5, 0.05)], milestones=[10, 20]
        ),
    ),
    "exponential": Curve(lambda t: s.exponential(t, 0.9), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    "natural_exponential": Curve(
        lambda t: s.natural_exponential(t, 0.1), lambda o: lr_scheduler.ExponentialLR(o, float(np.exp(-0.1)))
    ),
    "polynomial": Curve(
        lambda t: s.polynomial(t, 30, 2.0), lambda o: lr_scheduler.PolynomialLR(o, total_iters=30, power=2.0)
    ),
    "step_decay": Curve(lambda t: s.step_decay(t, 7, 0.3), lambda o: lr_scheduler.StepLR(o, 7, 0.3)),
    "multi_step": Curve(lambda t: s.multi_step(t, (5, 20), 0.3), lambda o: lr_scheduler.MultiStepLR(o, [5, 20], 0.3)),
    "inverse_time": Curve(
        lambda t: s.inverse_time(t, 0.2), lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + 0.2 * t))
    ),
    "lambda_schedule": Curve(
        lambda t: s.lambda_schedule(t, lambda t: 0.9**t), lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t)
    ),
    "cosine": Curve(
        lambda t: s.cosine(t, 40, 0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, eta_min=0.1), num_steps=41
    ),
    "noam": Curve(
        lambda t: s.noam(t, 8, 64),
        lambda o: lr_scheduler.LambdaLR(o, lambda t: 64**-0.5 * min((t + 1) ** -0.5, (t + 1) * 8**-1.5)),
    ),
    "one_cycle": Curve(
        lambda t: s.one_cycle(t, 40),
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, total_steps=40, pct_start=0.3, div_factor=25, final_div_factor=1e4, cycle_momentum=False
        ),
    ),
    # Initialisers
    "constant_": values(
        lambda: s.constant_(s.zeros(2, 3), 0.5), lambda: torch.nn.init.constant_(torch.zeros(2, 3), 0.5)
    ),
    "zeros_": values(lambda: s.zeros_(s.ones(2, 3)), lambda: torch.nn.init.zeros_(torch.ones(2, 3))),
    "normal_": Law(
        lambda: s.normal_(s.zeros(90, 110)), lambda: torch.nn.init.normal_(torch.zeros(90, 110), std=0.01), ends=False
    ),
    "uniform_": Law(
        lambda: s.uniform_(s.zeros(90, 110), -2, 1), lambda: torch.nn.init.uniform_(torch.zeros(90, 110), -2, 1)
    ),
    **{
        name: Law(
            partial(
                lambda fill, key, number: fill(s.zeros(60, 20, 3, 3), **{key: number}), getattr(s, name), ours, number
            ),
            partial(
                lambda fill, key, number: fill(torch.zeros(60, 20, 3, 3), **{key: number}),
                getattr(torch.nn.init, name),
                theirs,
                number,
            ),
            ends="uniform" in name,
        )
        for name, ours, theirs, number in (
            ("xavier_uniform_", "gain", "gain", 1.5),
            ("xavier_normal_", "gain", "gain", 1.5),
            ("kaiming_uniform_", "slope", "a", 0.2),
            ("kaiming_normal_", "slope", "a", 0.2),
        )
    },
    "fans": values(
        lambda: Tensor(s.fans((6, 5, 4, 3))),
        lambda: torch.tensor(torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(6, 5, 4, 3))),
    ),
}

REASONS: dict[str, str] = {
    "Tensor": "compared operation by operation: TENSOR",
    "Dual": "the number of forward mode; compared through jvp and jacobian, and with Tensor in tests/scratch",
    "Module": "the base of all layers; compared through each of them",
    "Parameter": "compared through each layer",
    "Optimizer": "the base of SGD, Adam and AdamW",
    "no_grad": "compared in tests/parity/test_backward.py, where torch's errors and states stand beside ours",
    "is_grad_enabled": "compared in tests/parity/test_backward.py",
    "manual_seed": "the generator is NumPy's; that equal seeds give equal numbers is tested in tests/scratch",
    "dropout": "random: tests/parity/test_random.py compares the two values that occur, their share, and the gradient",
    "Dropout": "as dropout",
    "Step": "torch has no such layer; the function step has a twin",
    "Plateau": "follows a loss, not the step: tests/parity/test_trajectories.py beside ReduceLROnPlateau",
    "initialize": "fills by rule; tests/scratch counts what is filled",
    "with_ones": "compared through least_squares",
    "check_gradient": "an assertion; tests/scratch shows that it passes right gradients and catches wrong ones",
    "graph": "an image; tests/scratch reads it back",
    "save": "a file; tests/scratch reads it back and refuses pickles",
    "load": "as save",
}

BACKWARD = "a scenario in tests/parity/test_backward.py"
TENSOR_REASONS: dict[str, str] = {
    "data": "the array",
    "grad": BACKWARD,
    "backward": BACKWARD,
    "requires_grad": BACKWARD,
    "requires_grad_": BACKWARD,
    "retain_grad": BACKWARD,
    "is_leaf": BACKWARD,
    "item": BACKWARD,
    "tolist": BACKWARD,
    "numpy": BACKWARD,
    "shape": "compared in every row",
    "dtype": "compared in every row",
    "ndim": "the length of shape",
    "numel": "the product of shape",
    "float": "in the row astype",
    "double": "in the row astype",
}
