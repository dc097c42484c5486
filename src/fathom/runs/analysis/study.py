"""A hyperparameter search as plain values: its space, trials and best settings; as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fathom.errors import UsageError
from fathom.runs.analysis.numbers import decimal, percent
from fathom.runs.folder import schema
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.relations import address_from

PRUNERS = ("median", "halving", "none")  # Optuna's, by our names

# ours, finer than Optuna's: see StudyStore.end
State = Literal["complete", "pruned", "diverged", "failed", "stopped", "running"]


_DRAWN: tuple[State, ...] = ("diverged", "pruned", "complete")  # drawn over one another: the last on top

METRIC_NAMES = {
    "val_accuracy": "validation accuracy",
    "val_loss": "validation loss",
    "val_perplexity": "validation perplexity",
}


def value_text(value: object) -> str:
    """Write one drawn value.

    >>> value_text(0.00312345), value_text(128), value_text("[256, 128]")
    ('0.003123', '128', '[256, 128]')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)  # four digits: drawn on a continuum


@dataclass(frozen=True)
class Trial:
    """One trial of a study.

    Attributes:
        number: from 0, in the order of their start.
        state: stopped trials were interrupted or killed, failed ones could not be trained with their values.
        value: of the metric in its best epoch; of an incomplete trial, the best so far.
        values: drawn values, by name.
        curve: (epoch, metric) of every epoch.
        duration_s: seconds from start to end; None while it runs.
        reason: why it is incomplete, in one line.
        is_default: whether it ran with the default settings.
    """

    number: int
    state: State
    value: float | None
    values: Mapping[str, int | float | str]
    curve: Sequence[tuple[int, float]] = ()
    duration_s: float | None = None
    reason: str = ""
    is_default: bool = False

    def describe(self) -> str:
        """Return its values in one line."""
        return ", ".join(f"{name} {value_text(value)}" for name, value in self.values.items())


@dataclass(frozen=True)
class Axis:
    """One dimension of the space: its name, the values as written, and how to plot them."""

    name: str
    text: str
    log: bool = False
    choices: Sequence[str] = ()


@dataclass(frozen=True)
class Study:
    """A study, finished or not.

    ``importance`` maps each name to its share of the metric's variance; empty if not computed yet.
    """

    name: str
    model: str
    data: str
    metric: str
    maximise: bool
    axes: Sequence[Axis]
    trials: Sequence[Trial]
    target: int
    pruner: str
    seed: int
    importance: Mapping[str, float] = field(default_factory=dict)
    best_run: str | None = None

    @property
    def metric_name(self) -> str:
        """The metric in words."""
        return METRIC_NAMES.get(self.metric, self.metric)

    def form(self, value: object) -> str:
        """Write a value of the metric."""
        return percent(value, 2) if self.metric == "val_accuracy" else decimal(value)

    @property
    def num_done(self) -> int:
        """Number of trials that count: those that were not interrupted."""
        # failed ones count: values that cannot be trained are an answer
        return sum(trial.state not in ("stopped", "running") for trial in self.trials)

    def ranked(self) -> list[Trial]:
        """Return the completed trials, best first; among equals the earlier."""
        sign = -1 if self.maximise else 1  # sorted() is ascending: negated where more is better
        complete = [trial for trial in self.trials if trial.state == "complete"]
        # ascending, so the better sign first
        # the value is never None here; mypy cannot know
        return sorted(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    def best(self) -> Trial | None:
        """Return the best completed trial; None if there is none."""
        return next(iter(self.ranked()), None)

    def count(self, state: State) -> int:
        """Return the number of trials in this state."""
        return sum(trial.state == state for trial in self.trials)

    def drawn(self, name: str = "") -> dict[State, list[Trial]]:
        """Return the trials with a value (and, if named, with that setting) by state; the most important come last."""
        return {
            state: [
                t for t in self.trials if t.state == state and t.value is not None and (not name or name in t.values)
            ]  # a conditional setting is drawn in some trials only
            for state in _DRAWN
        }

    def best_so_far(self) -> list[tuple[float, float]]:
        """Return the best completed value after each trial, as a staircase: (number, value)."""
        points: list[tuple[float, float]] = []
        for trial in self.trials:
            if trial.state == "complete" and trial.value is not None:
                before = points[-1][1] if points else trial.value
                if points:
                    points.append((trial.number, before))  # the foot of the step: a stair, not a slope
                # max or min with what was best before
                points.append((trial.number, (max if self.maximise else min)(before, trial.value)))
        if points:
            points.append((self.trials[-1].number, points[-1][1]))  # flat to the last trial, completed or not
        return points

    def to_csv(self) -> str:
        """Return one line per trial, unrounded; a missing value is empty."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        names = [axis.name for axis in self.axes]  # a column each
        table.writerow(["trial", "state", self.metric, "epochs", "duration_s", *names, "reason"])
        for trial in self.trials:
            # `or ""` would empty a 0
            numbers = ["" if x is None else x for x in (trial.value, len(trial.curve), trial.duration_s)]
            values = [trial.values.get(name, "") for name in names]
            table.writerow([trial.number, trial.state, *numbers, *values, trial.reason])
        return text.getvalue()


@dataclass(frozen=True)
class BestRun:
    """The run in which the best trial was trained again.

    ``report`` is the relative address of its page from the study's folder, ``evaluation`` its test result.
    """

    report: str
    evaluation: Mapping[str, Any]


def find_best_run(study: Study, folder: Path) -> BestRun | None:
    """Find the run of the best trial; None if it is missing.

    If the study was moved together with its run, that is found beside it.
    """
    if study.best_run is None:
        return None
    # where it was, then beside the study
    # moved together: same name, next to the study's folder
    for place in (Path(study.best_run), folder.resolve().parent / Path(study.best_run).name):
        if (place / schema.RUN).is_file():
            run = RunReader(place)
            return BestRun(address_from(folder, run.path / schema.REPORT), run.evaluation or {})
    return None


def find_study(text: str, root: str | Path = "runs") -> Path:
    """Return the folder of the study that ``text`` means: ``last``, a path, or a folder's name in ``root``.

    Raises:  UsageError if nothing fits
    """
    root = Path(root)
    # names begin with the time, so sorted by age
    names = sorted(file.parent.name for file in root.glob(f"*/{schema.STUDY}")) if root.is_dir() else []
    if text == "last":
        if not names:
            raise UsageError(f"there is no study in {root} yet; start one with fathom tune --space …")
        # the last one worked on, not begun
        return root / max(names, key=lambda name: (root / name / schema.STUDY).stat().st_mtime)
    if Path(text).is_dir():
        return Path(text)
    if text in names:
        return root / text
    raise UsageError(f"there is no study folder {text}" + (f"; the newest in {root} is {names[-1]}" if names else ""))
