"""The model of a run or of an exported file, with the adapter of its kind that asks it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fathom.address import conceal
from fathom.build.kinds.base import Kind
from fathom.build.kinds.detection import get_kind
from fathom.data.encodings import check_encoding
from fathom.inference.onnx_file import is_onnx, open_export
from fathom.inference.predictions import PredictionRequest, Predictions
from fathom.runs.folder.lookup import resolve_run

# Input kind of a model to the kind of data whose adapter serves it.
KIND_OF_INPUT = {"image": "images", "features": "images", "table": "tables", "tokens": "texts"}


def answer(request: PredictionRequest, device: str = "auto") -> tuple[Any, Predictions]:
    """Return the model that is asked, as its kind takes it, and its predictions."""
    if request.encoding is not None:
        check_encoding(request.encoding)
    # passwords in an address must not reach a message
    inputs = [conceal(source) if isinstance(source, str) else source for source in request.inputs]
    kind, model, shown = open_model(request.model, device)
    # the shown name: "last" becomes the folder it means
    return model, kind.predict(model, replace(request, model=shown, inputs=inputs))


def open_model(run: str | Path, device: str) -> tuple[Kind, Any, str | Path]:
    """Return the adapter for a model, the model as it takes it, and the model's name in messages."""
    if is_onnx(run):
        exported = open_export(run, device)
        kind = get_kind(KIND_OF_INPUT[exported.input_kind])
        return kind, kind.model_of_export(exported), run
    from fathom.inference.saved import load_module

    path = resolve_run(run)
    module, description = load_module(path)
    # A folder with a model and no settings is served too, by the model's input.
    kind = get_kind(description.get("data_kind") or KIND_OF_INPUT[description["input"]["kind"]])
    return kind, kind.model_of_run(module, description, path, device), path
