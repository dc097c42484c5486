"""The methods of a tensor beside torch's, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

import fathom.scratch as s
from twins.drawing import (
    any_shape,
    broadcasting,
    normal,
    positive,
    products,
    seeds,
    shaped,
    with_axis,
)
from twins.rows import Case, Function, Values


def method(name: str, *arguments: Any) -> Callable[..., Any]:
    """Call the method of ours and of theirs that bears the same name."""
    return lambda X, *others, **options: getattr(X, name)(*others, *arguments, **options)


def dims(function: Callable[..., Any]) -> Callable[..., Any]:
    """torch's words for axis and keepdims."""

    def call(X: torch.Tensor, axis: Any = None, keepdims: bool = False) -> Any:
        return function(X, tuple(range(X.ndim)) if axis is None else axis, keepdim=keepdims)

    return call


def write(X: Any, value: Any) -> Any:
    """Slices written into a computed tensor, in place."""
    Y = X * 2
    Y[0] = value
    Y[..., -1] = 0.7
    Y *= X
    Y += value
    return Y


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
