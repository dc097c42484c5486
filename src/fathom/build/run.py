"""A run in its folder: planned, fitted, evaluated once on the test split, reported; or resumed after a stop."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from fathom.build.failures import explain, readable_failures
from fathom.build.kinds.base import OnRead
from fathom.build.kinds.detection import kind_of
from fathom.build.kinds.places import place_name
from fathom.build.machine import describe_machine
from fathom.build.opening import open_split
from fathom.build.plan import Plan, draft
from fathom.build.run_log import RunLog
from fathom.build.stop_request import StopOnRequest
from fathom.build.together import announce, find_interrupted, follow, is_leading, launch_id
from fathom.build.trained import TrainedRun
from fathom.data.module import LabelledData
from fathom.errors import FathomError, UsageError
from fathom.findings import Finding
from fathom.inference.saved import load_module, save_weights
from fathom.module import Module
from fathom.phrases import enumerated
from fathom.runs.analysis.findings import write_findings
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.schema import PRUNING, SCHEMA
from fathom.runs.folder.writer import RunWriter
from fathom.runs.html.pages.report import write_report
from fathom.settings.config import Config, config_to_dict, replace_in
from fathom.settings.reading import read_config
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import CheckpointError, load_checkpoint, load_latest, load_weights
from fathom.training.device import Execution, find_device
from fathom.training.distributed.world import join_world
from fathom.training.divergence import Diverged
from fathom.training.signals import Interrupted
from fathom.training.trainer import Trainer
from fathom.version import VERSION


@dataclass(frozen=True)
class PlannedRun:
    """A plan with its folder; ``notes`` are lines for the user to read before the first step."""

    plan: Plan
    path: Path
    notes: tuple[str, ...] = ()

    @property
    def config(self) -> Config:
        """The closed configuration."""
        return self.plan.config

    @property
    def data(self) -> LabelledData:
        """Where samples come from."""
        return self.plan.data

    @property
    def module(self) -> Module:
        """What is trained."""
        return self.plan.module


OnStart = Callable[[PlannedRun], Sequence[Callback]]
"""Called before the first step, with the finished plan; may return further callbacks."""

Prepare = Callable[[PlannedRun], None]
"""Sets the initial weights of the module, as pruning does; if it fails, the run leaves nothing behind."""


@dataclass(frozen=True)
class Hooks:
    """Functions that a run calls: see ``OnStart``, ``Prepare``, ``OnRead``."""

    on_start: OnStart | None = None
    on_read: OnRead | None = None
    prepare: Prepare | None = None


def train_run(
    config: Config,
    *,
    root: str | Path = "runs",
    name: str | None = None,
    contents: Any = None,
    hooks: Hooks = Hooks(),
    command: Sequence[str] = (),
) -> TrainedRun:
    """Train a network as configured and leave a run folder under ``root``.

    Args:
        name: of the run folder; None takes the time, the network and the data.
        contents: what the kind of data read already, see ``Kind.read``.
        command: what was typed, for the record.
    Raises:  UsageError, FathomError before anything is written; Diverged or Interrupted after
    """
    # paths made absolute: a run is resumed from anywhere
    config = msgspec.structs.replace(config, data=kind_of(config).pin(config.data))
    if config.training.epochs == 0 and hooks.prepare is None:  # pruning may skip fine-tuning: weights are not random
        raise UsageError("training.epochs must be at least 1: without training the weights stay random")
    if (interrupted := find_interrupted(root, config.execution.device)) is not None:
        return resume_run(interrupted, contents=contents, hooks=hooks)
    announce(config)
    plan = draft(config, contents, on_read=hooks.on_read).ready()  # before the folder: what is refused leaves none
    if not plan.execution.world.is_first:
        return follow(plan)
    with plan.execution.world.telling_failures():
        return _train_first(plan, root, name, hooks, command)


def _train_first(plan: Plan, root: str | Path, name: str | None, hooks: Hooks, command: Sequence[str]) -> TrainedRun:
    """Train in the process that keeps the folder: the only one, mostly."""
    config = plan.config
    writer = RunWriter.create(root, config.model.name, place_name(config.data.name), name=name)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock_run(writer.path))  # held to the end of training
            run = record_start(plan, writer, command)
            if hooks.prepare is not None:
                with readable_failures():
                    hooks.prepare(run)
        except BaseException:  # BaseException: Ctrl-C too leaves no half-made folder
            plan.data.close()
            shutil.rmtree(writer.path, ignore_errors=True)
            raise
        return _fit_and_finish(run, writer, hooks.on_start)


def resume_run(path: Path, *, contents: Any = None, hooks: Hooks = Hooks()) -> TrainedRun:
    """Resume a stopped run from its newest intact checkpoint, exact to the bit.

    Raises:  FathomError if the run is still running, not a run, or has no usable checkpoint
    """
    reader = RunReader(path)
    config = read_config(path)
    world = join_world(find_device(config.execution.device).type)
    if not world.is_first:
        state = world.broadcast(None)
        config = restore_threads(config, reader.run.get("choices"))
        plan = draft(config, contents, on_read=hooks.on_read, is_resumed=True).ready()
        return follow(plan, state)
    with world.telling_failures(), lock_run(path):
        state, source, refused = load_latest(path / "checkpoints")
        announce(config, state)
        if not is_leading():
            world.broadcast(state)
        try:  # damaged or foreign content of a readable file
            epoch, step = int(state["place"]["epoch"]), int(state["place"]["step"])
            weights = state["module"]
        except (KeyError, TypeError, ValueError) as error:
            raise FathomError(f"{source}: not a checkpoint of a training run") from error
        choices = reader.run.get("choices")
        config = restore_threads(config, choices)  # before the plan, which sets them
        # before the writer: a refusal changes nothing
        plan = draft(config, contents, on_read=hooks.on_read, is_resumed=True).ready()
        _refuse_other_classes(reader.data or {}, plan.data, path.name)
        load_weights(plan.module, weights, source)  # before `matches`, which compares the statistics in it
        known = (reader.data or {}).get("fingerprint")
        if not plan.data.matches(plan.module.preprocess) or known not in (None, plan.data.fingerprint()):
            raise FathomError(f"{plan.data.name} has changed since {path.name} started; start a new run")
        notes = [f"checkpoint refused: {line}" for line in refused]
        notes += _changed_choices(choices, plan.execution)
        notes.append(f"resuming from checkpoints/{source.name} in epoch {epoch + 1}, after step {step}")
        writer = RunWriter.resume(path, step, epoch)  # cuts what was logged after the checkpoint
        for note in notes:
            writer.log_text(note)
        # to be put back if no step is taken
        before = {name: reader.run.get(name) for name in ("status", "message", "finished")}
        writer.update_run(status="running", message=None, finished=None)
        return _fit_and_finish(PlannedRun(plan, path, tuple(notes)), writer, hooks.on_start, state, before)


def _refuse_other_classes(record: Mapping[str, Any], data: LabelledData, run: str) -> None:
    """Refuse data whose classes are not those that a run began with; weights of another size would not say why.

    Args:
        record: what the run's folder says of its data.
    """
    learned, found = record.get("class_names"), list(data.class_names)
    if not isinstance(learned, list) or not learned or not found or learned == found:
        return
    new, gone = [c for c in found if c not in learned], [c for c in learned if c not in found]
    changes = [f"{enumerated(names)} {word}" for names, word in ((new, "new"), (gone, "gone")) if names]
    what = ", ".join(changes) or "in another order"
    raise FathomError(f"{data.name}: its classes have changed since {run} started ({what}); start a new run")


def record_start(plan: Plan, writer: RunWriter, command: Sequence[str]) -> PlannedRun:
    """Write the records of a run that are known before its first step."""
    config, data, start = plan.config, plan.data, plan.draft.start
    choices = plan.execution.describe()
    writer.write_config(config_to_dict(config))  # first: without it the folder is no run
    writer.write_json("model.json", plan.describe_model())
    writer.update_run(
        fathom=VERSION,
        command=list(command),
        seed=config.seed,
        # what decides whether numbers can be reproduced
        versions={"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy")}}
        | {"fathom": VERSION},
        machine=describe_machine(plan.execution),
        choices=choices,
        **launch_id(),
    )
    if rehearsal := _rehearsal_of(config):
        writer.update_run(rehearsal=rehearsal)  # listings and reports mark it as such
    for name, choice in choices.items():
        writer.log_text(f"{name}: {choice}")
    writer.log_text(f"seed: {config.seed}")
    writer.write_json("data.json", {"schema": SCHEMA} | data.describe())
    notes = [*data.notes, *start.notes]
    for note in [*notes, *data.details, *start.details]:
        writer.log_text(note)
    if start.record:
        writer.update_run(start=start.record)
    return PlannedRun(plan, writer.path, tuple(notes))


def _rehearsal_of(config: Config) -> str | None:
    """Name the setting that makes a run a rehearsal, whose weights are of no use; None for a real run."""
    training = config.training
    if training.fast_dev_run:
        return "fast_dev_run"
    return "overfit_batches" if training.overfit_batches else None


def _fit_and_finish(
    run: PlannedRun,
    writer: RunWriter,
    on_start: OnStart | None,
    state: dict[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
) -> TrainedRun:
    """Fit, evaluate, report; however the run ends is written to ``run.json`` (``before`` is its former content)."""
    first, world = 0 if state is None else int(state["place"]["step"]), run.plan.execution.world
    try:
        with _recording_end(run, writer, before, first) as fitting:
            # the log first: it has the record even if another callback fails
            callbacks = [RunLog(writer), StopOnRequest(run.path), *(on_start(run) if on_start else ())]
            records: list[dict[str, Any]] = []
            world.broadcast(str(run.path))
            if run.config.training.epochs:  # built here, so that a failing callback is recorded
                fitting.trainer = run.plan.make_trainer(callbacks, run.path)
                records = fitting.trainer.fit(run.plan.module, run.plan.data, state=state)
            trained = complete(run, writer, records, fitting.trainer.should_stop if fitting.trainer else None)
            world.broadcast(trained.evaluation)
            world.meet()
            return trained
    except (Diverged, Interrupted):
        world.meet()  # the launcher ends all once one has ended: not before this one has recorded it
        raise
    finally:
        run.plan.data.close()  # workers and caches, however it ended


@dataclass
class _Fitting:
    """The trainer, once there is one: how far it got decides what an error leaves behind."""

    trainer: Trainer | None = None

    @property
    def step(self) -> int:
        return getattr(self.trainer, "step", 0)


@contextlib.contextmanager
def _recording_end(
    run: PlannedRun, writer: RunWriter, before: Mapping[str, Any] | None, first: int
) -> Iterator[_Fitting]:
    """Record how a run ended, and add to the error how to resume; a run without a step leaves nothing behind.

    Args:
        before: what stood in ``run.json`` when the run was resumed; None of a new one.
        first: the step it was resumed at.
    """
    fitting = _Fitting()
    resume_hint = f"fathom train --resume {shlex.quote(str(run.path))}"
    try:
        yield fitting
    except Interrupted as stop:
        _record_end(writer, "stopped", str(stop))
        # a shell's exit code is 128 + the signal
        raise type(stop)(stop.exit_code - 128, f"{stop}; resume with: {resume_hint}") from None
    except KeyboardInterrupt:
        if before is None and fitting.step == 0:  # nothing to resume from
            shutil.rmtree(run.path, ignore_errors=True)
        else:
            _record_end(writer, "stopped", "stopped at once, without a new checkpoint")
        raise
    except Exception as error:
        line = explain(error)
        is_unchanged = fitting.step in (0, first)  # no step was taken in this call
        if is_unchanged and isinstance(line, (UsageError, CheckpointError)):  # as if never started
            if before is None:
                shutil.rmtree(run.path, ignore_errors=True)
                raise
            writer.update_run(**before)
            raise type(line)(f"{run.path}: {line}") from error
        if line is None:
            _record_end(writer, "failed", f"{type(error).__name__}: {error}")
            raise  # unknown errors keep their traceback
        _record_end(writer, "failed", str(line), line.finding if isinstance(line, Diverged) else None)
        # going on from before it would diverge again
        if not isinstance(line, Diverged) and (run.path / "checkpoints" / "last").is_dir():
            line = FathomError(f"{line}; once that is fixed, resume with: {resume_hint}")
        if line is error:  # explained already
            raise
        raise line from error


def complete(
    run: PlannedRun, writer: RunWriter, records: list[dict[str, Any]], stopped: str | None, *, tests: bool = True
) -> TrainedRun:
    """Keep the best weights, evaluate them on the test split where ``tests``, write the report."""
    plan, best = run.plan, run.path / "checkpoints" / "best"
    if best.is_dir():  # absent without epochs, as where pruning alone was asked for
        load_weights(plan.module, load_checkpoint(best)["module"], best)  # else the last weights of the module are kept
    save_weights(run.path / "model.safetensors", plan.module)
    training = plan.config.training
    if (run.path / PRUNING).exists() and training.epochs:
        from fathom.build.pruning_record import finish_pruning  # which no other run needs

        finish_pruning(run.path, plan.config, plan.data, str(plan.execution.device))
    evaluation = _evaluate_once(run, writer) if tests and not _rehearsal_of(plan.config) else None
    elapsed = records[-1]["elapsed_s"] if records else 0.0  # over all parts of a resumed run
    message = f"stopped early: {stopped}" if stopped else None
    writer.update_run(status="done", finished=_now(), train_s=elapsed, message=message, failure=None)
    return TrainedRun(run.path, records, evaluation, write_report(run.path), plan.config)


def _evaluate_once(run: PlannedRun, writer: RunWriter) -> dict[str, Any] | None:
    """Evaluate the saved model on the test split, once, and keep what the report needs of it."""
    plan = run.plan
    if plan.data.test_dataloader() is None:
        return None
    module, _ = load_module(run.path)  # as anybody will load it, so that what is evaluated is what is kept
    batches, execution = open_split(module, plan.config, plan.data, "test", str(plan.execution.device))
    found = plan.kind.evaluate(module, plan.data, "test", batches, execution)
    details = plan.kind.collect_details(module, plan.data, found, run.path)
    evaluation = found.summary | details.extra
    writer.write_json("evaluation.json", evaluation)
    if details.columns:  # texts have none
        writer.write_predictions(list(details.columns), details.rows)
    metrics = dict.fromkeys(["loss", "accuracy", "rmse", "perplexity", *plan.config.training.metrics])  # each once
    shown = [name for name in metrics if name in evaluation]
    writer.log_text("test " + ", ".join(f"{name} {evaluation[name]:.4f}" for name in shown))
    return evaluation


def _record_end(writer: RunWriter, status: str, message: str, failure: Finding | None = None) -> None:
    """Write how a run ended; if even this fails, the first error is the one to report."""
    with contextlib.suppress(FathomError):
        known = failure.to_dict() if failure else None  # a divergence is diagnosed for the report
        writer.update_run(status=status, message=message, finished=_now(), failure=known)
        write_findings(RunReader(writer.path))
        writer.log_text(message)


def restore_threads(config: Config, earlier: Any) -> Config:
    """Set the number of threads that the run started with: another number would round sums differently."""
    count = str(earlier.get("threads", "")) if isinstance(earlier, dict) else ""  # an older run may say otherwise
    if config.execution.threads != "auto" or not count.isdigit() or not 0 < int(count) <= (os.cpu_count() or 1):
        return config
    return replace_in(config, execution={"threads": int(count)})


def _changed_choices(earlier: Any, execution: Execution) -> list[str]:
    """Name the choices that differ from those the run started with: another machine, another torch."""
    if not isinstance(earlier, dict):
        return []
    # without the reasons, whose words may change
    now = {name: text.partition(" (")[0] for name, text in execution.describe().items()}
    changed = [
        f"{name} {old} → {now[name]}"
        for name, old in ((name, str(text).partition(" (")[0]) for name, text in earlier.items())
        if name in now and old != now[name]
    ]
    return [f"not exact to the bit: the execution has changed: {', '.join(changed)}"] if changed else []


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")  # with the offset of the local zone
