"""How many folds: the error of a cross-validated estimate on few and on many samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Expected, Plot, Reading

_SIZES, _FOLDS = (50, 1000), (2, 5, 10, 20)
_ARMS = {f"n{n}_k{k}": f"{n:,} samples, {k} folds" for n in _SIZES for k in _FOLDS}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Estimate the accuracy of a model fitted on all samples; yield how far off the estimate is, and which way."""
    n, k = (int(part[1:]) for part in arm.split("_"))
    for seed in seeds:
        rng = np.random.default_rng(seed)
        off = []
        for _ in range(conditions["repeats"]):
            means = 0.6 * rng.normal(size=(4, conditions["inputs"]))
            X, y = _draw(rng, means, n)
            truth = _accuracy(_fit(X, y), *_draw(rng, means, 5000))
            fold = rng.permutation(n) % k
            found = [_accuracy(_fit(X[fold != f], y[fold != f]), X[fold == f], y[fold == f]) for f in range(k)]
            off.append(float(np.mean(found)) - truth)
        yield {"bias": float(np.mean(off)), "error": float(np.sqrt(np.mean(np.square(off))))}


def _draw(rng: np.random.Generator, means: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    y = rng.integers(len(means), size=count)
    return means[y] + rng.normal(size=(count, means.shape[1])), y


def _fit(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the ridge regression of the one-hot classes on the inputs: (D + 1, K)."""
    A = np.hstack([X, np.ones((len(X), 1))])
    return np.linalg.solve(A.T @ A + np.eye(A.shape[1]), A.T @ np.eye(4)[y])


def _accuracy(weights: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((X @ weights[:-1] + weights[-1]).argmax(1) == y))


def _error(n: int, many: int, few: int) -> Comparison:
    title = f"{n:,} samples: error of the estimate, {many} folds / {few}"
    expected: Expected = "less" if n == _SIZES[0] else "same"  # small: more folds help; large: few are enough
    return Comparison(title, f"n{n}_k{many}", f"n{n}_k{few}", expected, margin=1.1, measure="error", is_ratio=True)


CLAIM = Claim(
    number=26,
    title="How many folds",
    statement="Few samples want many folds; with many samples few folds are enough.",
    place="N1 §1.5.1",
    paper="Kohavi 1995",
    design=Design(
        factor="2, 5, 10, 20 folds with 50 and with 1,000 samples",
        fixed=(
            "four Gaussian classes in 20 dimensions, ridge regression of the classes, 5,000 new samples for the truth"
        ),
        budget="the same samples for every number of folds",
        arms=_ARMS,
        seeds=20,
    ),
    comparisons=[
        _error(50, 10, 2),
        _error(50, 20, 5),
        _error(1000, 10, 5),
        Comparison(
            "50 samples: bias of 2 folds", "n50_k2", 0.0, "less", 0.005, measure="bias", unit="pp", is_judged=False
        ),
        Comparison(
            "50 samples: bias of 10 folds", "n50_k10", 0.0, "less", 0.005, measure="bias", unit="pp", is_judged=False
        ),
    ],
    measure=measure,
    plot=Plot("error", "error of the estimated accuracy (root mean square)"),
    settings={"inputs": 20, "repeats": 40},
    quick={"repeats": 20},
    reading=Reading(
        sentences=(
            "With K folds each model learns from (K − 1)/K of the samples, so few folds make the estimate pessimistic "
            "where samples are scarce.",
            "Error of the estimate: with 50 samples 10 folds against 2 {c1}, 20 against 5 {c2}; with 1,000 "
            "samples 10 against "
            "5 {c3}. With 50 samples 2 folds are off by {c4}, 10 by {c5}.",
            "Take 5 or 10 folds; beyond that the chance of the samples outweighs what is left of the bias.",
        ),
        would_change="Models whose accuracy still climbs steeply with the samples.",
        depends_on="the number of folds that one comes from",
        chinese=(
            "数据大则 K 小，数据小则 K 大",
            "估计误差之比：50 样本 10 折/2 折 {c1}，20/5 {c2}；1000 样本 10/5 {c3}",
        ),
    ),
)
