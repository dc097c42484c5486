"""LeNet on NumPy beside the same LeNet on PyTorch: what reading every line of it costs."""

from __future__ import annotations

from dataclasses import replace

from bench.harness import Contender, measure_in_turns
from bench.problems import Problem
from bench.results import Suite
from bench.settings import Settings

SCRATCH = Problem(
    "scratch", "LeNet on the 1,797 digits at 28×28, batch 64", "lenet", (1, 28, 28), 10, 1_797, 64, lr=0.1
)
_QUICK_SAMPLES = 256
_CONTENDERS = (
    Contender("torch", "PyTorch, eager", "bench.contenders.scratch_torch", "handwritten"),
    Contender("scratch", "fathom.scratch, NumPy", "bench.contenders.scratch_numpy", "fathom"),
)


def run(settings: Settings, suite: Suite) -> None:
    """Train both for an epoch from the same weights on the same batches, alternately."""
    problem = replace(SCRATCH, num_samples=_QUICK_SAMPLES) if settings.quick else SCRATCH
    suite.comparisons.append(measure_in_turns(_CONTENDERS, problem, settings, baseline="torch"))
