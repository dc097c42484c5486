"""Runs side by side: what they are, the settings in which they differ, and their results."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from fathom.errors import UsageError
from fathom.runs.analysis.numbers import DASH, count, decimal, determination, duration, percent
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number

_NAMED_APART = (
    "schema",
    "seed",
    "model.name",
    "data.name",
    "finetune.head",
)  # in rows of their own, or always the same


@dataclass(frozen=True)
class ComparisonRow:
    """One quantity over all runs.

    ``better`` says which end is preferable: "high", "low" or "" for neither; runs at the positions in ``failed``
    never count as better.
    """

    key: str
    title: str
    values: tuple[Any, ...]
    form: Callable[[object], str] = str
    better: str = ""
    failed: frozenset[int] = frozenset()

    def texts(self) -> list[str]:
        """Return the values as text; a dash for a missing one."""
        return [DASH if value is None else self.form(value) for value in self.values]

    def best(self) -> set[int]:
        """Return the positions of the preferable value, if the row has one and the runs differ."""
        # place: value, of runs that have one
        present = {i: v for i, v in enumerate(self.values) if is_number(v) and i not in self.failed}
        if not self.better or len(present) < 2 or len(set(present.values())) == 1:  # of equal ones none is best
            return set()
        target = (max if self.better == "high" else min)(present.values())
        return {i for i, value in present.items() if value == target}


@dataclass(frozen=True)
class RunComparison:
    """The result of ``compare_runs``: a letter for each run, and rows of quantities."""

    runs: tuple[RunReader, ...]
    rows: tuple[ComparisonRow, ...]

    @property
    def labels(self) -> list[str]:
        """A, B, C … as the columns' short names; AA, AB … after Z."""
        size = len(ascii_uppercase)
        return [  # spreadsheet columns: Z is followed by AA
            (ascii_uppercase[i // size - 1] if i >= size else "") + ascii_uppercase[i % size]
            for i in range(len(self.runs))
        ]

    def to_csv(self) -> str:
        """Return one line per run, unrounded; a missing setting is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["run", *(row.key for row in self.rows)])
        for i, run in enumerate(self.runs):
            # unrounded: for programs
            writer.writerow([run.name, *("" if row.values[i] is None else row.values[i] for row in self.rows)])
        return text.getvalue()


def compare_runs(paths: Sequence[str | Path]) -> RunComparison:
    """Read runs and put them side by side: what they are, the settings that differ, and their results.

    Raises:  UsageError for fewer than two runs or the same run twice; FathomError if one cannot be read
    """
    if len(paths) < 2:
        raise UsageError("compare needs at least two runs")
    runs = tuple(RunReader(path) for path in paths)
    seen: set[Path] = set()
    for run in runs:
        if run.path.resolve() in seen:  # resolved: "last" and a name may be the same run
            raise UsageError(f"{run.name} is given twice; compare needs different runs")
        seen.add(run.path.resolve())
    rows = (*_identity_rows(runs), *_setting_rows(runs), *_outcome_rows(runs))
    return RunComparison(runs, rows)


# as the names on the command line, --set training.lr
def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to names with dots.

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


def _identity_rows(runs: Sequence[RunReader]) -> Iterator[ComparisonRow]:
    yield ComparisonRow("model", "model", tuple(run.model_name for run in runs))
    yield ComparisonRow("data", "data", tuple(run.data_name for run in runs))
    yield ComparisonRow("status", "status", tuple(run.status for run in runs))
    yield ComparisonRow("seed", "seed", tuple(run.run.get("seed") for run in runs))
    yield ComparisonRow("parameters", "parameters", tuple((run.model or {}).get("parameters") for run in runs), count)


def _setting_rows(runs: Sequence[RunReader]) -> Iterator[ComparisonRow]:
    configs = [flatten(run.config) for run in runs]
    for key in dict.fromkeys(key for config in configs for key in config):  # a set would change the order of rows
        values = tuple(config.get(key) for config in configs)  # None: a run of another kind lacks the setting
        if key not in _NAMED_APART and any(value != values[0] for value in values):
            yield ComparisonRow(key, key, values, _setting)


def _setting(value: object) -> str:
    """Write a setting; drawn or measured numbers are rounded, or they would fill the line."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and any(isinstance(item, float) for item in value):
        return f"[{', '.join(decimal(item) if is_number(item) else str(item) for item in value)}]"
    return str(value)


def _outcome_rows(runs: Sequence[RunReader]) -> Iterator[ComparisonRow]:
    """Return the results. No test result counts as better: choosing by the test set would use it up."""
    failed = frozenset(i for i, run in enumerate(runs) if run.status == "failed")
    same_data = len({run.data_name for run in runs}) == 1  # on different data a higher accuracy is not a better one
    for row in _measured_rows(runs):
        yield replace(row, failed=failed) if same_data else replace(row, better="")


def _measured_rows(runs: Sequence[RunReader]) -> Iterator[ComparisonRow]:
    def from_test(key: str) -> tuple[Any, ...]:  # a run without a test result counts as empty
        return tuple((run.evaluation or {}).get(key) for run in runs)

    yield ComparisonRow("epochs_done", "epochs done", tuple(_last_epoch(run) for run in runs), "{:g}".format)
    accuracies = best_values(runs, "val_accuracy")
    if any(value is not None for value in accuracies):
        yield ComparisonRow("best_val_accuracy", "best validation accuracy", accuracies, fine_percent, "high")
    yield ComparisonRow("best_val_loss", "best validation loss", best_values(runs, "val_loss"), decimal, "low")
    for key, title, form in (
        ("accuracy", "test accuracy", fine_percent),
        ("loss", "test loss", decimal),
        ("rmse", "test RMSE", decimal),
        ("r2", "test R²", determination),
    ):  # those that no run has are left out below
        if any(value is not None for value in from_test(key)):
            yield ComparisonRow(f"test_{key}", title, from_test(key), form)
    yield ComparisonRow("train_s", "training time", tuple(run.train_s for run in runs), duration)
    yield ComparisonRow("samples_per_s", "samples/s", tuple(run.samples_per_s for run in runs), count, "high")


def fine_percent(value: object) -> str:
    """Write an accuracy finely enough to show differences between runs."""
    return percent(value, 2)


def is_accuracy(key: str) -> bool:
    """Whether a metric is an accuracy; for all others less is better."""
    return key.endswith("accuracy")


def _last_epoch(run: RunReader) -> float:
    return run.epochs()[-1]["epoch"] if run.epochs() else 0


def best_values(runs: Sequence[RunReader], key: str) -> tuple[float | None, ...]:
    """Return the best value each run reached: the highest accuracy, or the lowest of anything else."""
    pick = max if is_accuracy(key) else min
    # epochs whose value was not finite are passed over
    values = [[record[key] for record in run.epochs() if is_number(record.get(key))] for run in runs]
    return tuple(pick(found) if found else None for found in values)
