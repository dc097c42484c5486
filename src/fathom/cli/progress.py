"""What a person sees while a network trains: a live bar on a terminal, a line an epoch in a pipe."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.build.run_log import format_epoch
from fathom.phrases import counted
from fathom.training.callbacks import Callback

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from fathom.build.run import PlannedRun
    from fathom.training.trainer import Trainer

_REFRESH_S = 0.1
_WIDE = 70  # columns from which on there is room for the rate
_READING_S = 10.0
_READ_LOSS_S = 1.0  # reading it makes an accelerator wait


def show_progress(run: PlannedRun) -> list[Callback]:
    """Say what is about to be trained; give the callback that shows how it goes."""
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
    return [Bar()] if is_live() else [Lines()]


def is_live() -> bool:
    """Whether what is printed can be moved and overwritten."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def show_reading() -> Callable[[int, int], None]:
    """Return what shows how far the decoding of images is: a line that changes, or in a pipe one every ten seconds."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    told_at = time.monotonic()

    def show(read: int, total: int) -> None:
        nonlocal told_at
        text = f"reading images: {read:,} of {total:,}"
        if is_terminal:
            print("\r\x1b[K" + (text if read < total else ""), end="", file=sys.stderr, flush=True)
        elif read < total and time.monotonic() - told_at >= _READING_S:
            told_at = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    return show


class Lines(Callback):
    """One plain line an epoch."""

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Print the epoch's line."""
        if record["event"] == "epoch":
            print(format_epoch(record, trainer.max_epochs), flush=True)


class Bar(Callback):
    """A bar with epoch, step, samples/s, loss and time to go; above it a line for every finished epoch.

    ``label`` stands before it; without ``lines`` it is the bar alone.
    """

    def __init__(self, label: str = "", *, lines: bool = True) -> None:
        self.label, self.lines = label, lines
        self.progress: Progress | None = None
        self.task: TaskID | None = None
        self._shown_at = self._loss_at = 0.0
        self._began = (0.0, 0)  # of the interval that the rate is taken over
        self._loss = self._rate = ""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Put the bar up."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console()
        self.progress = Progress(
            *([TextColumn(self.label, markup=False)] if self.label else []),
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            *([TextColumn("{task.fields[rate]}")] if console.width >= _WIDE else []),
            TextColumn("{task.fields[loss]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(compact=True),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self.progress.start()
        self._began = (time.monotonic(), trainer.num_samples)
        self.task = self.progress.add_task(
            "", total=trainer.total_steps, completed=trainer.step, epoch=self._epoch(trainer), loss="", rate=""
        )

    def on_step_end(self, trainer: Trainer) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        if now - self._shown_at >= _REFRESH_S:
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
            console = self.progress.console
            line = format_epoch(record, trainer.max_epochs)
            if len(line) > console.width:
                line = format_epoch(record, trainer.max_epochs, brief=True)
            console.print(line, highlight=False, markup=False)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Take the bar down; the cursor comes back with it."""
        if self.progress is not None:
            self.progress.stop()

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
        if self.progress is not None and self.task is not None:
            self.progress.update(
                self.task, completed=trainer.step, epoch=self._epoch(trainer), loss=self._loss, rate=self._rate
            )
            self.progress.refresh()

    def _epoch(self, trainer: Trainer) -> str:
        return f"{min(trainer.epoch + 1, trainer.max_epochs)}/{trainer.max_epochs}"
