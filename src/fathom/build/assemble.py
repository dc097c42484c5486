"""From names to objects: where a configuration becomes network, module and trainer; ``sources`` makes the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from fathom.settings.config import Config
from fathom.data.module import LabelledData
from fathom.data.texts.module import TextData
from fathom.errors import UsageError
from fathom.losses import make_loss
from fathom.models import registry
from fathom.module import Classifier, Module, Regressor
from fathom.preprocess import Preprocess
from fathom.build.fine_tuning import make_groups
from fathom.build.kinds.names import data_kind
from fathom.build.teaching import build_student, check_distillable
from fathom.build.kinds.texts import build_language_model, check_fit
from fathom.training.callbacks import AverageWeights, Callback, Checkpointing, EarlyStopping, KeepZeros, L1Penalty
from fathom.training.device import Execution, choose_execution
from fathom.training.optimizers import make_optimizer
from fathom.training.schedules import Schedule, make_schedule
from fathom.training.trainer import Trainer

_CLASS_LOSSES = ("cross_entropy", "multi_margin")  # they take a class; the others take numbers
_FITTING = {"classification": "cross_entropy or multi_margin", "regression": "squared, huber or l1"}


def build_module(config: Config, data: LabelledData) -> Module:
    """Make the network, initialise it and wrap it with loss and preprocessing. Draws from the seed."""
    check_fit(config, data)
    torch.manual_seed(config.seed)
    preprocess = _build_preprocess(config, data)
    shape = preprocess.output_shape(data.input_shape)
    net = registry.create(config.model.name, input_shape=shape, num_classes=data.num_outputs, **config.model.options)
    if config.training.init is not None:
        from fathom.models.initializers import initialize

        initialize(net, config.training.init)
    return wrap(net, config, data, preprocess)


def wrap(net: nn.Module, config: Config, data: LabelledData, preprocess: Preprocess | None = None) -> Module:
    """Put a network into the module its task calls for."""
    loss = config.training.loss
    make_loss(loss or "")
    if config.training.distill is not None:
        check_distillable(config, data)
    if isinstance(data, TextData):
        return build_language_model(net, data, loss)
    if (loss in _CLASS_LOSSES) != (data.task == "classification"):
        raise UsageError(f"loss {loss} does not fit the {data.task} of {data.name}; choose {_FITTING[data.task]}")
    preprocess = preprocess or _build_preprocess(config, data)
    if config.training.distill is not None:
        return build_student(net, config, data, preprocess)
    if data.task == "regression":
        return Regressor(net, loss=loss, preprocess=preprocess, target=data.target_scale())
    return Classifier(
        net,
        class_names=data.class_names,
        loss=loss,
        label_smoothing=config.training.label_smoothing,
        class_weights=data.class_weights(),
        preprocess=preprocess,
    )


def _build_preprocess(config: Config, data: LabelledData) -> Preprocess:
    side, shape, size = config.data.resize, data.input_shape, None
    if side is not None and data_kind(config.data) != "images":  # files are decoded at the size wanted
        if len(shape) != 3:
            raise UsageError(f"data.resize: {data.name} holds no images")
        size = (side, side) if shape[1:] != (side, side) else None
    if config.data.mean is not None:
        return Preprocess(config.data.mean, config.data.std, size)
    return data.preprocess(size)


def build_execution(config: Config, module: Module, data: LabelledData) -> Execution:
    """Settle device, precision, memory format and compilation."""
    chosen = config.execution
    if chosen.threads is not None:
        torch.set_num_threads(chosen.threads)
    return choose_execution(
        module,
        data.example_input(),
        device=chosen.device,
        precision=chosen.precision,
        channels_last=chosen.channels_last,
        compile=chosen.compile,
        allocator=chosen.allocator,
    )


def optimizer_factory(config: Config) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Return what makes the optimiser from a module."""
    training = config.training
    options = dict(training.optimizer_options)
    for name in ("momentum", "weight_decay"):
        if getattr(training, name) is not None:
            options[name] = getattr(training, name)
    if training.nesterov:
        options["nesterov"] = True
    name, lr, decays_all = training.optimizer or "sgd", training.lr or 0.1, training.decay_norm_and_bias
    if config.finetune.init_from is not None or config.finetune.freeze:
        return lambda module: make_optimizer(name, make_groups(config, module), lr, **options)
    return lambda module: make_optimizer(name, module, lr, decay_norm_and_bias=decays_all, **options)


def schedule_factory(config: Config) -> Callable[[int], Schedule]:
    """Return what makes the schedule from the number of steps."""
    training = config.training
    name, warmup = training.schedule or "constant", training.warmup
    return lambda total_steps: make_schedule(name, total_steps, warmup if warmup < 1 else int(warmup))


def build_callbacks(config: Config, folder: Path | None) -> list[Callback]:
    """Make the callbacks that the configuration asks for; ``folder`` is the run's."""
    training = config.training
    callbacks: list[Callback] = []
    if training.keep_zeros:
        callbacks.append(KeepZeros())
    if training.ema is not None:
        callbacks.append(AverageWeights(training.ema))
    if training.l1:
        callbacks.append(L1Penalty(training.l1))
    if training.patience is not None:
        callbacks.append(EarlyStopping(training.patience))
    if folder is not None and not training.fast_dev_run:
        callbacks.append(Checkpointing(folder / "checkpoints", training.checkpoint_every_s))
    return callbacks


def build_trainer(config: Config, execution: Execution, callbacks: Sequence[Callback]) -> Trainer:
    """Make the trainer."""
    training = config.training
    assert training.epochs is not None
    return Trainer(
        training.epochs,
        optimizer=optimizer_factory(config),
        schedule=schedule_factory(config),
        execution=execution,
        accumulate=training.accumulate,
        clip_norm=training.clip_norm,
        clip_value=training.clip_value,
        callbacks=callbacks,
        seed=config.seed,
        log_every=training.log_every,
        fast_dev_run=training.fast_dev_run,
        overfit_batches=training.overfit_batches,
    )
