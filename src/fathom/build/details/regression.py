"""What a regression's test split shows beside its errors: a baseline to beat, and the largest errors."""

from __future__ import annotations

from typing import Any

import torch

from fathom.build.results import SplitResult
from fathom.module import Module


def mean_baseline(module: Module, evaluation: SplitResult, *, is_log: bool = False) -> dict[str, Any]:
    """Return the errors of always saying the training split's mean, under a logarithm the mean of the logarithms."""
    assert evaluation.truth is not None
    constant = module.read(torch.zeros(1, 1))  # zero is the mean, in the scale that is learned
    error = evaluation.truth - constant  # (N, 1)
    return {
        "what": "the geometric mean" if is_log else "the mean",
        "says": float(constant),
        "rmse": float(error.square().mean().sqrt()),
        "mae": float(error.abs().mean()),
    }


def largest_errors(module: Module, evaluation: SplitResult, limit: int) -> list[dict[str, Any]]:
    """Return the samples whose prediction is furthest off, the worst first."""
    assert evaluation.outputs is not None  # set for all data but texts
    assert evaluation.truth is not None
    truth, value = evaluation.truth, module.read(evaluation.outputs)  # (N, 1) each
    order = (value - truth).abs().flatten().argsort(descending=True, stable=True)[:limit]
    return [{"index": i, "label": float(truth[i]), "predicted": float(value[i])} for i in order.tolist()]
