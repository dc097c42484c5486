"""What a person sees while a search goes on: a line a trial, and on a terminal a bar with the best so far."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.phrases import counted
from fathom.progress import Progress, count_of
from fathom.runs.analysis.numbers import duration
from fathom.runs.analysis.study import value_text
from fathom.tuning.work import StudyObserver

if TYPE_CHECKING:
    from fathom.runs.analysis.study import Study, Trial
    from fathom.tuning.study import StudyStore


class TrialProgress(StudyObserver):
    """A line for every trial that ends; on a terminal a bar with the trials done and what is under way.

    Attributes:
        path: the study's folder, once it is open.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        # replaced in open(), when the number of trials is known
        self._progress = Progress("trials", amount=count_of(), stream=sys.stdout, line_s=None)
        self._running: dict[int, str] = {}  # trial: what it is at; several with --jobs
        self._best = ""

    def open(self, store: StudyStore) -> None:
        """Say what is searched, and put the bar up."""
        self.path = store.path
        study = store.snapshot(importance=False)
        goal = "highest" if study.maximise else "lowest"
        facts = [
            counted(study.target, "trial"),
            f"{goal} {study.metric_name}",
            f"pruner {study.pruner}",
            f"seed {study.seed}",
        ]
        lines = [f"search on {study.data} with {study.model}: {', '.join(facts)}"]
        width = max(len(axis.name) for axis in study.axes)
        lines += [f"  {axis.name:<{width}}  {axis.text}" for axis in study.axes]
        if study.trials:
            lines.append(f"done already: {study.num_done} of {counted(study.target, 'trial')}")
        for line in [*lines, f"study folder   {store.path}"]:
            self._progress.print(line)
        self._form = study.form
        self._progress = Progress(
            "trials",
            study.target,
            amount=count_of(),
            stream=sys.stdout,
            done=study.num_done,  # trials of an earlier call
            delay_s=0.0,
            line_s=None,
            ticks=True,
        )
        self._show(study)

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
        self._progress.print(format_trial(trial, study))
        self._show(study)

    def close(self) -> None:
        """Take the bar down."""
        self._progress.close()

    def _show(self, study: Study | None = None) -> None:
        if study is not None:
            best = study.best()
            self._best = f"best {self._form(best.value)}" if best else ""
        facts = " · ".join(filter(None, (*self._running.values(), self._best)))  # all under way, then the best
        self._progress.update(None if study is None else study.num_done, facts=facts)


def format_trial(trial: Trial, study: Study) -> str:
    """Return one line that says what was tried and what came of it."""
    form = study.form
    width = len(str(max(study.target - 1, trial.number)))  # digits of the largest number
    values = "  ".join(f"{name} {value_text(value)}" for name, value in trial.values.items())
    match trial.state:
        case "complete":
            what = f"{study.metric_name.removeprefix('validation ')} {form(trial.value)}"
        case "pruned":
            what = f"{trial.reason}, {form(trial.value)}"  # with the value it had reached
        case _:
            what = f"{trial.state}: {trial.reason}"
    is_best = study.best() is not None and study.best() == trial
    return f"trial {trial.number:>{width}}  {what}  {values}  {duration(trial.duration_s)}{'  best' if is_best else ''}"
