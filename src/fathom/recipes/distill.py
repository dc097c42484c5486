"""Distillation: a small network learns from a large one, and is set beside itself without a teacher."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from fathom.config import Config, DistillConfig, config_to_dict, make_config, merge
from fathom.data.module import LabelledData
from fathom.errors import FathomError, UsageError
from fathom.module import Module
from fathom.recipes.build import build_module
from fathom.recipes.defaults import resolve
from fathom.recipes.evaluate import apply_to_split, judge
from fathom.recipes.failures import readable_failures
from fathom.recipes.kinds import locate_data, read_contents
from fathom.recipes.latency import measure_latency
from fathom.recipes.lock import hold_run
from fathom.recipes.saved import load_module, read_description
from fathom.recipes.series import Member, end_recorded, told_apart, train_member
from fathom.recipes.settings import read_run_config, student_settings
from fathom.recipes.sources import build_data, settle_data
from fathom.recipes.train import Start, check_learning
from fathom.runs.distillation import ALONE, DISTILLED, MARKER, TEACHER, Distillation
from fathom.runs.reader import RunReader, resolve_run
from fathom.runs.writer import claim_folder, name_folder

Result = Callable[[Distillation, dict[str, Any]], None]
_BATCH = 256  # examples side by side, where the time per image is taken
_TIMED_S = 1.0  # each network


def distill(
    teacher: str | Path,
    student: str | Config,
    *,
    temperature: float = 4.0,
    alpha: float = 0.7,
    seeds: int = 1,
    root: str | Path = "runs",
    on_plan: Callable[[Distillation], None] | None = None,
    on_start: Start | None = None,
    on_result: Result | None = None,
    command: Sequence[str] = (),
) -> Distillation:
    """Train a student alone and taught, on the same budget, and set both beside the teacher.

    Taught, it learns alpha · T² · KL(teacher ‖ student), both softened by the temperature T, plus (1 − alpha) times the
    cross-entropy. Data and their division are the teacher's, so that what the student is judged on taught neither.

    Args:
        teacher: the run folder of a classifier, its name in ``runs/``, or "last".
        student: the name of a network, or a whole configuration (its data then are those given there).
        seeds: pairs of students, each with another seed; from two on there is an interval of the gain.
    Raises:  UsageError, FathomError before anything is written; Interrupted, FathomError with how to go on after
    """
    path = resolve_run(teacher, root).absolute()
    if isinstance(student, str):
        student = make_config(merge(student_settings(path), {"model": {"name": student}}))
    config = locate_data(resolve(student))
    if seeds < 1:
        raise UsageError(f"{seeds} seeds: there must be at least 1")
    if config.training.fast_dev_run or config.training.overfit_batches:
        raise UsageError("a distillation compares ordinary training; leave out fast_dev_run, overfit_batches")
    settings = DistillConfig(teacher=str(path), temperature=temperature, alpha=alpha)
    make_config({"training": {"distill": msgspec.to_builtins(settings)}}, "distill")  # checks
    contents = read_contents(config.data)
    sizes = _try_out(_member(config, settings, DISTILLED, config.seed).config, contents)
    plan = {
        "status": "running",
        "created": datetime.now().astimezone().isoformat(timespec="milliseconds"),
        "fathom": version("fathom"),
        "command": list(command),
        "teacher": str(path),
        "teacher_data": read_run_config(path).data.name,
        "teacher_model": read_description(path)["model"]["name"],
        "temperature": temperature,
        "alpha": alpha,
        "seeds": list(range(config.seed, config.seed + seeds)),
        "data": config.data.name,
        "num_samples": sizes,
        "config": config_to_dict(config),
    }
    folder = claim_folder(
        Path(root), name_folder(datetime.now().astimezone(), "distill", config.model.name, Path(config.data.name).name)
    )
    try:
        study = Distillation(folder, plan)
        study.save()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        return _run(study, contents, on_plan, on_start, on_result)
    except UsageError:
        if not any(row["role"] != TEACHER for row in study.results):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def resume_distillation(
    study: str | Path,
    *,
    root: str | Path = "runs",
    on_plan: Callable[[Distillation], None] | None = None,
    on_start: Start | None = None,
    on_result: Result | None = None,
) -> Distillation:
    """Go on with a distillation that stopped; students that are done are not trained again.

    Args:
        study: its folder, its name in ``root``, or "last".
        on_plan, on_start, on_result: as for ``distill``.
    Raises:  FathomError if it is finished, under way elsewhere, or not a distillation
    """
    found = Distillation.read(resolve_run(study, root, MARKER))
    if found.plan.get("status") == "done":
        raise FathomError(f"{found.path}: this distillation is finished; its page is {found.report}")
    config = make_config(found.plan["config"], str(found.path / MARKER))
    return _run(found, read_contents(config.data), on_plan, on_start, on_result)


def _run(
    study: Distillation,
    contents: Any,
    on_plan: Callable[[Distillation], None] | None,
    on_start: Start | None,
    on_result: Result | None,
) -> Distillation:
    go_on = f"fathom distill --resume {shlex.quote(str(study.path))}"
    plan = study.plan
    config = make_config(plan["config"], str(study.path / MARKER))
    settings = DistillConfig(teacher=plan["teacher"], temperature=plan["temperature"], alpha=plan["alpha"])
    with hold_run(study.path), contextlib.ExitStack() as stack:
        if on_plan is not None:
            on_plan(study)
        with end_recorded(study.save, "stopped before all students were trained"):
            data = build_data(_divided(config), contents)
            stack.callback(data.close)
            if study.row(TEACHER, read_run_config(Path(plan["teacher"])).seed) is None:
                _add(study, on_result, _judge_teacher(Path(plan["teacher"]), config, data))
            for seed in plan["seeds"]:
                for role in (ALONE, DISTILLED):
                    if study.row(role, seed) is not None:
                        continue
                    member = _member(config, settings, role, seed)
                    with told_apart(member, go_on):
                        run = train_member(study.path, member, contents=contents, on_start=on_start)
                    _add(study, on_result, _judge_student(study, run, role, seed, config, data))
            study.sizes = _measure(Path(plan["teacher"]), study.path / ALONE / f"seed-{plan['seeds'][0]}", data)
    return study


def _add(study: Distillation, on_result: Result | None, row: dict[str, Any]) -> None:
    study.results.append(row)
    study.save(status="running", message=None)
    if on_result is not None:
        on_result(study, row)


def _member(config: Config, settings: DistillConfig, role: str, seed: int) -> Member:
    config = _divided(config)
    training = msgspec.structs.replace(config.training, distill=settings if role == DISTILLED else None)
    config = msgspec.structs.replace(config, seed=seed, training=training)
    return Member(f"{role}/seed-{seed}", f"student {role}, seed {seed}", config)


def _divided(config: Config) -> Config:
    """Let the division stay as it is whatever the seed becomes."""
    seed = config.seed if config.data.split_seed is None else config.data.split_seed
    return msgspec.structs.replace(config, data=msgspec.structs.replace(config.data, split_seed=seed))


def _try_out(config: Config, contents: Any) -> dict[str, int]:
    """Build data, teacher and student, so that what does not fit stops all before there is a folder.

    Returns: how many examples there are to be judged on
    """
    with readable_failures():
        data = build_data(config, contents)
        try:
            config = settle_data(config, data)
            check_learning(config, build_module(config, data), data)
            loaders = {"val": data.val_dataloader(), "test": data.test_dataloader()}
            return {name: loader.num_samples for name, loader in loaders.items() if loader is not None}  # type: ignore[attr-defined]
        finally:
            data.close()


def _judge_teacher(teacher: Path, config: Config, data: LabelledData) -> dict[str, Any]:
    """Judge the teacher as the students are; a test set that it was judged on in its own run is not used again."""
    own, reader = read_run_config(teacher), RunReader(teacher)
    is_own = own.data.name == config.data.name
    known = reader.evaluation if is_own else None
    return {
        "role": TEACHER,
        "seed": own.seed,
        **_judge(teacher, config, data, "val", is_own),
        **(_scores(known, "test") if known is not None else _judge(teacher, config, data, "test", is_own)),
        "epochs": len(reader.epochs()),
        "train_s": reader.train_s,
        "run": str(teacher),
    }


def _judge_student(
    study: Distillation, run: Path, role: str, seed: int, config: Config, data: LabelledData
) -> dict[str, Any]:
    reader = RunReader(run)
    return {
        "role": role,
        "seed": seed,
        **_judge(run, config, data, "val"),
        **_scores(reader.evaluation or {}, "test"),
        "epochs": len(reader.epochs()),
        "train_s": reader.train_s,
        "run": run.relative_to(study.path).as_posix(),
    }


def _judge(run: Path, config: Config, data: LabelledData, split: str, is_own: bool = True) -> dict[str, Any]:
    if {"val": data.val_dataloader, "test": data.test_dataloader}[split]() is None:
        return _scores({}, split)
    module, _ = load_module(run)
    output, target = apply_to_split(module, config, data, split, config.execution.device, is_own=is_own)
    return _scores(judge(module, output, target, split), split)


def _scores(evaluation: dict[str, Any], split: str) -> dict[str, Any]:
    return {f"{split}_{key}": evaluation.get(key) for key in ("accuracy", "loss")}


def _measure(teacher: Path, student: Path, data: LabelledData) -> dict[str, dict[str, Any]]:
    """Give size, work and time per image of teacher and student, on the CPU, timed in turns."""
    runs = {TEACHER: teacher, ALONE: student}
    sizes: dict[str, dict[str, Any]] = {}
    applies = {}
    for role, run in runs.items():
        module, description = load_module(run)
        sizes[role] = {key: description[key] for key in ("parameters", "flops")}
        applies[role] = _make_apply(module)
    one = data.example().numpy()
    many = np.repeat(one, _BATCH, axis=0)
    alone, together = (measure_latency(applies, X, seconds=_TIMED_S) for X in (one, many))
    for role in runs:
        sizes[role] |= {"ms_alone": alone[role], "ms_batch": together[role] / _BATCH}
    return sizes | {DISTILLED: sizes[ALONE]}


def _make_apply(module: Module) -> Callable[[np.ndarray], list[np.ndarray]]:
    def apply(X: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [module(torch.from_numpy(X)).numpy()]

    return apply
