"""An export beside the model it came from: do they compute the same?"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fathom.errors import FathomError
from fathom.export.export_module import ExportModule, TextExportModule
from fathom.inference.onnx_file import open_session
from fathom.inference.onnx_inputs import LOGITS, NEXT_STATES, PROBABILITIES, VALUES

BATCH_SIZES = (1, 5)  # at which an export is compared with the run's model
# Sums in another order: of logits, values and states relative to the largest one, of probabilities absolute.
TOLERANCE = {LOGITS: 1e-4, PROBABILITIES: 1e-5, VALUES: 1e-4} | dict.fromkeys(NEXT_STATES, 1e-4)

Apply = Callable[..., list[np.ndarray]]  # of the inputs, one after the other


def apply_eager(module: nn.Module) -> Apply:
    """Return a model as PyTorch computes it."""

    def apply(*inputs: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output.numpy() for output in module(*map(torch.from_numpy, inputs))]

    return apply


def apply_onnx(content: bytes, path: Path) -> Apply:
    """Return an ONNX model as onnxruntime computes it, on as many threads as PyTorch has."""
    session = open_session(content, path, torch.get_num_threads())  # equal threads: times are compared too
    names = [entry.name for entry in session.get_inputs()]
    return lambda *inputs: [np.asarray(output) for output in session.run(None, dict(zip(names, inputs, strict=True)))]


def apply_torch(content: bytes) -> Apply:
    """Return the program in a ``.pt2`` file as PyTorch computes it."""
    return apply_eager(torch.export.load(io.BytesIO(content)).module())  # written above, by this process


def verify(exported: ExportModule | TextExportModule, apply: Apply, path: Path) -> dict[str, Any]:
    """Compare with PyTorch at two batch sizes.

    Raises:  FathomError if they differ by more than TOLERANCE
    """
    compute, largest = apply_eager(exported), dict.fromkeys(exported.outputs, 0.0)
    for seed, size in enumerate(BATCH_SIZES):
        # another seed for each: other steps of a text too
        inputs = [part.numpy() for part in exported.sample_inputs(size, seed)]
        for name, expected, theirs in zip(exported.outputs, compute(*inputs), apply(*inputs), strict=True):
            if not np.isfinite(expected).all():
                raise FathomError(f"{path} not written: the model's own {name} are not finite")
            # rounding grows with the numbers; probabilities end at 1
            scale = 1.0 if name == PROBABILITIES else max(1.0, float(np.abs(expected).max()))
            same_shape = theirs.shape == expected.shape  # or NumPy would broadcast (N, 1) against (N,)
            difference = float(np.abs(theirs - expected).max()) / scale if same_shape else float("inf")
            if not difference <= TOLERANCE[name]:  # not `>`: NaN must fail
                raise FathomError(
                    f"{path} not written: its {name} differ from PyTorch's by {difference:.1e} at a batch of {size} "
                    f"(allowed: {TOLERANCE[name]:g})"
                )
            largest[name] = max(largest[name], difference)
    return {"batch_sizes": list(BATCH_SIZES), "largest_difference": largest}
