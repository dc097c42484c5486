"""What a person sees while a search goes on: a line a trial, and on a terminal a bar with the best so far."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.phrases import counted
from fathom.runs.analysis.numbers import duration
from fathom.runs.analysis.tuning import metric_form, show_value
from fathom.tuning.tune import Watcher

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from fathom.runs.analysis.study import Study, Trial
    from fathom.tuning.study import Ledger


def make_watcher() -> Lines:
    """Return what fits where standard output goes."""
    return Bar() if sys.stdout.isatty() and os.environ.get("TERM") != "dumb" else Lines()


class Lines(Watcher):
    """One plain line for every trial that ends."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def begin(self, ledger: Ledger) -> None:
        """Say what is searched."""
        self.path = ledger.path
        study = ledger.snapshot(importance=False)
        goal = "highest" if study.maximise else "lowest"
        facts = [
            counted(study.target, "trial"),
            f"{goal} {study.metric_name}",
            f"pruner {study.pruner}",
            f"seed {study.seed}",
        ]
        self.print(f"search on {study.data} with {study.model}: {', '.join(facts)}")
        width = max(len(axis.name) for axis in study.axes)
        for axis in study.axes:
            self.print(f"  {axis.name:<{width}}  {axis.text}")
        if study.trials:
            self.print(f"done already: {study.num_done} of {counted(study.target, 'trial')}")
        self.print(f"study folder   {ledger.path}")

    def end(self, trial: Trial, study: Study) -> None:
        """Print the trial's line."""
        self.print(format_trial(trial, study))

    def print(self, line: str) -> None:
        """Print a whole line at once: other processes print too."""
        print(line, flush=True)


class Bar(Lines):
    """The same lines above a bar with the trials done, the best so far, and where the trial under way is."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: Progress | None = None
        self.task: TaskID | None = None
        self._running: dict[int, str] = {}

    def begin(self, ledger: Ledger) -> None:
        """Put the bar up."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().begin(ledger)
        study = ledger.snapshot(importance=False)
        self._form = metric_form(study.metric)
        self.progress = Progress(
            TextColumn("trials {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[now]}"),
            TextColumn("{task.fields[best]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(compact=True),
            transient=True,
        )
        self.progress.start()
        self.task = self.progress.add_task(
            "", total=study.target, completed=study.num_done, now="", best=self._best(study)
        )

    def start(self, trial: Trial) -> None:
        """Show that it is under way."""
        self._running[trial.number] = f"trial {trial.number}"
        self._show()

    def epoch(self, number: int, epoch: int, epochs: int, value: float) -> None:
        """Show how far it is."""
        self._running[number] = f"trial {number}: epoch {epoch}/{epochs} {self._form(value)}"
        self._show()

    def end(self, trial: Trial, study: Study) -> None:
        """Print its line, move the bar."""
        self._running.pop(trial.number, None)
        super().end(trial, study)
        if self.progress is not None and self.task is not None:
            self.progress.update(self.task, completed=study.num_done, best=self._best(study))
        self._show()

    def close(self) -> None:
        """Take the bar down."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def print(self, line: str) -> None:
        """Print above the bar."""
        if self.progress is None:
            super().print(line)
        else:
            self.progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _show(self) -> None:
        if self.progress is not None and self.task is not None:
            self.progress.update(self.task, now=" · ".join(self._running.values()))

    def _best(self, study: Study) -> str:
        best = study.best()
        return f"best {self._form(best.value)}" if best else ""


def format_trial(trial: Trial, study: Study) -> str:
    """Return one line that says what was tried and what came of it."""
    form = metric_form(study.metric)
    width = len(str(max(study.target - 1, trial.number)))
    values = "  ".join(f"{name} {show_value(value)}" for name, value in trial.values.items())
    match trial.state:
        case "complete":
            what = f"{study.metric_name.removeprefix('validation ')} {form(trial.value)}"
        case "pruned":
            what = f"{trial.reason}, {form(trial.value)}"
        case _:
            what = f"{trial.state}: {trial.reason}"
    is_best = study.best() is not None and study.best() == trial
    return f"trial {trial.number:>{width}}  {what}  {values}  {duration(trial.duration_s)}{'  best' if is_best else ''}"
