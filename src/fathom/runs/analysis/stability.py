"""Numerical stability of a training, layer by layer, from its probes: gradients, updates and outputs over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from fathom.runs.folder.probes import PROBE, START, Event
from fathom.runs.folder.records import is_number

# Mean |g| within which numbers keep their digits and usual rates fit; notes N1 §1.7.2.
LOW, HIGH = 1e-6, 1e3
# Of an update's norm to the weights': about 1e-3 is usual (Karpathy's recipe), from a tenth on steps are wild.
WILD, STILL = 0.1, 1e-6

Series = list[tuple[float, float | None]]


@dataclass(frozen=True)
class LayerCourse:
    """One layer over the probes.

    Args:
        gradient: mean |g| over its weights, by step.
        gradient_variance: of g over its weights.
        update: norm of a step's change relative to the norm of the weights.
        output_variance: of what it gives, over samples and units; empty where that was not looked at.
        norm: of the gradient of its weights.
        histogram: of what it gave at the last probe: shares of 16 bins from −4 to 4 standard deviations.
    """

    name: str
    gradient: Series
    gradient_variance: Series
    update: Series
    output_variance: Series
    norm: Series = field(default_factory=list)
    histogram: tuple[float, ...] = ()

    @property
    def verdict(self) -> str:
        """What its gradients and updates amount to, in words; of most probes."""
        values = _present(self.gradient)
        if not values:
            return "no gradient seen"
        usual = median(values)
        if usual == 0:
            return "no gradient"
        if usual < LOW:
            return "gradients below the band"
        if usual > HIGH:
            return "gradients above the band"
        ratios = _present(self.update)
        if ratios and median(ratios) > WILD:
            return "updates too large"
        return "within the band"

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing to remark."""
        return self.verdict == "within the band"


def latest(series: Series) -> float | None:
    """Return the value of the last probe; None without one."""
    return series[-1][1] if series else None


def typical(series: Series) -> float | None:
    """Return the median over the probes; None without a value."""
    values = _present(series)
    return median(values) if values else None


def list_courses(events: Sequence[Event]) -> list[LayerCourse]:
    """Return the layers with weights, from the input to the output; empty without probes."""
    start = next((event for event in reversed(events) if event.get("event") == START), None)
    probes = [event for event in events if event.get("event") == PROBE and "weight" in event]
    if start is None or not probes:
        return []
    names, layers = list(start.get("parameters", ())), list(start.get("layers", ()))
    matrices = [(i, name) for i, name in enumerate(names) if name.endswith("weight")]
    courses = []
    for place, name in matrices:
        layer = name.rpartition(".")[0] or name
        outputs = layers.index(layer) if layer in layers else None
        courses.append(
            LayerCourse(
                layer,
                _column(probes, "gradient_size", place),
                _column(probes, "gradient_variance", place),
                _ratios(probes, place),
                [] if outputs is None else _column(probes, "output_variance", outputs),
                _column(probes, "gradient", place),
                () if outputs is None else _last_histogram(probes, outputs),
            )
        )
    return [course for course in courses if course.gradient or course.update]


def _column(probes: Sequence[Event], key: str, place: int) -> Series:
    found: Series = []
    for probe in probes:
        values = probe.get(key)
        if isinstance(values, list) and place < len(values):
            found.append((probe["step"], values[place] if is_number(values[place]) else None))
    return found


def _last_histogram(probes: Sequence[Event], place: int) -> tuple[float, ...]:
    for probe in reversed(probes):
        listed = probe.get("output_histogram")
        if isinstance(listed, list) and place < len(listed) and isinstance(listed[place], list):
            return tuple(share for share in listed[place] if is_number(share))
    return ()


def _ratios(probes: Sequence[Event], place: int) -> Series:
    weights, updates = _column(probes, "weight", place), _column(probes, "update", place)
    return [
        (step, update / weight if update is not None and weight else None)
        for (step, weight), (_, update) in zip(weights, updates, strict=False)
    ]


def _present(series: Series) -> list[float]:
    return [value for _, value in series if value is not None]
