"""``fathom train`` as a function: a run folder from a configuration, and going on with one that stopped."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fathom.config import Config, config_to_dict
from fathom.data.arrays import Arrays
from fathom.data.module import LabelledData
from fathom.errors import FathomError
from fathom.module import Module
from fathom.recipes.build import (
    build_callbacks,
    build_data,
    build_execution,
    build_module,
    build_trainer,
    optimizer_factory,
    schedule_factory,
)
from fathom.recipes.defaults import resolve
from fathom.recipes.evaluate import collect_outputs, find_mistakes, judge, prediction_rows, save_pictures
from fathom.recipes.run_log import RunLog
from fathom.recipes.saved import describe_model, save_weights
from fathom.recipes.settings import read_run_config
from fathom.runs.reader import RunReader
from fathom.runs.report import write_report
from fathom.runs.writer import RunWriter
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import load_checkpoint, load_latest, load_weights
from fathom.training.device import Execution
from fathom.training.signals import Interrupted


@dataclass(frozen=True)
class Outcome:
    """What a finished run gives: its folder, its records, its judgement on the test split (None without one)."""

    path: Path
    records: list[dict[str, Any]]
    evaluation: dict[str, Any] | None
    report: Path


Start = Callable[["Plan"], Sequence[Callback]]


@dataclass(frozen=True)
class Plan:
    """All that is settled before the first step."""

    config: Config
    data: LabelledData
    module: Module
    execution: Execution
    description: dict[str, Any]
    path: Path


def train(
    config: Config,
    *,
    root: Path = Path("runs"),
    arrays: Arrays | None = None,
    on_start: Start | None = None,
    command: Sequence[str] = (),
) -> Outcome:
    """Train a network as configured and leave a run folder under ``root``.

    Args:
        arrays: the data set's arrays, if they were read already.
        on_start: called when everything is settled, before the first step; may give further callbacks.
        command: what was typed, for the record.
    Raises:  UsageError, FathomError before anything is written; Diverged or Interrupted after
    """
    config = resolve(config)
    data = build_data(config, arrays)
    module = build_module(config, data)
    execution = build_execution(config, module, data)
    _check_learning(config, module, data)
    description = _describe(config, data, module)
    writer = RunWriter.create(root, config.model.name, Path(config.data.name).resolve().name)
    writer.write_config(config_to_dict(config))
    writer.write_json("model.json", description)
    writer.update_run(
        fathom=version("fathom"),
        command=list(command),
        seed=config.seed,
        versions={"python": platform.python_version()} | {n: version(n) for n in ("torch", "numpy", "fathom")},
        machine=_describe_machine(execution),
        choices=execution.describe(),
    )
    for name, choice in execution.describe().items():
        writer.log_text(f"{name}: {choice}")
    writer.log_text(f"seed: {config.seed}")
    return _run(Plan(config, data, module, execution, description, writer.path), writer, None, on_start)


def resume(run: Path, *, arrays: Arrays | None = None, on_start: Start | None = None) -> Outcome:
    """Go on with a run that stopped, from its newest whole checkpoint, to the bit as if it had not.

    Raises:  FathomError if the run is finished, not a run, or has no usable checkpoint
    """
    reader = RunReader(run)
    if reader.status == "done":
        raise FathomError(f"{run}: this run is finished; start a new one to train further")
    config = read_run_config(run)
    data = build_data(config, arrays)
    module = build_module(config, data)
    execution = build_execution(config, module, data)
    state, source, refused = load_latest(run / "checkpoints")
    try:
        step = int(state["place"]["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise FathomError(f"{source}: not a checkpoint of a training run") from error
    load_weights(module, state["module"], source)
    writer = RunWriter.open(run, resume_step=step)
    writer.update_run(status="running", message=None)
    for line in refused:
        writer.log_text(f"refused: {line}")
    writer.log_text(f"resumed from {source.name} at step {step}")
    description = _describe(config, data, module)
    return _run(Plan(config, data, module, execution, description, writer.path), writer, state, on_start)


def _run(plan: Plan, writer: RunWriter, state: dict[str, Any] | None, on_start: Start | None) -> Outcome:
    config, module = plan.config, plan.module
    callbacks = [RunLog(writer), *build_callbacks(config, plan.path), *(on_start(plan) if on_start else ())]
    trainer = build_trainer(config, plan.execution, callbacks)
    began = time.perf_counter()
    try:
        records = trainer.fit(module, plan.data, state=state)
    except Interrupted as stop:
        writer.update_run(status="stopped", message=str(stop), finished=_now())
        writer.log_text(str(stop))
        raise type(stop)(stop.exit_code - 128, f"{stop}; go on with: fathom train --resume {plan.path}") from None
    except FathomError as error:
        writer.update_run(status="failed", message=str(error), finished=_now())
        writer.log_text(str(error))
        raise
    except Exception as error:
        writer.update_run(status="failed", message=f"{type(error).__name__}: {error}", finished=_now())
        raise
    best = plan.path / "checkpoints" / "best"
    if best.is_dir():
        load_weights(module, load_checkpoint(best)["module"], best)
    save_weights(plan.path / "model.safetensors", module)
    evaluation = _judge_once(plan, writer)
    elapsed = records[-1]["elapsed_s"] if records else time.perf_counter() - began
    message = f"stopped early: {trainer.should_stop}" if trainer.should_stop else None
    writer.update_run(status="done", finished=_now(), train_s=elapsed, message=message)
    return Outcome(plan.path, records, evaluation, write_report(plan.path))


def _judge_once(plan: Plan, writer: RunWriter) -> dict[str, Any] | None:
    """Evaluate the best weights on the test split, once, and keep what the report needs of it."""
    loader = None if plan.config.training.fast_dev_run else plan.data.test_dataloader()
    if loader is None:
        return None
    output, target = collect_outputs(plan.module, loader, plan.execution)
    evaluation = judge(plan.module, output, target, "test")
    if plan.module.kind == "classifier":
        evaluation["mistakes"] = find_mistakes(output, target, evaluation["class_names"])
        pictures = plan.data.test_pictures([mistake["index"] for mistake in evaluation["mistakes"]])
        save_pictures(plan.path, evaluation["mistakes"], pictures)
    writer.write_json("evaluation.json", evaluation)
    writer.write_predictions(prediction_rows(plan.module, output, target))
    writer.log_text(
        "test " + ", ".join(f"{k} {evaluation[k]:.4f}" for k in ("loss", "accuracy", "rmse") if k in evaluation)
    )
    return evaluation


def _check_learning(config: Config, module: Module, data: LabelledData) -> None:
    """Make optimiser and schedule once, so that a wrong option stops the run before there is a folder."""
    optimizer_factory(config)(module)
    schedule_factory(config)(-(-data.num_train // data.batch_size) * (config.training.epochs or 1))


def _describe(config: Config, data: LabelledData, module: Module) -> dict[str, Any]:
    return describe_model(module, config.model.name, config.model.options, data.input_shape, data.num_outputs)


def _describe_machine(execution: Execution) -> dict[str, Any]:
    return {"cpu": _cpu_name(), "cores": os.cpu_count(), "device": str(execution.device), "system": platform.platform()}


def _cpu_name() -> str:
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
