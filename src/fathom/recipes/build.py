"""From names to objects: the only place where a configuration becomes data, network, module and trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fathom.config import Config
from fathom.data.arrays import Arrays
from fathom.data.catalog import load_arrays
from fathom.data.module import ArrayData
from fathom.errors import UsageError
from fathom.models import registry
from fathom.module import Classifier, Module, Preprocess, Regressor
from fathom.training.callbacks import AverageWeights, Callback, Checkpointing, EarlyStopping, L1Penalty
from fathom.training.device import Execution, choose_execution
from fathom.training.optimizers import make_optimizer
from fathom.training.schedules import Schedule, make_schedule
from fathom.training.trainer import Trainer


def build_data(config: Config, arrays: Arrays | None = None) -> ArrayData:
    """Make the data module; ``arrays`` are those of the data set, where they were read already."""
    if arrays is None:
        arrays = load_arrays(config.data.name, **config.data.options)
    assert config.data.batch_size is not None
    return ArrayData(
        arrays,
        config.data.batch_size,
        name=config.data.name,
        val=config.data.val,
        augment=_build_augmentation(config),
        seed=config.seed,
    )


def _build_augmentation(config: Config) -> Any:
    steps = [config.data.augment] if config.data.augment else []
    if config.training.input_noise:
        steps.append(f"noise:std={config.training.input_noise}")
    if not steps:
        return None
    from fathom.data.augment import make_augmentation

    return make_augmentation(",".join(steps))


def input_shape(config: Config, data: ArrayData) -> tuple[int, ...]:
    """Give the shape the network sees: the stored one, or resized."""
    shape = data.input_shape
    if config.data.resize is None:
        return shape
    if len(shape) != 3:
        raise UsageError(f"data.resize: {data.name} holds no images")
    return (shape[0], config.data.resize, config.data.resize)


def build_module(config: Config, data: ArrayData) -> Module:
    """Make the network, initialise it and wrap it with loss and preprocessing. Draws from the seed."""
    torch.manual_seed(config.seed)
    shape = input_shape(config, data)
    net = registry.create(config.model.name, input_shape=shape, num_classes=data.num_outputs, **config.model.options)
    if config.training.init is not None:
        from fathom.models.initializers import initialize

        initialize(net, config.training.init)
    return wrap(net, config, data)


def wrap(net: nn.Module, config: Config, data: ArrayData) -> Module:
    """Put a network into the module its task calls for."""
    loss = config.training.loss
    if data.task == "regression":
        return Regressor(net, loss=loss)
    preprocess = Preprocess(*data.statistics(), size=input_shape(config, data)[1:] if config.data.resize else None)
    return Classifier(
        net,
        class_names=data.class_names,
        loss=loss,
        label_smoothing=config.training.label_smoothing,
        preprocess=preprocess,
    )


def build_execution(config: Config, module: Module, data: ArrayData) -> Execution:
    """Settle device, precision, memory format and compilation."""
    chosen = config.execution
    if chosen.threads is not None:
        torch.set_num_threads(chosen.threads)
    return choose_execution(
        module,
        data.X[:1],
        device=chosen.device,
        precision=chosen.precision,
        channels_last=chosen.channels_last,
        compile=chosen.compile,
        allocator=chosen.allocator,
        planned_samples=data.num_train * (config.training.epochs or 1),
    )


def optimizer_factory(config: Config) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Give what makes the optimiser from a module."""
    training = config.training
    options = dict(training.optimizer_options)
    for name in ("momentum", "weight_decay"):
        if getattr(training, name) is not None:
            options[name] = getattr(training, name)
    if training.nesterov:
        options["nesterov"] = True
    return partial(
        _make_optimizer, training.optimizer, lr=training.lr, decay_norm_and_bias=training.decay_norm_and_bias, **options
    )


def _make_optimizer(name: str, module: nn.Module, **options: Any) -> torch.optim.Optimizer:
    return make_optimizer(name, module, options.pop("lr"), **options)


def schedule_factory(config: Config) -> Callable[[int], Schedule]:
    """Give what makes the schedule from the number of steps."""
    training = config.training
    name, warmup = training.schedule or "constant", training.warmup
    return partial(_make_schedule, name, warmup_steps=warmup if warmup < 1 else int(warmup))


def _make_schedule(name: str, total_steps: int, *, warmup_steps: float) -> Schedule:
    return make_schedule(name, total_steps, warmup_steps)


def build_callbacks(config: Config, folder: Path | None) -> list[Callback]:
    """Make the callbacks that the configuration asks for; ``folder`` is the run's."""
    training = config.training
    callbacks: list[Callback] = []
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
