"""Before the loop: module, loaders, optimiser and schedule are brought to where the next step begins."""

from __future__ import annotations

import inspect
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from fathom.errors import UsageError
from fathom.module import Module
from fathom.processes import launched_size
from fathom.training.callbacks import HOOKS, Callback
from fathom.training.device import Execution, choose_execution, find_device, try_forward
from fathom.training.distributed.engine import Engine
from fathom.training.distributed.world import World, is_broken, join_world
from fathom.training.feed import Feed
from fathom.training.optimizer_choice import all_of, choose_optimizers
from fathom.training.random_state import seed_everything
from fathom.training.run_state import restore_state
from fathom.training.schedules.schedule import Plateau, Schedule, make_schedule
from fathom.training.schedules.torch_schedule import TorchSchedule, is_torch_choice

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

_LENGTHLESS = ("constant", "plateau")  # schedules that do not depend on how long a run is


def set_up(trainer: Trainer, module: Module, data: Any, state: dict[str, Any] | None) -> None:
    """Give a trainer all that its loop works on, from the beginning or from the ``state`` of a checkpoint.

    Raises:  UsageError if the module is none or options exclude each other; CheckpointError
    """
    _check(module)
    seed_everything(trainer.seed)  # first: lazy layers and a shuffling loader draw below
    trainer.module = module
    trainer.epoch = trainer.batch = trainer.step = trainer.num_samples = 0
    trainer.should_stop, trainer.records = None, []
    trainer.world = _find_world(trainer)
    trainer.meter = trainer.make_meter()
    _open_loaders(trainer, data)
    _choose_execution(trainer)
    trainer.engine = _make_engine(trainer)
    module = trainer.module if trainer.engine is None else trainer.engine.module
    trainer.module = module  # of weights that are cut into pieces another one than was given
    trainer.parameters = list(module.parameters())  # not earlier: lazy layers have none until an example passed
    if not any(parameter.requires_grad for parameter in trainer.parameters):
        raise UsageError("the module has no parameter to train: all are frozen or there are none")
    module.zero_grad()  # whatever was done with the module before
    _make_optimizers(trainer)
    trainer.factor = None  # unlike any factor, so the first step sets the rate
    trainer.schedule = _make_schedule(trainer)
    is_fp16 = trainer.execution.precision == "fp16"
    # fp16 ends at 6e-8, below which gradients vanish unless the loss is scaled; bf16 has the range of fp32.
    trainer.scaler = torch.amp.GradScaler(trainer.device.type) if is_fp16 else None
    # Only what a callback overrides is called: an unused hook costs the loop nothing.
    active = [c for c in trainer.callbacks if trainer.world.is_first or not c.first_only]
    trainer.hooks = {hook: [getattr(c, hook) for c in active if _overrides(c, hook)] for hook in HOOKS}
    trainer.started = time.perf_counter()
    if state is not None:
        restore_state(trainer, state)
    # After restore_state: load_state_dict puts new tensors into the optimiser, and the graph keeps those it saw.
    trainer.whole_step = _compile_step(trainer) if trainer.execution.compile == "step" else None
    trainer.interval_began = trainer.epoch_began = (time.perf_counter(), trainer.num_samples)


def _check(module: Any) -> None:
    if not hasattr(module, "training_step"):
        raise UsageError(f"a {type(module).__name__} has no training_step; wrap it: Classifier(net) or Regressor(net)")
    net = getattr(module, "net", None)
    if type(module).forward is Module.forward and isinstance(net, nn.Module):
        check_forward(net, f"subclass {type(module).__name__} and override forward")


def check_forward(net: nn.Module, remedy: str) -> None:
    """Refuse a network that cannot be called with one input.

    Raises:  UsageError
    """
    try:
        inspect.signature(net.forward).bind(None)
    except TypeError as error:
        raise UsageError(
            f"{type(net).__name__}.forward{inspect.signature(net.forward)} is called with the inputs of a batch alone "
            f"({error}); {remedy}"
        ) from None
    except ValueError:  # a builtin without a signature: the first batch will tell
        return


def _find_world(trainer: Trainer) -> World:
    """Return the processes that take part.

    Raises:  UsageError if the execution was chosen for another number of them than a launcher started
    """
    given = trainer.given_execution
    world = join_world(find_device(trainer.device_name).type) if given is None else given.world
    if world.size == 1 and (size := launched_size()) > 1:
        raise UsageError(
            f"{size} processes were started, and the execution is for one: each would train by itself; "
            f"choose_execution(…, devices={size})"
        )
    return world


def _make_engine(trainer: Trainer) -> Engine | None:
    """Make what takes the steps of several processes.

    Raises:  UsageError for what only one process can do
    """
    if trainer.world.size == 1:
        return None
    if trainer.execution.compile == "step":
        raise UsageError("compile=step makes one graph of a whole step, for one process; use --compile forward")
    if trainer.execution.strategy != "fsdp":
        return Engine(trainer.world, trainer.module)
    from fathom.training.distributed.sharding import ShardedEngine

    if isinstance(trainer.given_optimizer, torch.optim.Optimizer):
        raise UsageError("fsdp cuts the parameters: give the optimiser by its name, or as a function of the module")
    return ShardedEngine(trainer.world, trainer.module, trainer.device)


