"""Cross-validation: how well a model does, and how much of that is the luck of the split."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fathom.build.configure import configure
from fathom.build.kinds.detection import kind_of
from fathom.build.kinds.places import place_name
from fathom.build.plan import draft
from fathom.data.module import LabelledData
from fathom.errors import UsageError
from fathom.phrases import counted
from fathom.runs.analysis.crossval import CrossValidation
from fathom.runs.analysis.series import SeriesObserver
from fathom.runs.folder.records import is_number
from fathom.series.base import SeriesRun, open_series, running_series, start_series, train_and_record
from fathom.settings.config import Config, FoldConfig, config_from_dict, config_to_dict, pin_split, replace_in
from fathom.settings.settings import Settings
from fathom.training.divergence import not_finite

_EXTREME = "look for extreme values there"
_DIVISIONS = {  # by task, as the page says how the folds were made
    "classification": "stratified: every fold has its share of each class",
    "regression": "at random",
    "language": "contiguous blocks, the rest joined",
}


def cross_validate(
    settings: Config | Settings | Mapping[str, Any] | Sequence[Config | Settings | Mapping[str, Any]],
    folds: int = 5,
    *,
    repeats: int = 1,
    root: str | Path = "runs",
    observer: SeriesObserver | None = None,
    command: Sequence[str] = (),
) -> CrossValidation:
    """Train every model on all folds but one and evaluate it on that one, for each fold in turn.

    The folds divide the training split; the test set is not touched. Within a fold's run the held-out fold takes the
    place of the test split and is evaluated once, with the best weights; those are chosen on a validation split cut
    from the other folds, as ``train`` does. Each fold has its own seed, the same for every model. A fold that diverges
    is recorded as such, and the others go on.

    Args:
        settings: of one model, or of several on the same data, to be compared fold by fold.
        folds: number of folds; at least 2.
        repeats: how often to divide into folds anew; a text has only one division.
        root: where the folder of the cross-validation is made.
        observer: notified before the first run, before each run's first step, and of every result.
    Raises:  UsageError for invalid settings; Interrupted, FathomError with how to resume
    """
    chosen = [settings] if isinstance(settings, (Config, Settings, Mapping)) else settings
    # pinned: "latest" of remote data must mean the same for all folds
    configs = [_pin(configure(each, root)) for each in chosen]
    _check(configs, folds, repeats)
    models = _name_models(configs)
    cache = _ContentCache()  # in this call; a resumed one reads again
    plan = {
        "command": list(command),
        "data": configs[0].data.name,
        "folds": folds,
        "repeats": repeats,
        "seed": configs[0].seed,
        **_try_forward(models, folds, cache, repeats),  # before the folder: a misfit leaves nothing behind
        "models": {name: config_to_dict(config) for name, config in models.items()},
    }
    names = ("crossval", *models, place_name(configs[0].data.name))
    return start_series(
        CrossValidation, root, names, plan, lambda study: _run(study, cache, observer or SeriesObserver())
    )


def resume_cross_validation(
    study: str | Path, *, root: str | Path = "runs", observer: SeriesObserver | None = None
) -> CrossValidation:
    """Resume a stopped cross-validation; finished folds are not repeated.

    Args:
        study: its folder, its name in ``root``, or "last".
        observer: as for ``cross_validate``.
    Raises:  FathomError if it is finished, running elsewhere, or not a cross-validation
    """
    found = open_series(CrossValidation, study, root)
    _run(found, _ContentCache(), observer or SeriesObserver())
    return found


def _run(study: CrossValidation, cache: _ContentCache, observer: SeriesObserver) -> None:
    def read_result(run: Path) -> dict[str, Any]:
        found, measure = study.read_scores(run), study.measures[0]  # the first is the one compared
        if not is_number(found[measure.key]):
            raise not_finite(f"{measure.title} on the held-out fold", remedy=_EXTREME)
        return found

    with running_series(study, observer, "stopped before all folds were done"):
        for planned in _planned_runs(study):
            if study.find(planned.name) is None:  # None: not done in an earlier call
                train_and_record(study, planned, read_result, contents=cache.read(planned.config), observer=observer)


def _planned_runs(study: CrossValidation) -> Iterator[SeriesRun]:
    """Yield every run, model by model within a fold, so that early results can be compared."""
    folds, repeats = study.plan["folds"], study.plan["repeats"]
    configs = {
        name: config_from_dict(tree, str(study.path / study.marker)) for name, tree in study.plan["models"].items()
    }
    # fold by fold, so that a stop leaves whole folds of all models
    for repeat, fold in itertools.product(range(repeats), range(folds)):
        for model, config in configs.items():
            place = f"fold-{fold + 1}" if repeats == 1 else f"repeat-{repeat + 1}-fold-{fold + 1}"
            label = f"{model}, fold {fold + 1} of {folds}" + (f", repeat {repeat + 1}" if repeats > 1 else "")
            facts = {"model": model, "repeat": repeat + 1, "fold": fold + 1}
            # a folder for each model, in it one for each fold
            yield SeriesRun(f"{model}/{place}", label, _hold_out(config, fold, folds, repeat), facts)


def _hold_out(config: Config, fold: int, folds: int, repeat: int = 0) -> Config:
    """Return the settings of one fold's run: its own seed, the same division for all."""
    # pinned first: the next line changes the seed, which would change the division
    config = replace_in(pin_split(config), data={"fold": FoldConfig(index=fold, of=folds, repeat=repeat)})
    return msgspec.structs.replace(config, seed=config.seed + repeat * folds + fold)  # no two runs share one


