"""A study on disk: ``study.db`` with the trials, ``study.json`` with what they share; safe for several processes.

Optuna keeps the trials in SQLite; nothing in the folder is ever unpickled. The process of a
running trial holds a lock: if that is free, the process was killed, and the trial is marked failed.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fathom.build.kinds.places import place_name
from fathom.errors import FathomError, missing_library
from fathom.files import write_atomically
from fathom.runs.analysis.study import Axis, State, Study, Trial
from fathom.runs.folder.records import read_json, to_json
from fathom.runs.folder.schema import SCHEMA, STUDY, check_schema
from fathom.settings.settings import Settings
from fathom.settings.yaml_text import parse_yaml
from fathom.training.optimizers import takes
from fathom.tuning.space import Dimension, Value, default_values, parse_space, resolve_space

DATABASE = "study.db"
_NAME = "fathom"
_END = "end"  # how a trial ended, in more detail than Optuna's states
_DEFAULTS = "defaults"  # the names that had their default in the first trial of a study


class StudySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What all trials of a study have in common: the content of ``study.json``."""

    schema: int = SCHEMA
    base: dict[str, Any]  # the settings that every trial starts from, still open
    space: dict[str, str]
    metric: str
    maximise: bool
    trials: int
    pruner: str
    command: list[str] = []
    best_run: str | None = None
    best_trial: int | None = None


