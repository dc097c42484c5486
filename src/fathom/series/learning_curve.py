"""How the error falls with the number of training samples, and what more of them would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fathom.build.configure import configure
from fathom.build.kinds.detection import kind_of
from fathom.build.kinds.places import place_name
from fathom.build.plan import draft
from fathom.errors import UsageError
from fathom.runs.analysis.learning_curves.series import LearningCurve
from fathom.runs.analysis.series import SeriesObserver
from fathom.runs.folder.records import is_number
from fathom.series.base import SeriesRun, open_series, running_series, start_series, train_and_record
from fathom.settings.config import Config, config_from_dict, config_to_dict, pin_split, replace_in, resolved
from fathom.settings.settings import Settings
from fathom.training.divergence import not_finite

NUM_SIZES, SEEDS = 5, 3  # four halvings: the smallest is a sixteenth
# Of every run. Of LeNet on up to 10,000 images of Fashion-MNIST 390 steps forecast an error of 12.3 % at 54,000, where
# 2,110 steps reached 8.9 %: a law through runs that are too short is one of training time.
LEAST_STEPS = 2000
_FEWEST = 20  # samples of the smallest size: below, errors say nothing of a law


def learning_curve(
    settings: Config | Settings | Mapping[str, Any],
    *,
    seeds: int = SEEDS,
    most: int | None = None,
    steps: int = LEAST_STEPS,
    root: str | Path = "runs",
    observer: SeriesObserver | None = None,
    command: Sequence[str] = (),
) -> LearningCurve:
    """Train on a sixteenth, an eighth, … and all of the training samples, and fit a law to the test errors.

    Smaller splits lie in the larger ones, with the classes in their shares; each seed draws its own. Validation and
    test split are the same for all. Every run takes as many steps as that on all samples, and ``steps`` at least, so
    that the errors depend on the data alone; the weights kept are the best on validation, and the test split is
    evaluated once by each run.

    Args:
        settings: of one model.
        seeds: runs of each size.
        most: the largest size; None takes all training samples.
        steps: the fewest of a run.
        root: where the folder is made.
        observer: notified before the first run, before each run's first step, and of every result.
    Raises:  UsageError for invalid settings or too few samples; Interrupted, FathomError with how to resume
    """
    config = configure(settings, root)
    config = msgspec.structs.replace(config, data=kind_of(config).pin(config.data))
    _check(config, seeds)
    contents = kind_of(config).read(config.data)
    config, facts = _describe(config, contents, most)
    plan = {
        "command": list(command),
        "model": config.model.name,
        "data": config.data.name,
        "seeds": list(range(config.seed, config.seed + seeds)),
        "steps": max(
            steps, resolved(config.training.epochs) * -(-facts["sizes"][-1] // resolved(config.data.batch_size))
        ),
        **facts,
        "config": config_to_dict(config),
    }
    names = ("learning-curve", config.model.name, place_name(config.data.name))
    return start_series(
        LearningCurve, root, names, plan, lambda study: _run(study, contents, observer or SeriesObserver())
    )


def resume_learning_curve(
    study: str | Path, *, root: str | Path = "runs", observer: SeriesObserver | None = None
) -> LearningCurve:
    """Resume a stopped learning curve; finished runs are not repeated.

    Args:
        study: its folder, its name in ``root``, or "last".
        observer: as for ``learning_curve``.
    Raises:  FathomError if it is finished, running elsewhere, or not a learning curve
    """
    found = open_series(LearningCurve, study, root)
    _run(found, None, observer or SeriesObserver())
    return found


def _check(config: Config, seeds: int) -> None:
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}: there must be at least 1")
    if config.training.fast_dev_run or config.training.overfit_batches:
        raise UsageError("a learning curve needs full training; leave out --fast-dev-run and --overfit-batches")
    if config.data.train_size is not None or config.data.fold is not None:
        raise UsageError("data.train_size and data.fold are set by the learning curve; leave them out")
    if config.finetune.compare_scratch:
        raise UsageError("a learning curve trains several runs already; leave out --compare-scratch")


def _describe(config: Config, contents: Any, most: int | None) -> tuple[Config, dict[str, Any]]:
    """Build the data once; return the settings closed by it, and what is to be known of it.

    Raises:  UsageError for texts, data without a test split, and too few samples
    """
    drafted = draft(config, contents)
    data = drafted.data
    try:
        if data.task == "language":
            raise UsageError("learning-curve reads no texts: fewer tokens have another vocabulary")
        if data.multilabel:
            raise UsageError("learning-curve compares errors of one label or number; these data have several labels")
        if data.test_dataloader() is None:
            raise UsageError(f"{data.name} has no test split to measure the error on; give one, or set --val")
        total = data.num_train
        if most is not None and most > total:
            raise UsageError(f"--most {most:,}: the training split of {data.name} has {total:,} samples")
        largest = total if most is None else most
        sizes = [round(largest / 2**k) for k in reversed(range(NUM_SIZES))]
        fewest = max(_FEWEST, 2 * (data.num_outputs if data.task == "classification" else 1))
        if sizes[0] < fewest:
            raise UsageError(
                f"{data.name}: a sixteenth of {largest:,} training samples is {sizes[0]}; a curve needs {fewest} there"
            )
        return drafted.config, {"task": data.task, "sizes": sizes, "unit": data.unit, "notes": list(data.notes)}
    finally:
        data.close()


def _run(study: LearningCurve, contents: Any, observer: SeriesObserver) -> None:
    def read_result(run: Path) -> dict[str, Any]:
        found = study.read_error(run)
        if not is_number(found["error"]):
            raise not_finite(study.error_name, remedy="look for extreme values in the test split")
        return found

    with running_series(study, observer, "stopped before all sizes were done"):
        for planned in _planned_runs(study):
            if study.find(planned.name) is None:  # None: not done in an earlier call
                if contents is None:
                    contents = kind_of(planned.config).read(planned.config.data)
                train_and_record(study, planned, read_result, contents=contents, observer=observer)


def _planned_runs(study: LearningCurve) -> Iterator[SeriesRun]:
    """Yield every run, seed by seed, so that a stop leaves whole curves."""
    config = pin_split(config_from_dict(study.plan["config"], str(study.path / study.marker)))
    for seed in study.plan["seeds"]:
        for size in study.sizes:
            label = f"{config.model.name} on {size:,} samples, seed {seed}"
            facts = {"size": size}
            yield SeriesRun(
                f"n-{size}/seed-{seed}", label, _settings_for(config, size, seed, int(study.plan["steps"])), facts
            )


def _steps_of(config: Config, size: int) -> int:
    """Return the steps of a run on ``size`` samples with the epochs of the settings."""
    return resolved(config.training.epochs) * -(-size // resolved(config.data.batch_size))


def _settings_for(config: Config, size: int, seed: int, steps: int) -> Config:
    """Return the settings of one run: fewer samples, as many steps."""
    batch = resolved(config.data.batch_size)
    smaller = min(batch, max(1, size // 4))  # at least four steps an epoch, as far as there are samples
    each = -(-size // smaller)
    config = replace_in(
        config,
        data={"train_size": size, "batch_size": smaller},
        training={"epochs": max(1, round(steps / each))},
    )
    return msgspec.structs.replace(config, seed=seed)
