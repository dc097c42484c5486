"""The loop of one process of a study: trial after trial until there are enough."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from fathom.errors import FathomError
from fathom.models import registry
from fathom.runs.analysis.study import Study, Trial
from fathom.runs.html.pages.study import write_study
from fathom.settings.settings import Settings
from fathom.training.signals import Interrupted
from fathom.tuning.space import Dimension
from fathom.tuning.study import StudyStore
from fathom.tuning.trial import TrialData, prepare_trial, run_trial

_HOPELESS = 3  # if the first trials all fail, the study is at fault, not they
_REWRITE_S = 30.0  # between two writings of the page while trials run


class StudyObserver:
    """Notified of the progress of a study; every method does nothing."""

    def open(self, store: StudyStore) -> None:
        """The study is open, and no trial of this call has started."""

    def start(self, trial: Trial) -> None:
        """A trial starts."""

    def epoch(self, number: int, epoch: int, epochs: int, value: float) -> None:
        """A trial of this process has finished an epoch."""

    def end(self, trial: Trial, study: Study) -> None:
        """A trial has ended."""

    def close(self) -> None:
        """No more trials, whatever the reason."""


def run_trials(store: StudyStore, data: TrialData, observer: StudyObserver) -> None:
    """Run trials until there are enough.

    Raises:  Interrupted after a signal; FathomError if no trial could be trained
    """
    store.resolve(network_options(store.base, store.dimensions))
    default_config = prepare_trial(store.base, data).config  # with every default filled in, for the first trial
    written = time.monotonic()
    while (trial := store.ask(default_config)) is not None:
        try:
            values = store.draw(trial)
            observer.start(store.trial(trial.number))

            # bound as a default: the loop changes the name
            def on_epoch(epoch: int, epochs: int, value: float, number: int = trial.number) -> None:
                observer.epoch(number, epoch, epochs, value)

            outcome = run_trial(store, trial, values, data, on_epoch)
        except BaseException as error:
            # KeyboardInterrupt, SystemExit
            was_asked = isinstance(error, Interrupted) or not isinstance(error, Exception)
            # else it would count as running until another process looks
            store.end(trial, "stopped", reason="interrupted" if was_asked else str(error))
            raise
        store.end(trial, outcome.state, outcome.value, outcome.reason)
        study = store.snapshot(importance=False)  # which takes a second, after every trial
        observer.end(store.trial(trial.number), study)
        _stop_if_hopeless(study)
        if time.monotonic() - written > _REWRITE_S:  # importance takes a second: not after every trial
            write_study(store.snapshot(), store.path)
            written = time.monotonic()


def network_options(base: Settings, dimensions: Iterable[Dimension]) -> dict[str, dict[str, Any]]:
    """Return the options, with their defaults, of every network in the space.

    Raises:  UsageError for an unknown network
    """
    chosen = next((d for d in dimensions if d.name in ("model", "model.name") and d.choices), None)
    return {name: registry.defaults(name) for name in (chosen.choices if chosen else (base.get("model.name"),))}


def _stop_if_hopeless(study: Study) -> None:
    ended = [trial for trial in study.trials if trial.state not in ("stopped", "running")]
    if len(ended) >= _HOPELESS and all(trial.state == "failed" for trial in ended):
        raise FathomError(f"the first {len(ended)} trials all failed, the last with: {ended[-1].reason}")