def require_optuna() -> Any:
    """Return the library.

    Raises:  FathomError if the extra is not installed
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise missing_library("tuning", str(error.name), "tune") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # Fathom prints what matters
    return optuna


class StudyStore:
    """An open study; made by ``create_study`` or ``open_study``. Close it when done."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock

        self.path = path
        self.settings = read_settings(path)
        self.base = Settings(self.settings.base, str(path / STUDY))
        self.dimensions: list[Dimension] = parse_space(self.settings.space)
        self._network_options: Mapping[str, Mapping[str, Any]] = {}
        self._lock = FileLock(path / ".lock")
        self._token = secrets.token_hex(6)  # not the process id, which another machine or a later process may have
        self._worker_lock = FileLock(path / f".worker-{self._token}.lock")
        with _without_locks():
            self._worker_lock.acquire()  # held as long as the process lives; others test it to see who is dead
        self._storage: Any = None
        try:
            self._study = self._open()
        except BaseException:
            self.close()  # the lock would stay, and this process look alive
            raise

    @property
    def seed(self) -> int:
        """The seed of the study."""
        return self.base.get("seed", 0)

    def close(self) -> None:
        """Close the database and release the lock that marks this process as alive."""
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()  # SQLite's file would stay open, and Windows could not remove it
        self._worker_lock.release()
        Path(self._worker_lock.lock_file).unlink(missing_ok=True)

    def resolve(self, network_options: Mapping[str, Mapping[str, Any]]) -> None:
        """Resolve the names in the space, once the networks' options are known."""
        self.dimensions = resolve_space(self.dimensions, self.base, network_options)
        self._network_options = network_options

    # Trials --------------------------------------------------------------------------------------------------------

    def ask(self, default_config: Any) -> Any:
        """Start a trial; None if enough have ended or are running.

        What is drawn depends on the seed and on the trials that counted, so that an interrupted study continues as if
        it had not been. The first trial takes the default of every setting, if it lies in the space.

        Args:
            default_config: the configuration with every default filled in.
        """
        with self._locked():  # one at a time: two would take the same last place
            self._mark_dead_trials()
            self.settings = read_settings(self.path)
            counted = {trial.number for trial in self.trials() if trial.state != "stopped"}
            if len(counted) >= self.settings.trials:
                return None
            defaults: dict[str, Value] | None = None
            frozen = self._study.get_trials(deepcopy=False)
            if not any(_DEFAULTS in trial.user_attrs for trial in frozen if trial.number in counted):
                defaults = default_values(
                    self.dimensions, default_config, self._network_options.get(default_config.model.name, {})
                )
                self._study.enqueue_trial(defaults)
            # anew: its draws depend on no process's history
            self._study.sampler = _make_sampler(self.seed, len(counted))
            trial = self._study.ask()
            trial.set_user_attr("worker", self._token)  # see _mark_dead_trials
            if defaults is not None:
                trial.set_user_attr(_DEFAULTS, list(defaults))
            return trial

    def draw(self, trial: Any) -> dict[Dimension, Value]:
        """Draw the values of a trial; options that the drawn network or optimiser does not have are left out."""
        values: dict[Dimension, Value] = {}
        for dimension in self.dimensions:
            if not self._is_needed(dimension, values):
                continue
            values[dimension] = _suggest(trial, dimension)
        return values

    def _is_needed(self, dimension: Dimension, values: Mapping[Dimension, Value]) -> bool:
        chosen = {known.setting: str(parse_yaml(value)) for known, value in values.items() if isinstance(value, str)}
        section, _, option = dimension.setting.rpartition(".")
        if section == "model.options":
            return option in self._network_options[chosen.get("model.name", self.base.get("model.name"))]
        optimizer = chosen.get("training.optimizer")
        if optimizer is not None and dimension.setting in ("training.momentum", "training.nesterov"):
            return takes(optimizer, option)
        return True

    def report(self, trial: Any, epoch: int, value: float) -> None:
        """Record the metric of an epoch."""
        trial.report(value, epoch)

    def should_prune(self, trial: Any, epochs: int) -> bool:
        """Whether the trial is so far behind the others that the rest of its ``epochs`` is not worth it."""
        self._study.pruner = self._make_pruner(epochs)
        return bool(trial.should_prune())

    def end(self, trial: Any, state: State, value: float | None = None, reason: str = "") -> None:
        """Record how a trial ended.

        A trial that diverged is pruned in Optuna's terms, so that the sampler learns to avoid its values.
        """
        states = require_optuna().trial.TrialState
        trial.set_user_attr(_END, {"state": state, "reason": reason, "value": value})
        known = {"complete": states.COMPLETE, "pruned": states.PRUNED, "diverged": states.PRUNED}
        # a pruned one's last report counts, by Optuna
        self._study.tell(trial, value if state == "complete" else None, state=known.get(state, states.FAIL))

    def trials(self) -> list[Trial]:
        """Return all trials so far, those of other processes too."""
        return [self._read(frozen) for frozen in self._study.get_trials(deepcopy=False)]

    def trial(self, number: int) -> Trial:
        """Return a trial by its number."""
        return next(trial for trial in self.trials() if trial.number == number)

    def settle(self) -> None:
        """Mark trials whose process is gone: a signal may end it between the start of a trial and its first step."""
        with self._locked():
            self._mark_dead_trials()

    def has_other_workers(self) -> bool:
        """Whether another live process is running a trial of this study."""
        with self._locked():
            self._mark_dead_trials()
            return any(trial.state == "running" for trial in self.trials())

    def values_of(self, trial: Trial) -> dict[Dimension, Value]:
        """Return the values of a trial by dimension."""
        return {d: trial.values[d.name] for d in self.dimensions if d.name in trial.values}

    # The whole -----------------------------------------------------------------------------------------------------

    def update(self, **fields: Any) -> None:
        """Change fields of study.json."""
        with self._locked():
            self.settings = msgspec.structs.replace(read_settings(self.path), **fields)
            _write_settings(self.path, self.settings)

    def snapshot(self, *, importance: bool = True) -> Study:
        """Return the study as plain values; the importance takes a second to compute."""
        self.settings = read_settings(self.path)  # other processes write to it
        return Study(
            name=self.path.resolve().name,
            model=self.base.get("model.name"),
            data=place_name(self.base.get("data.name")),
            metric=self.settings.metric,
            maximise=self.settings.maximise,
            axes=[Axis(d.name, d.text, d.log, d.choices) for d in self.dimensions],
            trials=self.trials(),
            target=self.settings.trials,
            pruner=self.settings.pruner,
            seed=self.seed,
            importance=self._measure_importance() if importance else {},
            best_run=self.settings.best_run,
        )

    def _measure_importance(self) -> dict[str, float]:
        """Return how much of the metric's variance each name explains (fANOVA); empty if it cannot be computed yet."""
        optuna = require_optuna()
        complete = [trial for trial in self.trials() if trial.state == "complete"]
        if len({trial.value for trial in complete}) < 3 or len(self.dimensions) < 2:
            return {}
        try:
            with _quiet():
                evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self.seed % 2**32)  # NumPy takes 32 bits
                return dict(optuna.importance.get_param_importances(self._study, evaluator=evaluator))
        except (ValueError, RuntimeError):  # no name in all completed trials, or no variance
            return {}  # nothing to attribute, which is no fault

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            with _without_locks():
                stack.enter_context(self._lock)
            yield

    def _open(self) -> Any:
        optuna = require_optuna()
        file = self.path / DATABASE

        def connect() -> sqlite3.Connection:
            # Not by a URL: a folder may have any name. Processes wait for one another's writes.
            return sqlite3.connect(file, timeout=60, check_same_thread=False)

        try:
            with self._locked(), _quiet():
                self._storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})
                return optuna.create_study(
                    storage=self._storage,
                    study_name=_NAME,
                    load_if_exists=True,
                    direction="maximize" if self.settings.maximise else "minimize",
                    sampler=_make_sampler(self.seed, 0),
                )
        except Exception as error:
            # others are faults of the program, and keep their traceback
            if isinstance(error, FathomError) or type(error).__module__.split(".")[0] not in ("sqlalchemy", "optuna"):
                raise
            line = str(error).strip().splitlines()[0]
            raise FathomError(f"{file}: cannot be used ({line})") from error

    def _mark_dead_trials(self) -> None:
        """Mark the trials of dead processes as stopped."""
        from filelock import FileLock, Timeout

        optuna = require_optuna()
        for frozen in self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            token = str(frozen.user_attrs.get("worker", ""))
            if token == self._token:  # one's own lock can always be taken again
                continue
            lock = FileLock(self.path / f".worker-{token}.lock", timeout=0)
            try:
                with lock:  # free: the owner is gone, for a lock ends with its process
                    pass
            except (Timeout, NotImplementedError):
                continue
            Path(lock.lock_file).unlink(missing_ok=True)
            storage, number = self._storage, frozen._trial_id
            storage.set_trial_user_attr(number, _END, {"state": "stopped", "reason": "its process was killed"})
            storage.set_trial_state_values(number, state=optuna.trial.TrialState.FAIL)

    def _read(self, frozen: Any) -> Trial:
        # A trial that another program left unfinished in the database has no such attribute.
        end = frozen.user_attrs.get(_END, {"state": "stopped", "reason": ""})
        curve = sorted(frozen.intermediate_values.items())  # (epoch, value), epochs rising
        value = end.get("value")
        if value is None and curve:
            value = (max if self.settings.maximise else min)(v for _, v in curve)
        return Trial(
            number=frozen.number,
            state=end["state"] if frozen.state.is_finished() else "running",
            value=value,
            values=dict(frozen.params),
            curve=curve,
            duration_s=frozen.duration.total_seconds() if frozen.duration else None,
            reason=end["reason"],
            is_default=bool(frozen.params) and set(frozen.params) <= set(frozen.user_attrs.get(_DEFAULTS, [])),
        )

    def _make_pruner(self, epochs: int) -> Any:
        """Make the pruner: it spares the first quarter of a trial's epochs, which says little."""
        pruners = require_optuna().pruners
        first = max(1, epochs // 4) + 1  # + 1: Optuna compares from this step on, and epochs count from 1
        if self.settings.pruner == "median":
            # Optuna's default: a median of fewer says little
            return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=first)
        if self.settings.pruner == "halving":
            # a third goes on: η = 3 of Li et al. 2018 (Hyperband)
            return pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=3)
        return pruners.NopPruner()


