"""``fathom tune`` as a function: a search over settings, kept in a folder, and the best of them trained as a run."""

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
from fathom.build.run import Hooks, Start, TrainedRun, resume_run, train_run
from fathom.errors import FathomError, UsageError, unknown
from fathom.phrases import counted
from fathom.runs.analysis.study import PRUNERS, Study, Trial
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.writer import claim_folder, name_folder
from fathom.runs.html.pages.study import write_study
from fathom.settings.settings import Settings
from fathom.training.signals import Interrupted
from fathom.tuning.jobs import run_workers
from fathom.tuning.space import Dimension, Value, apply_values, parse_space, resolve_space
from fathom.tuning.study import (
    Ledger,
    StudySettings,
    create_study,
    describe_difference,
    is_study,
    read_settings,
    require_optuna,
)
from fathom.tuning.trial import TrialData, check_evaluated, prepare_trial
from fathom.tuning.work import StudyObserver, network_options, work


@dataclass(frozen=True)
class Tuned:
    """What a study gives: its folder, itself, its page, and the run of the best trial (None without retraining).

    ``is_over`` is False while another process still has a trial under way; that one ends the study.
    """

    path: Path
    study: Study
    page: Path
    run: TrainedRun | None
    is_over: bool = True


@dataclass(frozen=True)
class TuningSession:
    """How one call works on a study; another may go on with it in another way.

    Attributes:
        jobs: processes that work on the study.
        observer: told how the study goes.
        on_start: told how the training of the best trial begins, as for ``train``.
        command: what was typed, for the record of a study that begins.
    """

    jobs: int = 1
    observer: StudyObserver = field(default_factory=StudyObserver)
    on_start: Start | None = None
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UsageError(f"jobs={self.jobs}: it must be at least 1")


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
    """Search for settings that make the validation metric better; the test split is evaluated once, by the best.

    Args:
        settings: what all trials have in common.
        space: what is tried, see ``parse_space``.
        trials: how many are to end by themselves, all calls and processes together.
        pruner: median, halving or none: how hopeless trials are stopped early.
        root: where the study's folder goes, and the best run's.
        study: the study's folder itself; one that holds this study already is gone on with.
        retrain: whether the best trial is trained again and kept as a run.
        session: how this call works on it: ``fathom.TuningSession(jobs=2)`` with two processes.
    Raises:  UsageError, FathomError before anything is written; Interrupted after a signal
    """
    dimensions = parse_space(space)
    _check_trials(trials)
    if pruner not in PRUNERS:
        raise unknown("pruner", pruner, PRUNERS)
    require_optuna()
    base = pin(settings, root)
    data = TrialData()
    with contextlib.closing(data):
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
        ledger = _open_study(plan, base, Path(root), None if study is None else Path(study))
        with contextlib.closing(ledger):
            return _go_on(ledger, data, trials, retrain, session)


def resume_tuning(
    study: str | Path,
    *,
    trials: int | None = None,
    retrain: bool = True,
    session: TuningSession = TuningSession(),
) -> Tuned:
    """Go on with a study until as many trials have ended as it wants, or as ``trials`` says from now on.

    Raises:  FathomError if the folder is no study or is damaged; otherwise as ``tune``
    """
    if trials is not None:
        _check_trials(trials)
    require_optuna()
    with contextlib.closing(TrialData()) as data, contextlib.closing(Ledger(Path(study))) as ledger:
        _check_study(ledger.base, ledger.dimensions, data)
        return _go_on(ledger, data, trials, retrain, session)


def best_settings(ledger: Ledger, trial: Trial) -> Settings:
    """Return the settings of a trial, such as ``fathom train --config`` reads."""
    return apply_values(ledger.base, ledger.values_of(trial))


def resume_command(path: Path) -> str:
    """What to type to go on with a study."""
    return f"fathom tune --resume {shlex.quote(str(path))}"


def _check_trials(trials: int) -> None:
    if trials < 1:
        raise UsageError(f"trials={trials}: it must be at least 1")


def _check_study(base: Settings, dimensions: list[Dimension], data: TrialData) -> tuple[str, bool]:
    """Build what the defaults give, and every end of every dimension, so that nothing wrong begins.

    Raises:  UsageError naming the dimension
    """
    dimensions = resolve_space(dimensions, base, network_options(base, dimensions))
    default = prepare_trial(base, data)
    # an option may exist for one of the networks tried alone
    deciding = [d for d in dimensions if d.setting in ("model.name", "training.optimizer")]
    for dimension in dimensions:
        if dimension.setting.startswith("data."):
            continue  # to try these is to read and to divide the data anew
        for value in dimension.ends():  # the ends stand for all between: to build every value would take too long
            # It is enough that one of the networks and optimisers takes it.
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
                raise UsageError(f"space {dimension}: {refused[0]}")
    return check_evaluated(default.config, default.data, [dimension.setting for dimension in dimensions])


