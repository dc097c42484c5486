"""Distillation: a small network learns from a large one, and is compared with itself without a teacher."""

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
from fathom.build.plan import draft, finalize
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
from fathom.series.base import SeriesRun, open_series, running_series, start_series, train_and_record
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

_BATCH = 256  # samples side by side, when the time per image is measured
_TIMED_S = 1.0  # each network


def distill(
    teacher: str | Path,
    student: str | Config | Settings | Mapping[str, Any],
    *,
    temperature: float = 4.0,
    alpha: float = 0.7,
    seeds: int = 1,  # each seed trains two students
    root: str | Path = "runs",
    observer: SeriesObserver | None = None,
    command: Sequence[str] = (),
) -> Distillation:
    """Train a student alone and distilled, on the same budget, and compare both with the teacher.

    Distilled, it learns alpha · T² · KL(teacher ‖ student), both softened by the temperature T, plus (1 − alpha) times
    the cross-entropy. Data and splits are the teacher's, so that neither was trained on what they are evaluated on. A
    student that diverges is recorded as such, and the others continue.

    Args:
        teacher: the run folder of a classifier, its name in ``runs/``, or "last".
        student: the name of a network, or all its settings, with its data.
        seeds: pairs of students, each with another seed; two or more give an interval of the gain.
        observer: notified before the first run, before each run's first step, and of every result.
    Raises:  UsageError, FathomError before anything is written; Interrupted, FathomError with how to resume after
    """
    path = resolve_run(teacher, root).absolute()  # absolute: a resumed series may start in another folder
    if isinstance(student, str):
        # the teacher's own settings, so that nothing but the network differs
        student = student_settings(path).under({"model": {"name": student}})
    config = configure(student, root)
    # seeds differ below, the division must not
    config = pin_split(msgspec.structs.replace(config, data=kind_of(config).pin(config.data)))
    if seeds < 1:
        raise UsageError(f"{counted(seeds, 'seed')}: there must be at least 1")
    if config.training.fast_dev_run or config.training.overfit_batches:
        raise UsageError("a distillation needs full training; leave out --fast-dev-run and --overfit-batches")
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
        **_try_forward(_planned_run(config, settings, DISTILLED, config.seed).config, contents),
        "config": config_to_dict(config),
    }
    names = ("distill", config.model.name, place_name(config.data.name))
    return start_series(
        Distillation, root, names, plan, lambda study: _run(study, contents, observer or SeriesObserver())
    )


def resume_distillation(
    study: str | Path, *, root: str | Path = "runs", observer: SeriesObserver | None = None
) -> Distillation:
    """Resume a stopped distillation; finished students are not trained again.

    Args:
        study: its folder, its name in ``root``, or "last".
        observer: as for ``distill``.
    Raises:  FathomError if it is finished, running elsewhere, or not a distillation
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
    with running_series(study, observer, "stopped before all students were trained"), contextlib.ExitStack() as stack:
        data = kind_of(config).build(config, contents)  # once for all evaluations; each run builds its own
        stack.callback(data.close)
        # what evaluates has its settings closed by the data, as each run closes its own
        served = finalize(config, kind_of(config), data)
        if study.find(plan["teacher"]) is None:  # not evaluated in an earlier call
            row = _evaluate_teacher(teacher, served, data)
            study.add(row)
            save_series(study)
            observer.result(study, row)
        # pairs: a stop leaves whole ones to compare
        for seed, role in itertools.product(plan["seeds"], (ALONE, DISTILLED)):
            if study.row(role, seed) is None:  # None: not trained in an earlier call
                planned = _planned_run(config, settings, role, seed)
                alone = study.row(ALONE, seed) if role == DISTILLED else None  # trained just before, by the order above

                # bound as a default: the loop changes the name
                def read_result(run: Path, alone: dict[str, Any] | None = alone) -> dict[str, Any]:
                    return _evaluate_student(run, served, data) | _pair(study, alone, run, served, data)

                train_and_record(study, planned, read_result, contents=contents, observer=observer)
        study.sizes = _measure(study, data)


def _distill_settings(teacher: str, temperature: float, alpha: float) -> DistillConfig:
    """Return the checked settings of distillation.

    Raises:  UsageError
    """
    try:
        return msgspec.convert({"teacher": teacher, "temperature": temperature, "alpha": alpha}, DistillConfig)
    except msgspec.ValidationError as error:
        raise wrong_setting(error, "distill") from None


def _planned_run(config: Config, settings: DistillConfig, role: str, seed: int) -> SeriesRun:
    # nothing else differs between the two
    config = replace_in(config, training={"distill": settings if role == DISTILLED else None})
    config = msgspec.structs.replace(config, seed=seed)
    return SeriesRun(f"{role}/seed-{seed}", f"student {role}, seed {seed}", config, {"role": role})


def _try_forward(config: Config, contents: Any) -> dict[str, Any]:
    """Build data, teacher and student, so that a misfit is found before there is a folder.

    Returns: what the plan records of the data
    """
    data = draft(config, contents).data
    loaders = {"val": data.val_dataloader(), "test": data.test_dataloader()}
    sizes = {name: loader.num_samples for name, loader in loaders.items() if loader is not None}  # type: ignore[attr-defined]
    facts = {"num_samples": sizes, "notes": list(data.notes)}
    data.close()
    return facts


def _evaluate_teacher(teacher: Path, config: Config, data: LabelledData) -> dict[str, Any]:
    """Evaluate the teacher as the students are; if its own run used the test set, that result is kept."""
    own, reader = read_config(teacher), RunReader(teacher)
    is_own = own.data.name == config.data.name  # trained on other data its own numbers would not compare
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
    """Compare a distilled student with the same student alone, sample by sample, if there is one.

    On the test split their saved predictions are compared; on validation both are evaluated again.
    """
    if alone is None or alone.get("status") == DIVERGED:
        return {}
    runs = [study.path / alone["run"], run]
    pairs = {"test": pair_runs(*runs)}
    if data.val_dataloader() is not None:
        # val has no stored answers, so both are evaluated again
        right = [_evaluate(path, config, data, "val").is_correct or [] for path in runs]
        pairs["val"] = pair_correct(*right)
    return {"pairs": {split: pair.describe() for split, pair in pairs.items() if pair is not None}}


def _measure_split(run: Path, config: Config, data: LabelledData, split: str, is_own: bool = True) -> dict[str, Any]:
    # methods, called only for the split asked for
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
    """Return size, FLOPs and time per image of teacher and student, on the CPU, timed in turns.

    All students have the same network: the first that did not diverge is measured.
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
    # copies of one image: the time does not depend on what it shows
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
