"""The callback that writes the loop's records to the run folder."""

from __future__ import annotations

from typing import Any

from fathom.runs.folder.writer import RunWriter
from fathom.training.callbacks import Callback
from fathom.training.progress import format_epoch
from fathom.training.trainer import Trainer


class RunLog(Callback):
    """Write every record to the run folder, every epoch to its log too."""

    first_only = True

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Append the record."""
        self.writer.log_metrics(record)
        if record["event"] == "epoch":
            self.writer.log_text(format_epoch(record, trainer.max_epochs))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Note how several processes shared the work."""
        if trainer.engine is not None and trainer.engine.timings:
            described = trainer.engine.describe()
            self.writer.update_run(processes=described)
            self.writer.log_text("processes: " + "; ".join(f"{name} {text}" for name, text in described.items()))
