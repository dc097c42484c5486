"""The callback that writes the loop's records to the run folder."""

from __future__ import annotations

from typing import Any

from fathom.metrics import names
from fathom.runs.folder.writer import RunWriter
from fathom.training.callbacks import Callback
from fathom.training.trainer import Trainer

_OTHERS = [name for name in names() if name != "perplexity"]


class RunLog(Callback):
    """Write every record to the run folder, every epoch to its log too."""

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Append the record."""
        self.writer.log_metrics(record)
        if record["event"] == "epoch":
            self.writer.log_text(format_epoch(record, trainer.max_epochs))


def format_epoch(record: dict[str, Any], max_epochs: int, *, brief: bool = False) -> str:
    """Return one line that says how an epoch went; ``brief`` is for a narrow terminal."""
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
    unit = "tokens" if "train_perplexity" in record else "samples"
    if not brief:
        parts += [f"lr {record['lr']:.3g}", f"{record['samples_per_s']:,.0f} {unit}/s"]
    return " · ".join(parts)
