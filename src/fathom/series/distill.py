"""Distillation: a small network learns from a large one, and is set beside itself without a teacher."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from fathom.build.configure import configure, student_settings
from fathom.build.kinds.detection import kind_of
from fathom.build.kinds.places import place_name
from fathom.build.opening import open_split
from fathom.build.plan import close, draft
from fathom.build.results import SplitResult
from fathom.data.module import LabelledData
from fathom.errors import UsageError
from fathom.inference.latency import measure_latency
from fathom.inference.saved import load_module, read_description
from fathom.module import Module
from fathom.phrases import counted
from fathom.runs.analysis.distillation import ALONE, DISTILLED, TEACHER, Distillation
from fathom.runs.analysis.paired import pair_correct, pair_runs
from fathom.runs.analysis.series import DIVERGED, SeriesObserver
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.pages.series import save_series
from fathom.series.base import Member, add_member, open_series, run_series_in, start_series
from fathom.settings.config import (
    Config,
    DistillConfig,
    config_from_dict,
    config_to_dict,
    pin_split,
    replace_in,
    wrong_setting,
)
from fathom.settings.reading import read_config
from fathom.settings.settings import Settings

_BATCH = 256  # samples side by side, where the time per image is taken
_TIMED_S = 1.0  # each network


def distill(
    teacher: str | Path,
    student: str | Config | Settings | Mapping[str, Any],
    *,
    temperature: float = 4.0,
    alpha: float = 0.7,
    seeds: int = 1,
    root: str | Path = "runs",
    observer: SeriesObserver | None = None,
    command: Sequence[str] = (),
) -> Distillation:
    """Train a student alone and taught, on the same budget, and set both beside the teacher.

    Taught, it learns alpha · T² · KL(teacher ‖ student), both softened by the temperature T, plus (1 − alpha) times the
    cross-entropy. Data and their division are the teacher's, so that what the student is evaluated on taught neither. A
    student that diverges is recorded as such, and the others go on.

    Args:
        teacher: the run folder of a classifier, its name in ``runs/``, or "last".
        student: the name of a network, or all its settings (its data then are those given there).
        seeds: pairs of students, each with another seed; from two on there is an interval of the gain.
        observer: told when all is settled, before each run's first step, and of every result.
    Raises:  UsageError, FathomError before anything is written; Interrupted, FathomError with how to go on after
    """
    path = resolve_run(teacher, root).absolute()
    if isinstance(student, str):
        student = student_settings(path).under({"model": {"name": student}})
    config = configure(student, root)
    # seeds differ below, the division must not
    config = pin_split(msgspec.structs.replace(config, data=kind_of(config).locate(config.data)))
    if seeds < 1:
        raise UsageError(f"{counted(seeds, 'seed')}: there must be at least 1")
    if config.training.fast_dev_run or config.training.overfit_batches:
        raise UsageError("a distillation compares ordinary training; leave out fast_dev_run, overfit_batches")
    settings = _distill_settings(str(path), temperature, alpha)
    contents = kind_of(config).read(config.data)  # read once for teacher and all students
    plan = {
        "command": list(command),
        "teacher": str(path),
        "teacher_data": read_config(path).data.name,
        "teacher_model": read_description(path)["model"]["name"],
        "temperature": temperature,
        "alpha": alpha,
        "seeds": list(range(config.seed, config.seed + seeds)),
        "data": config.data.name,
        **_try_forward(_member(config, settings, DISTILLED, config.seed).config, contents),
        "config": config_to_dict(config),
    }
    names = ("distill", config.model.name, place_name(config.data.name))
    return start_series(
        Distillation, root, names, plan, lambda study: _run(study, contents, observer or SeriesObserver())
    )


def resume_distillation(
    study: str | Path, *, root: str | Path = "runs", observer: SeriesObserver | None = None
) -> Distillation:
    """Go on with a distillation that stopped; students that are done are not trained again.

    Args:
        study: its folder, its name in ``root``, or "last".
        observer: as for ``distill``.
    Raises:  FathomError if it is finished, under way elsewhere, or not a distillation
    """
    found = open_series(Distillation, study, root)
    config = _config_of(found)
    _run(found, kind_of(config).read(config.data), observer or SeriesObserver())
    return found


def _config_of(study: Distillation) -> Config:
    return config_from_dict(study.plan["config"], str(study.path / study.marker))


def _run(study: Distillation, contents: Any, observer: SeriesObserver) -> None:
    plan, config = study.plan, _config_of(study)
    teacher = Path(plan["teacher"])
    settings = _distill_settings(plan["teacher"], plan["temperature"], plan["alpha"])
    with run_series_in(study, observer, "stopped before all students were trained"), contextlib.ExitStack() as stack:
        data = kind_of(config).build(config, contents)  # once for all evaluations; each run builds its own
        stack.callback(data.close)
        # what evaluates has its settings closed by the data, as each run closes its own
        served = close(config, kind_of(config), data)
        if study.find(plan["teacher"]) is None:  # not evaluated in an earlier call
            row = _evaluate_teacher(teacher, served, data)
            study.add(row)
            save_series(study)
            observer.result(study, row)
        # pairs: a stop leaves whole ones to compare
        for seed, role in itertools.product(plan["seeds"], (ALONE, DISTILLED)):
            if study.row(role, seed) is None:
                member = _member(config, settings, role, seed)
                alone = study.row(ALONE, seed) if role == DISTILLED else None  # trained just before, by the order above

                # bound as a default: the loop changes the name
                def assess(run: Path, alone: dict[str, Any] | None = alone) -> dict[str, Any]:
                    return _evaluate_student(run, served, data) | _pair(study, alone, run, served, data)

                add_member(study, member, assess, contents=contents, observer=observer)
        study.sizes = _measure(study, data)


def _distill_settings(teacher: str, temperature: float, alpha: float) -> DistillConfig:
    """Return the settings of the teaching, checked.

    Raises:  UsageError
    """
    try:
        return msgspec.convert({"teacher": teacher, "temperature": temperature, "alpha": alpha}, DistillConfig)
    except msgspec.ValidationError as error:
        raise wrong_setting(error, "distill") from None


def _member(config: Config, settings: DistillConfig, role: str, seed: int) -> Member:
    # nothing else differs between the two
    config = replace_in(config, training={"distill": settings if role == DISTILLED else None})
    config = msgspec.structs.replace(config, seed=seed)
    return Member(f"{role}/seed-{seed}", f"student {role}, seed {seed}", config, {"role": role})


def _try_forward(config: Config, contents: Any) -> dict[str, Any]:
    """Build data, teacher and student, so that what does not fit stops all before there is a folder.

    Returns: what the plan says of the data
    """
    data = draft(config, contents).data
    loaders = {"val": data.val_dataloader(), "test": data.test_dataloader()}
    sizes = {name: loader.num_samples for name, loader in loaders.items() if loader is not None}  # type: ignore[attr-defined]
    facts = {"num_samples": sizes, "notes": list(data.notes)}
    data.close()
    return facts


def _evaluate_teacher(teacher: Path, config: Config, data: LabelledData) -> dict[str, Any]:
    """Evaluate the teacher as the students are; a test set that its own run evaluated on is not used again."""
    own, reader = read_config(teacher), RunReader(teacher)
    is_own = own.data.name == config.data.name
    known = reader.evaluation if is_own else None  # once: the run's own evaluation stands
    return {
        "role": TEACHER,
        "seed": own.seed,
        **_measure_split(teacher, config, data, "val", is_own),
        **(_scores(known, "test") if known is not None else _measure_split(teacher, config, data, "test", is_own)),
        "epochs": len(reader.epochs()),
        "train_s": reader.train_s,
        "run": str(teacher),
    }


def _evaluate_student(run: Path, config: Config, data: LabelledData) -> dict[str, Any]:
    return {**_measure_split(run, config, data, "val"), **_scores(RunReader(run).evaluation or {}, "test")}


def _pair(
    study: Distillation, alone: dict[str, Any] | None, run: Path, config: Config, data: LabelledData
) -> dict[str, Any]:
    """Set a distilled student beside the same student alone, sample by sample, where there is one.

    Of the test split, which each evaluated once, the predictions are there; on validation both are asked again.
    """
    if alone is None or alone.get("status") == DIVERGED:
        return {}
    runs = [study.path / alone["run"], run]
    pairs = {"test": pair_runs(*runs)}
    if data.val_dataloader() is not None:
        right = [_evaluate(path, config, data, "val").is_correct or [] for path in runs]
        pairs["val"] = pair_correct(*right)
    return {"pairs": {split: pair.describe() for split, pair in pairs.items() if pair is not None}}


def _measure_split(run: Path, config: Config, data: LabelledData, split: str, is_own: bool = True) -> dict[str, Any]:
    if {"val": data.val_dataloader, "test": data.test_dataloader}[split]() is None:
        return _scores({}, split)
    return _scores(_evaluate(run, config, data, split, is_own).summary, split)


def _evaluate(run: Path, config: Config, data: LabelledData, split: str, is_own: bool = True) -> SplitResult:
    module, _ = load_module(run)
    batches, execution = open_split(module, config, data, split, config.execution.device, is_own=is_own)
    return kind_of(config).evaluate(module, data, split, batches, execution)


def _scores(evaluation: dict[str, Any], split: str) -> dict[str, Any]:
    return {f"{split}_{key}": evaluation.get(key) for key in ("accuracy", "loss")}


def _measure(study: Distillation, data: LabelledData) -> dict[str, dict[str, Any]]:
    """Return size, work and time per image of teacher and student, on the CPU, timed in turns.

    All students have the same network: the first that did not diverge stands for them.
    """
    runs = {TEACHER: Path(study.plan["teacher"])}
    # whole: with weights worth timing
    whole = [study.path / row["run"] for row in study.trained if row.get("status") != DIVERGED]
    if whole:
        runs[ALONE] = whole[0]
    sizes: dict[str, dict[str, Any]] = {}
    applies = {}
    for role, run in runs.items():
        module, description = load_module(run)
        sizes[role] = {key: description[key] for key in ("parameters", "flops")}
        applies[role] = _make_apply(module)
    one = data.example_input().numpy()
    many = np.repeat(one, _BATCH, axis=0)  # (256, …)
    # one image waits for calls, many for arithmetic
    alone, together = (measure_latency(applies, X, seconds=_TIMED_S) for X in (one, many))
    for role in runs:
        sizes[role] |= {"ms_alone": alone[role], "ms_batch": together[role] / _BATCH}
    return sizes | ({DISTILLED: sizes[ALONE]} if ALONE in sizes else {})  # the same network, whoever taught it


def _make_apply(module: Module) -> Callable[[np.ndarray], list[np.ndarray]]:
    def apply(X: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():  # no bookkeeping for gradients within the times
            return [module(torch.from_numpy(X)).numpy()]

    return apply
