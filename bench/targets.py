"""Fathom's targets, and whether they are met."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench.field import D2L, FED_TENSORS, FED_TORCHVISION, TORCHVISION, TORCHVISION_WORKERS
from bench.results import Suite
from bench.tables import grouped_runs, table

_PEERS = tuple(peer.name for peer in FED_TENSORS)
_OVER_TORCHVISION = tuple(c.name for c in (TORCHVISION, TORCHVISION_WORKERS, *FED_TORCHVISION))


@dataclass(frozen=True)
class Target:
    """A bound on a number of a suite; the number is None where it was not measured."""

    text: str
    suite: str
    measure: Callable[[Suite], float | None]
    bound: float
    at_most: bool = False
    form: str = "{:.2f}"

    def is_reached(self, value: float) -> bool:
        """Return whether the bound is kept."""
        return value <= self.bound if self.at_most else value >= self.bound


def targets_section(suites: dict[str, Suite]) -> str:
    """Return the table of all targets whose suite was measured."""
    rows = []
    for target in TARGETS:
        value = target.measure(suites[target.suite]) if target.suite in suites else None
        if value is None:
            continue
        bound = f"{'≤' if target.at_most else '≥'} {target.form.format(target.bound)}"
        rows.append([target.text, bound, target.form.format(value), "yes" if target.is_reached(value) else "**no**"])
    return table(["", "target", "measured", "reached"], rows)


def _speed(comparison_name: str, contender: str, *others: str) -> Callable[[Suite], float | None]:
    """How many times as fast a contender is as the fastest of the others: the median over the rounds."""

    def measure(suite: Suite) -> float | None:
        comparison = suite.get(comparison_name)
        result = comparison.get(contender) if comparison else None
        if comparison is None or result is None:
            return None
        ratios = [comparison.ratio(result, other) for other in others]
        return min((ratio.median for ratio in ratios if ratio is not None), default=None)

    return measure


def _time(comparison_name: str, contender: str, other: str) -> Callable[[Suite], float | None]:
    """How many times the other's time (or memory) a contender takes."""
    speed = _speed(comparison_name, contender, other)

    def measure(suite: Suite) -> float | None:
        value = speed(suite)
        return None if value is None else 1 / value

    return measure


def _peak_gib(comparison_name: str, contender: str) -> Callable[[Suite], float | None]:
    """The most memory a contender's process ever held."""

    def measure(suite: Suite) -> float | None:
        comparison = suite.get(comparison_name)
        result = comparison.get(contender) if comparison else None
        return None if result is None else result.facts["peak_mib"] / 1024

    return measure


def _seconds(contender: str, without: str | None = None) -> Callable[[Suite], float | None]:
    """The median seconds of a command, less those of another."""

    def measure(suite: Suite) -> float | None:
        comparison = suite.get("startup")
        results = [comparison.get(name) for name in (contender, without) if name] if comparison else []
        if comparison is None or None in results:
            return None
        first, *rest = (comparison.spread(result).median for result in results if result is not None)
        return first - sum(rest)

    return measure


def _accuracy(name: str) -> Callable[[Suite], float | None]:
    """The mean test accuracy of a contender's seeds."""

    def measure(suite: Suite) -> float | None:
        values = [100 * run.kept_accuracy for run in suite.runs if run.name == name]
        return statistics.fmean(values) if values else None

    return measure


def _best_recipe_accuracy(suite: Suite) -> float | None:
    """The mean test accuracy of the best recipe, which takes so long that only --long measures it."""
    if not suite.settings["long"]:
        return None
    groups = [runs for _, runs in grouped_runs(suite) if runs[0].name.startswith("recipe_")]
    return max((100 * statistics.fmean(run.kept_accuracy for run in runs) for runs in groups), default=None)


def _recipe_seconds(accuracy: float) -> Callable[[Suite], float | None]:
    """The seconds of training in which the quickest recipe reaches an accuracy with every seed, median of the seeds."""

    def measure(suite: Suite) -> float | None:
        medians = []
        for _, runs in grouped_runs(suite):
            times = [run.seconds_to(accuracy) for run in runs]
            if runs[0].name.startswith("recipe_") and None not in times:
                medians.append(statistics.median(time for time in times if time is not None))
        return min(medians, default=None)

    return measure


def _accuracy_lost(name: str) -> Callable[[Suite], float | None]:
    """By how many standard deviations of the seeds Fathom's mean accuracy is below the hand-written loop's."""

    def measure(suite: Suite) -> float | None:
        ours = [run.kept_accuracy for run in suite.runs if run.name == f"fathom_{name}"]
        theirs = [run.kept_accuracy for run in suite.runs if run.name == f"handwritten_{name}"]
        if len(ours) < 2 or len(theirs) < 2:
            return None
        noise = max(statistics.stdev(ours), statistics.stdev(theirs), 1e-9)
        return (statistics.fmean(theirs) - statistics.fmean(ours)) / noise

    return measure


