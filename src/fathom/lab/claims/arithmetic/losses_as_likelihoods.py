"""Behind every loss stands a likelihood: to lower one is to raise the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare losses with negative log-likelihoods, by numerical densities and by gradients."""
    from fathom import scratch

    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=50), rng.normal(size=50)
    facts = []
    pairs: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
        "squared error, Gaussian": (scratch.half_squared, scratch.normal_nll, _gauss),
        "absolute error, Laplace": (scratch.l1, scratch.laplace_nll, _laplace),
        "Huber": (scratch.huber, scratch.huber_nll, _huber),
    }
    for title, (loss, nll, density) in pairs.items():
        values = [float(f(scratch.tensor(prediction), scratch.tensor(target)).numpy()) for f in (loss, nll)]
        # the constant from the density itself, integrated: from no formula of the package
        grid = np.linspace(-60, 60, 2_400_001)
        constant = float(np.log(np.trapezoid(density(grid), grid)))
        gap = abs(values[1] - values[0] - constant)
        facts.append(Fact(f"{title}: equal up to a constant", gap < 1e-6, f"{constant:.6f}"))
        facts.append(_same_gradient(title, loss, nll, prediction, target))
    logits, labels = rng.normal(size=(20, 4)), rng.integers(0, 4, 20)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    by_hand = -np.log(chances[np.arange(20), labels]).mean()
    found = float(scratch.cross_entropy(scratch.tensor(logits), scratch.tensor(labels)).numpy())
    facts.append(Fact("cross-entropy and the classes", abs(found - by_hand) < 1e-12, f"{found:.6f}"))
    return facts


def _same_gradient(
    title: str, loss: Callable[..., Any], nll: Callable[..., Any], prediction: np.ndarray, target: np.ndarray
) -> Fact:
    from fathom import scratch

    grads = []
    for f in (loss, nll):
        p = scratch.tensor(prediction)
        p.requires_grad = True
        f(p, scratch.tensor(target)).backward()
        assert p.grad is not None
        grads.append(p.grad.numpy())
    gap = float(np.abs(grads[0] - grads[1]).max())
    return Fact(f"{title}: the same gradient", gap < 1e-12, f"gap {gap:.0e}")


def _gauss(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x**2)


def _laplace(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.abs(x))


def _huber(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) <= 1, np.exp(-0.5 * x**2), np.exp(-np.abs(x) + 0.5))


CLAIM = Claim(
    number=58,
    title="Losses are likelihoods",
    statement="To minimise squared error, absolute error, Huber's loss or cross-entropy is to maximise a likelihood.",
    place="N1 §1.3; N4 最大似然估计与损失函数",
    paper="Huber 1964; Bishop 2006, §3.1, §4.3",
    design=Design(
        factor="the loss: ½(ŷ − y)², |ŷ − y|, Huber's with δ = 1, cross-entropy",
        fixed="50 Gaussian predictions and targets, 20 vectors of logits, float64",
        budget="nothing is trained",
    ),
    facts=check,
    reading=Reading(
        sentences=(
            "A loss is the negative logarithm of a density of the error, up to the constant that makes its integral 1.",
            "Loss and negative log-likelihood differ by the logarithm of the integral, which numerical integration "
            "confirms, and have the same gradients.",
            "Choose a loss by the errors you expect: many small ones ask for the square, rare large ones for Huber's.",
        ),
        would_change="Nothing: it is algebra. Losses such as the hinge have no density behind them.",
        chinese=(
            "各损失函数对应某种极大似然",
            "成立：损失与负对数似然只差常数，梯度相同",
        ),
    ),
)
