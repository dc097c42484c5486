"""The hard bound on the weights beside the penalty with the same solution, and the likelihoods behind losses."""

from __future__ import annotations

import numpy as np

from fathom.lab.tours.tables import TourTable
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Parameter
from fathom.scratch.learning.likelihoods import huber_nll, laplace_nll, normal_nll
from fathom.scratch.learning.losses import half_squared, huber, l1
from fathom.scratch.learning.penalties import project
from fathom.scratch.studies.hard_bound import multiplier, norm_of
from fathom.scratch.studies.least_squares import least_squares

_BOUNDS = (0.25, 0.5, 1.0, 2.0)  # all within the norm of least squares, about 2.8
_STEPS = 2000  # enough for the descent to agree to rounding
_ERRORS = (0.0, 0.5, 1.0, 2.0, 4.0)  # Huber's δ is 1: errors within, at and beyond it


def tour_bounds(seed: int) -> list[TourTable]:
    """Find the λ of each bound, and descend under the bound; set losses beside −log p."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, 4))
    # the true weights, norm 2.7, and noise of standard deviation 1
    y = X @ [1.0, -2.0, 1.5, 0.5] + rng.standard_normal(60)
    return [_bounds(X, y), _likelihoods()]


def _bounds(X: np.ndarray, y: np.ndarray) -> TourTable:
    header = ("θ", "λ", "‖w(λ)‖", "descent under ‖w‖ ≤ θ differs by")
    table = TourTable("The hard bound ‖w‖ ≤ θ and the λ of weight decay with the same least squares solution", header)
    free = norm_of(least_squares(Tensor(X), Tensor(y)))
    for max_norm in (*_BOUNDS, 2 * free):  # twice the free norm: the bound is not active, λ is 0
        penalty = multiplier(Tensor(X), Tensor(y), max_norm)
        w = least_squares(Tensor(X), Tensor(y), penalty)
        difference = np.abs(_descend(X, y, max_norm) - w.data).max()  # the largest of the entries
        table.rows.append((f"{max_norm:.3g}", f"{penalty:.4g}", f"{norm_of(w):.4g}", f"{difference:.1e}"))
    return table


def _descend(X: np.ndarray, y: np.ndarray, max_norm: float) -> np.ndarray:
    """Descend along the gradient of ½‖Xw − y‖², back to the ball after every step.

    Shape:   X (n, d), y (n,) -> (d,)
    """
    w = Parameter(np.zeros(X.shape[1]))
    # the spectral norm squared: the largest eigenvalue of XᵀX
    lr = 1 / np.linalg.norm(X, 2) ** 2  # one over the largest curvature: no step overshoots
    for _ in range(_STEPS):
        w.data -= lr * (X.T @ (X @ w.data - y))  # (d,): Xᵀ(Xw − y)
        project([w], max_norm)
    return w.data


def _likelihoods() -> TourTable:
    header = ("error", "normal", "half squared", "Laplace", "absolute", "Huber's density", "Huber")
    table = TourTable("−log of three densities and their losses: each pair differs by one constant", header)
    for error in _ERRORS:
        zero, target = Tensor(np.zeros(1)), Tensor(np.array([error]))  # ŷ = 0, so the target is the error
        pairs = ((normal_nll, half_squared), (laplace_nll, l1), (huber_nll, huber))
        cells = [f"{each(zero, target).item():.4f}" for pair in pairs for each in pair]
        table.rows.append((f"{error:g}", *cells))
    return table