def release(trainer: Trainer) -> None:
    """Give the module back as it came, once the loop is over."""
    engine = trainer.engine
    if isinstance(engine, Engine) and not is_broken():
        engine.close()
        trainer.module = getattr(engine, "given", trainer.module)


def _open_loaders(trainer: Trainer, data: Any) -> None:
    """Make the feeds, and count the steps."""
    rehearsal, world = trainer.rehearsal, trainer.world
    is_overfit = bool(rehearsal.overfit_batches)
    steps = None if trainer.given_steps is None else trainer.given_steps * trainer.accumulate
    trainer.feed = Feed(data.train_dataloader(), limit=rehearsal.limit, repeat=is_overfit, steps=steps, world=world)
    val_loader = None if is_overfit else data.val_dataloader()  # batches learnt by heart say nothing on others
    trainer.val_feed = (
        None if val_loader is None else Feed(val_loader, limit=rehearsal.limit, world=world, by_batches=True)
    )
    trainer.steps_per_epoch = trainer.total_steps = None
    if trainer.feed.num_batches is not None:
        # rounded up: the last may have fewer batches
        trainer.steps_per_epoch = -(-trainer.feed.num_batches // trainer.accumulate)
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
    if given is None:
        # in the processes that a launcher started, as many as there are
        given = choose_execution(module, example, device=trainer.device_name, precision=trainer.precision, devices=None)
    execution: Execution = given
    trainer.execution, trainer.device = execution, execution.device
    trainer.reading_is_free = execution.device.type == "cpu"  # elsewhere reading a scalar waits for the device
    execution.prepare(module)  # before the optimiser is made, whose state lies where the weights lie
    feed.to(execution.device)
    if trainer.val_feed is not None:
        trainer.val_feed.to(execution.device)


def _make_optimizers(trainer: Trainer) -> None:
    """Make the optimiser, or the several of a module that takes its steps by hand."""
    made = choose_optimizers(trainer.given_optimizer, trainer.module)
    trainer.optimizers = all_of(made)
    if not trainer.optimizers:
        raise UsageError("configure_optimizers gave an empty list: there is nothing to train with")
    trainer.optimizer = trainer.optimizers[0]
    trainer.manual = None if isinstance(made, torch.optim.Optimizer) else made
    # before restore_state, which brings rates the schedule has scaled; an object's are those it was given with
    groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
    trainer.base_lrs = trainer.given_lrs or [float(group["lr"]) for group in groups]
    if trainer.manual is None:
        return
    if trainer.engine is not None:
        raise UsageError(
            "a module that takes its steps itself, with several optimisers, trains in one process; start it without "
            "torchrun"
        )
    called = any(_overrides(callback, "on_gradients") for callback in trainer.callbacks)
    precision, compiled = trainer.execution.precision, trainer.execution.compile
    if trainer.accumulate > 1 or trainer.clip_norm or called or precision == "fp16" or compiled == "step":
        raise UsageError(
            "with several optimisers training_step(batch, optimizers) takes the steps itself: accumulation, clipping, "
            "L1 penalty, fp16 and compile=step are then its own affair; leave them out of the trainer"
        )


def _make_schedule(trainer: Trainer) -> Schedule | TorchSchedule:
    """Make the schedule; a dry run takes the first step of a whole epoch's, in which a warm-up has its place."""
    make: Any = trainer.given_schedule or "constant"
    steps = trainer.total_steps
    if trainer.rehearsal.fast_dev_run and steps is not None:
        # a Feed of its own, without the rehearsal's limit
        steps = -(-len(Feed(trainer.feed.loader)) // trainer.accumulate)
    if isinstance(make, TorchSchedule) or is_torch_choice(make):
        schedule = make if isinstance(make, TorchSchedule) else TorchSchedule(make)
        given = trainer.optimizer if trainer.manual is None else trainer.manual
        return schedule.bind(given, trainer.optimizers, steps)
    if steps is None:
        if make not in _LENGTHLESS:
            raise UsageError("the training loader has no length, which the schedule needs; give steps_per_epoch")
        steps = 1
    made = make_schedule(make, steps) if isinstance(make, str) else make(steps)
    if isinstance(made, (LRScheduler, ReduceLROnPlateau)) or not hasattr(made, "factor"):
        raise UsageError(
            f"schedule: a function of the number of steps gave a {type(made).__name__}, not a Schedule; for torch's "
            "schedulers name its argument optimizer: lambda optimizer: StepLR(optimizer, 10)"
        )
    if isinstance(made, Plateau) and trainer.monitor is not None and trainer.monitor.higher_is_better:
        made = replace(made, options=made.options | {"mode": "max"})
    return made


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
