"""The one sequence from a configuration to what is trained: data, module, execution, trainer.

``fathom train``, a fold, a trial, a student and every run of a series go through here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.build.assemble import (
    build_callbacks,
    build_execution,
    build_module,
    build_trainer,
    optimizer_factory,
    schedule_factory,
)
from fathom.build.failures import readable_failures
from fathom.build.kinds.base import Kind, OnRead
from fathom.build.kinds.detection import kind_of
from fathom.build.start_summary import StartSummary
from fathom.data.module import LabelledData
from fathom.inference.saved import describe_model
from fathom.module import Module
from fathom.monitor import FEW_TO_VALIDATE
from fathom.settings.config import Config, replace_in, resolved, unresolved_settings
from fathom.settings.learning import resolve_learning
from fathom.training.callbacks import Callback
from fathom.training.device import Execution
from fathom.training.trainer import Trainer

if TYPE_CHECKING:
    from fathom.build.weight_files import Weights


@dataclass(frozen=True)
class Draft:
    """Data and module of a run, with a final configuration; the device is not used yet."""

    config: Config
    kind: Kind
    data: LabelledData
    module: Module
    start: StartSummary

    def ready(self) -> Plan:
        """Choose how to compute, and move a student's teacher to the device.

        Raises:  UsageError, FathomError for a missing device or a combination that does not work
        """
        with readable_failures():
            execution = build_execution(self.config, self.module, self.data)
            if self.config.training.distill is not None:
                from fathom.build.teaching import attach_teacher

                attach_teacher(self.module, self.data, execution)  # after the execution: the teacher goes to its device
        return Plan(self, execution)


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the first step."""

    draft: Draft
    execution: Execution

    @property
    def config(self) -> Config:
        """The final configuration."""
        return self.draft.config

    @property
    def kind(self) -> Kind:
        """The kind of the data."""
        return self.draft.kind

    @property
    def data(self) -> LabelledData:
        """Where samples come from."""
        return self.draft.data

    @property
    def module(self) -> Module:
        """What is trained."""
        return self.draft.module

    def describe_model(self) -> dict[str, Any]:
        """Return the content of ``model.json``."""
        model, data = self.config.model, self.data
        # what the network gives, which differs from the classes under a log-loss
        num_outputs = self.kind.num_outputs(self.config, data)
        found = describe_model(self.module, model.name, model.options, data.input_shape, num_outputs)
        if data.target_name:
            found["input"]["target"] = data.target_name
        if data.input_dtype is not None:
            found["input"]["dtype"] = str(data.input_dtype).removeprefix("torch.")  # torch.int64 as "int64"
        return found | {"data_kind": self.kind.name}

    def make_trainer(self, callbacks: Sequence[Callback], folder: Path | None = None) -> Trainer:
        """Make the trainer.

        Args:
            callbacks: besides those that the configuration asks for, which come first.
            folder: the run's, where checkpoints go; None keeps none.
        """
        own = build_callbacks(self.config, folder)
        # Trainer itself puts those that save last
        return build_trainer(self.config, self.execution, [*own, *callbacks])


def draft(
    config: Config,
    contents: Any = None,
    *,
    data: LabelledData | None = None,
    on_read: OnRead | None = None,
    is_resumed: bool = False,
) -> Draft:
    """Build the data and the module, and finalize the configuration.

    Args:
        config: as ``settings.resolve`` closed it, or as a run's folder records it.
        contents: what the kind's ``read`` returned; None reads now.
        data: the data module itself, if it was built for an earlier trial.
        on_read: called with (files read, files in all) while files are decoded.
        is_resumed: the weights come from a checkpoint, so none are read to start from.
    Raises:  UsageError, FathomError if the settings do not fit the data or one another
    """
    kind = kind_of(config)
    with readable_failures():
        weights = None
        if config.finetune.init_from is not None and not is_resumed:
            from fathom.build.fine_tuning import read_initial_weights  # which only fine-tuning needs, here and below

            weights = read_initial_weights(config)  # first: a wrong path fails before the data is read
        if data is None:
            data = kind.build(config, contents, on_read)
        config = finalize(config, kind, data)  # before the module: its outputs follow from the data
        module = build_module(config, data)
        # after the module has random weights: what does not fit keeps them
        config, start = _prepare_weights(config, module, data, weights)
        _check_learning(config, module, data)
    return Draft(config, kind, data, module, start)


def finalize(config: Config, kind: Kind, data: LabelledData) -> Config:
    """Return the configuration with what depends on the data filled in; after this nothing is defaulted again."""
    config = kind.finalize(config, data)
    if unresolved_settings(config):  # the loss may have been chosen, and the rest not
        if data.multilabel and config.training.loss is None:
            config = replace_in(config, training={"loss": "bce_with_logits"})
        config = resolve_learning(config, data.task, kind)
    # a handful of samples: accuracy moves in jumps, the loss does not
    if config.training.monitor is None and has_few_to_validate(data):
        config = replace_in(config, training={"monitor": "val_loss"})
    if config.data.mean is not None or config.data.std is not None:
        from fathom.build.fine_tuning import adapt_normalization

        config = adapt_normalization(config, data)
    assert not unresolved_settings(config), unresolved_settings(config)
    return config


def has_few_to_validate(data: LabelledData) -> bool:
    """Return whether the validation split has too few samples for its accuracy to tell epochs apart."""
    labels = data.labels_by_split().get("val") if data.task == "classification" else None
    return labels is not None and 0 < len(labels) < FEW_TO_VALIDATE


def _prepare_weights(
    config: Config, module: Module, data: LabelledData, weights: Weights | None
) -> tuple[Config, StartSummary]:
    """Load the weights to start from, if there are any, and freeze layers."""
    if weights is None and not config.finetune.freeze:
        return config, StartSummary()
    from fathom.build.fine_tuning import load_and_freeze

    return load_and_freeze(config, module, data, weights)


def _check_learning(config: Config, module: Module, data: LabelledData) -> None:
    """Make optimiser and schedule once, so that an invalid option stops the run before it has a folder."""
    optimizer_factory(config)(module)
    steps_per_epoch = -(-data.num_train // data.batch_size)  # rounded up, as the trainer counts
    # max: zero epochs where pruning alone was asked for
    schedule_factory(config)(steps_per_epoch * max(1, resolved(config.training.epochs)))
