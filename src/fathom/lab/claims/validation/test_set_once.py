"""What choosing among models on the test set does to the number that is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_TESTED, _MODELS = (200, 10_000), (1, 10, 100)
_ARMS = {f"n{n}_m{m}": f"best of {m} on {n:,} test samples" for n in _TESTED for m in _MODELS}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Take the best of some models on a test set; yield by how much its accuracy there is too good."""
    n, m = (int(part[1:]) for part in arm.split("_"))
    for seed in seeds:
        rng = np.random.default_rng(seed)
        X, y = _draw(rng, 300)
        # candidates as a search makes them: other random hidden units, other penalties
        models = [_fit(X, y, np.random.default_rng([seed, k])) for k in range(m)]
        X_test, y_test = _draw(np.random.default_rng([seed, 1]), n)
        X_new, y_new = _draw(np.random.default_rng([seed, 2]), conditions["fresh"])
        reported = [_accuracy(model, X_test, y_test) for model in models]
        best = int(np.argmax(reported))
        yield {"inflation": reported[best] - _accuracy(models[best], X_new, y_new), "accuracy": reported[best]}


def _draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points of two classes whose boundary is a curved one, a tenth of the labels wrong."""
    X = rng.normal(size=(count, 10))
    y = X[:, 0] + X[:, 1] * X[:, 2] > 0
    return X, np.where(rng.random(count) < 0.1, ~y, y).astype(float)


Model = tuple[np.ndarray, np.ndarray]


def _fit(X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Model:
    hidden = rng.normal(size=(11, 100))
    H = _features(X, hidden)
    strength = 10 ** rng.uniform(0, 2)
    return hidden, np.linalg.solve(H.T @ H + strength * np.eye(H.shape[1]), H.T @ (2 * y - 1))


def _features(X: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    return np.maximum(X @ hidden[:-1] + hidden[-1], 0)


def _accuracy(model: Model, X: np.ndarray, y: np.ndarray) -> float:
    hidden, weights = model
    return float(np.mean((_features(X, hidden) @ weights > 0) == (y > 0)))


CLAIM = Claim(
    number=27,
    title="The test set, once",
    statement="A test set may be used once only: choosing on it makes its number too good.",
    place="N1 §1.5.1; N2",
    paper="Recht et al. 2019",
    design=Design(
        factor="the best of 1, 10, 100 models on 200 and on 10,000 test samples",
        fixed="two classes in 10 dimensions, random hidden units with a ridge on 300 samples",
        budget="the reported accuracy less that on 20,000 new samples",
        arms=_ARMS,
        seeds=60,
        quick_seeds=20,
    ),
    comparisons=[
        Comparison(
            "200 samples: too good by, best of 100 models",
            "n200_m100",
            0.0,
            "more",
            0.005,
            measure="inflation",
            unit="pp",
        ),
        Comparison("200 samples: best of 10", "n200_m10", 0.0, "more", 0.005, measure="inflation", unit="pp"),
        Comparison("10,000 samples: best of 100", "n10000_m100", 0.0, "more", 0.005, measure="inflation", unit="pp"),
        Comparison(
            "200 samples: one model", "n200_m1", 0.0, "same", 0.005, measure="inflation", unit="pp", is_judged=False
        ),
    ],
    measure=measure,
    plot=Plot("inflation", "reported accuracy − accuracy on new samples"),
    settings={"fresh": 20_000},
    quick={"fresh": 10_000},
    reading=Reading(
        sentences=(
            "The best of many numbers with chance in them is too good by the chance; the more numbers and the "
            "fewer samples, "
            "the more.",
            "Too good by: best of 100 on 200 samples {c1}, best of 10 {c2}; on 10,000 samples {c3}.",
            "Choose by validation, as every search here does, and look at the test set at the end; a large one "
            "forgives "
            "some looks.",
        ),
        would_change="Models that differ much in quality: the better one then wins by merit.",
        depends_on="the size of the test set",
        chinese=("测试集只能用一次", "虚高：200 个测试样本选百里挑一 {c1}，十里挑一 {c2}；1 万个样本 {c3}"),
    ),
)
