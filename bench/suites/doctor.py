"""What the doctor costs that watches every run: LeNet on Fashion-MNIST with and without it, epoch beside epoch."""

from __future__ import annotations

from dataclasses import replace

from bench import field
from bench.harness import measure_in_turns
from bench.problems import LENET, make_quick
from bench.results import Suite
from bench.settings import Settings

BASELINE, WATCHED = "unwatched", "watched"
_CONTENDERS = (
    field.fathom(BASELINE, "Fathom, --doctor off", {}),
    field.fathom(WATCHED, "Fathom, --doctor light", {}, doctor=True),
)


def run(settings: Settings, suite: Suite) -> None:
    """Measure."""
    # two epochs a turn: a second or so is too short for a difference of a hundredth
    problem = make_quick(LENET) if settings.quick else replace(LENET, epochs_per_round=2)
    suite.comparisons.append(measure_in_turns(_CONTENDERS, problem, settings, baseline=BASELINE))
