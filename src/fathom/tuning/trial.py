"""One trial of a study: a network trained on drawn values, evaluated after every epoch on the validation split.

Nothing is written but what the study keeps, and the test split is not looked at.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from fathom.build.configure import configure
from fathom.build.failures import explain, readable_failures
from fathom.build.kinds.detection import kind_of
from fathom.build.plan import Draft, draft
from fathom.data.module import LabelledData, check_batch_size
from fathom.errors import UsageError
from fathom.runs.analysis.study import State
from fathom.settings.config import Config
from fathom.settings.settings import Settings
from fathom.training.callbacks import Callback
from fathom.training.divergence import Diverged, not_finite
from fathom.training.signals import Interrupted
from fathom.training.trainer import Trainer
from fathom.tuning.space import Dimension, Value, apply_values
from fathom.tuning.study import StudyStore

METRICS = {
    "classification": ("val_accuracy", True),
    "language": ("val_perplexity", False),
    "regression": ("val_loss", False),
}
"""The metric of a study by its task, and whether more is better."""

OnEpoch = Callable[[int, int, float], None]
"""Called after every epoch with its number, the number of epochs, and the metric."""


class TrialData:
    """The data of a study in this process: read once, and rebuilt only for a trial that needs it differently."""

    def __init__(self) -> None:
        self._contents: tuple[Any, Any] | None = None
        self._data: tuple[Any, LabelledData] | None = None

    def open(self, config: Config) -> LabelledData:
        """Return the data module of a resolved configuration."""
        kind, batch_size = kind_of(config), config.data.batch_size
        # Tables are encoded differently for linear models, and noise is added by the loader.
        # for these kinds the network's name is part of the key
        network = config.model.name if kind.depends_on_network else None
        # what the data module depends on
        need = (config.data, config.seed, config.training.input_noise, network)  # the seed divides and orders
        if self._data is not None and self._data[0] == need:
            return self._data[1]
        if self._data is not None and kind.serves_any_batch_size and batch_size is not None:
            known, data = self._data
            if (msgspec.structs.replace(known[0], batch_size=batch_size), *known[1:]) == need:
                # Splits and decoded samples do not depend on the batch size.
                check_batch_size(batch_size, data.num_train, data.name)  # what building the data would have refused
                data.batch_size = batch_size
                self._data = need, data
                return data
        self.close()
        data = kind.build(config, self.read(config))
        self._data = need, data
        return data

    def read(self, config: Config) -> Any:
        """Return what the kind's ``read`` returns, cached."""
        need = (config.data.name, config.data.options)
        if self._contents is None or self._contents[0] != need:
            self._contents = None  # two would need twice the memory
            self._contents = need, kind_of(config).read(config.data)
        return self._contents[1]

    def stop_workers(self) -> None:
        """Stop the processes that read files; keep the data."""
        if self._data is not None:
            self._data[1].close()

    def close(self) -> None:
        """Drop the data module."""
        self.stop_workers()
        self._data = None  # the contents stay: they are what took long to read


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended; ``value`` is the metric of its best epoch."""

    state: State
    value: float | None = None
    reason: str = ""


class TrialReporter(Callback):
    """Reports the metric of every epoch and ends the trial where the pruner says so."""

    def __init__(self, store: StudyStore, trial: Any, on_epoch: OnEpoch) -> None:
        self.store, self.trial, self.on_epoch = store, trial, on_epoch
        self.best: float | None = None
        self.pruned_at: int | None = None  # epoch, if it was

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Report; stop a trial that is not worth continuing."""
        study, epoch = self.store.settings, int(record["epoch"])
        value = record.get(study.metric)
        if value is None or not math.isfinite(value):  # a loss that is finite may have a perplexity that is not
            raise not_finite(study.metric, place=f"after epoch {epoch}")
        # the best epoch counts, as its weights would be kept
        self.best = value if self.best is None else (max if study.maximise else min)(self.best, value)
        self.store.report(self.trial, epoch, value)
        self.on_epoch(epoch, trainer.max_epochs, value)
        # the last epoch is trained already
        if epoch < trainer.max_epochs and self.store.should_prune(self.trial, trainer.max_epochs):
            self.pruned_at = epoch
            trainer.should_stop = "pruned"


def prepare_trial(settings: Settings, data: TrialData) -> Draft:
    """Close the settings and build what is trained.

    Raises:  UsageError, FathomError if the settings do not fit the data or one another
    """
    config = configure(settings)
    with readable_failures():
        return draft(config, data=data.open(config))


def run_trial(
    store: StudyStore, trial: Any, values: dict[Dimension, Value], data: TrialData, on_epoch: OnEpoch
) -> TrialOutcome:
    """Train with ``values`` and return how it ended; an error ends the trial, not the study.

    Raises:  Interrupted after a signal; errors that the values did not cause
    """
    reporter = TrialReporter(store, trial, on_epoch)
    try:
        # nothing is drawn for it yet: a misfit costs no training
        plan = prepare_trial(apply_values(store.base, values), data).ready()
        plan.make_trainer([reporter]).fit(plan.module, plan.data)
    except Interrupted:  # a FathomError too, which the branch below would take for a failed trial
        raise
    except Diverged as error:
        return TrialOutcome("diverged", reporter.best, str(error))  # a finding of the study: these values do not work
    except Exception as error:
        line = explain(error)  # None: a fault of the program, not of the values
        if line is None:
            raise
        # else the next trial would run out of memory too
        gc.collect()  # the error's frames keep what did not fit into memory
        return TrialOutcome("failed", reporter.best, str(line))
    finally:
        data.stop_workers()
    if reporter.pruned_at is not None:
        return TrialOutcome("pruned", reporter.best, f"pruned after epoch {reporter.pruned_at}")
    return TrialOutcome("complete", reporter.best)


def choose_metric(config: Config, data: LabelledData, settings: list[str]) -> tuple[str, bool]:
    """Return the metric that trials on these data are evaluated by.

    Raises:  UsageError without a validation split, or if a setting of the space would change the metric
    """
    if data.val_dataloader() is None:  # in this order: the first refusal names the gravest cause
        raise UsageError("a study evaluates its trials on the validation split, which is empty; set --val, such as 0.1")
    if config.training.overfit_batches or config.training.fast_dev_run:
        raise UsageError("a study needs full training; leave out --overfit-batches and --fast-dev-run")
    if config.finetune.compare_scratch:
        raise UsageError("a study compares its trials with one another; leave out --compare-scratch")
    if data.task == "regression" and "training.loss" in settings:
        raise UsageError("space: in regression trials are evaluated by the loss, so training.loss cannot be tuned")
    return METRICS[data.task]
