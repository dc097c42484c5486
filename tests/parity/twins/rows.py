"""What a row of the table can be, see the package's docstring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

import fathom.scratch as s


@dataclass
class Case:
    """What is given: arrays, of which floating-point ones get gradients, and options that both take."""

    arrays: list[np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Function:
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    cases: st.SearchStrategy[Case]
    tolerance: float = 1e-9
    why: str = ""


@dataclass
class Values(Function):
    """As Function, without gradients."""


@dataclass
class Layer:
    """``ours`` and ``theirs`` make the layer from the case's options; the case has the one input."""

    ours: Callable[..., s.Module]
    theirs: Callable[..., torch.nn.Module]
    cases: st.SearchStrategy[Case]


@dataclass
class Optimiser:
    ours: Callable[..., s.Optimizer]
    theirs: Callable[..., torch.optim.Optimizer]
    options: list[dict[str, Any]]


@dataclass
class Curve:
    """``ours`` gives the factor at a step; ``theirs`` makes torch's schedule for an optimiser with learning rate 1."""

    ours: Callable[[int], float]
    theirs: Callable[[torch.optim.Optimizer], Any]
    num_steps: int = 40


@dataclass
class Law:
    """Samples of both, equally many: mean and standard deviation are compared, and the ends unless they are normal."""

    ours: Callable[[], Any]
    theirs: Callable[[], torch.Tensor]
    ends: bool = True


def values(ours: Callable[[], Any], theirs: Callable[[], Any]) -> Values:
    """Values that are made from nothing."""
    return Values(ours, theirs, st.just(Case([])))
