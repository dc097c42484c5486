"""The model of a run or of an exported file, opened for serving."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fathom.build.kinds.detection import get_kind
from fathom.inference.onnx_file import is_onnx, open_export
from fathom.recipes.opened import KIND_OF_INPUT
from fathom.runs.folder.lookup import resolve_run
from fathom.serving.samples import ImageSamples, RowSamples, Samples, TextSamples, VectorSamples

if TYPE_CHECKING:
    from fathom.module import Module

_SAMPLES: dict[str, type[Samples]] = {
    "image": ImageSamples,
    "table": RowSamples,
    "tokens": TextSamples,
    "features": VectorSamples,
}


@dataclass(frozen=True)
class Served:
    """A model, what it is called, and how it reads requests."""

    name: str
    kind: str  # classifier, regressor or language_model
    samples: Samples


def open_served(model: str | Path, device: str = "auto") -> Served:
    """Open a run, by its folder or name, or an ``.onnx`` file of ``fathom export``.

    Raises:  FathomError if it cannot be read
    """
    if is_onnx(model):
        exported = open_export(model, device)
        reads = exported.input_kind
        # features have no adapter: the exported model itself is what is called
        opened = exported if reads == "features" else get_kind(KIND_OF_INPUT[reads]).model_of_export(exported)
        return Served(Path(model).name, exported.kind, _SAMPLES[reads](opened))
    from fathom.inference.saved import load_module

    path = resolve_run(model)
    module, description = load_module(path)
    reads = description["input"]["kind"]
    if reads == "features":
        opened = _VectorModel(module, description, device)
    else:
        opened = get_kind(KIND_OF_INPUT[reads]).model_of_run(module, description, path, device)
    return Served(path.name, description["kind"], _SAMPLES[reads](opened))


class _VectorModel:
    """A run's model of vectors on a device."""

    def __init__(self, module: Module, description: dict[str, Any], device: str) -> None:
        from fathom.inference.array_predictions import stored_shape
        from fathom.inference.saved import class_names_of
        from fathom.training.device import find_device

        self.class_names = class_names_of(description) if description["kind"] == "classifier" else []
        self.multilabel = bool(description.get("multilabel"))
        self.shape = stored_shape(description)
        self.dtype = description["input"].get("dtype", "float32")  # whole numbers, for an embedding
        self.device = find_device(device)
        self.module = module.to(self.device).eval()

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Return class probabilities (N, classes), or numbers (N, D)."""
        import torch

        with torch.inference_mode():
            return self.module.predict_step(torch.from_numpy(X.astype(self.dtype)).to(self.device)).cpu().numpy()
