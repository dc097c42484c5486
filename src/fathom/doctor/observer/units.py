"""Units that give nothing, or stand at a bound: what the graphs of several steps show together."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from fathom.doctor import thresholds
from fathom.doctor.observer.graph import Activation, unit_masks
from fathom.doctor.observer.names import Names
from fathom.doctor.observer.record import UnitRecord


@dataclass
class _Series:
    kind: str
    layer: str
    steps: list[tuple[int, int, Tensor, Tensor]] = field(default_factory=list)  # step, samples, idle, at a bound


class Units:
    """Collects which units were idle on the steps that were looked at."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], _Series] = {}

    def add(self, activations: list[Activation], step: int, names: Names) -> None:
        """Note the activations of one graph."""
        for number, activation in enumerate(activations):
            # a sigmoid that multiplies something is a gate, which may well be at a bound
            is_gate = activation.kind == "sigmoid" and activation.consumer == "Mul"
            if activation.is_last or is_gate or activation.weight is None:
                continue
            layer = names.layer(activation.weight)
            idle, bound, samples = unit_masks(activation, thresholds.AT_A_BOUND)
            key = (activation.kind, layer)
            series = self._series.setdefault(key, _Series(activation.kind, layer))
            if number > 200:  # an unrolled recurrent network: its first activations stand for all
                break
            if series.steps and series.steps[-1][0] == step and len(series.steps[-1][2]) == len(idle):
                _, seen, old_idle, old_bound = series.steps[-1]
                series.steps[-1] = (step, seen + samples, old_idle & idle.cpu(), old_bound & bound.cpu())
            else:
                series.steps.append((step, samples, idle.cpu(), bound.cpu()))

    def finish(self) -> list[UnitRecord]:
        """Return for each layer the share of units idle, or at a bound, over its last steps together.

        As many steps are put together as ``thresholds.LEAST_SAMPLES_OF_A_UNIT`` samples take, and three at least.
        """
        found = []
        for series in self._series.values():
            samples, num_steps = 0, 0
            idle = bound = None
            for step, count, is_idle, is_bound in reversed(series.steps):
                if idle is not None and len(idle) != len(is_idle):
                    break
                if num_steps >= 3 and samples >= thresholds.LEAST_SAMPLES_OF_A_UNIT:
                    break
                if step < 3 and num_steps:  # the first steps say nothing of how it ended
                    break
                idle = is_idle if idle is None else idle & is_idle
                bound = is_bound if bound is None else bound & is_bound
                samples, num_steps = samples + count, num_steps + 1
            if idle is None or bound is None or not len(idle):
                continue
            shares = float(idle.float().mean()), float(bound.float().mean())
            last = series.steps[-1][0]
            found.append(UnitRecord(series.kind, series.layer, last, len(idle), samples, *shares))
        return found
