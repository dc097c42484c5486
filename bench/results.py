"""The measurements: every raw number, and the medians and spreads computed from them."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Spread:
    """The middle and the ends of some numbers."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Take them of at least one number."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Result:
    """One contender's numbers: one a round, in the comparison's unit.

    Args:
        first: the round that warmed it up, compiling included.
        facts: what else is known: choices, last metrics, peak memory.
    """

    name: str
    label: str
    group: str
    values: list[float] = field(default_factory=list)
    first: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Comparison:
    """Contenders measured alternately at the same work.

    Args:
        unit: "s" or "MiB".
        work: how much a value stands for, in ``per``: samples, steps or runs.
        baseline: name of the one the others are set against.
        skipped: who did not take part, and why.
    """

    name: str
    title: str
    unit: str
    work: float
    per: str
    baseline: str
    results: list[Result] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Result | None:
        """Return a contender's result, None if it did not take part."""
        return next((result for result in self.results if result.name == name), None)

    def spread(self, result: Result) -> Spread:
        """Return the spread of the values."""
        return Spread.of(result.values)

    def rate(self, result: Result) -> Spread:
        """Return the spread of work per second."""
        return Spread.of([self.work / value for value in result.values])

    def ratio(self, result: Result, against: str | None = None) -> Spread | None:
        """Return how many times another's value is the contender's, round by round: above 1 is faster, or less.

        ``against`` names the other; None is the baseline.
        """
        other = self.get(against or self.baseline)
        if other is None or len(other.values) != len(result.values):
            return None
        return Spread.of([theirs / own for theirs, own in zip(other.values, result.values, strict=True)])


@dataclass
class Run:
    """One training run of the accuracy suite.

    Args:
        curve: an epoch each: ``train_s`` since the start without the test passes, ``test_accuracy``, and
            ``val_accuracy`` where the run has a validation split.
    """

    name: str
    label: str
    group: str
    seed: int
    curve: list[dict[str, float]]

    @property
    def kept_accuracy(self) -> float:
        """Test accuracy of the epoch that validation picks; of the last one without validation."""
        if all("val_accuracy" in point for point in self.curve):
            return max(self.curve, key=lambda point: point["val_accuracy"])["test_accuracy"]
        return self.curve[-1]["test_accuracy"]

    @property
    def train_s(self) -> float:
        """Length of the run."""
        return self.curve[-1]["train_s"]

    def seconds_to(self, accuracy: float) -> float | None:
        """Return when an epoch first ended with this test accuracy; None if none did."""
        return next((p["train_s"] for p in self.curve if p["test_accuracy"] >= accuracy), None)


@dataclass
class Suite:
    """All that one suite measured, where, when and with what."""

    name: str
    date: str
    machine: dict[str, Any]
    versions: dict[str, str]
    settings: dict[str, Any]
    comparisons: list[Comparison] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def get(self, name: str) -> Comparison | None:
        """Return a comparison by name."""
        return next((comparison for comparison in self.comparisons if comparison.name == name), None)


def add_to(suite: Suite, other: Suite) -> Suite:
    """Put what another run of a suite measured into it: comparisons and runs of the same name are replaced.

    When each name was measured, if not with the rest, is kept in ``settings["added"]``.
    """
    names = {part.name for part in (*other.comparisons, *other.runs)}
    settings = suite.settings | {
        "added": {**suite.settings.get("added", {}), **dict.fromkeys(sorted(names), other.date)},
        "long": suite.settings["long"] or other.settings["long"],
    }
    return replace(
        suite,
        settings=settings,
        comparisons=[c for c in suite.comparisons if c.name not in names] + other.comparisons,
        runs=[r for r in suite.runs if r.name not in names] + other.runs,
    )


def read_results(path: Path) -> dict[str, Suite]:
    """Read results.json; empty where there is none."""
    if not path.exists():
        return {}
    suites = {}
    for name, fields in json.loads(path.read_text(encoding="utf-8"))["suites"].items():
        comparisons = []
        for comparison in fields.pop("comparisons"):
            results = [Result(**result) for result in comparison.pop("results")]
            comparisons.append(Comparison(**comparison, results=results))
        runs = [Run(**run) for run in fields.pop("runs")]
        suites[name] = Suite(**fields, comparisons=comparisons, runs=runs)
    return suites


def write_results(path: Path, suites: dict[str, Suite]) -> None:
    """Write every raw number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"schema": SCHEMA, "suites": {name: asdict(suite) for name, suite in sorted(suites.items())}}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
