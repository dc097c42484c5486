"""Loggers: callbacks that write a run's records where other tools read them.

A logger writes the records of ``metrics.jsonl`` and nothing else: those of a whole epoch under their own names
(``val_loss``), those between two epochs under ``step/`` (``step/train_loss``).
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import math
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.errors import FathomError, UsageError, missing_library, unknown
from fathom.files import append_line, write_atomically
from fathom.training.callbacks import Callback

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

Settings = Mapping[str, Any]


class Logger(Callback):
    """Base of all loggers: opens with the first record and closes with the fit.

    A subclass writes ``open``, ``write`` and ``close``. It opens late, because a resumed run takes up its state after
    ``on_fit_start``: by then a service knows under which name to go on. One that fails, as when a server is gone, says
    so once and is silent from then on: the training does not depend on it.

    Args:
        folder: where files go.
        settings: those of the run, for the record.
        name: of the run.
    """

    def __init__(self, folder: str | Path, *, settings: Settings | None = None, name: str = "run") -> None:
        self.folder, self.settings, self.name = Path(folder), dict(settings or {}), name
        self.first_step = 0  # records up to here were written before the run was resumed
        self.is_open = self.has_failed = False

    def on_fit_start(self, trainer: Trainer) -> None:
        """Note where the run begins, or goes on."""
        self.first_step, self.is_open, self.has_failed = trainer.step, False, False

    def on_log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Write the numbers of a record."""
        if self.has_failed:
            return
        prefix = "" if record["event"] == "epoch" else "step/"
        numbers = {
            f"{prefix}{name}": value
            for name, value in record.items()
            if name not in ("event", "step") and isinstance(value, (int, float)) and math.isfinite(value)
        }
        with self._surviving():
            if not self.is_open:
                self.open()
                self.is_open = True
            self.write(numbers, int(record["step"]), record)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close."""
        if self.is_open:
            self.is_open = False
            with self._surviving():
                self.close(is_complete=trainer.epoch >= trainer.max_epochs or trainer.should_stop is not None)

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """Let the training go on whatever a tracking library raises: a full disk, a server that is gone."""
        try:
            yield
        except Exception as error:
            self.has_failed = True
            line = str(error).strip().partition("\n")[0] or type(error).__name__
            print(f"{type(self).__name__}: {line}; this run is logged no further", file=sys.stderr)

    def open(self) -> None:
        """Open the file, or the connection."""

    def write(self, numbers: dict[str, float], step: int, record: dict[str, Any]) -> None:
        """Write one record."""
        raise NotImplementedError

    def close(self, *, is_complete: bool) -> None:
        """Close; the run may have been stopped."""


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
        self.library = _import("tensorboard")

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


class WandbLogger(Logger):
    """Log to Weights & Biases: its own environment variables say where, WANDB_PROJECT, WANDB_MODE=offline and so on."""

    def __init__(self, folder: str | Path, *, settings: Settings | None = None, name: str = "run") -> None:
        super().__init__(folder, settings=settings, name=name)
        self.library = _import("wandb")
        self.id = secrets.token_hex(4)  # as long as those that wandb makes itself

    def open(self) -> None:
        """Begin a run there, or go on with the one that the checkpoint names."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run = self.library.init(
            dir=str(self.folder), id=self.id, name=self.name, config=self.settings, resume="allow"
        )

    def write(self, numbers: dict[str, float], step: int, record: dict[str, Any]) -> None:
        """Log one record."""
        self.run.log(numbers, step=step)

    def close(self, *, is_complete: bool) -> None:
        """Finish the run there."""
        self.run.finish(exit_code=0 if is_complete else 1)

    def state_dict(self) -> dict[str, Any]:
        """Return the name of the run there."""
        return {"id": self.id}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with it."""
        self.id = state["id"]


class MLflowLogger(Logger):
    """Log to MLflow: MLFLOW_TRACKING_URI says where, MLFLOW_EXPERIMENT_NAME under what; ``./mlruns`` without them."""

    def __init__(self, folder: str | Path, *, settings: Settings | None = None, name: str = "run") -> None:
        super().__init__(folder, settings=settings, name=name)
        self.library = _import("mlflow")
        self.id: str | None = None

    def open(self) -> None:
        """Begin a run there, or go on with the one that the checkpoint names."""
        begun = self.id is not None
        run = self.library.start_run(run_id=self.id) if begun else self.library.start_run(run_name=self.name)
        self.id = run.info.run_id
        if not begun:
            # 250: the shortest limit on a value in the versions that are about
            self.library.log_params({name: str(value)[:250] for name, value in flat(self.settings).items()})

    def write(self, numbers: dict[str, float], step: int, record: dict[str, Any]) -> None:
        """Log one record."""
        self.library.log_metrics(numbers, step=step)

    def close(self, *, is_complete: bool) -> None:
        """End the run there."""
        self.library.end_run("FINISHED" if is_complete else "KILLED")

    def state_dict(self) -> dict[str, Any]:
        """Return the name of the run there."""
        return {"id": self.id}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with it."""
        self.id = state["id"]


# what of them stands in a folder of its own inside the run's; wandb makes its own
_SUBFOLDERS = {"tensorboard": "tensorboard"}
# the library of a logger, and what of it is imported
_LIBRARIES = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb", "mlflow": "mlflow"}

LOGGERS: dict[str, Callable[..., Logger]] = {
    "csv": CSVLogger,
    "tensorboard": TensorBoardLogger,
    "wandb": WandbLogger,
    "mlflow": MLflowLogger,
}


def make_loggers(names: str | Sequence[str], folder: str | Path, **options: Any) -> list[Logger]:
    """Make the loggers called so.

    Args:
        names: one name, several with commas between them, or a list.
        folder: the run's.
        options: ``settings`` and ``name`` of the run.
    Raises:  UsageError for a name that does not exist, or stands twice; FathomError for a library that is not installed
    """
    return [LOGGERS[name](Path(folder) / _SUBFOLDERS.get(name, ""), **options) for name in check_loggers(names)]


def check_loggers(names: str | Sequence[str]) -> list[str]:
    """Return the names of loggers, whose libraries can be imported.

    Raises:  as ``make_loggers``
    """
    chosen = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in LOGGERS:
            raise unknown("logger", name, LOGGERS)
        if chosen.count(name) > 1:
            raise UsageError(f"log: {name} is named twice")
        if name in _LIBRARIES:
            _import(name)
    return chosen


def flat(tree: Settings, prefix: str = "") -> dict[str, Any]:
    """Return the settings by dotted name, those that are set: ``{"training.lr": 0.1}``."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif value is not None and value != []:
            found[f"{prefix}{name}"] = value
    return found


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _is_before(text: str | None, step: int) -> bool:
    return text is not None and text.isdigit() and int(text) <= step


def _import(library: str) -> Any:
    """Import a tracking library, when its logger is named and not before.

    Raises:  FathomError that says how to install it, or why it cannot be used
    """
    try:
        return importlib.import_module(_LIBRARIES[library])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:  # something that the library itself needs
            raise FathomError(f"log {library}: {error}") from error
        if library == "tensorboard":
            raise missing_library("log tensorboard", library, "logs") from None
        raise FathomError(f"log {library} needs {library}: pip install {library}") from None
    except Exception as error:  # whatever a library that does not suit this Python raises when it is imported
        raise FathomError(f"log {library}: it cannot be imported ({type(error).__name__}: {error})") from error
