"""How many points a linear classifier can shatter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from fathom.lab.experiment import Claim, Conditions, Design, Fact, Reading


def check(conditions: Conditions) -> Sequence[Fact]:
    """Try every labelling of random points in 1 … N dimensions, each by a linear program."""
    rng = np.random.default_rng(0)
    facts = []
    for inputs in range(1, conditions["inputs"] + 1):
        most, sets = inputs + 1, conditions["sets"]
        shattered = sum(_is_shattered(rng.normal(size=(most, inputs))) for _ in range(sets))
        one_more = sum(_is_shattered(rng.normal(size=(most + 1, inputs))) for _ in range(sets))
        title = f"{inputs} input{'s' if inputs > 1 else ''}: {most} points take every labelling, {most + 1} never do"
        facts.append(
            Fact(title, shattered == sets and one_more == 0, f"{shattered} and {one_more} of {sets} random sets")
        )
    line = np.arange(3.0)[:, None] * np.array([[1.0, 2.0]])
    facts.append(
        Fact(
            "three points on one line in the plane do not", not _is_shattered(line), "the one between is shut in", False
        )
    )
    return facts


def _is_shattered(X: np.ndarray) -> bool:
    # a labelling and its opposite are divided by the same line: half of them suffice
    return all(_is_separable(X, np.array([1.0, *signs])) for signs in itertools.product((-1.0, 1.0), repeat=len(X) - 1))


def _is_separable(X: np.ndarray, y: np.ndarray) -> bool:
    """Whether some w, b have y (⟨w, x⟩ + b) ≥ 1 for every sample."""
    from scipy.optimize import linprog

    A = -y[:, None] * np.hstack([X, np.ones((len(X), 1))])  # (N, D + 1)
    found = linprog(np.zeros(A.shape[1]), A_ub=A, b_ub=-np.ones(len(X)), bounds=(None, None))
    return bool(found.status == 0)  # 2 is infeasible


CLAIM = Claim(
    number=28,
    title="VC dimension of the perceptron",
    statement="A perceptron with N inputs can give N + 1 points every labelling, and no N + 2 points.",
    place="N1 §1.5.2; N2",
    paper="Vapnik & Chervonenkis 1971; Radon's theorem",
    design=Design(
        factor="1 to 5 inputs",
        fixed="Gaussian points, which are in general position",
        budget="every labelling of every set, decided by a linear program",
    ),
    facts=check,
    settings={"inputs": 5, "sets": 10},
    quick={"inputs": 3, "sets": 4},
    reading=Reading(
        sentences=(
            "N + 1 points in general position are affinely independent, so a plane can pass between any two groups; of "
            "N + 2 Radon's theorem finds two groups that cannot be divided.",
            "From 1 to 5 inputs every random set of N + 1 points was shattered, and none of N + 2.",
            "The N + 1 parameters are the capacity here; for networks no such simple count is tight.",
        ),
        would_change="Nothing: it is a theorem. Points on a common line or plane shatter less.",
        chinese=("二维感知机的 VC 维是 3，N 维是 N+1", "成立：1～5 维，N+1 个点可任意标号，N+2 个点从不可以"),
    ),
)
