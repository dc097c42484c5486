"""A process at work on a study: trial after trial until there are enough."""

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
from fathom.tuning.study import Ledger
from fathom.tuning.trial import TrialData, prepare_trial, run_trial

_HOPELESS = 3  # trials that could not be trained at all, and none that could: then the study is wrong, not they
_REWRITE_S = 30.0  # between two writings of the page while trials run


class StudyObserver:
    """Told how a study goes; every method does nothing."""

    def begin(self, ledger: Ledger) -> None:
        """The study is open, and no trial of this call has begun."""

    def start(self, trial: Trial) -> None:
        """A trial begins."""

    def epoch(self, number: int, epoch: int, epochs: int, value: float) -> None:
        """A trial of this process has finished an epoch."""

    def end(self, trial: Trial, study: Study) -> None:
        """A trial has ended."""

    def close(self) -> None:
        """No more trials, whatever the reason."""


def work(ledger: Ledger, data: TrialData, observer: StudyObserver) -> None:
    """Run trials until there are enough.

    Raises:  Interrupted after a signal; FathomError if no trial could be trained
    """
    ledger.resolve(network_options(ledger.base, ledger.dimensions))
    settled = prepare_trial(ledger.base, data).config  # with every default filled in, for the first trial
    written = time.monotonic()
    while (trial := ledger.ask(settled)) is not None:
        try:
            values = ledger.draw(trial)
            observer.start(ledger.trial(trial.number))

            # bound as a default: the loop changes the name
            def on_epoch(epoch: int, epochs: int, value: float, number: int = trial.number) -> None:
                observer.epoch(number, epoch, epochs, value)

            outcome = run_trial(ledger, trial, values, data, on_epoch)
        except BaseException as error:
            # KeyboardInterrupt, SystemExit
            was_asked = isinstance(error, Interrupted) or not isinstance(error, Exception)
            # else it would count as running until another process looks
            ledger.end(trial, "stopped", reason="interrupted" if was_asked else str(error))
            raise
        ledger.end(trial, outcome.state, outcome.value, outcome.reason)
        study = ledger.snapshot(importance=False)  # which takes a second, after every trial
        observer.end(ledger.trial(trial.number), study)
        _stop_if_hopeless(study)
        if time.monotonic() - written > _REWRITE_S:  # importance takes a second: not after every trial
            write_study(ledger.snapshot(), ledger.path)
            written = time.monotonic()


def network_options(base: Settings, dimensions: Iterable[Dimension]) -> dict[str, dict[str, Any]]:
    """Return the options, with their defaults, of every network that the study can try.

    Raises:  UsageError for an unknown network
    """
    chosen = next((d for d in dimensions if d.name in ("model", "model.name") and d.choices), None)
    return {name: registry.defaults(name) for name in (chosen.choices if chosen else (base.get("model.name"),))}


def _stop_if_hopeless(study: Study) -> None:
    ended = [trial for trial in study.trials if trial.state not in ("stopped", "running")]
    if len(ended) >= _HOPELESS and all(trial.state == "failed" for trial in ended):
        raise FathomError(f"the first {len(ended)} trials could not be trained, the last for this: {ended[-1].reason}")
