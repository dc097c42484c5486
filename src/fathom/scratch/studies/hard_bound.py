"""The hard bound ‖w‖ ≤ θ and the λ of weight decay that has the same solution, for least squares.

    bound      min ½‖Xw − y‖²  where ‖w‖ ≤ θ
    penalty    min ½‖Xw − y‖² + ½λ‖w‖²  has the solution w(λ) = (XᵀX + λI)⁻¹Xᵀy

‖w(λ)‖ falls from that of least squares to 0 as λ grows from 0: for each θ below it one λ has ‖w(λ)‖ = θ, and w(λ) is
then the solution under the bound, λ its Lagrange multiplier (Xᵀ(Xw − y) = −λw). For a larger θ the bound does nothing,
and λ = 0.

Source:  notes N1 §1.6.1; Karush 1939, Kuhn & Tucker 1951
"""

from __future__ import annotations

import numpy as np

from fathom.scratch.engine.checks import check_number
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.studies.least_squares import least_squares


def multiplier(X: Tensor, y: Tensor, max_norm: float) -> float:
    """Return the λ with ‖w(λ)‖ = θ; 0 where least squares itself is within the bound.

    In the coordinates of the singular vectors, X = UΣVᵀ, ‖w(λ)‖² = Σ (σᵢ uᵢᵀy / (σᵢ² + λ))² falls as λ grows: halving
    finds the one λ.

    Shape:   X (n, d), y (n,) -> ()
    Raises:  ValueError as ``least_squares``, or for a bound of 0
    """
    check_number("multiplier", "max_norm", max_norm, above=True)
    if norm_of(least_squares(X, y)) <= max_norm:
        return 0.0  # the bound is not active: no multiplier
    U, sigma, _ = np.linalg.svd(np.asarray(X.numpy(), np.float64), full_matrices=False)
    shares = sigma * (U.T @ np.asarray(y.numpy(), np.float64))  # (d,): Xᵀy in these coordinates

    def norm(penalty: float) -> float:
        # ‖w(λ)‖² = Σ (σᵢ uᵢᵀy / (σᵢ² + λ))², falling in λ
        return float(np.sqrt(np.square(shares / (np.square(sigma) + penalty)).sum()))

    low, high = 0.0, float(np.sqrt(np.square(shares).sum())) / max_norm  # ‖w(λ)‖ < ‖Xᵀy‖/λ: here it is within
    while True:
        middle = (low + high) / 2
        if not low < middle < high:  # no number of the machine lies between
            return high
        # bisection: the norm is too large at low, within at high
        low, high = (middle, high) if norm(middle) > max_norm else (low, middle)


def bounded_least_squares(X: Tensor, y: Tensor, max_norm: float) -> Tensor:
    """Return the w with ‖w‖ ≤ θ that makes ½‖Xw − y‖² smallest.

    Shape:   X (n, d), y (n,) -> (d,)
    Equals:  least_squares with the penalty ``multiplier``
    """
    # the bound and the penalty have the same solution (Lagrange)
    return least_squares(X, y, multiplier(X, y, max_norm))


def norm_of(w: Tensor) -> float:
    """Return ‖w‖.

    Shape:   w (d,) -> ()
    """
    return float(np.sqrt(np.square(w.numpy(), dtype=np.float64).sum()))
