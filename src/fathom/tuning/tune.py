"""``fathom tune`` as a function: a hyperparameter search, kept in a folder, and its best trial trained as a run."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fathom.build.configure import configure, pin
from fathom.build.kinds.places import place_name
from fathom.build.run import Hooks, OnStart, resume_run, train_run
from fathom.build.trained import TrainedRun
from fathom.errors import FathomError, UsageError, unknown
from fathom.phrases import counted
from fathom.runs.analysis.study import PRUNERS, Study, Trial
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.writer import claim_folder, name_folder
from fathom.runs.html.pages.study import write_study
from fathom.settings.settings import Settings
from fathom.training.signals import Interrupted
from fathom.tuning.difference import describe_difference
from fathom.tuning.jobs import run_workers
from fathom.tuning.space import Dimension, Value, apply_values, parse_space, resolve_space
from fathom.tuning.study import (
    StudySettings,
    StudyStore,
    create_study,
    is_study,
    read_settings,
    require_optuna,
)
from fathom.tuning.trial import TrialData, choose_metric, prepare_trial
from fathom.tuning.work import StudyObserver, network_options, run_trials


@dataclass(frozen=True)
class Tuned:
    """The result of ``tune``: folder, study, page, and the run of the best trial (None without retraining).

    ``is_over`` is False while another process is still running a trial; that one ends the study.
    """

    path: Path
    study: Study
    page: Path
    run: TrainedRun | None
    is_over: bool = True  # False while another process still runs trials


@dataclass(frozen=True)
class TuningSession:
    """How one call runs a study; another call may resume it in another way.

    Attributes:
        jobs: number of processes.
        observer: notified of the progress of the study.
        on_start: called before the best trial is trained, as for ``train``.
        command: the command line, for the record of a new study.
    """

    jobs: int = 1
    observer: StudyObserver = field(default_factory=StudyObserver)
    on_start: OnStart | None = None
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UsageError(f"jobs must be at least 1, not {self.jobs}")


def tune(
    settings: Settings | Mapping[str, Any],
    space: str | Iterable[str] | Mapping[str, str],
    *,
    trials: int = 30,
    pruner: str = "median",
    root: str | Path = "runs",
    study: str | Path | None = None,
    retrain: bool = True,
    session: TuningSession = TuningSession(),
) -> Tuned:
    """Search for settings with the best validation metric; only the best run is evaluated on the test split, once.

    Args:
        settings: what all trials have in common.
        space: what is tuned, see ``parse_space``.
        trials: number of trials, not counting interrupted ones, in all calls and processes.
        pruner: median, halving or none: which trials are stopped early.
        root: where the study's folder goes, and the best run's.
        study: the study's own folder; if it already holds this study, that is resumed.
        retrain: whether the best trial is trained again and kept as a run.
        session: how this call runs it: ``fathom.TuningSession(jobs=2)`` with two processes.
    Raises:  UsageError, FathomError before anything is written; Interrupted after a signal
    """
    dimensions = parse_space(space)
    _check_trials(trials)
    if pruner not in PRUNERS:
        raise unknown("pruner", pruner, PRUNERS)
    require_optuna()
    # what depends on the machine and the moment is fixed now, so that a resumed study searches the same
    base = pin(settings, root)
    data = TrialData()
    with contextlib.closing(data):  # closed on every way out: its workers read files
        metric, maximise = _check_study(base, dimensions, data)  # before there is a folder
        plan = StudySettings(
            base=base.to_dict(),
            space={dimension.name: dimension.text for dimension in dimensions},
            metric=metric,
            maximise=maximise,
            trials=trials,
            pruner=pruner,
            command=list(session.command),
        )
        store = _open_study(plan, base, Path(root), None if study is None else Path(study))
        with contextlib.closing(store):
            return _run_study(store, data, trials, retrain, session)


def resume_tuning(
    study: str | Path,
    *,
    trials: int | None = None,
    retrain: bool = True,
    session: TuningSession = TuningSession(),
) -> Tuned:
    """Resume a study until it has its number of trials, which ``trials`` may change.

    Raises:  FathomError if the folder is not a study or is damaged; otherwise as ``tune``
    """
    if trials is not None:
        _check_trials(trials)
    require_optuna()
    with contextlib.closing(TrialData()) as data, contextlib.closing(StudyStore(Path(study))) as store:
        _check_study(store.base, store.dimensions, data)  # the data may have changed since the study began
        return _run_study(store, data, trials, retrain, session)


def best_settings(store: StudyStore, trial: Trial) -> Settings:
    """Return the settings of a trial, such as ``fathom train --config`` reads."""
    return apply_values(store.base, store.values_of(trial))


def resume_command(path: Path) -> str:
    """Return the command that resumes a study."""
    return f"fathom tune --resume {shlex.quote(str(path))}"


def _check_trials(trials: int) -> None:
    if trials < 1:
        raise UsageError(f"trials must be at least 1, not {trials}")


def _check_study(base: Settings, dimensions: list[Dimension], data: TrialData) -> tuple[str, bool]:
    """Build the default settings and the ends of every dimension, so that a fault shows before the first trial.

    Raises:  UsageError naming the dimension
    """
    dimensions = resolve_space(dimensions, base, network_options(base, dimensions))
    default = prepare_trial(base, data)  # its own faults first, told without a dimension's name
    # an option may exist for one of the networks tried alone
    deciding = [d for d in dimensions if d.setting in ("model.name", "training.optimizer")]
    for dimension in dimensions:
        if dimension.setting.startswith("data."):
            continue  # these would read and split the data again
        for value in dimension.ends():  # the ends stand for all between: to build every value would take too long
            # It is enough if one of the networks and optimisers accepts it.
            # alone, then beside both ends of each setting that decides which options exist
            surroundings: list[dict[Dimension, Value]] = [{}]
            surroundings += [{d: end} for d in deciding if d != dimension for end in d.ends()]
            refused: list[UsageError] = []
            for surrounding in surroundings:
                try:
                    prepare_trial(apply_values(base, surrounding | {dimension: value}), data)
                    break
                except UsageError as error:
                    refused.append(error)
            else:
                # the first: that of the default surroundings, which a user knows
                raise UsageError(f"space {dimension}: {refused[0]}")
    return choose_metric(default.config, default.data, [dimension.setting for dimension in dimensions])


def _open_study(settings: StudySettings, base: Settings, root: Path, place: Path | None) -> StudyStore:
    """Make the study's folder, or open the study in it.

    Raises:  UsageError if it holds another study, or something else
    """
    is_new = place is None or not place.exists()  # what this call makes it may remove again
    if place is None:
        now = datetime.now().astimezone()
        place = claim_folder(root, name_folder(now, "tune", base.get("model.name"), place_name(base.get("data.name"))))
    elif place.exists() and not _is_free(place) and not is_study(place):
        raise UsageError(f"--study: {place} is not a study folder; choose a new folder or that of a study")
    place.mkdir(parents=True, exist_ok=True)
    try:
        store = create_study(place, settings)
    except BaseException:
        if is_new and not is_study(place):  # another process may have made it its own meanwhile
            shutil.rmtree(place, ignore_errors=True)
        raise
    different = describe_difference(store.settings, settings)
    if different is not None:
        store.close()  # the lock of this worker would stay otherwise
        raise UsageError(f"--study: {place} holds a study with {different}; resume it with: {resume_command(place)}")
    return store


def _is_free(place: Path) -> bool:
    """Whether a folder is empty, but for hidden files of another process that is creating this study."""
    return place.is_dir() and all(entry.name.startswith(".") for entry in place.iterdir())


def _run_study(store: StudyStore, data: TrialData, trials: int | None, retrain: bool, session: TuningSession) -> Tuned:
    """Run the missing trials, write the page, train the best."""
    store.resolve(network_options(store.base, store.dimensions))  # the networks' options are known only now
    if trials is not None and trials != store.settings.trials:
        store.update(trials=trials)
    session.observer.open(store)
    try:
        if session.jobs == 1:
            run_trials(store, data, session.observer)
        else:
            data.close()  # the processes read it themselves: twice the memory otherwise
            run_workers(store, session.jobs, session.observer)
    except Interrupted as stop:
        study = store.snapshot()
        write_study(study, store.path)  # a stopped study has its page too
        done = f"{study.num_done} of {counted(study.target, 'trial')} done"
        line = f"stopped; {done}; resume with: {resume_command(store.path)}"
        raise Interrupted(stop.exit_code - 128, line) from None  # a shell's exit code is 128 + the signal
    finally:
        session.observer.close()
    study = store.snapshot()
    page = write_study(study, store.path)
    best = study.best()
    if store.has_other_workers():  # its trial may be better, and it will train the best
        return Tuned(store.path, study, page, None, is_over=False)
    if best is None:
        raise FathomError(f"{store.path}: none of {counted(study.num_done, 'trial')} was completed; see {page}")
    _write_best(store, best)
    if not retrain:
        return Tuned(store.path, study, page, None)
    run = _train_best(store, best, data, session.on_start)
    study = store.snapshot()  # the snapshot now names the run
    page = write_study(study, store.path)
    return Tuned(store.path, study, page, run)


def _write_best(store: StudyStore, best: Trial) -> None:
    from fathom.files import write_atomically
    from fathom.runs.folder.records import to_yaml

    write_atomically(store.path / "best.yaml", to_yaml(best_settings(store, best).to_dict()))


def _train_best(store: StudyStore, best: Trial, data: TrialData, on_start: OnStart | None) -> TrainedRun | None:
    """Train the best trial again as a run, beside the study; None if that is done, or another process does it.

    A stopped run of the same trial is resumed.
    """

    def note(plan: Any) -> Any:
        store.update(best_run=str(plan.path), best_trial=best.number)
        return on_start(plan) if on_start else ()

    with contextlib.ExitStack() as stack:
        try:
            # not .lock: trials of other processes go on meanwhile
            stack.enter_context(lock_run(store.path, ".best.lock"))
        except FathomError:  # another process has it: it will train the best
            return None
        settings = read_settings(store.path)  # another process may have been quicker
        if settings.best_run is not None and settings.best_trial == best.number and Path(settings.best_run).is_dir():
            run = RunReader(Path(settings.best_run))
            if run.status == "done":
                return None
            if (run.path / "checkpoints" / "last").is_dir():  # stopped in the middle: resumed with its own settings
                return resume_run(run.path, hooks=Hooks(note))
        config = configure(best_settings(store, best))
        command = ["fathom", "train", "--config", str(store.path / "best.yaml")]
        root, contents = store.path.parent, data.read(config)
        return train_run(config, root=root, contents=contents, hooks=Hooks(note), command=command)
