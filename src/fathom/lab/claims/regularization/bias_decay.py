"""Does it matter whether the bias is decayed?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading

_MEANS = {"centred": 0.0, "shifted": 5.0}
_ARMS = {f"{mean}_{way}": f"{mean} targets, bias {way}" for mean in _MEANS for way in ("free", "decayed")}


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Solve a ridge regression exactly; yield the test error with the best λ of the grid on a validation sample."""
    mean, way = arm.split("_")
    count, inputs = conditions["samples"], conditions["inputs"]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        w = rng.normal(size=inputs)
        X = rng.normal(size=(count + 2000, inputs))
        y = X @ w + _MEANS[mean] + 3 * rng.normal(size=len(X))
        A = np.hstack([X, np.ones((len(X), 1))])
        parts = [slice(0, count), slice(count, count + 1000), slice(count + 1000, None)]
        (A_train, y_train), val, test = ((A[part], y[part]) for part in parts)
        penalty = np.eye(inputs + 1)
        penalty[-1, -1] = float(way == "decayed")
        solutions = [
            np.linalg.solve(A_train.T @ A_train + strength * penalty, A_train.T @ y_train)
            for strength in conditions["strengths"]
        ]
        best = min(solutions, key=lambda v: float(np.mean((val[0] @ v - val[1]) ** 2)))
        yield {"error": float(np.mean((test[0] @ best - test[1]) ** 2))}


CLAIM = Claim(
    number=29,
    title="Decay of the bias",
    statement="Whether the bias is limited along with the weights makes no difference.",
    place="N1 §1.6.1",
    design=Design(
        factor="bias free or decayed; targets of mean 0 or of mean 5",
        fixed="ridge regression with 20 inputs on 30 samples, noise of standard deviation 3",
        budget="solved exactly; λ is the best of the same grid on 1,000 validation samples",
        arms=_ARMS,
        seeds=100,
        quick_seeds=30,
    ),
    comparisons=[
        Comparison(
            f"{mean} targets: test error, decayed / free",
            f"{mean}_decayed",
            f"{mean}_free",
            "same",
            1.05,
            measure="error",
            is_ratio=True,
        )
        for mean in _MEANS
    ],
    measure=measure,
    plot=Plot("error", "squared error on new samples"),
    settings={"samples": 30, "inputs": 20, "strengths": (0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0)},
    reading=Reading(
        sentences=(
            "A penalty pulls what it penalises to 0; for a bias that is right only if the targets are centred.",
            "Decaying the bias changes the test error by {c1} with centred targets and by {c2} with targets of mean 5.",
            "Leave biases out of weight decay, as every optimiser group here does: it costs nothing and can save much.",
        ),
        would_change="Targets standardised beforehand, or so many samples that λ hardly matters.",
        depends_on="whether the targets are centred",
        chinese=("偏置 b 限不限制没有差别", "测试误差之比（衰减/不衰减）：目标均值为 0 时 {c1}，均值为 5 时 {c2}"),
    ),
)
