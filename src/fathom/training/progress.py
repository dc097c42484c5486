"""What a person sees while a network trains: a bar on a terminal, a figure in a notebook, lines in a pipe."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from fathom.errors import UsageError
from fathom.metrics import names
from fathom.notebook import LiveFigure, is_notebook
from fathom.progress import Progress
from fathom.training.callbacks import Callback

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

_REFRESH_S = 0.1  # ten times a second, as rich's own default: faster nobody reads
_WIDE = 70  # columns from which on there is room for the rate
_READ_LOSS_S = 1.0  # reading it makes an accelerator wait
_OTHERS = [name for name in names() if name != "perplexity"]  # perplexity has its own place in the line
_SWITCHES = {"on": True, "1": True, "": True, "off": False, "0": False}  # "": the variable is set but empty


def is_shown(progress: bool | None) -> bool:
    """Whether progress is shown: as asked, else as the environment variable FATHOM_PROGRESS says, else yes.

    Raises:  UsageError for another value of the variable
    """
    if progress is not None:
        return progress
    value = os.environ.get("FATHOM_PROGRESS", "on").lower()
    if value not in _SWITCHES:
        raise UsageError(f"FATHOM_PROGRESS={value}: it must be on or off")
    return _SWITCHES[value]


class TrainingProgress(Callback):
    """A bar with epoch, step, samples/s, loss and time to go on a terminal; a line for every finished epoch anywhere.

    In a notebook the curves so far, drawn anew at every epoch, with the newest line below them.

    Args:
        label: stands before the bar.
        lines: whether finished epochs get their lines.
    """

    first_only = True

    def __init__(self, label: str = "", *, lines: bool = True) -> None:
        self.label, self.lines = label, lines
        self.progress: Progress | None = None
        self.figure: LiveFigure | None = None
        self._shown_at = self._loss_at = 0.0
        self._began = (0.0, 0)  # of the interval that the rate is taken over
        self._loss = self._rate = ""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Put the bar up, or begin a figure."""
        self.figure = LiveFigure() if is_notebook() else None
        self._began = (time.monotonic(), trainer.num_samples)
        self.progress = Progress(
            self._title(trainer),
            trainer.total_steps,
            amount=lambda done, total: f"step {done:.0f}" + ("" if total is None else f"/{total:.0f}"),
            stream=sys.stdout,
            done=trainer.step,
            delay_s=0.0,  # 0: a run is never so short that the bar would only flicker
            line_s=None,  # None: the epoch's lines stand in for it in a log
        )
        if trainer.total_steps is None and self.lines:
            self.progress.print(
                "the training loader has no length: each epoch runs to its end; steps_per_epoch sets another"
            )

    def on_step_end(self, trainer: Trainer) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        # on_step_end may come thousands of times a second
        if self.progress is not None and self.progress.is_live and now - self._shown_at >= _REFRESH_S:
            self._shown_at = now
            self._read(trainer, now)
            self._show(trainer)

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Take up the numbers; print the epoch's line above the bar."""
        now = time.monotonic()
        if "train_loss" in record:
            self._loss, self._loss_at = f"loss {record['train_loss']:.4f}", now
        self._rate, self._began = f"{record['samples_per_s']:,.0f} samples/s", (now, trainer.num_samples)
        if self.figure is not None:
            self._draw(self.figure, trainer, record, now)
        elif self.lines and record["event"] == "epoch" and self.progress is not None:
            self._show(trainer)
            line = format_epoch(record, trainer.max_epochs)
            # a line that wraps would leave pieces of the bar behind
            if self.progress.is_live and len(line) > self.progress.width:
                line = format_epoch(record, trainer.max_epochs, brief=True)
            self.progress.print(line)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Take the bar down; the cursor comes back with it."""
        if self.progress is not None:
            self.progress.close()

    def _draw(self, figure: LiveFigure, trainer: Trainer, record: dict[str, Any], now: float) -> None:
        """Draw the epochs so far; within an epoch, once a second, say how far it is."""
        if record["event"] == "epoch":
            figure.show(trainer.records, format_epoch(record, trainer.max_epochs))
        elif now - self._shown_at >= _READ_LOSS_S:
            self._shown_at = now
            figure.show(trainer.records, f"{self._title(trainer)} · step {trainer.step} · {self._loss} · {self._rate}")

    def _read(self, trainer: Trainer, now: float) -> None:
        """Where records are far apart, show the newest batch's loss and the rate since the last record."""
        if now - self._loss_at < _READ_LOSS_S:  # a record told the loss within the last second
            return
        newest = trainer.meter.newest
        if newest is not None and "loss" in newest:
            self._loss, self._loss_at = f"loss {float(newest['loss']):.4f}", now
        began, samples = self._began
        if now > began:
            self._rate = f"{(trainer.num_samples - samples) / (now - began):,.0f} samples/s"

    def _show(self, trainer: Trainer) -> None:
        if self.progress is not None and self.progress.is_live:
            rate = self._rate if self.progress.width >= _WIDE else ""  # the time to go matters more than the rate
            facts = " ".join(filter(None, (rate, self._loss)))
            self.progress.update(trainer.step, title=self._title(trainer), facts=facts)

    def _title(self, trainer: Trainer) -> str:
        epoch = min(trainer.epoch + 1, trainer.max_epochs)  # after the last epoch trainer.epoch is max_epochs already
        return " ".join(filter(None, (self.label, f"epoch {epoch}/{trainer.max_epochs}")))


def format_epoch(record: dict[str, Any], max_epochs: int, *, brief: bool = False) -> str:
    """Return one line that says how an epoch went; ``brief`` is for a narrow terminal."""
    # padded, so that the lines of all epochs align
    parts = [f"epoch {record['epoch']:>{len(str(max_epochs))}}/{max_epochs}"]
    for part in ("train", "val"):
        if f"{part}_loss" in record:
            text = f"{part} loss {record[f'{part}_loss']:.4f}"
            if f"{part}_perplexity" in record:
                text += f", {'ppl' if brief else 'perplexity'} {record[f'{part}_perplexity']:.4g}"
            if f"{part}_accuracy" in record:
                text += f", {'acc' if brief else 'accuracy'} {record[f'{part}_accuracy']:.2%}"
            for name in () if brief else _OTHERS:
                if f"{part}_{name}" in record:
                    text += f", {name.replace('_', ' ')} {record[f'{part}_{name}']:.4f}"
            parts.append(text)
        elif found := [name for name in record if name.startswith(f"{part}_")]:  # a module with losses of other names
            losses = (f"{name.partition('_')[2].replace('_', ' ')} {record[name]:.4f}" for name in found)
            parts.append(f"{part} {', '.join(losses)}")
    unit = "tokens" if "train_perplexity" in record else "samples"  # a language model counts its samples in tokens
    if not brief:
        parts += [f"lr {record['lr']:.3g}", f"{record['samples_per_s']:,.0f} {unit}/s"]
    return " · ".join(parts)
