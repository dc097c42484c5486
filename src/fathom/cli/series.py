"""The frame of the commands that train a series of runs in a folder: `fathom crossval`, `fathom distill`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fathom.cli import options
from fathom.cli.launch import add_processes
from fathom.cli.signals import resume_hint
from fathom.errors import UsageError
from fathom.runs.analysis.series import DIVERGED, SeriesObserver

if TYPE_CHECKING:
    from fathom.build.run import PlannedRun
    from fathom.runs.analysis.series import Series
    from fathom.training.callbacks import Callback

# they belong to one run; --seeds has another meaning in distill
UNWATCHED = {"training": {"doctor": "off"}}  # where --doctor does not ask for it: a series compares results
_LEFT_OUT = ("model", "--overfit-batches", "--compare-scratch", "--seeds")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``fathom train`` that make sense of every run of a series, and those of its folder."""
    group = options.add_settings(parser, _LEFT_OUT)
    group.add_argument("--resume", metavar="DIR", help="resume one that stopped: its folder, its name, or last")
    group.add_argument("--out", metavar="DIR", default="runs", help="where its folder goes (default: runs)")
    add_processes(parser, restarts=False)
    options.default_other_options(parser)


def refuse_settings(args: argparse.Namespace, own: Sequence[object]) -> None:
    """Let --resume stand alone; ``own`` is what was given of the command's own options and arguments.

    Raises:  UsageError naming what was given beside it
    """
    if given := [*options.given_options(args), *own]:
        raise UsageError(f"--resume reuses the settings it began with; remove {given[0]}")


class Watch(SeriesObserver):
    """Says what is going on: what is planned, a line for every run that ends, a bar on a terminal.

    A subclass says what is planned (``head``), names a run under way (``name``) and one that ended (``title``), and
    gives what is printed of one that did not diverge (``scores``).
    """

    def __init__(self) -> None:
        self.series: Series | None = None

    def plan(self, series: Any) -> None:
        """Say what is planned, and what is to be known of the data."""
        self.series = series
        for line in (*series.plan.get("notes", ()), *self.head(series)):  # notes of the data first
            print(line, flush=True)

    def start(self, run: PlannedRun) -> Sequence[Callback]:
        """Put up the bar; watch the run if that was asked for."""
        from fathom.doctor.training.watching import doctor_of
        from fathom.training.progress import TrainingProgress

        # a bar alone: one line a run is printed when it ends
        return [TrainingProgress(self.name(run), lines=False), *doctor_of(run)]

    def result(self, series: Any, row: dict[str, Any]) -> None:
        """Print a run's line."""
        from fathom.runs.analysis.numbers import duration

        if row.get("status") == DIVERGED:
            what = f"diverged: {row['message']}"
        else:
            what = f"{self.scores(series, row)}, {duration(row['train_s'])}"
        print(f"{self.title(series, row)}: {what}", flush=True)

    def head(self, series: Any) -> list[str]:
        """Say what is planned."""
        raise NotImplementedError

    def name(self, run: PlannedRun) -> str:
        """Name the run that begins."""
        raise NotImplementedError

    def title(self, series: Any, row: dict[str, Any]) -> str:
        """Name the run that has ended."""
        raise NotImplementedError

    def scores(self, series: Any, row: dict[str, Any]) -> str:
        """Return what it reached."""
        raise NotImplementedError


W = TypeVar("W", bound=Watch)


def run_series(watch: W, run: Callable[[W], Series], show: Callable[[Any], Sequence[str]]) -> int:
    """Run a series and print what came out: the lines that ``show`` makes of it, and what they say.

    Returns: the exit code: 1 if a run of it diverged
    """
    try:
        series = run(watch)
    except KeyboardInterrupt as stop:
        if watch.series is None:
            raise  # stopped before anything was planned: nothing to resume
        raise resume_hint(stop, watch.series.resume_hint) from None
    if lines := show(series):
        print("\n".join(["", *lines]))
    for finding in series.findings():
        # a note needs no word before it
        print(f"\n{'' if finding.severity == 'note' else f'{finding.severity}: '}{finding.sentence}")
    print(f"\nfolder         {series.path}")
    print(f"report         {series.report}")
    return 1 if series.diverged else 0


def data_title(series: Series) -> str:
    """Name the data of a series as people do."""
    return Path(str(series.plan["data"])).name
