"""``fathom train`` as a function: a run folder from settings; and a stopped run, resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fathom.build.configure import configure
from fathom.build.kinds.base import OnRead
from fathom.build.run import Hooks, OnStart, PlannedRun, resume_run, train_run
from fathom.build.trained import TrainedRun
from fathom.doctor.training.watching import watched
from fathom.errors import FathomError
from fathom.models.registry import check_run_model
from fathom.runs.folder import schema
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.lookup import resolve_resumable
from fathom.runs.folder.reader import RunReader
from fathom.settings.config import Config, config_to_dict
from fathom.settings.reading import read_config
from fathom.settings.settings import Settings
from fathom.training.callbacks import Callback
from fathom.training.loggers.named import check_loggers, make_loggers


def train(
    settings: Config | Settings | Mapping[str, Any],
    *,
    root: str | Path = "runs",
    name: str | None = None,
    contents: Any = None,
    on_start: OnStart | None = None,
    on_read: OnRead | None = None,
    command: Sequence[str] = (),
    log: str | Sequence[str] = (),
) -> TrainedRun:
    """Train a network and leave a run folder under ``root``.

    Args:
        settings: a tree such as ``{"model": {"name": "mlp"}, "training": {"epochs": 3}}``; what is missing is chosen.
        name: of the run folder; None takes the time, the network and the data.
        contents: what ``Kind.read`` returned; None reads now.
        on_start: called before the first step, with the finished plan; may return further callbacks.
        on_read: called with (files read, files in all) while images are decoded.
        command: what was typed, for the record.
        log: where the records go too: "csv", "tensorboard", "wandb", "mlflow", or several with commas between them.
    Raises:  UsageError, FathomError before anything is written; Diverged or Interrupted after

    >>> fathom.train({"model": {"name": "mlp"}, "data": {"name": "digits"}})  # doctest: +SKIP
    """
    logged = _logging(log, on_start)
    hooks = Hooks(watched(logged), on_read)
    run = train_run(configure(settings, root), root=root, name=name, contents=contents, hooks=hooks, command=command)
    return _compare(run, contents, Hooks(logged, on_read))


def resume(
    run: str | Path,
    *,
    contents: Any = None,
    on_start: OnStart | None = None,
    on_read: OnRead | None = None,
    log: str | Sequence[str] = (),
) -> TrainedRun:
    """Resume a stopped run from its newest intact checkpoint, exact to the bit.

    Args:
        run: the run folder, its name in ``runs/``, or "last", the newest that can be resumed.
        contents, on_start, on_read, log: as for ``train``.
    Raises:  FathomError if the run is finished, still running, not a run, or has no usable checkpoint
    """
    logged = _logging(log, on_start)
    hooks = Hooks(logged, on_read)
    path = resolve_resumable(run)
    reader = RunReader(path)
    config = read_config(path)
    check_run_model(config.model.name, path / schema.CONFIG)
    if reader.status != "done":  # failed, stopped, or killed while it said "running"
        resumed = resume_run(path, contents=contents, hooks=Hooks(watched(logged), on_read))
        return _compare(resumed, contents, hooks)
    # the run itself is done, but its comparison from scratch may have been stopped
    if not (config.finetune.compare_scratch and reader.comparison_is_open):
        raise FathomError(f"{path}: this run is finished; --init-from {path} goes on from its weights")
    done = TrainedRun(path, reader.epochs(), reader.evaluation, path / schema.REPORT, config)
    return _compare(done, contents, hooks)


def _logging(log: str | Sequence[str], first: OnStart | None) -> OnStart | None:
    """Return the hook that adds the loggers to what ``first`` adds.

    Raises:  UsageError, FathomError for one that does not exist or is not installed, before the run has a folder
    """
    if not log:
        return first
    names = check_loggers(log)

    def start(run: PlannedRun) -> list[Callback]:
        loggers = make_loggers(names, run.path, settings=config_to_dict(run.config), name=run.path.name)
        return [*(first(run) if first else ()), *loggers]

    return start


def _compare(run: TrainedRun, contents: Any, hooks: Hooks) -> TrainedRun:
    """Train from scratch too, if requested, and compare the two in the report."""
    if not run.config.finetune.compare_scratch:
        return run
    from fathom.series.from_scratch import complete_comparison

    with lock_run(run.path):  # the scratch run writes into this folder's records too
        comparison = complete_comparison(run.path, run.config, contents=contents, on_start=hooks.on_start)
    return replace(run, comparison=comparison)
