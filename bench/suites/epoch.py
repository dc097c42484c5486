"""Time of a training epoch: LeNet, MLP and ResNet-18."""

from __future__ import annotations

from bench import field
from bench.harness import measure_in_turns
from bench.problems import LENET, MLP, RESNET18, make_quick
from bench.results import Suite
from bench.settings import Settings

_SMALL = (
    field.handwritten(),
    field.FATHOM_EQUAL,
    field.FATHOM_AUTO,
    field.FATHOM_COMPILED,
    field.TORCHVISION,
    field.TORCHVISION_WORKERS,
    *field.FED_TENSORS,
    *field.FED_TORCHVISION,
)
_FIELDS = (
    (LENET, (*_SMALL, field.TUNED)),
    (MLP, _SMALL),
    (RESNET18, (field.handwritten(), field.FATHOM_EQUAL, field.FATHOM_AUTO, field.FATHOM_COMPILED, field.TUNED)),
)


def run(settings: Settings, suite: Suite) -> None:
    """Measure every problem."""
    for problem, contenders in _FIELDS:
        if settings.networks and problem.name not in settings.networks:
            continue
        if settings.quick:
            problem = make_quick(problem)
        suite.comparisons.append(measure_in_turns(contenders, problem, settings, baseline=field.BASELINE))
