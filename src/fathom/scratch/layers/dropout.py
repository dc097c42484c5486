"""Dropout: noise between layers that leaves the mean as it is.

Source:  notes N1 §1.6.3; Srivastava et al. 2014
"""

from __future__ import annotations

import numpy as np

from fathom.scratch.engine.autograd import both_ways
from fathom.scratch.engine.checks import check_float, check_probability
from fathom.scratch.engine.creation import default_generator
from fathom.scratch.engine.tensor import Tensor, record
from fathom.scratch.layers.module import Module


def dropout(X: Tensor, p: float = 0.5, training: bool = True, generator: np.random.Generator | None = None) -> Tensor:
    """Set each entry to 0 with probability p, and divide the others by 1 − p: E[x'] = p·0 + (1 − p)·x/(1 − p) = x.

    The choice needs uniform numbers: with normal ones, as in ``randn(…) > p``, the probability would not be p.
    In evaluation nothing happens.

    Shape:   X (…) -> (…)
    Equals:  torch.nn.functional.dropout in law: mean, and the two values that occur
    Raises:  ValueError if p is not in [0, 1)
    """
    check_float("dropout", "X", X)
    check_probability("dropout", "p", p)
    if not training or p == 0:  # the generator is not touched
        return X
    kept = (generator or default_generator()).random(X.shape) >= p  # uniform in [0, 1): P(kept) = 1 − p
    mask = kept.astype(X.dtype) / np.asarray(1 - p, X.dtype)  # 0 or 1/(1 − p)
    # linear in X: the mask is both the slope and the way forward
    return record("dropout", X.data * mask, both_ways(X, lambda G: G * mask))


class Dropout(Module):
    """Dropout in training mode, the identity in evaluation mode.
    Shape:   X (…) -> (…)

    Equals:  torch.nn.Dropout in law
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = check_probability("Dropout", "p", p)

    def forward(self, X: Tensor) -> Tensor:
        return dropout(X, self.p, self.training)  # in evaluation mode X itself comes back
