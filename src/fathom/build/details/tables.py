"""The summary of a table's test split beyond that of other data: a baseline to beat, and the worst rows."""

from __future__ import annotations

from typing import Any

import torch

from fathom.build.details.regression import largest_errors, mean_baseline
from fathom.build.results import SplitResult
from fathom.build.summaries import worst_mistakes
from fathom.data.tables.module import TableData
from fathom.module import Classifier, Module

_WORST = 12  # rows shown in the report


def compare_with_baseline(module: Module, data: TableData, evaluation: SplitResult) -> dict[str, Any]:
    """Return the name of the target, the baseline and the worst rows, for ``evaluation.json``.

    The baseline knows the target alone: it always predicts the most common class of the training split, or its mean
    (under a logarithm, the mean of the logarithms).
    """
    output, target = evaluation.outputs, evaluation.targets
    assert output is not None
    assert target is not None
    if isinstance(module, Classifier):
        # of the training split: the baseline may not see the test's
        commonest = int(torch.bincount(data.y[data.train_index]).argmax())
        name = data.class_names[commonest]
        # double: the mean of float32 would round
        baseline = {"says": name, "accuracy": float((target == commonest).double().mean())}
        found = worst_mistakes(module, evaluation, _WORST)
    else:
        baseline = mean_baseline(module, evaluation, is_log=data.target.log)
        found = largest_errors(module, evaluation, _WORST)
    rows = data.test_rows([entry["index"] for entry in found])
    worst = [entry | {"row": row, "cells": cells} for entry, (row, cells) in zip(found, rows, strict=True)]
    return {"target": data.target.name, "baseline": baseline, "worst": worst}
