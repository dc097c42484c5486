"""What a person sees while a network trains: a live bar on a terminal, a line an epoch in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from fathom.recipes.run_log import format_epoch
from fathom.training.callbacks import Callback

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from fathom.recipes.train import Plan
    from fathom.training.trainer import Trainer

_REFRESH_S = 0.1


def show_progress(plan: Plan) -> list[Callback]:
    """Say what is about to be trained; give the callback that shows how it goes."""
    description = plan.description
    data, execution = plan.data, plan.execution
    print(
        f"{plan.config.model.name} on {data.name}: {description['parameters']:,} parameters, "
        f"{data.num_train:,} training examples, {plan.config.training.epochs} epochs, "
        f"{execution.precision} on {execution.device}"
    )
    return [Bar()] if sys.stdout.isatty() else [Lines()]


class Lines(Callback):
    """One plain line an epoch."""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Say where a resumed run goes on."""
        if trainer.step:
            print(f"resuming at epoch {trainer.epoch + 1}, step {trainer.step}", flush=True)

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Print the epoch's line."""
        if record["event"] == "epoch":
            print(format_epoch(record, trainer.max_epochs), flush=True)


class Bar(Callback):
    """A bar with epoch, step, samples/s, loss and time to go; under it the best epoch so far."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.task: TaskID | None = None
        self._shown_at = 0.0
        self._loss = self._rate = ""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Put the bar up."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("[bold]epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(compact=True),
            auto_refresh=False,
        )
        self.progress.start()
        self.task = self.progress.add_task(
            "", total=trainer.total_steps, completed=trainer.step, epoch=self._epoch(trainer), loss="", rate=""
        )

    def on_step_end(self, trainer: Trainer) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        if now - self._shown_at >= _REFRESH_S:
            self._shown_at = now
            self._show(trainer)

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Take up the numbers; print the epoch's line above the bar."""
        self._loss = f"loss {record['train_loss']:.4f}"
        self._rate = f"{record['samples_per_s']:,.0f} samples/s"
        if record["event"] == "epoch" and self.progress is not None:
            self.progress.console.print(format_epoch(record, trainer.max_epochs), highlight=False)
            self._show(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Take the bar down; the cursor comes back with it."""
        if self.progress is not None:
            self.progress.stop()

    def _show(self, trainer: Trainer) -> None:
        if self.progress is not None and self.task is not None:
            self.progress.update(
                self.task, completed=trainer.step, epoch=self._epoch(trainer), loss=self._loss, rate=self._rate
            )
            self.progress.refresh()

    def _epoch(self, trainer: Trainer) -> str:
        return f"{min(trainer.epoch + 1, trainer.max_epochs)}/{trainer.max_epochs}"
