"""Loggers by name, as ``--log`` has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fathom.errors import UsageError, unknown
from fathom.training.loggers.files import CSVLogger, TensorBoardLogger
from fathom.training.loggers.logger import LIBRARIES, Logger, import_library
from fathom.training.loggers.services import MLflowLogger, WandbLogger

# what of them stands in a folder of its own inside the run's; wandb makes its own
_SUBFOLDERS = {"tensorboard": "tensorboard"}

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
        if name in LIBRARIES:
            import_library(name)
    return chosen
