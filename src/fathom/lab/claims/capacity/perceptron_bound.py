"""The perceptron stops within (r² + 1)/ρ² updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Plot, Reading
from fathom.scratch.studies.perceptron import Perceptron

_MARGINS = (5, 10, 20, 40)  # in hundredths


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train on points that a random plane divides by a margin; yield the updates as a share of the bound."""
    rho = int(arm.removeprefix("rho")) / 100
    for seed in seeds:
        X, y = _draw(np.random.default_rng(seed), rho, conditions["samples"], conditions["inputs"])
        found = Perceptron(X.shape[1]).fit(X, y, max_epochs=100_000)
        bound = (np.max((X**2).sum(1)) + 1) / rho**2
        yield {
            "share": found.num_updates / bound,
            "updates": found.num_updates,
            "within": float(found.converged and found.num_updates <= bound),
        }


def _draw(rng: np.random.Generator, rho: float, count: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points at least ``rho`` away from a random plane, in the norm of (w, b): (N, D), (N,)."""
    plane = rng.normal(size=inputs + 1)
    plane /= np.linalg.norm(plane)  # ‖w‖² + b² = 1
    X = rng.uniform(-1, 1, (100 * count, inputs))
    side = X @ plane[:-1] + plane[-1]
    kept = np.flatnonzero(np.abs(side) >= rho)[:count]
    return X[kept], np.where(side[kept] > 0, 1, -1)


CLAIM = Claim(
    number=23,
    title="The perceptron's bound",
    statement="On data that a plane divides by a margin ρ the perceptron stops within (r² + 1)/ρ² updates.",
    place="N1 §1.4.1.1",
    paper="Novikoff 1962",
    design=Design(
        factor="margin 0.05, 0.1, 0.2, 0.4 of a random plane with ‖w‖² + b² = 1",
        fixed="100 points, uniform in a cube of 5 dimensions",
        budget="the rule runs until no point is wrong",
        arms={f"rho{rho}": f"ρ = {rho / 100}" for rho in _MARGINS},
        seeds=50,
        quick_seeds=10,
    ),
    comparisons=[
        Comparison(
            f"share of sets within the bound, ρ = {rho / 100}, less 1",
            f"rho{rho}",
            1.0,
            "same",
            margin=0.001,
            measure="within",
            unit="pp",
        )
        for rho in _MARGINS
    ],
    measure=measure,
    plot=Plot("share", "updates / bound", [rho / 100 for rho in _MARGINS], "margin ρ", log_x=True, log_y=True),
    settings={"samples": 100, "inputs": 5},
    reading=Reading(
        sentences=(
            "Every update turns the weights towards the dividing plane by at least ρ, and lengthens them by at "
            "most √(r² + 1).",
            "All {seeds} sets of every margin stop within the bound; on average they need {rho5} of it at ρ = 0.05.",
            "The bound is safe and loose: the plane that was drawn is not the one with the largest margin.",
        ),
        would_change="Nothing: it is a theorem. Data without a margin never stop.",
        chinese=("感知机在 (r²+1)/ρ² 步内收敛", "成立：全部 {seeds}×4 组数据都在界内停止，且远小于界"),
    ),
)
