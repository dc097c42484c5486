"""What a table's test split says beyond that of other data: a baseline to beat, and the worst rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fathom.data.tables.module import TableData
from fathom.module import Module
from fathom.recipes.evaluate import worst_mistakes

_WORST = 12  # rows shown in the report


def evaluate_table(module: Module, data: TableData, output: Tensor, target: Tensor) -> dict[str, Any]:
    """Return the name of the target, the baseline and the worst rows, for ``evaluation.json``.

    The baseline knows the target alone: it always gives the commonest class of the training split, or its mean (under a
    logarithm, the mean of the logarithms).
    """
    if data.task == "classification":
        commonest = int(torch.bincount(data.y[data.train_index]).argmax())
        name = data.class_names[commonest]
        baseline = {"says": name, "accuracy": float((target == commonest).double().mean())}
        found = worst_mistakes(output, target, list(data.class_names), _WORST)
    else:
        truth, value = module.read(target), module.read(output)
        constant = module.read(torch.zeros(1, 1))
        error = truth - constant
        baseline = {
            "what": "the geometric mean" if data.target.log else "the mean",
            "says": float(constant),
            "rmse": float(error.square().mean().sqrt()),
            "mae": float(error.abs().mean()),
        }
        order = (value - truth).abs().flatten().argsort(descending=True, stable=True)[:_WORST]
        found = [{"index": i, "label": float(truth[i]), "predicted": float(value[i])} for i in order.tolist()]
    rows = data.test_rows([entry["index"] for entry in found])
    worst = [entry | {"row": row, "cells": cells} for entry, (row, cells) in zip(found, rows, strict=True)]
    return {"target": data.target.name, "baseline": baseline, "worst": worst}
