"""Tensors from nothing and from several tensors, beside torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

import fathom.scratch as s
from twins.drawing import (
    any_shape,
    broadcasting,
    classified,
    shaped,
)
from twins.rows import Function, Law, Values, values

TABLE: dict[str, Any] = {
    # Tensors from nothing
    "tensor": values(lambda: s.tensor([[1, 2], [3, 4.5]]), lambda: torch.tensor([[1, 2], [3, 4.5]])),
    "zeros": values(lambda: s.zeros(2, 3), lambda: torch.zeros(2, 3)),
    "ones": values(lambda: s.ones((2, 3), dtype=np.float64), lambda: torch.ones((2, 3), dtype=torch.float64)),
    "full": values(lambda: s.full((2, 3), 3.14), lambda: torch.full((2, 3), 3.14)),
    "eye": values(lambda: s.eye(3), lambda: torch.eye(3)),
    "arange": values(
        lambda: (s.arange(5), s.arange(1, 4), s.arange(1, 2.5, 0.5), s.arange(12.0)),
        lambda: (torch.arange(5), torch.arange(1, 4), torch.arange(1, 2.5, 0.5), torch.arange(12.0)),
    ),
    "linspace": values(lambda: s.linspace(0, 1, 5), lambda: torch.linspace(0, 1, 5)),
    "zeros_like": Values(s.zeros_like, torch.zeros_like, any_shape()),
    "ones_like": Values(s.ones_like, torch.ones_like, any_shape()),
    "rand": Law(lambda: s.rand(100, 100), lambda: torch.rand(100, 100)),
    "randn": Law(lambda: s.randn(100, 100), lambda: torch.randn(100, 100), ends=False),
    "randint": Law(lambda: s.randint(3, 10, (100, 100)), lambda: torch.randint(3, 10, (100, 100))),
    "randperm": Law(lambda: s.randperm(1000), lambda: torch.randperm(1000)),
    "one_hot": Values(
        lambda scores, labels: s.one_hot(labels, 5), lambda scores, labels: F.one_hot(labels, 5), classified()
    ),
    # Tensors from several
    "cat": Function(lambda X, Y: s.cat([X, Y], axis=1), lambda X, Y: torch.cat([X, Y], 1), shaped("abc", "adc")),
    "stack": Function(lambda X, Y: s.stack([X, Y], axis=1), lambda X, Y: torch.stack([X, Y], 1), any_shape(2, 1)),
    "where": Function(
        lambda X, Y: s.where(X > Y, X * Y, Y) + s.where(X < Y, 0.1, X),
        lambda X, Y: torch.where(X > Y, X * Y, Y) + torch.where(X < Y, 0.1, X),
        broadcasting(),
    ),
    "logical_and": Values(s.logical_and, torch.logical_and, any_shape(2, prepare=np.round)),
    "logical_or": Values(s.logical_or, torch.logical_or, any_shape(2, prepare=np.round)),
    "logical_not": Values(s.logical_not, torch.logical_not, any_shape(prepare=np.round)),
    "dot": Function(s.dot, torch.dot, shaped("a", "a")),
    "mv": Function(s.mv, torch.mv, shaped("ab", "b")),
    "mm": Function(s.mm, torch.mm, shaped("ab", "bc")),
    "bmm": Function(s.bmm, torch.bmm, shaped("nab", "nbc")),
    "outer": Function(s.outer, torch.outer, shaped("a", "b")),
}
