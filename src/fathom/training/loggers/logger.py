"""What all loggers have in common: they write a run's records where other tools read them.

A logger writes the records of ``metrics.jsonl`` and nothing else: those of a whole epoch under their own names
(``val_loss``), those between two epochs under ``step/`` (``step/train_loss``).
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fathom.errors import FathomError, missing_library
from fathom.training.callbacks import Callback

if TYPE_CHECKING:
    from fathom.training.trainer import Trainer

Settings = Mapping[str, Any]
# the library of a logger, and what of it is imported
LIBRARIES = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


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

    first_only = True  # of several processes one writes

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


def flat(tree: Settings, prefix: str = "") -> dict[str, Any]:
    """Return the settings by dotted name, those that are set: ``{"training.lr": 0.1}``."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif value is not None and value != []:
            found[f"{prefix}{name}"] = value
    return found


def import_library(library: str) -> Any:
    """Import a tracking library, when its logger is named and not before.

    Raises:  FathomError that says how to install it, or why it cannot be used
    """
    try:
        return importlib.import_module(LIBRARIES[library])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:  # something that the library itself needs
            raise FathomError(f"log {library}: {error}") from error
        if library == "tensorboard":
            raise missing_library("log tensorboard", library, "logs") from None
        raise FathomError(f"log {library} needs {library}: pip install {library}") from None
    except Exception as error:  # whatever a library that does not suit this Python raises when it is imported
        raise FathomError(f"log {library}: it cannot be imported ({type(error).__name__}: {error})") from error
