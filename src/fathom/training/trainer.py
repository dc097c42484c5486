"""The loop: how a module learns from a data module."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from fathom.errors import FathomError, UsageError, unknown
from fathom.module import Module
from fathom.monitor import parse_monitor
from fathom.training.callbacks import Callback, Checkpointing
from fathom.training.device import PRECISIONS, Execution
from fathom.training.distributed.engine import Engine
from fathom.training.distributed.world import World
from fathom.training.divergence import Diverged, divergence_error, not_finite
from fathom.training.evaluation import evaluate_feed
from fathom.training.feed import Feed
from fathom.training.loaders import as_data
from fathom.training.meter import Meter
from fathom.training.optimizer_choice import OptimizerChoice, check_optimizer
from fathom.training.progress import TrainingProgress, is_shown
from fathom.training.records import finish_epoch, log_interval
from fathom.training.rehearsal import Rehearsal
from fathom.training.run_state import collect_state, restore_callbacks
from fathom.training.schedules.schedule import Schedule
from fathom.training.schedules.torch_schedule import TorchSchedule
from fathom.training.set_up import release, set_up
from fathom.training.signals import Interrupted, StopRequest, catch_signals
from fathom.training.step import take_step

_ORDINARY = Rehearsal()


class Trainer:
    """Fits a module to the training batches of a data module and evaluates it on the validation batches.

    The whole loop, with every hook of a callback in its place::

        fit(module, data)
          on_fit_start
          for each epoch
            on_epoch_start
            for each step
              learning rate from the schedule
              on_step_start
              for each of `accumulate` batches
                loss = training_step(batch);  backward
                on_batch_end(batch, outputs)
              on_gradients                       gradients complete
              clip, optimiser step
              on_log(record)                     every `log_every` steps
              on_step_end
            validation_step of every validation batch, random state kept
            on_log(record); on_epoch_end(record)
          on_stop                                only if a signal ended the run
          on_fit_end                             always, also after an error

    Args:
        max_epochs: passes over the training data.
        optimizer: a name, with options as in "sgd:momentum=0.9"; torch's object or class; a function of the module;
            None asks ``module.configure_optimizers()``, which may return several (see ``docs/python.md``).
        schedule: a name, as "cosine:warmup=0.1"; a function of the number of steps that makes a ``Schedule``; torch's
            scheduler, or a function of the ``optimizer`` that makes one (see ``TorchSchedule``); None is constant.
        device, precision: by name, as "cuda:1" and "bf16"; "auto" chooses for this machine.
        execution: all that can be said of how to compute, in place of these two.
        accumulate: batches per step; gradients are weighted by sample count.
        clip_norm: bound on the joint norm of the gradients; None for none. ``ClipValue`` bounds each element.
        callbacks: what happens beside the loop, in this order; those that keep checkpoints come last.
        monitor: the metric that says which epoch is best, when to stop early, and what is a plateau, as "val_f1".
        steps_per_epoch: for a loader without a length, or epochs that are not one pass; None runs each pass to its end.
        seed: of everything random in training; data order is the loader's own.
        log_every: steps between two records of training metrics.
        out: folder for ``checkpoints``; None keeps none.
        progress: a bar on a terminal, a line an epoch elsewhere; None does what the environment variable
            FATHOM_PROGRESS says (on or off), and is on without it.
        rehearsal: a short run that only checks, instead of training: ``Rehearsal(fast_dev_run=True)``.
    """

    # What a fit works on, from ``set_up``.
    module: Module
    feed: Feed
    val_feed: Feed | None
    execution: Execution
    world: World  # the processes that train together; mostly this one alone
    engine: Engine | None  # takes the steps where there are several
    device: torch.device
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer  # the first, where there are several
    optimizers: tuple[torch.optim.Optimizer, ...]
    manual: Any  # several optimisers as the module gave them; its training_step gets them, and takes the steps itself
    schedule: Schedule | TorchSchedule
    scaler: torch.amp.GradScaler | None
    whole_step: Callable[[Any], dict[str, Tensor]] | None  # compile=step: forward, backward and update in one graph
    meter: Meter
    hooks: dict[str, list[Callable[..., None]]]
    epoch: int  # whole epochs so far
    batch: int  # batches so far in this epoch
    step: int  # optimiser steps so far
    num_samples: int  # training samples so far
    steps_per_epoch: int | None  # None: the loader has no length
    total_steps: int | None
    base_lrs: list[float]  # of the parameter groups, before the schedule
    factor: float | None  # the schedule's, of the last step
    reading_is_free: bool  # whether a scalar can be read without waiting for the device
    started: float
    interval_began: tuple[float, int]  # time, samples
    epoch_began: tuple[float, int]

    def __init__(
        self,
        max_epochs: int = 10,
        *,
        optimizer: OptimizerChoice | None = None,
        schedule: str | Callable[..., Any] | LRScheduler | TorchSchedule | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
        execution: Execution | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        callbacks: Sequence[Callback] = (),
        monitor: str | None = None,
        steps_per_epoch: int | None = None,
        seed: int = 0,
        log_every: int = 50,
        out: str | Path | None = None,
        progress: bool | None = None,
        rehearsal: Rehearsal = _ORDINARY,
    ) -> None:
        counts = {"max_epochs": max_epochs, "accumulate": accumulate, "log_every": log_every}
        _check_options(counts | {"steps_per_epoch": steps_per_epoch}, clip_norm, execution, str(device), precision)
        check_optimizer(optimizer)
        # its one epoch ends after the rehearsal's batches
        self.max_epochs = 1 if rehearsal.fast_dev_run else max_epochs
        self.given_optimizer, self.given_schedule, self.given_execution = optimizer, schedule, execution
        # A schedule changes the rates of an object; those it came with are the ones to scale in every fit.
        given = optimizer.param_groups if isinstance(optimizer, torch.optim.Optimizer) else []
        self.given_lrs = [float(group["lr"]) for group in given]
        self.device_name, self.precision, self.given_steps = str(device), precision, steps_per_epoch
        self.monitor = None if monitor is None else parse_monitor(monitor)
        self.accumulate, self.clip_norm = accumulate, clip_norm
        keepers: list[Callback] = [c for c in callbacks if isinstance(c, Checkpointing)]
        if out is not None:
            keepers.append(Checkpointing(Path(out) / "checkpoints"))
        # What is saved must include what the other callbacks did with the same step or epoch.
        self.callbacks = [c for c in callbacks if c not in keepers] + ([] if rehearsal.fast_dev_run else keepers)
        if is_shown(progress) and not any(isinstance(c, TrainingProgress) for c in callbacks):
            self.callbacks.insert(0, TrainingProgress())
        self.seed, self.log_every, self.rehearsal = seed, log_every, rehearsal
        self.should_stop: str | None = None  # a callback's reason to end after this epoch
        self.records: list[dict[str, Any]] = []  # one per epoch
        self._request = StopRequest()

    # The loop ------------------------------------------------------------------------------------------------------

    def fit(
        self, module: Module, data: Any, val: Any = None, *, state: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Train ``module`` on ``data``; with ``state`` from a checkpoint, go on exactly where it was taken.

        Args:
            data: a data module, or a loader of training batches: any iterable that can be iterated again.
            val: a loader of validation batches, beside one of training batches.
        Returns: one record of metrics per epoch
        Raises:  Diverged if the loss is not finite; Interrupted after a signal, once a checkpoint is saved;
            LostProcess if another of several processes is gone
        """
        set_up(self, module, as_data(data, val), state)
        with catch_signals() as self._request, self.execution.compiled(module), self.world.telling_failures():
            try:
                self.call("on_fit_start")
                if state is not None:
                    restore_callbacks(self, state)  # after on_fit_start, in which callbacks begin anew
                while self.epoch < self.max_epochs and not self.should_stop:
                    self.call("on_epoch_start")
                    self._train_epoch()
                    record = finish_epoch(self)
                    self.call("on_log", record)
                    self.call("on_epoch_end", record)
                    self.stop_if_asked(in_epoch=False)
                    self.should_stop = next(filter(None, self.world.gather(self.should_stop)), None)
                self.world.meet()
                release(self)
            except (Diverged, Interrupted):  # in all processes alike
                release(self)
                raise
            finally:
                self.call("on_fit_end")  # also after an error: progress bars must close
        return self.records

    def _train_epoch(self) -> None:
        self.module.train()
        batches = self.feed.batches(self.epoch, self.batch)
        while group := list(itertools.islice(batches, self.accumulate)):  # the last group may be smaller
            self._set_lr()
            self.call("on_step_start")
            take_step(self, group)
            self.step += 1
            if self.step % self.log_every == 0:
                log_interval(self)
            self.call("on_step_end")
            self.stop_if_asked()

    def validate(self, feed: Feed) -> dict[str, float]:
        """Return loss and metrics over all batches, with the weights to be kept; nothing if a signal asks to stop."""
        with self.evaluation_weights(), contextlib.ExitStack() as held:
            if self.engine is not None:
                self.engine.sync_buffers()
                held.enter_context(self.engine.whole_weights())
            evaluation = evaluate_feed(
                self.module, feed, self.execution, should_stop=lambda: self._request.signum is not None
            )
        return {} if evaluation is None else evaluation.metrics  # the run is about to be saved and left

    def test(self, data: Any) -> dict[str, float]:
        """Evaluate the fitted module on the test batches of a data module, or on a loader; once, at the end."""
        if not hasattr(self, "module"):
            raise UsageError("there is nothing to test yet; call fit first")
        loader = as_data(data).test_dataloader()
        if loader is None:
            raise FathomError("the data module has no test split")
        feed = Feed(loader, world=self.world, by_batches=True)
        feed.to(self.device)  # the module stayed there after fit
        # Through `validate`, so that averaged weights are tested where they were validated.
        return {f"test_{name}": value for name, value in self.validate(feed).items()}

    # Beside the loop -----------------------------------------------------------------------------------------------

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of every callback that overrides it."""
        for method in self.hooks[hook]:
            method(self, *arguments)

    def _set_lr(self) -> None:
        factor = self.schedule.factor(self.step)
        # A constant rate is not written anew at every step; None: torch's scheduler has set it.
        if factor is not None and factor != self.factor:
            self.factor = factor
            groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
            for group, base in zip(groups, self.base_lrs, strict=True):
                group["lr"] = base * factor

    @property
    def lr(self) -> float:
        """Learning rate of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def make_meter(self) -> Meter:
        """Return a meter for one pass: of an epoch, or over a split."""
        return Meter(getattr(self.module, "metrics", None), self.world)

    def note(self, batch: Any, outputs: dict[str, Tensor], count: int, whole: int | None = None) -> None:
        """Count a batch that is done; ``whole`` is its size in all processes."""
        self.meter.add(outputs, count)
        self.batch += 1
        self.num_samples += count if whole is None else whole
        self.call("on_batch_end", batch, outputs)

    def flush(self) -> None:
        """Bring what the steps returned over from the device.

        Raises:  Diverged if a loss among it is not finite
        """
        ago = self.meter.flush()
        # several processes must agree on it, unless every step has seen to it already
        if self.world.size > 1 and not self.reading_is_free and any(self.world.gather(ago)):
            raise not_finite("loss", place=f"in the {self.log_every} steps before step {self.step}")
        if ago is not None:
            # read again: keeping batches for this would fill the device
            found = next(self.feed.batches(self.epoch, self.batch - ago), None)
            if found is None:  # a stream that cannot be read again
                raise not_finite("loss", place=f"in the {self.log_every} steps before step {self.step}")
            raise self.divergence(found[0], ago)

    def divergence(self, batch: Any, ago: int) -> FathomError:
        """Return the error for the batch ``ago`` batches before the last one noted; 0 is the one under way."""
        number = self.batch - ago  # counted from 0 within the epoch
        whole = self.epoch * self.steps_per_epoch if self.steps_per_epoch is not None else self.step - self.batch
        step = whole + number // self.accumulate
        with self.execution.forward(is_full=False):  # eager: the hooks that look for the layer do not run in a graph
            return divergence_error(
                self.module, batch, step=step + 1, epoch=self.epoch + 1, batch_number=number + 1, lr=self.lr
            )

    @contextlib.contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Put the weights to be evaluated and kept in place: an average, where a callback keeps one."""
        with contextlib.ExitStack() as stack:
            for callback in self.callbacks:
                stack.enter_context(callback.evaluation_weights(self))
            yield

    def agreed(self, name: str, wish: bool) -> bool:
        """Whether it is to be done after this step: in several processes, once all know that one wished it."""
        return wish if self.engine is None else self.engine.agreed(name, wish)

    def stop_if_asked(self, *, in_epoch: bool = True) -> None:
        """Save and leave if a signal asked for it; in several processes all leave after the same step."""
        if self.engine is not None:
            signum = self._request.signum
            if in_epoch and not self.engine.agreed("stop", signum is not None):
                return
            self._request.signum = next(filter(None, self.world.gather(signum)), None)
        if self._request.signum is None:
            return
        self.call("on_stop")
        saved = any(isinstance(callback, Checkpointing) for callback in self.callbacks)
        what = "a checkpoint is saved" if saved else "nothing was saved: the trainer has no folder"
        # batch is 0 again once an epoch is finished
        where = f"in epoch {self.epoch + 1}" if self.batch else f"after epoch {self.epoch}"
        raise Interrupted(self._request.signum, f"stopped {where}, step {self.step}; {what}")

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs to take the same steps to the bit.

        Raises:  Diverged if a loss since the last log was not finite: such a state is of no use
        """
        # The meter saves its sums, which pending batches are not in yet.
        self.flush()
        if self.engine is not None:
            self.engine.sync_buffers()
            self.engine.check(f"after step {self.step}")
        return collect_state(self)


def _check_options(
    counts: Mapping[str, int | None], clip_norm: float | None, execution: Execution | None, device: str, precision: str
) -> None:
    for name, value in counts.items():
        if value is not None and value < 1:
            raise UsageError(f"{name}={value}: it must be at least 1")
    if clip_norm is not None and not clip_norm > 0:  # `not >`: NaN is refused too
        raise UsageError(f"clip_norm={clip_norm}: it must be above 0; leave it out not to clip")
    if execution is not None and (device, precision) != ("auto", "auto"):
        raise UsageError("execution says device and precision already; leave device= and precision= out")
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
