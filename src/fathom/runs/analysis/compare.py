"""Runs side by side: what they are, the settings in which they differ, and what came out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from string import ascii_uppercase
from typing import Any

from fathom.errors import UsageError
from fathom.findings import Finding, Plain
from fathom.runs.analysis.numbers import DASH, count, decimal, determination, duration, percent
from fathom.runs.analysis.paired import judge_difference, pair_runs
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

_NAMED_APART = ("schema", "seed", "model.name", "data.name", "finetune.head")  # rows of their own, or the same for all


@dataclass(frozen=True)
class Row:
    """One quantity over all runs. ``better`` says which end is preferable: "high", "low" or "" for neither."""

    key: str
    title: str
    values: tuple[Any, ...]
    form: Callable[[object], str] = str
    better: str = ""

    def texts(self) -> list[str]:
        """The values as people read them; a dash for what a run does not have."""
        return [DASH if value is None else self.form(value) for value in self.values]

    def best(self) -> set[int]:
        """The positions of the preferable value, if the row has one and the runs differ."""
        present = [value for value in self.values if is_number(value)]
        if not self.better or len(present) < 2 or min(present) == max(present):
            return set()
        target = max(present) if self.better == "high" else min(present)
        return {i for i, value in enumerate(self.values) if value == target}


@dataclass(frozen=True)
class Comparison:
    """What ``compare_runs`` finds: a letter for each run, and rows of quantities."""

    runs: tuple[RunReader, ...]
    rows: tuple[Row, ...]

    @property
    def labels(self) -> list[str]:
        """A, B, C … as the columns' short names; AA, AB … after Z."""
        size = len(ascii_uppercase)
        return [
            (ascii_uppercase[i // size - 1] if i >= size else "") + ascii_uppercase[i % size]
            for i in range(len(self.runs))
        ]

    def to_csv(self) -> str:
        """One line a run, unrounded; a setting that a run does not have is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["run", *(row.key for row in self.rows)])
        for i, run in enumerate(self.runs):
            writer.writerow([run.name, *("" if row.values[i] is None else row.values[i] for row in self.rows)])
        return text.getvalue()


def compare_runs(paths: Sequence[str | Path]) -> Comparison:
    """Read runs and put them side by side: what they are, the settings that differ, and what came out.

    Raises:  UsageError for fewer than two runs or the same run twice; FathomError if one cannot be read
    """
    if len(paths) < 2:
        raise UsageError("compare needs two runs or more")
    runs = tuple(RunReader(path) for path in paths)
    seen: set[Path] = set()
    for run in runs:
        if run.path.resolve() in seen:
            raise UsageError(f"{run.name} is given twice; compare needs different runs")
        seen.add(run.path.resolve())
    rows = (*_identity_rows(runs), *_setting_rows(runs), *_outcome_rows(runs))
    return Comparison(runs, rows)


def judge_runs(comparison: Comparison) -> list[Finding]:
    """Say which run did best and whether chance could explain it, and how far runs differ by seed alone."""
    best = _judge_best(comparison)
    return [*([best] if best else ()), *_judge_seeds(comparison)]


def _judge_best(comparison: Comparison) -> Finding | None:
    found = [
        (run.evaluation["accuracy"], run.evaluation.get("num_samples"), label, run)
        for run, label in zip(comparison.runs, comparison.labels, strict=True)
        if run.evaluation and is_number(run.evaluation.get("accuracy"))
    ]
    if len(found) < 2 or len({run.data_name for *_, run in found}) > 1:
        return None
    (first, samples, best, winner), (second, others, next_best, other) = sorted(found, key=lambda entry: -entry[0])[:2]
    evidence: dict[str, Plain] = {"best": winner.name, "accuracy": first, "next": other.name, "next_accuracy": second}
    if first == second:
        text = f"{best} and {next_best} share the highest test accuracy, {percent(first, 2)}"
        return Finding("series.no_difference", "warning", text, evidence)
    text = f"{best} has the highest test accuracy, {percent(first, 2)}; {next_best} follows with {percent(second, 2)}"
    pair = pair_runs(other.path, winner.path)
    if pair is not None:
        chance, allowed, is_more = pair.chance, pair.chance_sentence(), pair.is_significant
    elif samples and samples == others:
        chance = 1.96 * (first * (1 - first) / samples + second * (1 - second) / samples) ** 0.5
        allowed = (
            f"the {100 * chance:.2f} points within which two equally good models differ 95% of the time on separate "
            f"test sets of {count(samples)} samples"
        )
        is_more = first - second > chance
    else:
        return Finding("series.difference", "note", text, evidence)
    difference = first - second if pair is None else pair.difference
    text += f". They differ by {100 * difference:.2f} points, {'more' if is_more else 'no more'} than {allowed}"
    code, severity = judge_difference(is_more)
    return Finding(code, severity, text, evidence | {"difference": difference, "by_chance": chance})


def _judge_seeds(comparison: Comparison) -> Iterator[Finding]:
    groups: dict[str, dict[object, tuple[str, float]]] = {}  # of each seed one run: the others repeat it
    for run, label in zip(comparison.runs, comparison.labels, strict=True):
        accuracy = (run.evaluation or {}).get("accuracy")
        if is_number(accuracy):
            settings = {key: value for key, value in flatten(run.config).items() if key != "seed"}
            group = groups.setdefault(repr(sorted(settings.items())), {})
            group.setdefault(run.config.get("seed"), (label, accuracy))
    for group in groups.values():
        members = list(group.values())
        if len(members) > 1:
            values = [value for _, value in members]
            names = ", ".join(label for label, _ in members)
            text = (
                f"{names} have equal settings but for the seed: test accuracy {percent(mean(values), 2)} on average, "
                f"standard deviation {100 * stdev(values):.2f} points"
            )
            evidence = {"seeds": len(values), "mean": mean(values), "standard_deviation": stdev(values)}
            yield Finding("series.spread_of_seeds", "note", text, evidence)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Spell nested settings with dots.

    >>> flatten({"training": {"lr": 0.1}})
    {'training.lr': 0.1}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _identity_rows(runs: Sequence[RunReader]) -> Iterator[Row]:
    yield Row("model", "model", tuple(run.model_name for run in runs))
    yield Row("data", "data", tuple(run.data_name for run in runs))
    yield Row("status", "status", tuple(run.status for run in runs))
    yield Row("seed", "seed", tuple(run.run.get("seed") for run in runs))
    yield Row("parameters", "parameters", tuple((run.model or {}).get("parameters") for run in runs), count)


def _setting_rows(runs: Sequence[RunReader]) -> Iterator[Row]:
    configs = [flatten(run.config) for run in runs]
    for key in dict.fromkeys(key for config in configs for key in config):
        values = tuple(config.get(key) for config in configs)
        if key not in _NAMED_APART and any(value != values[0] for value in values):
            yield Row(key, key, values, _setting)


def _setting(value: object) -> str:
    """Spell a setting; the digits of a list of numbers, such as means of channels, are cut, or it fills the line."""
    if isinstance(value, list) and any(isinstance(item, float) for item in value):
        return f"[{', '.join(decimal(item) if is_number(item) else str(item) for item in value)}]"
    return str(value)


def _outcome_rows(runs: Sequence[RunReader]) -> Iterator[Row]:
    # On different data a higher accuracy is no better one.
    rows = _measured_rows(runs)
    return rows if len({run.data_name for run in runs}) == 1 else (replace(row, better="") for row in rows)


def _measured_rows(runs: Sequence[RunReader]) -> Iterator[Row]:
    def from_test(key: str) -> tuple[Any, ...]:
        return tuple((run.evaluation or {}).get(key) for run in runs)

    yield Row("epochs_done", "epochs done", tuple(_last_epoch(run) for run in runs), "{:g}".format)
    accuracies = _extreme(runs, "val_accuracy", max)
    if any(value is not None for value in accuracies):
        yield Row("best_val_accuracy", "best val accuracy", accuracies, _fine_percent, "high")
    yield Row("best_val_loss", "best val loss", _extreme(runs, "val_loss", min), decimal, "low")
    for key, title, form, better in (
        ("accuracy", "test accuracy", _fine_percent, "high"),
        ("loss", "test loss", decimal, "low"),
        ("rmse", "test RMSE", decimal, "low"),
        ("r2", "test R²", determination, "high"),
    ):
        if any(value is not None for value in from_test(key)):
            yield Row(f"test_{key}", title, from_test(key), form, better)
    yield Row("train_s", "training time", tuple(run.train_s for run in runs), duration)
    yield Row("samples_per_s", "samples/s", tuple(run.samples_per_s for run in runs), count, "high")


def _fine_percent(value: object) -> str:
    return percent(value, 2)


def _last_epoch(run: RunReader) -> float:
    return run.epochs()[-1]["epoch"] if run.epochs() else 0


def _extreme(runs: Sequence[RunReader], key: str, pick: Callable[[list[float]], float]) -> tuple[float | None, ...]:
    values = [[record[key] for record in run.epochs() if is_number(record.get(key))] for run in runs]
    return tuple(pick(found) if found else None for found in values)
