"""From names to objects: where a configuration becomes network, module, execution and trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from fathom.build.given.networks import try_network
from fathom.build.kinds.detection import kind_of
from fathom.build.opening import memory_options, set_threads
from fathom.data.module import LabelledData
from fathom.errors import UsageError
from fathom.losses import make_loss
from fathom.metrics import make_metrics
from fathom.models import registry
from fathom.module import Module
from fathom.preprocess import Preprocess
from fathom.settings.config import Config, resolved
from fathom.training.callbacks import (
    AverageWeights,
    BoundWeights,
    Callback,
    Checkpointing,
    ClipValue,
    EarlyStopping,
    KeepZeros,
    L1Penalty,
    NormalizeGradients,
)
from fathom.training.device import Execution, choose_execution
from fathom.training.optimizers import make_optimizer
from fathom.training.rehearsal import Rehearsal
from fathom.training.schedules.schedule import Schedule, make_schedule
from fathom.training.trainer import Trainer


def build_module(config: Config, data: LabelledData) -> Module:
    """Make the network, initialise it and wrap it with loss and preprocessing. Draws from the seed."""
    _check_network(config, data)
    torch.manual_seed(config.seed)  # weights depend on the seed alone, not on what reading the data drew
    preprocess = build_preprocess(config, data)
    shape = preprocess.output_shape(data.input_shape)  # what the network sees, after resizing: (C, H, W) or (D,)
    num_outputs = kind_of(config).num_outputs(config, data)
    net = registry.create(config.model.name, input_shape=shape, num_classes=num_outputs, **config.model.options)
    # only code of a user's may fail here; a text model takes integers and is tried elsewhere
    if config.model.name not in registry.builtin_names() and data.task != "language":
        try_network(net, shape, data, num_outputs)
    if config.training.init is not None:
        from fathom.models.initializers import initialize

        initialize(net, config.training.init)
    return wrap(net, config, data, preprocess)


def wrap(net: nn.Module, config: Config, data: LabelledData, preprocess: Preprocess) -> Module:
    """Wrap a network in the module that its task needs, a student's with its teacher, and add the requested metrics.

    Raises:  UsageError if loss or metrics do not fit the task
    """
    module = _wrap(net, config, data, preprocess)
    # last: the module's own metrics come first in every table
    module.metrics |= make_metrics(config.training.metrics, module.kind)
    return module


def _wrap(net: nn.Module, config: Config, data: LabelledData, preprocess: Preprocess) -> Module:
    make_loss(resolved(config.training.loss))  # refuses a name that does not exist
    if config.training.distill is not None:
        from fathom.build.teaching import build_student, check_distillable

        check_distillable(config, data)
        return build_student(net, config, data, preprocess)
    return kind_of(config).wrap(net, config, data, preprocess)


def _check_network(config: Config, data: LabelledData) -> None:
    """Refuse a network that cannot read this kind of data.

    Raises:  UsageError naming those that can
    """
    name = config.model.name
    takes_tokens = registry.get(name).takes_tokens
    if takes_tokens == (data.task == "language"):  # both, or neither
        return
    readers = ", ".join(other for other in registry.builtin_names() if registry.get(other).takes_tokens)
    if takes_tokens:
        raise UsageError(f"{name} reads texts, and {data.name} is not a text; give a text file, or time_machine")
    raise UsageError(f"{name} does not read texts such as {data.name}; choose one of {readers}")


def build_preprocess(config: Config, data: LabelledData) -> Preprocess:
    """Make the preprocessing between a stored sample and the network.

    Raises:  UsageError if data without images is to be resized
    """
    side, shape, size = config.data.resize, data.input_shape, None
    if side is not None:  # None: as stored
        if len(shape) != 3:
            raise UsageError(f"data.resize: {data.name} holds no images")
        size = (side, side) if shape[1:] != (side, side) else None  # files are decoded at the requested size
    own = data.preprocess(size)
    if config.data.mean is not None:  # the scale and the form of the files remain those of the data
        return Preprocess(config.data.mean, config.data.std, size, scale=own.pixel_scale, files=own.files)
    return own


def build_execution(config: Config, module: Module, data: LabelledData) -> Execution:
    """Choose device, precision, memory format and compilation."""
    chosen = config.execution
    set_threads(config)  # before anything is measured or compiled
    return choose_execution(
        module,
        data.example_input(),
        device=chosen.device,
        precision=chosen.precision,
        compile=chosen.compile,
        devices=None,
        strategy=chosen.strategy,
        **memory_options(config),
    )


def optimizer_factory(config: Config) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Return the function that makes a module's optimiser."""
    training = config.training
    options = dict(training.optimizer_options)
    # the common ones are settings of their own, and None there means the optimiser's default
    for name in ("momentum", "weight_decay"):
        if getattr(training, name) is not None:
            options[name] = getattr(training, name)
    if training.nesterov:
        options["nesterov"] = True  # only where true: most optimisers know no such option
    name, lr, decays_all = resolved(training.optimizer), resolved(training.lr), training.decay_norm_and_bias
    # body and head learn at different rates only in fine-tuning
    if config.finetune.init_from is not None or config.finetune.freeze:
        from fathom.build.fine_tuning import make_groups

        return lambda module: make_optimizer(name, make_groups(config, module), lr, **options)
    return lambda module: make_optimizer(name, module, lr, decay_norm_and_bias=decays_all, **options)


def schedule_factory(config: Config) -> Callable[[int], Schedule]:
    """Return the function that makes the schedule for a number of steps."""
    training = config.training
    name, warmup = resolved(training.schedule), training.warmup
    # below 1 a share of all steps, from 1 on a number of steps
    return lambda total_steps: make_schedule(name, total_steps, warmup if warmup < 1 else int(warmup))


def build_callbacks(config: Config, folder: Path | None) -> list[Callback]:
    """Make the callbacks that the configuration asks for; ``folder`` is the run's."""
    training = config.training
    monitor = _monitor(config)
    callbacks: list[Callback] = []
    if training.keep_zeros:
        callbacks.append(KeepZeros())  # first: later callbacks see the zeros restored
    if training.max_weight_norm is not None:
        callbacks.append(BoundWeights(training.max_weight_norm))  # before the weights are averaged
    if training.ema is not None:
        callbacks.append(AverageWeights(training.ema))
    if training.l1:
        callbacks.append(L1Penalty(training.l1))
    if training.clip_value is not None:
        callbacks.append(ClipValue(training.clip_value))
    if training.gradient_norm is not None:
        callbacks.append(NormalizeGradients(training.gradient_norm))
    if training.patience is not None:
        callbacks.append(EarlyStopping(training.patience, monitor=monitor))
    if folder is not None and not training.fast_dev_run:  # a rehearsal leaves nothing to resume
        callbacks.append(Checkpointing(folder / "checkpoints", training.checkpoint_every_s, monitor=monitor))
    return callbacks


def _monitor(config: Config) -> str | None:
    # a run that is to overfit is not validated
    return None if config.training.overfit_batches else config.training.monitor


def build_trainer(config: Config, execution: Execution, callbacks: Sequence[Callback]) -> Trainer:
    """Make the trainer."""
    training = config.training
    return Trainer(
        resolved(training.epochs),
        optimizer=optimizer_factory(config),
        schedule=schedule_factory(config),
        execution=execution,
        accumulate=training.accumulate,
        clip_norm=training.clip_norm,
        callbacks=callbacks,
        monitor=_monitor(config),
        progress=False,  # whoever starts the run says how it is shown
        seed=config.seed,
        log_every=training.log_every,
        rehearsal=Rehearsal(training.fast_dev_run, training.overfit_batches),
    )
