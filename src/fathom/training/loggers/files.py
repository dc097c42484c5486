"""Loggers that write files: a table, and the event files of TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fathom.files import append_line, write_atomically
from fathom.training.loggers.logger import Logger, Settings, flat, import_library


class CSVLogger(Logger):
    """Write every record, those between two epochs too, as a row of ``log.csv``: what a spreadsheet opens."""

    def open(self) -> None:
        """Keep the rows before a resumed run's checkpoint."""
        self.path = self.folder / "log.csv"
        self.names: list[str] = []
        self.rows: list[dict[str, str]] = []
        if self.first_step and self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if _is_before(row.get("step"), self.first_step)]
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, numbers: dict[str, float], step: int, record: dict[str, Any]) -> None:
        """Append a row; where it has a column that none before it had, write the table anew."""
        row = {name: str(value) for name, value in record.items()}
        self.rows.append(row)
        if set(row) <= set(self.names):
            append_line(self.path, _csv_line([row.get(name, "") for name in self.names]))
            return
        self.names = list(dict.fromkeys(name for row in self.rows for name in row))  # in order of appearance
        lines = [self.names, *([row.get(name, "") for name in self.names] for row in self.rows)]
        write_atomically(self.path, "".join(_csv_line(line) + "\n" for line in lines))


class TensorBoardLogger(Logger):
    """Write event files: ``tensorboard --logdir runs`` shows all runs side by side."""

    def __init__(self, folder: str | Path, *, settings: Settings | None = None, name: str = "run") -> None:
        super().__init__(folder, settings=settings, name=name)
        self.library = import_library("tensorboard")

    def open(self) -> None:
        """Begin an event file; what an earlier part of the run wrote after its checkpoint is hidden."""
        purged = self.first_step + 1 if self.first_step else None
        self.writer = self.library.SummaryWriter(str(self.folder), purge_step=purged)
        if self.settings and not self.first_step:
            rows = (f"| {name} | {value} |" for name, value in flat(self.settings).items())
            self.writer.add_text("settings", "\n".join(["| setting | value |", "|---|---|", *rows]))

    def write(self, numbers: dict[str, float], step: int, record: dict[str, Any]) -> None:
        """Add a point to each curve."""
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, step)

    def close(self, *, is_complete: bool) -> None:
        """Write what is still in memory."""
        self.writer.close()


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _is_before(text: str | None, step: int) -> bool:
    return text is not None and text.isdigit() and int(text) <= step
