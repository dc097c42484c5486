"""Predictions for arrays in memory: images as they are stored, or rows of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from fathom.data.given.array_file import read_inputs
from fathom.errors import UsageError
from fathom.inference.ranking import NOT_FINITE, Row, answer_columns, answers
from fathom.inference.results import PredictionTable
from fathom.inference.saved import class_names_of
from fathom.module import Module
from fathom.training.device import find_device

_BATCH = 256  # samples; memory for activations, not speed, sets it


class _Labels(NamedTuple):
    class_names: list[str]
    multilabel: bool


def predict_arrays(
    module: Module, description: Mapping[str, Any], X: Any, *, top: int = 1, device: str = "auto"
) -> PredictionTable:
    """Predict every sample of an array or a tensor.

    Shape:   X as the model's data, (N, …): images uint8 or float (N, H, W), (N, H, W, C) or (N, C, H, W)
    Args:
        top: how many classes to give, the most probable first.
    Raises:  UsageError for samples of another shape than the model reads, or a language model
    """
    if description["kind"] == "language_model":
        raise UsageError("a language model predicts texts, not arrays")
    samples = _fit(X, stored_shape(description), description)
    where = find_device(device)
    module = module.to(where).eval()
    with torch.inference_mode():
        batches = torch.from_numpy(samples).split(_BATCH)
        values = torch.cat(
            [module.predict_step(batch.to(where)).cpu() for batch in batches]
        ).numpy()  # (N, classes) or (N, D)
    if description["kind"] != "classifier":
        names = ["prediction"] if values.shape[1] == 1 else [f"prediction_{i}" for i in range(1, values.shape[1] + 1)]
        rows: list[Row] = [_numbers(names, line) for line in values.tolist()]
        return PredictionTable(["index", *names, "error"], _numbered(rows), values)
    labels = _Labels(class_names_of(description), bool(description.get("multilabel")))
    columns = answer_columns(labels, top)
    return PredictionTable(["index", *columns, "error"], _numbered(list(answers(labels, values, top))), values)


def stored_shape(description: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of a sample as the data module of a run gives it."""
    stored = description["input"]
    if stored["kind"] == "image":
        return stored["channels"], stored["height"], stored["width"]
    # also of an older model.json without the stored shape
    return tuple(stored.get("shape") or description["model"]["input_shape"])


def _fit(X: Any, shape: tuple[int, ...], description: Mapping[str, Any]) -> np.ndarray:
    if getattr(X, "shape", None) is not None and tuple(X.shape) == shape:  # one sample
        X = X[None]  # as a batch of one
    samples = read_inputs(X)
    if "dtype" in description["input"]:  # whole numbers, for an embedding
        samples = samples.astype(description["input"]["dtype"])
    if samples.shape[1:] != shape:
        raise UsageError(
            f"the samples have the shape {samples.shape[1:]}, and the model reads {shape}; "
            "resize them as its training data were"
        )
    return samples


def _numbers(names: list[str], values: list[float]) -> Row:
    if not np.isfinite(values).all():
        return {"error": NOT_FINITE}
    return dict(zip(names, values, strict=True)) | {"error": ""}


def _numbered(rows: list[Row]) -> list[Row]:
    return [{"index": i} | row for i, row in enumerate(rows)]
