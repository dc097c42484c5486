"""Runs that belong together: each is trained once, in its own folder, even if the series is interrupted.

A run that diverges ends there, and the series continues; its row says why.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from fathom.build.run import Hooks, OnStart, resume_run, train_run
from fathom.errors import FathomError, UsageError
from fathom.runs.analysis.series import DIVERGED, DONE, Series, SeriesObserver
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.lookup import resolve_resumable
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.schema import SERIES
from fathom.runs.folder.writer import claim_folder, name_folder
from fathom.runs.html.pages.report import write_report
from fathom.runs.html.pages.series import save_series
from fathom.settings.config import Config
from fathom.training.checkpoint import CheckpointError
from fathom.training.divergence import Diverged
from fathom.training.signals import Interrupted
from fathom.version import VERSION

S = TypeVar("S", bound=Series)
ReadResult = Callable[[Path], dict[str, Any]]
"""Returns a run's results for its row, from its folder; raises Diverged if they are not finite."""


@dataclass(frozen=True)
class SeriesRun:
    """One run of a series: the name of its folder, its label in messages, its settings, further columns of its row."""

    name: str
    label: str
    config: Config
    facts: Mapping[str, Any] = field(default_factory=dict)


def start_series(
    kind: type[S], root: str | Path, names: Sequence[str], plan: Mapping[str, Any], run: Callable[[S], None]
) -> S:
    """Make the folder of a series, named by the time and ``names``, and run it.

    A UsageError before the first run is trained leaves nothing behind.
    """
    now = datetime.now().astimezone()
    path = claim_folder(Path(root), name_folder(now, *names))
    created = now.isoformat(timespec="milliseconds")  # milliseconds: two series of one second keep their order
    series = kind(path, {"status": "running", "created": created, "fathom": VERSION, **plan})
    try:
        save_series(series)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)  # nothing was trained: an unusable folder helps nobody
        raise
    try:
        run(series)
    except UsageError:  # settings are wrong, which the first run shows
        if not series.trained:  # else what was trained would go with it
            shutil.rmtree(path, ignore_errors=True)
        raise
    return series


def open_series(kind: type[S], series: str | Path, root: str | Path) -> S:
    """Read a series that stopped: by its folder, its name in ``root``, or "last".

    Raises:  FathomError if it is finished, or its folder holds something else
    """
    found = kind.read(resolve_resumable(series, root, kind.marker))
    if found.plan.get("status") == "done":  # a finished one is told where its page is
        what = SERIES[kind.marker].removeprefix("a ")
        raise FathomError(f"{found.path}: this {what} is finished; its page is {found.report}")
    return found


@contextlib.contextmanager
def running_series(series: Series, observer: SeriesObserver, stopped: str) -> Iterator[None]:
    """Lock the series while its runs are trained, and save how it ended; ``stopped`` is the message after a signal."""
    with lock_run(series.path):  # two processes would train the same runs twice
        observer.plan(series)
        # kept unless it ends otherwise: a kill between two statements counts as stopped
        ended: dict[str, str | None] = {"status": "stopped", "message": stopped}
        try:
            yield
        except (Interrupted, KeyboardInterrupt):  # a signal or Ctrl-C is no failure: the series stays "stopped"
            raise
        except Exception as error:
            ended = {"status": "failed", "message": str(error)}
            raise
        else:
            ended = series.final_status()
        finally:
            save_series(series, **ended)


def train_and_record(
    series: Series, planned: SeriesRun, read_result: ReadResult, *, contents: Any, observer: SeriesObserver
) -> None:
    """Train a run of the series, if it has not ended yet, and record its result."""
    path, found, reason = train_series_run(
        series.path, planned, read_result, resume_hint=series.resume_hint, contents=contents, on_start=observer.start
    )
    reader = RunReader(path)  # from the folder, not from memory: the same after a resume
    row = {
        **planned.facts,
        **found,
        "seed": planned.config.seed,
        "epochs": len(reader.epochs()),
        "train_s": reader.train_s,
        "status": DONE if reason is None else DIVERGED,
        "message": reason,
        "label": planned.label,
        "run": planned.name,
    }
    series.add(row)
    save_series(series, status="running", message=None)  # after every run: a kill loses one row at most
    observer.result(series, row)


def train_series_run(
    folder: Path,
    planned: SeriesRun,
    read_result: ReadResult,
    *,
    resume_hint: str,
    contents: Any = None,
    on_start: OnStart | None = None,
) -> tuple[Path, dict[str, Any], str | None]:
    """Train a run; a stopped one is resumed from its checkpoint, a finished one is kept.

    Args:
        resume_hint: the command that resumes the series, for messages.
    Returns: its folder, its result (empty if it diverged), and why it diverged (None if it did not)
    """
    path = folder / planned.name
    with _named_errors(planned, resume_hint):
        try:
            # separate: reading the result may find that it diverged
            _complete(path, planned.config, contents, on_start)
            return path, read_result(path), None
        except Diverged as error:  # kept as a result: that it diverges is what was found out
            write_report(path)  # a run that failed has none yet
            return path, {}, str(error)


def _complete(path: Path, config: Config, contents: Any, on_start: OnStart | None) -> None:
    with contextlib.suppress(FathomError):  # no run there yet, or a damaged one: it is trained
        if RunReader(path).status == "done":
            return
    # previous: a kill may fall between two renames
    if any((path / "checkpoints" / name).is_dir() for name in ("last", "previous")):
        with contextlib.suppress(CheckpointError):  # damaged: only this run starts again
            resume_run(path, contents=contents, hooks=Hooks(on_start))
            return
    shutil.rmtree(path, ignore_errors=True)  # what is left of a run that never reached a checkpoint
    train_run(config, root=path.parent, name=path.name, contents=contents, hooks=Hooks(on_start))


@contextlib.contextmanager
def _named_errors(planned: SeriesRun, resume_hint: str) -> Iterator[None]:
    """Add to an error the run that it happened in, and how to resume the series."""
    try:
        yield
    except Interrupted as stop:
        line = f"stopped in {planned.label}; finished runs are kept, resume with: {resume_hint}"
        raise type(stop)(stop.exit_code - 128, line) from None  # a shell's exit code is 128 + the signal
    except UsageError as error:  # before FathomError, its base: the series cannot go on with settings that are wrong
        raise UsageError(f"{planned.label}: {error}") from error
    except FathomError as error:
        raise FathomError(f"{planned.label}: {error}; resume the series with: {resume_hint}") from error
