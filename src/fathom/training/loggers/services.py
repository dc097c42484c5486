"""Loggers of experiment trackers: Weights & Biases, MLflow."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from fathom.training.loggers.logger import Logger, Settings, flat, import_library


class WandbLogger(Logger):
    """Log to Weights & Biases: its own environment variables say where, WANDB_PROJECT, WANDB_MODE=offline and so on."""

    def __init__(self, folder: str | Path, *, settings: Settings | None = None, name: str = "run") -> None:
        super().__init__(folder, settings=settings, name=name)
        self.library = import_library("wandb")
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
        self.library = import_library("mlflow")
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
