"""A saved model on labelled data that are not the run's own: arrays, loaders, rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from fathom.build.given.data import is_pair_of_arrays
from fathom.build.opening import set_threads
from fathom.build.summaries import summarize
from fathom.data.given.array_file import class_numbers, read_inputs
from fathom.errors import UsageError
from fathom.inference.saved import class_names_of, set_loss
from fathom.metrics import make_metrics
from fathom.module import Module
from fathom.settings.config import Config, resolved
from fathom.training.device import choose_execution
from fathom.training.evaluation import evaluate_batches
from fathom.training.loaders import check_loader

_BATCH = 256  # rows of a prediction: only memory depends on it


def evaluate_labelled_batches(
    module: Module, description: Mapping[str, Any], config: Config, data: Any, device: str
) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds, for (X, y) of arrays, a data set or a loader of pairs.

    Raises:  UsageError for data of another form, or labels that the model does not know
    """
    # model.json holds neither loss nor metrics
    set_loss(module, resolved(config.training.loss))
    module.metrics |= make_metrics(config.training.metrics, module.kind)
    truth = None
    if is_pair_of_arrays(data):
        X = torch.from_numpy(read_inputs(data[0]))
        if "dtype" in description["input"]:
            X = X.to(getattr(torch, description["input"]["dtype"]))  # as stored at training: integers for an embedding
        if description["kind"] == "classifier":
            # labels may be names, or numbers of classes
            y = torch.from_numpy(class_numbers(data[1], class_names_of(description)))
        else:
            # float64 and in the data's units, so that errors are not those of float32
            truth = torch.as_tensor(np.asarray(data[1]), dtype=torch.float64).reshape(len(X), -1)  # (N, D)
            scale = getattr(module, "target", None)
            # the loss is taken where the network learns: standardised
            y = truth.float() if scale is None else scale.scale(truth)
        if len(X) != len(y):
            raise UsageError(f"evaluate: X has {len(X):,} samples and y {len(y):,}")
        data = TensorDataset(X, y)
    loader = DataLoader(data, _BATCH) if isinstance(data, Dataset) else data
    check_loader(loader)
    set_threads(config)
    execution = choose_execution(module, None, device=device, precision="fp32")
    outputs, targets = evaluate_batches(module, loader, execution, keep_outputs=True).pair()
    return summarize(module, outputs, targets, "data", truth)


def score_rows(rows: Sequence[Mapping[str, Any]], true: Any, target: str, classes: Sequence[str]) -> dict[str, Any]:
    """Compare predicted rows with the column of the target; rows that failed, or have no target, are left out.

    Raises:  UsageError if none is left
    """
    from fathom.data.tables.cells import canonical

    known = [
        (row, value)
        for row, value in zip(rows, true, strict=True)
        if not row["error"] and value == value and value != ""  # value == value: not NaN
    ]
    if not known:
        raise UsageError("evaluate: no row has both a prediction and a target")
    base: dict[str, Any] = {"split": "data", "num_samples": len(known)}
    if classes:
        # "1.0" of a float column is the class "1"
        hits = [row["label"] == canonical(value) or row["label"] == str(value) for row, value in known]
        return base | {"accuracy": float(np.mean(hits))}
    # as predict renames a target that its own columns would hide
    column = f"predicted_{target}" if target in ("file", "row", "error") else target
    predicted = np.array([float(row[column]) for row, _ in known])
    actual = np.array([float(value) for _, value in known])
    mse, variance = float(np.mean((predicted - actual) ** 2)), float(np.var(actual))
    mae = float(np.mean(np.abs(predicted - actual)))
    # None: undefined for equal targets
    return base | {"rmse": mse**0.5, "mae": mae, "r2": 1 - mse / variance if variance else None}
