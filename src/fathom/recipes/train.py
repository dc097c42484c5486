"""``fathom train`` as a function: a run folder from a configuration, and going on with one that stopped."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fathom.build.assemble import (
    build_callbacks,
    build_execution,
    build_module,
    build_trainer,
    optimizer_factory,
    schedule_factory,
)
from fathom.build.data import build_data, settle_data
from fathom.build.failures import explain, readable_failures
from fathom.build.fine_tuning import begin, fit_normalization, freeze_layers, read_start
from fathom.build.kinds.names import locate_data, place_name
from fathom.build.kinds.table_results import evaluate_table
from fathom.build.kinds.texts import evaluate_text, write_samples
from fathom.build.machine import describe_machine
from fathom.build.pruning_record import finish_pruning
from fathom.build.run_log import RunLog
from fathom.build.teaching import attach_teacher
from fathom.data.images.survey import OnRead
from fathom.data.module import LabelledData
from fathom.data.tables.module import TableData
from fathom.data.texts.module import TextData
from fathom.errors import FathomError, UsageError
from fathom.findings import Finding
from fathom.inference.saved import describe_model, load_module, save_weights
from fathom.module import LanguageModel, Module
from fathom.recipes.evaluate import apply_to_split, judge, open_split, prediction_rows, save_images, worst_mistakes
from fathom.runs.analysis.findings import write_findings
from fathom.runs.folder import schema
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.reader import RunReader, resolve_run
from fathom.runs.folder.schema import SCHEMA
from fathom.runs.folder.writer import RunWriter
from fathom.runs.html.pages.report import write_report
from fathom.settings.config import Config, config_to_dict
from fathom.settings.resolve import resolve
from fathom.settings.run_config import read_run_config
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import CheckpointError, load_checkpoint, load_latest, load_weights
from fathom.training.device import Execution
from fathom.training.divergence import Diverged
from fathom.training.signals import Interrupted
from fathom.training.trainer import Trainer
from fathom.version import VERSION

if TYPE_CHECKING:
    from fathom.build.kinds.names import Contents


@dataclass(frozen=True)
class Outcome:
    """What a finished run gives: its folder, its records, its evaluation on the test split (None without one).

    ``comparison`` sets it beside training from scratch, where that was asked for.
    """

    path: Path
    records: list[dict[str, Any]]
    evaluation: dict[str, Any] | None
    report: Path
    config: Config
    comparison: dict[str, Any] | None = None


Start = Callable[["Plan"], Sequence[Callback]]
Prepare = Callable[["Plan"], None]


@dataclass(frozen=True)
class Plan:
    """All that is settled before the first step; ``notes`` are lines that a user should read."""

    config: Config
    data: LabelledData
    module: Module
    execution: Execution
    description: dict[str, Any]
    path: Path
    notes: tuple[str, ...] = ()


def train(
    config: Config,
    *,
    root: str | Path = "runs",
    name: str | None = None,
    contents: Contents = None,
    prepare: Prepare | None = None,
    on_start: Start | None = None,
    on_read: OnRead | None = None,
    command: Sequence[str] = (),
) -> Outcome:
    """Train a network as configured and leave a run folder under ``root``.

    Args:
        name: of the run folder; None takes the time, the network and the data.
        contents: the data set's arrays, the table, the text or the list of images, if they were read already.
        prepare: gives the module the weights to begin with, as pruning does; nothing is left behind if it fails.
        on_start: called when everything is settled, before the first step; may give further callbacks.
        on_read: called with (files read, files in all) while images are decoded.
        command: what was typed, for the record.
    Raises:  UsageError, FathomError before anything is written; Diverged or Interrupted after
    """
    config = locate_data(resolve(config))
    if config.training.epochs == 0 and prepare is None:
        raise UsageError("training.epochs is 0: a network with random weights would be all that comes of it")
    with readable_failures():
        weights = read_start(config)
        data = build_data(config, contents, on_read)
        config = fit_normalization(settle_data(config, data), data)
        module = build_module(config, data)
        config, beginning = begin(config, module, data, weights)
        execution = build_execution(config, module, data)
        attach_teacher(module, data, execution)
        check_learning(config, module, data)
        description = _describe(config, data, module)
    writer = RunWriter.create(root, config.model.name, place_name(config.data.name), name=name)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock_run(writer.path))
            writer.write_config(config_to_dict(config))
            writer.write_json("model.json", description)
            writer.update_run(
                fathom=VERSION,
                command=list(command),
                seed=config.seed,
                versions={"python": platform.python_version()}
                | {n: version(n) for n in ("torch", "numpy")}
                | {"fathom": VERSION},
                machine=describe_machine(execution),
                choices=execution.describe(),
            )
            for name, choice in execution.describe().items():
                writer.log_text(f"{name}: {choice}")
            writer.log_text(f"seed: {config.seed}")
            writer.write_json("data.json", {"schema": SCHEMA} | data.describe())
            notes = [*data.notes, *beginning.notes]
            for note in [*notes, *data.details, *beginning.details]:
                writer.log_text(note)
            if beginning.record:
                writer.update_run(start=beginning.record)
            plan = Plan(config, data, module, execution, description, writer.path, tuple(notes))
            if prepare is not None:
                with readable_failures():
                    prepare(plan)
        except BaseException:
            data.close()
            shutil.rmtree(writer.path, ignore_errors=True)
            raise
        outcome = _run(plan, writer, on_start)
        return _compare(outcome, contents, on_start) if config.finetune.compare_scratch else outcome


def resume(
    run: str | Path,
    *,
    contents: Contents = None,
    on_start: Start | None = None,
    on_read: OnRead | None = None,
) -> Outcome:
    """Go on with a run that stopped, from its newest whole checkpoint, to the bit as if it had not.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        contents, on_start, on_read: as for ``train``.
    Raises:  FathomError if the run is finished, under way, not a run, or has no usable checkpoint
    """
    path = resolve_run(run)
    reader = RunReader(path)
    if reader.status == "done":
        config = read_run_config(path)
        if config.finetune.compare_scratch and reader.comparison_is_open:
            with lock_run(path):
                done = Outcome(path, reader.epochs(), reader.evaluation, path / schema.REPORT, config)
                return _compare(done, contents, on_start)
        raise FathomError(f"{path}: this run is finished; start a new one to train further")
    with lock_run(path):
        config = resolve(read_run_config(path))
        state, source, refused = load_latest(path / "checkpoints")
        try:
            epoch, step = int(state["place"]["epoch"]), int(state["place"]["step"])
            weights = state["module"]
        except (KeyError, TypeError, ValueError) as error:
            raise FathomError(f"{source}: not a checkpoint of a training run") from error
        with readable_failures():
            data = build_data(config, contents, on_read)
            config = settle_data(config, data)
            module = build_module(config, data)
            freeze_layers(config, module)
            execution = build_execution(_restore_threads(config, reader.run.get("choices")), module, data)
            attach_teacher(module, data, execution)
            description = _describe(config, data, module)
        load_weights(module, weights, source)
        if not data.matches(module.preprocess):
            raise FathomError(f"{data.name} is no longer as it was when {path.name} began; start a new run")
        notes = [f"checkpoint refused: {line}" for line in refused]
        notes += _changed_choices(reader.run.get("choices"), execution)
        notes.append(f"resuming from checkpoints/{source.name} in epoch {epoch + 1}, after step {step}")
        writer = RunWriter.resume(path, step, epoch)
        for note in notes:
            writer.log_text(note)
        before = {name: reader.run.get(name) for name in ("status", "message", "finished")}
        writer.update_run(status="running", message=None, finished=None)
        plan = Plan(config, data, module, execution, description, path, tuple(notes))
        outcome = _run(plan, writer, on_start, state, before)
        return _compare(outcome, contents, on_start) if config.finetune.compare_scratch else outcome


def _compare(outcome: Outcome, contents: Contents, on_start: Start | None) -> Outcome:
    """Train from scratch too, and set both side by side in the report."""
    from fathom.series.from_scratch import complete_comparison  # it trains

    comparison = complete_comparison(outcome.path, outcome.config, contents=contents, on_start=on_start)
    return replace(outcome, comparison=comparison)


def _run(
    plan: Plan,
    writer: RunWriter,
    on_start: Start | None,
    state: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
) -> Outcome:
    """Fit, judge, report; whatever ends the run is written to ``run.json`` (``before`` is what stood there)."""
    trainer: Trainer | None = None
    first = 0 if state is None else int(state["place"]["step"])
    try:
        callbacks = [RunLog(writer), *build_callbacks(plan.config, plan.path), *(on_start(plan) if on_start else ())]
        records: list[dict[str, Any]] = []
        if plan.config.training.epochs:
            trainer = build_trainer(plan.config, plan.execution, callbacks)
            records = trainer.fit(plan.module, plan.data, state=state)
        return _complete(plan, writer, records, trainer.should_stop if trainer else None)
    except Interrupted as stop:
        _record_end(writer, "stopped", str(stop))
        raise type(stop)(stop.exit_code - 128, f"{stop}; go on with: {_resume_command(plan.path)}") from None
    except KeyboardInterrupt:
        if before is None and getattr(trainer, "step", 0) == 0:  # nothing to go on from
            shutil.rmtree(plan.path, ignore_errors=True)
        else:
            _record_end(writer, "stopped", "stopped at once, without a new checkpoint")
        raise
    except Exception as error:
        line = explain(error)
        is_unchanged = trainer is None or getattr(trainer, "step", 0) in (0, first)
        if is_unchanged and isinstance(line, (UsageError, CheckpointError)):  # as if never begun
            if before is None:
                shutil.rmtree(plan.path, ignore_errors=True)
                raise
            writer.update_run(**before)
            raise type(line)(f"{plan.path}: {line}") from error
        if line is None:
            _record_end(writer, "failed", f"{type(error).__name__}: {error}")
            raise
        _record_end(writer, "failed", str(line), line.finding if isinstance(line, Diverged) else None)
        if not isinstance(line, Diverged) and (plan.path / "checkpoints" / "last").is_dir():
            line = FathomError(f"{line}; once that is mended, go on with: {_resume_command(plan.path)}")
        if line is error:
            raise
        raise line from error
    finally:
        plan.data.close()


def _complete(plan: Plan, writer: RunWriter, records: list[dict[str, Any]], stopped: str | None) -> Outcome:
    """Keep the best weights, evaluate them on the test split, write the report."""
    best = plan.path / "checkpoints" / "best"
    if best.is_dir():
        load_weights(plan.module, load_checkpoint(best)["module"], best)
    save_weights(plan.path / "model.safetensors", plan.module)
    training = plan.config.training
    is_trial = training.fast_dev_run or training.overfit_batches > 0
    finish_pruning(plan.path, plan.config, plan.data, str(plan.execution.device))
    evaluation = None if is_trial else _evaluate_once(plan, writer)
    elapsed = records[-1]["elapsed_s"] if records else 0.0
    message = f"stopped early: {stopped}" if stopped else None
    writer.update_run(status="done", finished=_now(), train_s=elapsed, message=message, failure=None)
    return Outcome(plan.path, records, evaluation, write_report(plan.path), plan.config)


def _evaluate_once(plan: Plan, writer: RunWriter) -> dict[str, Any] | None:
    """Evaluate the saved model on the test split, once, and keep what the report needs of it."""
    if plan.data.test_dataloader() is None:
        return None
    module, _ = load_module(plan.path)
    if isinstance(plan.data, TextData) and isinstance(module, LanguageModel):
        return _evaluate_text_once(plan, writer, module, plan.data)
    output, target = apply_to_split(module, plan.config, plan.data, "test", str(plan.execution.device))
    evaluation, called = judge(module, output, target, "test"), plan.data.test_sample_names()
    if isinstance(plan.data, TableData):
        evaluation |= evaluate_table(module, plan.data, output, target)
    elif module.kind == "classifier":
        evaluation["mistakes"] = worst_mistakes(output, target, evaluation["class_names"], called=called)
        images = plan.data.test_images([mistake["index"] for mistake in evaluation["mistakes"]])
        save_images(plan.path, evaluation["mistakes"], images)
    writer.write_json("evaluation.json", evaluation)
    writer.write_predictions(*prediction_rows(module, output, target, called))
    writer.log_text(
        "test " + ", ".join(f"{k} {evaluation[k]:.4f}" for k in ("loss", "accuracy", "rmse") if k in evaluation)
    )
    return evaluation


def _evaluate_text_once(plan: Plan, writer: RunWriter, module: LanguageModel, data: TextData) -> dict[str, Any]:
    """The same for a language model, with samples of what it writes."""
    split = open_split(module, plan.config, data, "test", str(plan.execution.device))
    evaluation = evaluate_text(module, data, "test", *split) | {"samples": write_samples(module, data)}
    writer.write_json("evaluation.json", evaluation)
    writer.log_text(f"test loss {evaluation['loss']:.4f}, perplexity {evaluation['perplexity']:.4f}")
    return evaluation


def _resume_command(path: Path) -> str:
    return f"fathom train --resume {shlex.quote(str(path))}"


def _record_end(writer: RunWriter, status: str, message: str, failure: Finding | None = None) -> None:
    """Write how a run ended; where the disk refuses even this, the first error is the one to hear of."""
    with contextlib.suppress(FathomError):
        known = failure.to_dict() if failure else None
        writer.update_run(status=status, message=message, finished=_now(), failure=known)
        writer.log_text(message)
        write_findings(RunReader(writer.path))


def _restore_threads(config: Config, earlier: Any) -> Config:
    """Compute with as many threads as the run began with: sums over another number of parts round differently."""
    count = str(earlier.get("threads", "")) if isinstance(earlier, dict) else ""
    if config.execution.threads is not None or not count.isdigit() or not 0 < int(count) <= (os.cpu_count() or 1):
        return config
    return msgspec.structs.replace(config, execution=msgspec.structs.replace(config.execution, threads=int(count)))


def _changed_choices(earlier: Any, execution: Execution) -> list[str]:
    """Say which choices are no longer those the run began with: another machine, another torch."""
    if not isinstance(earlier, dict):
        return []
    now = {name: text.partition(" (")[0] for name, text in execution.describe().items()}
    changed = [
        f"{name} {old} → {now[name]}"
        for name, old in ((name, str(text).partition(" (")[0]) for name, text in earlier.items())
        if name in now and old != now[name]
    ]
    return [f"not exact to the bit, for this differs from the first part: {', '.join(changed)}"] if changed else []


def check_learning(config: Config, module: Module, data: LabelledData) -> None:
    """Make optimiser and schedule once, so that a wrong option stops the run before there is a folder."""
    optimizer_factory(config)(module)
    schedule_factory(config)(-(-data.num_train // data.batch_size) * (config.training.epochs or 1))


def _describe(config: Config, data: LabelledData, module: Module) -> dict[str, Any]:
    return describe_model(module, config.model.name, config.model.options, data.input_shape, data.num_outputs)


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
