"""A network labels one image at a time: in PyTorch, as one writes it by hand, and in the file that Fathom exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from bench.gate import Gate
from bench.problems import Problem
from fathom.export.export_module import ExportModule
from fathom.export.formats import to_onnx, trace
from fathom.inference.onnx_file import open_session
from fathom.models import registry
from fathom.module import Classifier
from fathom.preprocess import Preprocess


def run(problem: Problem, gate: Gate, engine: str = "eager") -> None:
    """Label ``num_samples`` images a round, each a batch of its own, bytes in and probabilities out."""
    apply = {"eager": _eager, "onnx": _onnx}[engine](problem)
    gate.note(threads=torch.get_num_threads())
    for _ in range(gate.num_epochs):
        gate.start_epoch()
        for _ in range(problem.num_samples):
            apply()
        gate.end_epoch({})


def _make(problem: Problem) -> tuple[ExportModule, torch.Tensor]:
    torch.manual_seed(problem.seed)
    channels, height, width = problem.input_shape
    net = registry.create(problem.model, input_shape=problem.input_shape, num_classes=problem.num_classes)
    module = Classifier(net, preprocess=Preprocess([0.286] * channels, [0.353] * channels))
    description = {"input": {"kind": "image", "channels": channels, "height": height, "width": width}}
    exported = ExportModule(module, description).eval()
    return exported, *exported.sample_inputs(1)


def _eager(problem: Problem) -> Callable[[], object]:
    exported, X = _make(problem)
    module = exported.module

    def apply() -> object:
        with torch.inference_mode():
            return module(X).softmax(1).numpy()

    return apply


def _onnx(problem: Problem) -> Callable[[], object]:
    exported, X = _make(problem)
    content = to_onnx(trace(exported), exported)
    session = open_session(content, Path(problem.name), torch.get_num_threads())
    inputs = {"images": X.numpy()}
    return lambda: session.run(["probabilities"], inputs)