def create_study(path: Path, settings: StudySettings) -> StudyStore:
    """Make a study in the existing folder ``path``, or open the one in it."""
    from filelock import FileLock

    with contextlib.ExitStack() as stack:
        with _without_locks():
            stack.enter_context(FileLock(path / ".lock"))
        if not (path / STUDY).exists():
            _write_settings(path, settings)
    return StudyStore(path)


def is_study(path: Path) -> bool:
    """Whether this folder holds a study."""
    return (path / STUDY).is_file()


def read_settings(path: Path) -> StudySettings:
    """Read ``study.json``.

    Raises:  FathomError if the folder is not a study, is damaged, or comes from a newer Fathom
    """
    file = path / STUDY
    if not file.is_file():
        raise FathomError(f"{path}: not a study folder: it has no {STUDY}")
    content = read_json(file)
    check_schema(content, file)
    try:
        settings = msgspec.convert(content, StudySettings)
    except msgspec.ValidationError as error:
        raise FathomError(f"{file}: incomplete or altered ({error})") from None
    return settings


def _write_settings(path: Path, settings: StudySettings) -> None:
    write_atomically(path / STUDY, to_json(msgspec.to_builtins(settings), indent=2) + "\n")


def _suggest(trial: Any, dimension: Dimension) -> Value:
    if dimension.choices:
        return trial.suggest_categorical(dimension.name, list(dimension.choices))
    assert dimension.low is not None
    assert dimension.high is not None
    if dimension.whole:
        return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)


def _make_sampler(seed: int, index: int) -> Any:
    """Make the sampler of one trial (tree-structured Parzen estimator; random for the first ten)."""
    with _quiet():
        # Seeds far enough apart that no two studies share one of a trial. constant_liar: trials under way count as
        # poor, so that processes at work side by side do not try the same.
        return require_optuna().samplers.TPESampler(seed=(1_000_003 * seed + index) % 2**32, constant_liar=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's warnings about experimental features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _without_locks() -> contextlib.AbstractContextManager[None]:
    """Continue on a file system without locks, with one process at a time."""
    return contextlib.suppress(NotImplementedError)
