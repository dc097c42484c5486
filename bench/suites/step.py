"""The overhead of a step: linear regression, where there is next to no arithmetic."""

from __future__ import annotations

from bench import field
from bench.harness import measure_in_turns
from bench.problems import REGRESSION, make_quick
from bench.results import Suite
from bench.settings import Settings

_CONTENDERS = (
    field.handwritten(),
    field.DATALOADER,
    field.FATHOM_EQUAL,
    field.FATHOM_AUTO,
    field.fathom("fathom_step", "Fathom, compile=step", {"compile": "step"}),
    *field.FED_TENSORS,
    field.D2L,
)


def run(settings: Settings, suite: Suite) -> None:
    """Measure."""
    problem = make_quick(REGRESSION) if settings.quick else REGRESSION
    suite.comparisons.append(measure_in_turns(_CONTENDERS, problem, settings, baseline=field.BASELINE, per="steps"))
