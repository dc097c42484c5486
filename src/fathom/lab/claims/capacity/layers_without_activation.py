"""A stack of layers without activations is one linear layer, whatever its depth and width."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading

_SMALL = 1e-10  # relative, in float64: 20 products of matrices lose some 20·64·2e-16


def check(conditions: Conditions) -> Sequence[Fact]:
    """Collapse deep stacks into one layer, and ask whether ReLU lets itself be collapsed in the same way."""
    rng = np.random.default_rng(0)
    facts = []
    for depth in conditions["depths"]:
        weights = [rng.normal(size=(16, 16)) / 8**0.5 for _ in range(depth)]  # He: sizes stay as they are
        biases = [0.1 * rng.normal(size=16) for _ in range(depth)]
        X = rng.normal(size=(200, 16))
        W, b = np.eye(16), np.zeros(16)
        for weight, bias in zip(weights, biases, strict=True):
            W, b = W @ weight, b @ weight + bias  # (xW + b)W' + b' = x(WW') + (bW' + b')
        plain = _forward(X, weights, biases, lambda z: z)
        gap = np.abs(plain - (X @ W + b)).max() / np.abs(plain).max()
        facts.append(Fact(f"{depth} linear layers equal one", bool(gap < _SMALL), f"largest difference {gap:.0e}"))
        bent = _forward(X, weights, biases, lambda z: np.maximum(z, 0))
        misfit = _affine_misfit(X, bent)
        facts.append(Fact(f"{depth} layers with ReLU do not", misfit > 0.01, f"misfit {misfit:.2f}"))
    W1, W2 = rng.normal(size=(32, 3)), rng.normal(size=(3, 32))
    rank = int(np.linalg.matrix_rank(W1 @ W2))
    facts.append(Fact("a narrow layer only takes away: 32 → 3 → 32 has rank 3", rank == 3, f"rank {rank}"))
    return facts


def _forward(
    X: np.ndarray, weights: list[np.ndarray], biases: list[np.ndarray], activation: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        X = activation(X @ weight + bias)
    return X @ weights[-1] + biases[-1]


def _affine_misfit(X: np.ndarray, Y: np.ndarray) -> float:
    """Return the share of the variance of Y that the best affine map of X leaves."""
    A = np.hstack([X, np.ones((len(X), 1))])
    rest = Y - A @ np.linalg.lstsq(A, Y, rcond=None)[0]
    return float(rest.var(0).sum() / Y.var(0).sum())


CLAIM = Claim(
    number=2,
    title="Layers without activations",
    statement="Without an activation between them, any number of layers is no more than one linear layer.",
    place="N0 Model; N1 §1.4.1; N3 ch. 5",
    paper="Prince 2023, Understanding Deep Learning, ch. 4",
    design=Design(
        factor="depth, with and without ReLU between the layers",
        fixed="width 16, Gaussian weights and biases, 200 Gaussian inputs, float64",
        budget="nothing is trained: the statement is about functions",
    ),
    facts=check,
    settings={"depths": (2, 5, 20)},
    reading=Reading(
        sentences=(
            "Affine maps are closed under composition, so the product of the matrices is the network.",
            "Stacks of 2, 5 and 20 layers agree with their collapsed layer to rounding; with ReLU between them no "
            "affine map comes near.",
            "Depth without activations buys no function that one layer lacks; what it changes is how gradient descent "
            "moves, and a narrow layer limits the rank.",
        ),
        would_change="Nothing: it is algebra. Rounding at great depth can hide it.",
        chinese=(
            "没有激活函数，层数再多也只是一个线性层",
            "成立：2、5、20 层线性网络与合并后的一层只差舍入误差；加入 ReLU 则不能合并",
        ),
    ),
)
