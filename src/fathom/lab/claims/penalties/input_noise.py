"""Noise on the inputs of least squares is ridge regression with λ = nσ²."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Fit few samples; yield the error on new ones."""
    n, d, sigma = conditions["samples"], conditions["features"], conditions["noise"]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        w = rng.normal(size=d) / d**0.5
        X, X_test = rng.normal(size=(n, d)), rng.normal(size=(2000, d))
        y, y_test = X @ w + 0.5 * rng.normal(size=n), X_test @ w
        if arm == "noise":  # fresh noise in each of many copies of the samples
            copies = conditions["copies"]
            noisy = np.vstack([X + sigma * rng.normal(size=X.shape) for _ in range(copies)])
            found = np.linalg.lstsq(noisy, np.tile(y, copies), rcond=None)[0]
        else:
            found = _ridge(X, y, n * sigma**2 if arm == "ridge" else 0.0)
        yield {"error": float(np.mean((X_test @ found - y_test) ** 2))}


def _ridge(X: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    return np.asarray(np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y))


def check(conditions: Conditions) -> Sequence[Fact]:
    """Add noise that has its mean and covariance exactly: ±σ√d along each axis, all equally likely."""
    rng, sigma = np.random.default_rng(0), 0.7
    X, y = rng.normal(size=(12, 5)), rng.normal(size=12)
    n, d = X.shape
    steps = sigma * d**0.5 * np.vstack([np.eye(d), -np.eye(d)])  # mean 0, mean square σ²I
    noisy = (X[:, None] + steps).reshape(-1, d)  # (n·2d, d)
    found = np.linalg.lstsq(noisy, np.repeat(y, 2 * d), rcond=None)[0]
    gap = float(np.abs(found - _ridge(X, y, n * sigma**2)).max())
    return [Fact("least squares under such noise is ridge regression with λ = nσ²", gap < 1e-12, f"gap {gap:.0e}")]


CLAIM = Claim(
    number=33,
    title="Noise on the input",
    statement="Random noise on the inputs regularises, as Tikhonov's penalty does.",
    place="N1 §1.6.3",
    paper="Bishop 1995",
    design=Design(
        factor="least squares on clean samples, on noisy copies of them, ridge regression with λ = nσ²",
        fixed="30 samples of 20 Gaussian features, targets with noise 0.5, σ = 0.4, 400 copies",
        budget="closed forms; σ is fixed, not tuned",
        arms={"plain": "clean", "noise": "noise on the input", "ridge": "ridge, λ = nσ²"},
        seeds=100,
        quick_seeds=40,
    ),
    comparisons=[
        Comparison("error: noise / clean", "noise", "plain", "less", 1.05, "error", is_ratio=True),
        Comparison("error: noise / ridge", "noise", "ridge", "same", 1.05, "error", is_ratio=True),
    ],
    measure=measure,
    facts=check,
    plot=Plot("error", "squared error on new samples", log_y=True),
    settings={"samples": 30, "features": 20, "noise": 0.4, "copies": 400},
    quick={"copies": 200},
    reading=Reading(
        sentences=(
            "Averaged over the noise, XᵀX gains nσ²I and Xᵀy stays: the penalty of ridge regression, exactly.",
            "Noise on the input changed the error on new samples {c1}, and against ridge regression {c2}.",
            "For linear models take the penalty, which costs nothing; for networks noise is a penalty on slopes.",
        ),
        would_change="Many samples for few features, where there is nothing to regularise; σ far too large.",
        chinese=(
            "在输入中加入噪声相当于正则化（Tikhonov）",
            "成立：最小二乘下等价于 λ = nσ² 的岭回归；误差之比（加噪 / 不加）{c1}",
        ),
    ),
)
