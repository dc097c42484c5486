"""What a person sees while a network trains: a live bar on a terminal, a line an epoch in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.build.run_log import format_epoch
from fathom.phrases import counted
from fathom.progress import Progress, count_of
from fathom.training.callbacks import Callback

if TYPE_CHECKING:
    from fathom.build.run import PlannedRun
    from fathom.training.trainer import Trainer

_REFRESH_S = 0.1
_WIDE = 70  # columns from which on there is room for the rate
_READ_LOSS_S = 1.0  # reading it makes an accelerator wait


def show_progress(run: PlannedRun) -> list[Callback]:
    """Say what is about to be trained; return the callback that shows how it goes."""
    for note in run.notes:
        print(note)
    plan, config, execution = run.plan, run.config, run.plan.execution
    epochs = "one batch" if config.training.fast_dev_run else counted(config.training.epochs or 0, "epoch")
    facts = [
        counted(sum(p.numel() for p in plan.module.parameters()), "parameter"),
        counted(plan.data.num_train, f"training {plan.data.unit}"),
        epochs,
        f"{execution.precision} on {execution.device}",
        f"seed {config.seed}",
    ]
    augmented = f"; augmented by {config.data.augment}" if config.data.augment else ""
    print(f"{config.model.name} on {Path(plan.data.name).name}: {', '.join(facts)}{augmented}", flush=True)
    return [TrainingProgress()]


def show_reading() -> Callable[[int, int], None]:
    """Return what shows how far the decoding of images is, called with (images read, images in all)."""
    progress = Progress("reading images", amount=count_of())

    def show(read: int, total: int) -> None:
        progress.update(read, total=total)
        if read >= total:
            progress.close()

    return show


class TrainingProgress(Callback):
    """A bar with epoch, step, samples/s, loss and time to go on a terminal; a line for every finished epoch anywhere.

    Args:
        label: stands before the bar.
        lines: whether finished epochs get their lines.
    """

    def __init__(self, label: str = "", *, lines: bool = True) -> None:
        self.label, self.lines = label, lines
        self.progress: Progress | None = None
        self._shown_at = self._loss_at = 0.0
        self._began = (0.0, 0)  # of the interval that the rate is taken over
        self._loss = self._rate = ""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Put the bar up."""
        self._began = (time.monotonic(), trainer.num_samples)
        self.progress = Progress(
            self._title(trainer),
            trainer.total_steps,
            amount=lambda done, total: f"step {done:.0f}/{total:.0f}",
            stream=sys.stdout,
            done=trainer.step,
            delay_s=0.0,
            line_s=None,
        )

    def on_step_end(self, trainer: Trainer) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        if self.progress is not None and self.progress.is_live and now - self._shown_at >= _REFRESH_S:
            self._shown_at = now
            self._read(trainer, now)
            self._show(trainer)

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Take up the numbers; print the epoch's line above the bar."""
        now = time.monotonic()
        self._loss, self._loss_at = f"loss {record['train_loss']:.4f}", now
        self._rate, self._began = f"{record['samples_per_s']:,.0f} samples/s", (now, trainer.num_samples)
        if self.lines and record["event"] == "epoch" and self.progress is not None:
            self._show(trainer)
            line = format_epoch(record, trainer.max_epochs)
            if self.progress.is_live and len(line) > self.progress.width:
                line = format_epoch(record, trainer.max_epochs, brief=True)
            self.progress.print(line)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Take the bar down; the cursor comes back with it."""
        if self.progress is not None:
            self.progress.close()

    def _read(self, trainer: Trainer, now: float) -> None:
        """Where records are far apart, show the newest batch's loss and the rate since the last record."""
        if now - self._loss_at < _READ_LOSS_S:
            return
        newest = trainer.meter.newest
        if newest is not None:
            self._loss, self._loss_at = f"loss {float(newest['loss']):.4f}", now
        began, samples = self._began
        if now > began:
            self._rate = f"{(trainer.num_samples - samples) / (now - began):,.0f} samples/s"

    def _show(self, trainer: Trainer) -> None:
        if self.progress is not None and self.progress.is_live:
            rate = self._rate if self.progress.width >= _WIDE else ""
            facts = " ".join(filter(None, (rate, self._loss)))
            self.progress.update(trainer.step, title=self._title(trainer), facts=facts)

    def _title(self, trainer: Trainer) -> str:
        epoch = min(trainer.epoch + 1, trainer.max_epochs)
        return " ".join(filter(None, (self.label, f"epoch {epoch}/{trainer.max_epochs}")))
