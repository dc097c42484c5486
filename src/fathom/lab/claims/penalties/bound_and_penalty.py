"""For every hard bound ‖w‖ ≤ θ there is a λ whose penalty has the same solution, also found by training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Descend on logistic regression, projected to the bound or with the multiplier as decay; yield both norms."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        X, w = rng.normal(size=(80, 10)), rng.normal(size=10)
        y = np.where(X @ w + rng.normal(size=80) > 0, 1.0, -1.0)
        bound = conditions["bound"]
        inside, multiplier = _projected(X, y, bound)
        if arm == "bound":
            yield {"norm": float(np.linalg.norm(inside)), "loss": _loss(X, y, inside)}
            continue
        decayed = _decayed(X, y, multiplier)
        yield {"norm": float(np.linalg.norm(decayed)), "loss": _loss(X, y, decayed)}


def _loss(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    return float(np.logaddexp(0, -y * (X @ w)).mean())


def _gradient(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(-(y / (1 + np.exp(y * (X @ w)))) @ X / len(X))


def _projected(X: np.ndarray, y: np.ndarray, bound: float, steps: int = 3000) -> tuple[np.ndarray, float]:
    """Return the minimum in the ball, and its multiplier: ∇L = −λw there."""
    w = np.zeros(X.shape[1])
    for _ in range(steps):
        w = w - 0.5 * _gradient(X, y, w)
        w *= min(1.0, bound / float(np.linalg.norm(w)))
    return w, float(-_gradient(X, y, w) @ w / (w @ w))


def _decayed(X: np.ndarray, y: np.ndarray, penalty: float, steps: int = 3000) -> np.ndarray:
    w = np.zeros(X.shape[1])
    for _ in range(steps):
        w = (1 - 0.5 * penalty) * w - 0.5 * _gradient(X, y, w)
    return w


def check(conditions: Conditions) -> Sequence[Fact]:
    """Find the λ of least squares in closed form, for bounds from loose to tight."""
    from fathom.scratch import bounded_least_squares, multiplier, tensor

    rng = np.random.default_rng(0)
    X, y = tensor(rng.normal(size=(40, 6))), tensor(rng.normal(size=40) + 2)
    free = float(np.linalg.norm(bounded_least_squares(X, y, 1e9).numpy()))
    shares = (0.9, 0.5, 0.1, 0.01)
    found = [multiplier(X, y, share * free) for share in shares]
    solutions = [bounded_least_squares(X, y, share * free).numpy() for share in shares]
    gap = max(abs(np.linalg.norm(w) / (share * free) - 1) for w, share in zip(solutions, shares, strict=True))
    listed = ", ".join(f"{penalty:.3g}" for penalty in found)
    return [
        Fact("least squares: each bound has a λ whose solution lies on it", bool(gap < 1e-9), f"λ = {listed}"),
        Fact("a tighter bound has a larger λ", found == sorted(found), "at 90, 50, 10 and 1 % of the free norm"),
        Fact("a bound that is not reached has λ = 0", multiplier(X, y, 2 * free) == 0, "twice the free norm"),
    ]


CLAIM = Claim(
    number=56,
    title="A bound on the weights and its λ",
    statement="For every θ of the bound ‖w‖ ≤ θ there is a λ with which ½λ‖w‖² has the same solution.",
    place="N1 §1.6.1; N2 权重衰退",
    paper="Karush 1939; Kuhn & Tucker 1951",
    design=Design(
        factor="projection onto the ball after every step, or weight decay with the multiplier found there",
        fixed="logistic regression on 80 samples of 10 features, bound 1, 3,000 steps of 0.5; least squares exactly",
        budget="the same steps, enough to converge",
        arms={"bound": "bound ‖w‖ ≤ 1", "decay": "decay with its λ"},
        seeds=20,
    ),
    comparisons=[
        Comparison("norm: decay / bound", "decay", "bound", "same", 1.001, "norm", is_ratio=True),
        Comparison("loss: decay / bound", "decay", "bound", "same", 1.001, "loss", is_ratio=True),
    ],
    measure=measure,
    facts=check,
    plot=Plot("norm", "‖w‖"),
    settings={"bound": 1.0},
    reading=Reading(
        sentences=(
            "At the minimum inside the ball the gradient points along w; its share is the multiplier λ.",
            "Decay with that λ reached the norm {c1} and the loss {c2} of the bound.",
            "Set whichever is easier to choose: a norm that you know, or a decay that you tune.",
        ),
        would_change="Losses that are not convex: a network's bound has a multiplier only near the minimum it is in.",
        chinese=(
            "每个硬性限制 ‖w‖ ≤ θ 都有等价的 λ",
            "成立：用对应 λ 做权重衰退，范数之比 {c1}",
        ),
    ),
)