def _pin(config: Config) -> Config:
    return msgspec.structs.replace(config, data=kind_of(config).pin(config.data))


def _check(configs: Sequence[Config], folds: int, repeats: int) -> None:
    if not configs:
        raise UsageError("a cross-validation needs at least one model")
    if folds < 2:
        raise UsageError(
            f"{counted(folds, 'fold')}: there must be at least 2, one to learn from and one to be evaluated on"
        )
    if repeats < 1:
        raise UsageError(f"{counted(repeats, 'repeat')}: there must be at least 1")
    first = configs[0]
    for config in configs:
        if config.training.fast_dev_run or config.training.overfit_batches:
            raise UsageError("a cross-validation needs full training; leave out --fast-dev-run and --overfit-batches")
        if config.data.fold is not None:
            # nesting would cut the folds from what is left
            raise UsageError("data.fold is already set: a fold cannot be cross-validated again")
        if config.data.name != first.data.name or config.seed != first.seed:
            raise UsageError(
                "the models of a cross-validation must share data set and seed, so that their folds are the same"
            )


class _ContentCache:
    """The data, read once for all folds; networks may need it in different forms, such as digits in two sizes."""

    def __init__(self) -> None:
        self._contents: dict[str, Any] = {}

    def read(self, config: Config) -> Any:
        """Return what the kind's ``read`` returned."""
        form = repr(sorted(config.data.options.items()))  # options may hold lists, which cannot be keys
        if form not in self._contents:  # the data set's name is the same for all, checked above
            self._contents[form] = kind_of(config).read(config.data)
        return self._contents[form]


def _name_models(configs: Sequence[Config]) -> dict[str, Config]:
    """Name each configuration by its network, numbered if several share one."""
    named: dict[str, Config] = {}
    for config in configs:
        name, number = config.model.name, 2  # lenet, lenet-2, lenet-3
        while name in named:
            name, number = f"{config.model.name}-{number}", number + 1
        named[name] = config
    return named


def _try_forward(models: dict[str, Config], folds: int, cache: _ContentCache, repeats: int) -> dict[str, Any]:
    """Build data and network of every model's first fold, so that a misfit is found before there is a folder.

    Returns: what the plan records of the data
    """
    facts: dict[str, Any] = {}
    for config in models.values():
        config = _hold_out(config, 0, folds)  # one fold stands for all: their sizes differ by one at most
        data = draft(config, cache.read(config)).data
        facts = facts or _describe(data, folds)  # the same for all models: one data set, one seed
        data.close()  # its processes would wait through all of the first fold
    if facts["task"] == "language" and repeats > 1:
        raise UsageError("the folds of a text are contiguous, so there is only one division; leave out --repeats")
    return facts


def _describe(data: LabelledData, folds: int) -> dict[str, Any]:
    parts = {  # in the order in which a reader asks for them
        "to learn from": data.train_eval_dataloader(),
        "to choose the best weights by": data.val_dataloader(),
        "held out": data.test_dataloader(),
    }
    sizes = {what: _size(loader) for what, loader in parts.items() if loader is not None}
    return {
        "task": data.task,
        "division": _DIVISIONS[data.task],
        "parts": ", ".join(f"{size:,} {what}" for what, size in sizes.items()),
        "unit": data.unit,
        # the first fold's own line is not about the series
        "notes": [note for note in data.notes if not note.startswith(f"fold 1 of {folds}")],
    }


def _size(loader: Any) -> int:
    return len(loader.tokens) if hasattr(loader, "tokens") else loader.num_samples  # a text is counted in tokens
