"""The perceptron: one linear unit, learned by its own rule, with the bound on how long that can take.

Rule:    where y (⟨w, x⟩ + b) <= 0, add y x to w and y to b; until no sample is wrong
Bound:   if all ‖x‖ <= r, and some w, b with ‖w‖² + b² = 1 has y (⟨w, x⟩ + b) >= ρ > 0 for every sample, there are
         at most (r² + 1) / ρ² updates, in whatever order the samples come
Equals:  SGD with batch size 1, learning rate 1 and the loss max(0, -y (⟨w, x⟩ + b)), whose slope at 0 counts as -y
Source:  notes N1 §1.4.1; Rosenblatt 1958; the bound: Novikoff 1962, with 1 appended to each x
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Convergence:
    """How training ended.

    Args:
        num_updates: how often a sample was wrong and moved the weights.
        num_epochs: passes over the samples, the last, faultless one included.
        converged: whether a whole pass found no sample wrong.
        repeats: whether a pass began with weights that an earlier one had begun with: it would go round for ever.
    """

    num_updates: int
    num_epochs: int
    converged: bool
    repeats: bool


class Perceptron:
    """A line (plane, hyperplane) between two classes.

    Args:
        num_inputs: D.

    Shape:   X (N, D) -> int64 (N,); -1 or 1
    """

    def __init__(self, num_inputs: int) -> None:
        self.w = np.zeros(num_inputs)  # from 0: the bound on the updates counts on it
        self.b = 0.0

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return np.where(X @ self.w + self.b > 0, 1, -1)  # (N,): the side of the line

    def fit(self, X: np.ndarray, y: np.ndarray, max_epochs: int = 1000) -> Convergence:
        """Learn until every sample is right, the weights go in a circle, or ``max_epochs`` are over.

        Shape:   X (N, D), y (N,) ->; y holds -1 and 1
        Raises:  ValueError if the shapes do not fit or y holds anything but -1 and 1
        """
        _check("Perceptron.fit", X, y)  # labels are −1 and 1
        if X.shape[1] != len(self.w):
            raise ValueError(f"Perceptron.fit: expected X of shape (N, {len(self.w)}), got {X.shape}")
        num_updates = 0
        seen: set[bytes] = set()
        for epoch in range(1, max_epochs + 1):
            state = np.append(self.w, self.b).tobytes()  # exact: weights that come back to the bit repeat for ever
            if state in seen:
                return Convergence(num_updates, epoch - 1, converged=False, repeats=True)
            seen.add(state)
            num_wrong = 0
            for x_i, y_i in zip(X, y, strict=True):
                if y_i * (x_i @ self.w + self.b) <= 0:  # 0 counts as wrong
                    self.w = self.w + y_i * x_i  # towards the sample that was wrong
                    self.b = self.b + float(y_i)  # as a weight of a constant input 1
                    num_wrong += 1
            num_updates += num_wrong
            if num_wrong == 0:
                return Convergence(num_updates, epoch, converged=True, repeats=False)
        return Convergence(num_updates, max_epochs, converged=False, repeats=False)


def radius(X: np.ndarray) -> float:
    """Return the radius r of a ball around the origin that holds every sample.

    Shape:   X (N, D) -> ()
    """
    return float(np.linalg.norm(X, axis=1).max())  # over rows


def margin(X: np.ndarray, y: np.ndarray, tolerance: float = 0.01, max_steps: int = 100_000) -> float:
    """Return the margin ρ: the least distance y (⟨w, x⟩ + b) that the best w, b with ‖w‖² + b² = 1 gives; 0 if there is
    none.

    With z = y (x, 1), the best (w, b) points to the point of the convex hull of all z that is nearest to the origin.
    Gilbert's algorithm walks there: from v towards the z that lies least in the direction of v, as far as v gets
    shorter. At every v the best margin lies between min ⟨z, v⟩ / ‖v‖, which v / ‖v‖ reaches, and ‖v‖, which none
    exceeds; so the answer is certain, and the walk can stop when the two are close.

    Args:
        tolerance: how far, as a share of the best, the margin given may lie below it.

    Shape:   X (N, D), y (N,) -> (); y holds -1 and 1; the margin is reached
    Source:  Gilbert 1966, SIAM Journal on Control 4 (1)
    """
    _check("margin", X, y)
    Z = y[:, None] * np.column_stack([X, np.ones(len(X))])  # (N, D + 1): the wrong side turned round
    scale = np.linalg.norm(Z, axis=1).max()  # the largest ‖z‖: the measure of what counts as 0
    v = Z[0].astype(np.float64)  # a point of the hull of the z: it moves towards the origin
    best = 0.0
    for _ in range(max_steps):
        length = float(np.linalg.norm(v))
        if length <= 1e-9 * scale:  # the hull holds the origin: no line separates
            return 0.0
        # ⟨v, z⟩ for each sample
        heights = Z @ v  # (N,)
        lowest = int(heights.argmin())
        best = max(best, float(heights[lowest]) / length)  # the margin of direction v/‖v‖ found so far, a lower bound
        if best >= (1 - tolerance) * length:  # ‖v‖ is an upper bound: both have met
            break
        step = v - Z[lowest]  # towards the point that lies lowest
        v = v - min(1.0, float(v @ step) / float(step @ step)) * step  # as far as ‖v‖ shrinks, at most up to the point
    return best


def bound(r: float, rho: float) -> float:
    """Return the most updates that the rule can need, (r² + 1) / ρ²; infinite where nothing separates."""
    return (r**2 + 1) / rho**2 if rho > 0 else math.inf  # Novikoff's theorem, with b as one more weight: r² + 1


def xor() -> tuple[np.ndarray, np.ndarray]:
    """Return the four points that no line separates: 1 where exactly one input is 1.

    Shape:   -> X (4, 2), y int64 (4,); y holds -1 and 1
    """
    return np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([-1, 1, 1, -1])


def _check(where: str, X: np.ndarray, y: np.ndarray) -> None:
    if X.ndim != 2 or y.shape != X.shape[:1] or len(X) == 0:
        raise ValueError(f"{where}: expected X (N, D) and y (N,) with N > 0, got {X.shape} and {y.shape}")
    if not np.isin(y, (-1, 1)).all():
        raise ValueError(f"{where}: y must hold -1 and 1 alone, got {np.unique(y)[:5].tolist()}")
