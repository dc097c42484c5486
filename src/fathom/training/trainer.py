"""The loop: how a module learns from a data module."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fathom.errors import FathomError, UsageError
from fathom.module import Module
from fathom.training.callbacks import HOOKS, Callback, Checkpointing
from fathom.training.device import Execution, choose_execution, try_forward
from fathom.training.divergence import divergence_error
from fathom.training.evaluation import evaluate_feed
from fathom.training.feed import Feed
from fathom.training.meter import Meter
from fathom.training.optimizers import clip_by_norm_, clip_by_value_
from fathom.training.random_state import seed_everything
from fathom.training.run_state import collect_state, restore_callbacks, restore_state
from fathom.training.schedules import Schedule, make_schedule
from fathom.training.signals import Interrupted, StopRequest, catch_signals


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
              for each of `accumulate` batches:  loss = training_step(batch);  backward
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
        optimizer: makes the optimiser from the module; None asks ``module.configure_optimizers()``.
        schedule: a name, or a callable that makes a ``Schedule`` from the number of steps; None is constant.
        execution: device, precision, memory format, compilation; None chooses for this machine.
        accumulate: batches per step; gradients are weighted by sample count.
        clip_norm, clip_value: bound on the gradients' joint norm, on each element; None for none.
        callbacks: what happens beside the loop, in this order; those that keep checkpoints come last.
        seed: of everything random in training; data order is the loader's own.
        log_every: steps between two records of training metrics.
        out: folder for ``checkpoints``; None keeps none.
        fast_dev_run: one batch of training, one of validation, nothing saved: does everything connect?
        overfit_batches: learn these first batches by heart, nothing else: can it learn at all?
    """

    def __init__(
        self,
        max_epochs: int = 10,
        *,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
        schedule: str | Callable[[int], Schedule] | None = None,
        execution: Execution | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
        log_every: int = 50,
        out: str | Path | None = None,
        fast_dev_run: bool = False,
        overfit_batches: int = 0,
    ) -> None:
        for name, value in (("max_epochs", max_epochs), ("accumulate", accumulate), ("log_every", log_every)):
            if value < 1:
                raise UsageError(f"{name}={value}: it must be at least 1")
        for name, bound in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if bound is not None and not bound > 0:
                raise UsageError(f"{name}={bound}: it must be above 0; leave it out not to clip")
        if overfit_batches < 0:
            raise UsageError(f"overfit_batches={overfit_batches}: it must be at least 1, or 0 for ordinary training")
        if fast_dev_run and overfit_batches:
            raise UsageError("fast_dev_run and overfit_batches exclude each other: one checks, the other trains")
        self.max_epochs = 1 if fast_dev_run else max_epochs
        self.make_optimizer, self.make_schedule, self.execution = optimizer, schedule, execution
        self.accumulate, self.clip_norm, self.clip_value = accumulate, clip_norm, clip_value
        keepers: list[Callback] = [c for c in callbacks if isinstance(c, Checkpointing)]
        if out is not None:
            keepers.append(Checkpointing(Path(out) / "checkpoints"))
        # What is saved must include what the other callbacks did with the same step or epoch.
        self.callbacks = [c for c in callbacks if c not in keepers] + ([] if fast_dev_run else keepers)
        self.seed, self.log_every = seed, log_every
        self.fast_dev_run, self.overfit_batches = fast_dev_run, overfit_batches
        self.should_stop: str | None = None  # a callback's reason to end after this epoch
        self.records: list[dict[str, Any]] = []  # one per epoch
        self._request = StopRequest()

    # The loop ------------------------------------------------------------------------------------------------------

    def fit(self, module: Module, data: Any, *, state: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Train ``module`` on ``data``; with ``state`` from a checkpoint, go on exactly where it was taken.

        Returns: one record of metrics per epoch
        Raises:  Diverged if the loss is not finite; Interrupted after a signal, once a checkpoint is saved
        """
        self._set_up(module, data, state)
        with catch_signals() as self._request, self._execution.compiled(module):
            try:
                self._call("on_fit_start")
                if state is not None:
                    restore_callbacks(self, state)
                while self.epoch < self.max_epochs and not self.should_stop:
                    self._call("on_epoch_start")
                    self._train_epoch()
                    record = self._finish_epoch()
                    self._call("on_log", record)
                    self._call("on_epoch_end", record)
                    self._stop_if_asked()
            finally:
                self._call("on_fit_end")
        return self.records

    def _train_epoch(self) -> None:
        self.module.train()
        batches = self.feed.batches(self.epoch, self.batch)
        while group := list(itertools.islice(batches, self.accumulate)):
            self._set_lr()
            self._call("on_step_start")
            if self.whole_step is not None and group[0][1] == self.feed.batch_size:
                self._run_whole_step(*group[0])
            else:
                num_samples = sum(count for _, count in group)
                for batch, count in group:
                    self._run_batch(batch, count, share=count / num_samples)
                self._update()
            self.step += 1
            if self.step % self.log_every == 0:
                self._log_interval()
            self._call("on_step_end")
            self._stop_if_asked()

    def _run_batch(self, batch: Any, count: int, share: float) -> None:
        """Forward and backward; gradients of the batches of a step add up, each by its share of the samples."""
        with self._execution.forward(is_full=count == self.feed.batch_size):
            outputs = self.module.training_step(batch)
        loss = _loss_of(outputs)
        if self._reading_is_free and not math.isfinite(loss.item()):
            raise self._divergence(batch, ago=0)
        if share != 1:
            loss = loss * share
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        self._note(outputs, count)

    def _update(self) -> None:
        """Clip, step, forget the gradients."""
        optimizer, scaler = self.optimizer, self.scaler
        if scaler is not None:
            scaler.unscale_(optimizer)
        self._call("on_gradients")
        if self.clip_value is not None:
            clip_by_value_(self.parameters, self.clip_value)
        if self.clip_norm is not None:
            clip_by_norm_(self.parameters, self.clip_norm)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        optimizer.zero_grad()

    def validate(self, feed: Feed) -> dict[str, float]:
        """Return loss and metrics over all batches, with the weights to be kept; nothing if a signal asks to stop."""
        with self.evaluation_weights():
            evaluation = evaluate_feed(
                self.module, feed, self._execution, should_stop=lambda: self._request.signum is not None
            )
        return {} if evaluation is None else evaluation.metrics  # the run is about to be saved and left

    def test(self, data: Any) -> dict[str, float]:
        """Evaluate the fitted module on the test batches; the place for it is once, at the end."""
        if not hasattr(self, "module"):
            raise UsageError("there is nothing to test yet; call fit first")
        loader = data.test_dataloader()
        if loader is None:
            raise FathomError("the data module has no test split")
        feed = Feed(loader)
        feed.to(self.device)
        return {f"test_{name}": value for name, value in self.validate(feed).items()}

    # Before the loop -----------------------------------------------------------------------------------------------

    def _set_up(self, module: Module, data: Any, state: dict[str, Any] | None) -> None:
        """Bring module, loaders, optimiser and schedule to where the next step begins."""
        if not hasattr(module, "training_step"):
            raise UsageError(
                f"a {type(module).__name__} has no training_step; wrap it: Classifier(net) or Regressor(net)"
            )
        if not hasattr(data, "train_dataloader"):
            raise UsageError(f"a {type(data).__name__} has no train_dataloader; give a DataModule, such as Digits()")
        seed_everything(self.seed)
        self.module = module
        self.epoch = self.batch = self.step = self.num_samples = 0
        self.should_stop, self.records, self.meter = None, [], self._make_meter()
        limit = self.overfit_batches or (1 if self.fast_dev_run else None)
        self.feed = Feed(data.train_dataloader(), limit=limit, repeat=bool(self.overfit_batches))
        val_loader = None if self.overfit_batches else data.val_dataloader()
        self.val_feed = None if val_loader is None else Feed(val_loader, limit=limit)
        self._steps_per_epoch = -(-len(self.feed) // self.accumulate)
        self.total_steps = self._steps_per_epoch * self.max_epochs
        self._choose_execution()
        self.parameters = list(module.parameters())
        if not any(parameter.requires_grad for parameter in self.parameters):
            raise UsageError("the module has no parameter to train: all are frozen or there are none")
        module.zero_grad()  # whatever was done with the module before
        self.optimizer = self.make_optimizer(module) if self.make_optimizer else module.configure_optimizers()
        self._base_lrs = [float(group["lr"]) for group in self.optimizer.param_groups]
        self._factor: float | None = None
        make = self.make_schedule or "constant"
        # A dry run takes the first step of a whole epoch's schedule, in which a warm-up has its place.
        planned = -(-len(Feed(self.feed.loader)) // self.accumulate) if self.fast_dev_run else self.total_steps
        self.schedule = make_schedule(make, planned) if isinstance(make, str) else make(planned)
        fp16 = self._execution.precision == "fp16"
        self.scaler = torch.amp.GradScaler(self.device.type) if fp16 else None
        self._hooks = {hook: [getattr(c, hook) for c in self.callbacks if _overrides(c, hook)] for hook in HOOKS}
        self.started = time.perf_counter()
        if state is not None:
            restore_state(self, state)
        self.whole_step = self._compile_step() if self._execution.compile == "step" else None
        self._interval = self._epoch_interval = (time.perf_counter(), self.num_samples)

    def _choose_execution(self) -> None:
        """Settle how to compute, then bring module and loaders to the device."""
        module, example = self.module, None
        is_lazy = any(map(nn.parameter.is_lazy, itertools.chain(module.parameters(), module.buffers())))
        if is_lazy or self.execution is None or self.feed.batch_size is None:
            example = self.feed.example_input()
        if is_lazy:
            try_forward(module, example)
        if self.execution is not None:
            self._execution = self.execution
        else:
            self._execution = choose_execution(module, example)
        self.device = self._execution.device
        self._reading_is_free = self.device.type == "cpu"  # elsewhere reading a scalar waits for the device
        self._execution.prepare(module)
        self.feed.to(self.device)
        if self.val_feed is not None:
            self.val_feed.to(self.device)

    def _compile_step(self) -> Callable[[Any], dict[str, Tensor]]:
        from fathom.training.whole_step import compile_whole_step

        if self.accumulate > 1 or self.clip_norm or self.clip_value or self.scaler or self._hooks["on_gradients"]:
            raise UsageError(
                "compile=step makes one graph of forward, backward and update: it excludes accumulation, clipping, "
                "L1 penalty and fp16; use --compile forward"
            )
        return compile_whole_step(self.module, self.optimizer, self._execution)

    # Beside the loop -----------------------------------------------------------------------------------------------

    def _run_whole_step(self, batch: Any, count: int) -> None:
        """Forward, backward and update in one graph, for batches of the size it is made for."""
        assert self.whole_step is not None
        outputs = self.whole_step(batch)
        if self._reading_is_free and not math.isfinite(outputs["loss"].item()):
            raise self._divergence(batch, ago=0)
        self._note(outputs, count)

    def _call(self, hook: str, *arguments: Any) -> None:
        for method in self._hooks[hook]:
            method(self, *arguments)

    def _set_lr(self) -> None:
        factor = self.schedule.factor(self.step)
        if factor != self._factor:
            self._factor = factor
            for group, base in zip(self.optimizer.param_groups, self._base_lrs, strict=True):
                group["lr"] = base * factor

    @property
    def lr(self) -> float:
        """Learning rate of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _make_meter(self) -> Meter:
        return Meter(getattr(self.module, "metrics", None))

    def _note(self, outputs: dict[str, Tensor], count: int) -> None:
        self.meter.add(outputs, count)
        self.batch += 1
        self.num_samples += count

    def _flush(self) -> None:
        ago = self.meter.flush()
        if ago is not None:
            batch, _ = next(self.feed.batches(self.epoch, self.batch - ago))
            raise self._divergence(batch, ago)

    def _divergence(self, batch: Any, ago: int) -> FathomError:
        """Make the error for the batch ``ago`` batches before the last one noted; 0 is the one under way."""
        number = self.batch - ago
        step = self.epoch * self._steps_per_epoch + number // self.accumulate
        with self._execution.forward(is_full=False):
            return divergence_error(
                self.module, batch, step=step + 1, epoch=self.epoch + 1, batch_number=number + 1, lr=self.lr
            )

    def _record(self, event: str, epoch: float, metrics: dict[str, float], since: tuple[float, int], now: float) -> Any:
        began, samples = since
        return {
            "event": event,
            "step": self.step,
            "epoch": epoch,
            **metrics,
            "lr": self.lr,
            "samples_per_s": round((self.num_samples - samples) / max(now - began, 1e-9), 1),
            "elapsed_s": round(time.perf_counter() - self.started, 4),
        }

    def _log_interval(self) -> None:
        self._flush()
        now = time.perf_counter()
        metrics = {f"train_{name}": value for name, value in self.meter.take_interval().items()}
        position = round(self.epoch + self.batch / len(self.feed), 4)
        self._call("on_log", self._record("step", position, metrics, self._interval, now))
        self._interval = (time.perf_counter(), self.num_samples)

    def _finish_epoch(self) -> dict[str, Any]:
        """Validate, tell the schedule, make the epoch's record; its rate is that of training alone."""
        if self.batch == 0:
            raise FathomError(f"the training loader gave no batch in epoch {self.epoch + 1}; can it be iterated again?")
        self._flush()
        trained = time.perf_counter()
        evaluated = {} if self.val_feed is None else self.validate(self.val_feed)
        self._stop_if_asked()  # then nothing of what follows has happened, and the resumed run validates again
        metrics = {f"train_{name}": value for name, value in self.meter.take_epoch().items()}
        metrics |= {f"val_{name}": value for name, value in evaluated.items()}
        self.schedule.observe(metrics.get("val_loss", metrics["train_loss"]))
        self.epoch, self.batch = self.epoch + 1, 0
        record = self._record("epoch", self.epoch, metrics, self._epoch_interval, trained)
        self.records.append(record)
        self._interval = self._epoch_interval = (time.perf_counter(), self.num_samples)
        return record

    @contextlib.contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Put the weights to be evaluated and kept in place: an average, where a callback keeps one."""
        with contextlib.ExitStack() as stack:
            for callback in self.callbacks:
                stack.enter_context(callback.evaluation_weights(self))
            yield

    def _stop_if_asked(self) -> None:
        """Save and leave if a signal asked for it."""
        if self._request.signum is None:
            return
        self._call("on_stop")
        saved = any(isinstance(callback, Checkpointing) for callback in self.callbacks)
        what = "a checkpoint is saved" if saved else "nothing was saved: the trainer has no folder"
        where = f"in epoch {self.epoch + 1}" if self.batch else f"after epoch {self.epoch}"
        raise Interrupted(self._request.signum, f"stopped {where}, step {self.step}; {what}")

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs to take the same steps to the bit.

        Raises:  Diverged if a loss since the last log was not finite: such a state is of no use
        """
        self._flush()
        return collect_state(self)


def _loss_of(outputs: Any) -> Tensor:
    try:
        return outputs["loss"]
    except (KeyError, IndexError, TypeError):
        given = f"a dictionary of {', '.join(outputs)}" if isinstance(outputs, dict) else f"a {type(outputs).__name__}"
        raise FathomError(f"training_step returned {given}; it must return a dictionary with 'loss'") from None


def _overrides(callback: Callback, hook: str) -> bool:
    return getattr(type(callback), hook) is not getattr(Callback, hook)