TARGETS = (
    Target("LeNet, equal settings: × the hand-written loop's time", "epoch",
           _time("lenet", "fathom_equal", "handwritten"), 1.03, at_most=True),
    Target("MLP, equal settings: × the hand-written loop's time", "epoch",
           _time("mlp", "fathom_equal", "handwritten"), 1.03, at_most=True),
    Target("LeNet, as Fathom chooses: × the hand-written loop's images/s", "epoch",
           _speed("lenet", "fathom_auto", "handwritten"), 1.6),
    Target("MLP, as Fathom chooses: × the hand-written loop's images/s", "epoch",
           _speed("mlp", "fathom_auto", "handwritten"), 1.4),
    Target("ResNet-18, as Fathom chooses: × the hand-written loop's images/s", "epoch",
           _speed("resnet18", "fathom_auto", "handwritten"), 1.9),
    Target("LeNet, as Fathom chooses: × the fastest that torchvision feeds", "epoch",
           _speed("lenet", "fathom_auto", *_OVER_TORCHVISION), 2.5),
    Target("LeNet, `--compile forward`: × the fastest that torchvision feeds", "epoch",
           _speed("lenet", "fathom_compiled", *_OVER_TORCHVISION), 2.5),
    Target("MLP, as Fathom chooses: × the fastest that torchvision feeds", "epoch",
           _speed("mlp", "fathom_auto", *_OVER_TORCHVISION), 8.0),
    Target("LeNet, as Fathom chooses: × the fastest library fed the same tensors", "epoch",
           _speed("lenet", "fathom_auto", *_PEERS), 1.5),
    Target("LeNet, `--compile forward`: × the fastest library fed the same tensors", "epoch",
           _speed("lenet", "fathom_compiled", *_PEERS), 1.5),
    Target("MLP, as Fathom chooses: × the fastest library fed the same tensors", "epoch",
           _speed("mlp", "fathom_auto", *_PEERS), 1.5),
    Target("step of linear regression: × the hand-written loop's time", "step",
           _time("regression", "fathom_auto", "handwritten"), 1.15, at_most=True),
    Target("step of linear regression: × the speed of the fastest library", "step",
           _speed("regression", "fathom_auto", *_PEERS, D2L.name), 1.0),
    Target("step compiled as a whole: × the hand-written loop's time", "step",
           _time("regression", "fathom_step", "handwritten"), 0.5, at_most=True),
    Target("shell to first step: × importing torch and reading the data", "startup",
           _time("startup", "first_step", "torch_and_data"), 1.3, at_most=True),
    Target("`import fathom`, s", "startup", _seconds("import_fathom", "python"), 0.1, at_most=True, form="{:.3f}"),
    Target("`fathom --help`, s", "startup", _seconds("help"), 0.3, at_most=True, form="{:.3f}"),
    Target("peak memory, equal settings: × the hand-written loop's", "memory",
           _time("memory", "fathom_equal", "handwritten"), 1.2, at_most=True),
    Target("peak memory, as Fathom chooses: × the hand-written loop's", "memory",
           _time("memory", "fathom_auto", "handwritten"), 1.2, at_most=True),
    Target("one image through an exported LeNet: × eager PyTorch's time", "export",
           _time("lenet", "onnx", "eager"), 1.0, at_most=True),
    Target("one image through an exported ResNet-18: × eager PyTorch's time", "export",
           _time("resnet18", "onnx", "eager"), 1.0, at_most=True),
    Target("a CSV, from reading to one epoch: × the hand-written time", "table",
           _time("table", "fathom_auto", "handwritten"), 1.2, at_most=True),
    Target("a CSV, from reading to one epoch: peak GiB", "table",
           _peak_gib("table", "fathom_auto"), 8.0, at_most=True, form="{:.1f}"),
    Target("a folder of JPEGs, decoded and checked: × the speed of a bare Pillow loop", "folder",
           _speed("decode", "fathom_auto", "pillow"), 0.9),
    Target("a folder of JPEGs, decoded and checked: × the speed of a bare torchvision.io loop", "folder",
           _speed("decode", "fathom_auto", "torchvision"), 0.9),
    Target("a folder of JPEGs, an epoch after that: × the time from arrays in memory", "folder",
           _time("folder", "fathom_auto", "memory"), 1.1, at_most=True),
    Target("LeNet from scratch on NumPy, an epoch of the digits: × PyTorch's time", "scratch",
           _time("scratch", "scratch", "torch"), 10.0, at_most=True),
    Target("LeNet as in the book: accuracy lost, in standard deviations of the seeds", "accuracy",
           _accuracy_lost("lenet"), 2.0, at_most=True),
    Target("MLP as in the book: accuracy lost, in standard deviations of the seeds", "accuracy",
           _accuracy_lost("mlp"), 2.0, at_most=True),
    Target("ResNet-18: accuracy lost, in standard deviations of the seeds", "accuracy",
           _accuracy_lost("resnet18"), 2.0, at_most=True),
    Target("softmax regression: mean test accuracy, %", "accuracy", _accuracy("model_softmax"), 84.0),
    Target("MLP: mean test accuracy, %", "accuracy", _accuracy("model_mlp"), 88.5),
    Target("LeNet (ReLU): mean test accuracy, %", "accuracy", _accuracy("model_lenet"), 90.0),
    Target("91 % by a shipped recipe, s of training", "accuracy", _recipe_seconds(0.91), 15.0, at_most=True),
    Target("92 % by a shipped recipe, s of training", "accuracy", _recipe_seconds(0.92), 30.0, at_most=True),
    Target("best shipped recipe: mean test accuracy, %", "accuracy", _best_recipe_accuracy, 93.5),
)  # fmt: skip
