"""Linear regression without learning: the one minimum, computed.

Source:  notes N1 §1.2.1, N2; Dive into Deep Learning §3.1.1.3
"""

from __future__ import annotations

import numpy as np

from fathom.scratch.engine.checks import check_axes, check_batch, check_number
from fathom.scratch.engine.creation import ones
from fathom.scratch.engine.operations import cat
from fathom.scratch.engine.tensor import Tensor


def least_squares(X: Tensor, y: Tensor, penalty: float = 0.0) -> Tensor:
    """Return w = (XᵀX + λI)⁻¹Xᵀy, where the gradient of ½‖Xw − y‖² + ½λ‖w‖² is 0.

    A constant belongs to it as a column of ones: see ``with_ones``. The equations are solved, no inverse is computed.

    Shape:   X (n, d), y (n, m) -> (d, m); or y (n,) -> (d,)
    Equals:  torch.linalg.lstsq for λ = 0
    Raises:  ValueError if shapes do not fit, or if columns of X depend on each other, so that there is no one answer;
             RuntimeError if X or y has a gradient or a tangent to carry
    """
    check_axes("least_squares", "X", X, "(n, d)")
    check_batch("least_squares", "X", X)
    check_number("least_squares", "penalty", penalty)
    if y.ndim not in (1, 2) or len(y) != len(X):
        raise ValueError(
            f"least_squares: y has shape {y.shape}, expected ({len(X)},) or ({len(X)}, m), a row for each of X"
        )
    rows, targets = X.numpy(), y.numpy()  # no derivative goes through the solution, so none may be lost
    A = rows.T @ rows + penalty * np.eye(X.shape[1], dtype=X.dtype)  # (d, d)
    if np.linalg.matrix_rank(A, hermitian=True) < len(A):
        raise ValueError(
            f"least_squares: X has shape {X.shape}, and its columns depend on each other: many w are equally good; "
            "leave columns out, or give a penalty above 0"
        )
    return Tensor(np.linalg.solve(A, rows.T @ targets))  # no inverse: it would lose digits


def with_ones(X: Tensor) -> Tensor:
    """Return X with a column of ones at the end, whose weight is the constant.

    Shape:   X (n, d) -> (n, d + 1)
    """
    check_axes("with_ones", "X", X, "(n, d)")
    return cat([X, ones(len(X), 1, dtype=X.dtype)], axis=1)
