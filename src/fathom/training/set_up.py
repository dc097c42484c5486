"""Before the loop: module, loaders, optimiser and schedule are brought to where the next step begins."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fathom.errors import UsageError
from fathom.module import Module
from fathom.training.callbacks import HOOKS, Callback
from fathom.training.device import Execution, choose_execution, try_forward
from fathom.training.feed import Feed
from fathom.training.random_state import seed_everything
from fathom.training.run_state import restore_state
from fathom.training.schedules.schedule import Schedule, make_schedule

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer


def set_up(trainer: Trainer, module: Module, data: Any, state: dict[str, Any] | None) -> None:
    """Give a trainer all that its loop works on, from the beginning or from the ``state`` of a checkpoint.

    Raises:  UsageError if module or data are none, or options exclude each other; CheckpointError
    """
    _check(module, data)
    seed_everything(trainer.seed)  # first: lazy layers and a shuffling loader draw below
    trainer.module = module
    trainer.epoch = trainer.batch = trainer.step = trainer.num_samples = 0
    trainer.should_stop, trainer.records, trainer.meter = None, [], trainer.make_meter()
    _open_loaders(trainer, data)
    _choose_execution(trainer)
    trainer.parameters = list(module.parameters())  # not earlier: lazy layers have none until an example passed
    if not any(parameter.requires_grad for parameter in trainer.parameters):
        raise UsageError("the module has no parameter to train: all are frozen or there are none")
    module.zero_grad()  # whatever was done with the module before
    trainer.optimizer = trainer.make_optimizer(module) if trainer.make_optimizer else module.configure_optimizers()
    # before restore_state, which brings rates the schedule has scaled
    trainer.base_lrs = [float(group["lr"]) for group in trainer.optimizer.param_groups]
    trainer.factor = None  # unlike any factor, so the first step sets the rate
    trainer.schedule = _make_schedule(trainer)
    is_fp16 = trainer.execution.precision == "fp16"
    # fp16 ends at 6e-8, below which gradients vanish unless the loss is scaled; bf16 has the range of fp32.
    trainer.scaler = torch.amp.GradScaler(trainer.device.type) if is_fp16 else None
    # Only what a callback overrides is called: an unused hook costs the loop nothing.
    trainer.hooks = {hook: [getattr(c, hook) for c in trainer.callbacks if _overrides(c, hook)] for hook in HOOKS}
    trainer.started = time.perf_counter()
    if state is not None:
        restore_state(trainer, state)
    # After restore_state: load_state_dict puts new tensors into the optimiser, and the graph keeps those it saw.
    trainer.whole_step = _compile_step(trainer) if trainer.execution.compile == "step" else None
    trainer.interval_began = trainer.epoch_began = (time.perf_counter(), trainer.num_samples)


def _check(module: Any, data: Any) -> None:
    if not hasattr(module, "training_step"):
        raise UsageError(f"a {type(module).__name__} has no training_step; wrap it: Classifier(net) or Regressor(net)")
    if not hasattr(data, "train_dataloader"):
        raise UsageError(f"a {type(data).__name__} has no train_dataloader; give a DataModule, such as Digits()")


def _open_loaders(trainer: Trainer, data: Any) -> None:
    """Make the feeds, and count the steps."""
    rehearsal = trainer.rehearsal
    is_overfit = bool(rehearsal.overfit_batches)
    trainer.feed = Feed(data.train_dataloader(), limit=rehearsal.limit, repeat=is_overfit)
    val_loader = None if is_overfit else data.val_dataloader()  # batches learnt by heart say nothing on others
    trainer.val_feed = None if val_loader is None else Feed(val_loader, limit=rehearsal.limit)
    trainer.steps_per_epoch = -(-len(trainer.feed) // trainer.accumulate)  # rounded up: the last may have fewer batches
    trainer.total_steps = trainer.steps_per_epoch * trainer.max_epochs


def _choose_execution(trainer: Trainer) -> None:
    """Settle how to compute, then bring module and loaders to the device."""
    module, feed, given = trainer.module, trainer.feed, trainer.given_execution
    # LazyLinear, LazyConv2d: shapes follow from the first input
    is_lazy = any(map(nn.parameter.is_lazy, itertools.chain(module.parameters(), module.buffers())))
    # it finds the batch size too
    example = feed.example_input() if is_lazy or given is None or feed.batch_size is None else None
    if is_lazy:
        try:
            try_forward(module, example)
        except Exception as error:
            raise UsageError(
                "the module has lazy layers and cannot be tried on the first part of a batch "
                f"({type(error).__name__}: {error}); call it once on a batch before fit"
            ) from error
    execution: Execution = given if given is not None else choose_execution(module, example)
    trainer.execution, trainer.device = execution, execution.device
    trainer.reading_is_free = execution.device.type == "cpu"  # elsewhere reading a scalar waits for the device
    execution.prepare(module)  # before the optimiser is made, whose state lies where the weights lie
    feed.to(execution.device)
    if trainer.val_feed is not None:
        trainer.val_feed.to(execution.device)


def _make_schedule(trainer: Trainer) -> Schedule:
    """Make the schedule; a dry run takes the first step of a whole epoch's, in which a warm-up has its place."""
    is_dry = trainer.rehearsal.fast_dev_run
    # a Feed of its own, without the rehearsal's limit
    steps = -(-len(Feed(trainer.feed.loader)) // trainer.accumulate) if is_dry else trainer.total_steps
    make = trainer.make_schedule or "constant"
    return make_schedule(make, steps) if isinstance(make, str) else make(steps)


def _compile_step(trainer: Trainer) -> Callable[[Any], dict[str, Tensor]]:
    from fathom.training.whole_step import compile_whole_step

    if trainer.accumulate > 1 or trainer.clip_norm or trainer.scaler or trainer.hooks["on_gradients"]:
        raise UsageError(
            "compile=step makes one graph of forward, backward and update: it excludes accumulation, clipping, "
            "L1 penalty and fp16; use --compile forward"
        )
    return compile_whole_step(trainer.module, trainer.optimizer, trainer.execution)


def _overrides(callback: Callback, hook: str) -> bool:
    # by class: instances have no hooks of their own
    return getattr(type(callback), hook) is not getattr(Callback, hook)
