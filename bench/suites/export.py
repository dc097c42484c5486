"""The time of an exported model for one image, compared with the same model in PyTorch."""

from __future__ import annotations

from dataclasses import replace

from bench.harness import Contender, measure_in_turns
from bench.problems import Problem
from bench.results import Suite
from bench.settings import Settings

BASELINE = "eager"
_PROBLEMS = (
    Problem("lenet", "LeNet, one image of 28×28", "lenet", (1, 28, 28), 10, 2_000, 1, lr=0.0),
    Problem("resnet18", "ResNet-18, one image of 28×28", "resnet18", (1, 28, 28), 10, 50, 1, lr=0.0),
)
_CONTENDERS = (
    Contender(BASELINE, "PyTorch, eager", "bench.contenders.inference", "handwritten", {"engine": "eager"}),
    Contender("onnx", "`fathom export`, onnxruntime", "bench.contenders.inference", "fathom", {"engine": "onnx"},
              requires="onnxruntime"),
)  # fmt: skip


def run(settings: Settings, suite: Suite) -> None:
    """Measure."""
    for problem in _PROBLEMS:
        if settings.networks and problem.name not in settings.networks:
            continue
        quick = replace(problem, num_samples=3) if settings.quick else problem
        suite.comparisons.append(measure_in_turns(_CONTENDERS, quick, settings, baseline=BASELINE))