def _open_study(settings: StudySettings, base: Settings, root: Path, place: Path | None) -> Ledger:
    """Make the study's folder, or go on with the study that is in it.

    Raises:  UsageError if another study is in it, or something else
    """
    is_new = place is None or not place.exists()
    if place is None:
        now = datetime.now().astimezone()
        place = claim_folder(root, name_folder(now, "tune", base.get("model.name"), place_name(base.get("data.name"))))
    elif place.exists() and not _is_free(place) and not is_study(place):
        raise UsageError(f"{place} holds something else; give the folder of a study, or one that is not there yet")
    place.mkdir(parents=True, exist_ok=True)
    try:
        ledger = create_study(place, settings)
    except BaseException:
        if is_new and not is_study(place):  # another process may have made it its own meanwhile
            shutil.rmtree(place, ignore_errors=True)
        raise
    different = describe_difference(ledger.settings, settings)
    if different is not None:
        ledger.close()
        raise UsageError(f"{place} holds a study with {different}; go on with it by {resume_command(place)}")
    return ledger


def _is_free(place: Path) -> bool:
    """Whether a folder holds nothing, or what another process that is making this study has hidden in it so far."""
    return place.is_dir() and all(entry.name.startswith(".") for entry in place.iterdir())


def _go_on(ledger: Ledger, data: TrialData, trials: int | None, retrain: bool, session: TuningSession) -> Tuned:
    """Run what is missing, write the page, train the best."""
    ledger.resolve(network_options(ledger.base, ledger.dimensions))
    if trials is not None and trials != ledger.settings.trials:
        ledger.update(trials=trials)
    session.observer.begin(ledger)
    try:
        if session.jobs == 1:
            work(ledger, data, session.observer)
        else:
            data.close()  # the processes read it themselves: twice the memory otherwise
            run_workers(ledger, session.jobs, session.observer)
    except Interrupted as stop:
        study = ledger.snapshot()
        write_study(study, ledger.path)
        done = f"{study.num_done} of {counted(study.target, 'trial')} done"
        line = f"stopped; {done}; resume with: {resume_command(ledger.path)}"
        raise Interrupted(stop.exit_code - 128, line) from None  # a shell's exit code is 128 + the signal
    finally:
        session.observer.close()
    study = ledger.snapshot()
    page = write_study(study, ledger.path)
    best = study.best()
    if ledger.has_other_workers():  # its trial may be better, and it will train the best
        return Tuned(ledger.path, study, page, None, is_over=False)
    if best is None:
        raise FathomError(f"{ledger.path}: no trial of {study.num_done} was completed; see {page}")
    _write_best(ledger, best)
    if not retrain:
        return Tuned(ledger.path, study, page, None)
    run = _train_best(ledger, best, data, session.on_start)
    study = ledger.snapshot()
    page = write_study(study, ledger.path)
    return Tuned(ledger.path, study, page, run)


def _write_best(ledger: Ledger, best: Trial) -> None:
    from fathom.files import write_atomically
    from fathom.runs.folder.records import to_yaml

    write_atomically(ledger.path / "best.yaml", to_yaml(best_settings(ledger, best).to_dict()))


def _train_best(ledger: Ledger, best: Trial, data: TrialData, on_start: Start | None) -> TrainedRun | None:
    """Train the best trial again as a run, beside the study; None if that was done, or another process does it.

    A run that was begun for the same trial and stopped is gone on with.
    """

    def note(plan: Any) -> Any:
        ledger.update(best_run=str(plan.path), best_trial=best.number)
        return on_start(plan) if on_start else ()

    with contextlib.ExitStack() as stack:
        try:
            # not .lock: trials of other processes go on meanwhile
            stack.enter_context(lock_run(ledger.path, ".best.lock"))
        except FathomError:  # another process has it: it will train the best
            return None
        settings = read_settings(ledger.path)  # another process may have been quicker
        if settings.best_run is not None and settings.best_trial == best.number and Path(settings.best_run).is_dir():
            run = RunReader(Path(settings.best_run))
            if run.status == "done":
                return None
            if (run.path / "checkpoints" / "last").is_dir():
                return resume_run(run.path, hooks=Hooks(note))
        config = configure(best_settings(ledger, best))
        command = ["fathom", "train", "--config", str(ledger.path / "best.yaml")]
        root, contents = ledger.path.parent, data.read(config)
        return train_run(config, root=root, contents=contents, hooks=Hooks(note), command=command)
